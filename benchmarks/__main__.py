"""Run the headlines: ``python -m benchmarks [--only NAME ...] [--repeat N]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.stage import ONE_WAY_S, stage
from benchmarks.table import Row, markdown

HEADLINES = (
    "cold_small_region",
    "cold_large_region",
    "region_again",
    "open_without_table",
    "open_sparse",
    "open_memory",
    "import_time",
    "open_segmentation",
    "segments",
    "fractional",
    "enhanced_volume",
    "series",
    "highdicom_over_open",
    "patches",
    "volume_memory",
    "annotation_group",
    "annotation_columns",
    "report_table",
)

RESULTS = Path(__file__).parent / "results"


def _circumstances() -> dict[str, object]:
    packages = ("nearline", "highdicom", "pydicom", "s3fs", "fsspec", "imagecodecs", "pillow")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "one_way_s": ONE_WAY_S,
        "versions": {name: version(name) for name in packages},
    }


def _keep(rows: list[Row], repeat: int) -> Path:
    RESULTS.mkdir(exist_ok=True)
    record = {
        **_circumstances(),
        "repeat": repeat,
        "rows": [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows],
    }
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(record, indent=1))
    path.with_suffix(".md").write_text(markdown(rows) + "\n")
    return path


def main() -> int:
    """Run, print the table, and say whether everything asked for was reached."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=HEADLINES, default=HEADLINES)
    parser.add_argument("--repeat", type=int, default=5, help="pairs per row (default 5)")
    chosen = parser.parse_args()
    rows: list[Row] = []
    with stage() as built:
        for name in chosen.only:
            print(f"{name} ...", file=sys.stderr, flush=True)
            for row in import_module(f"benchmarks.{name}").rows(built, chosen.repeat):
                rows.append(row)
                print(markdown([row]).splitlines()[-1], file=sys.stderr, flush=True)
    path = _keep(rows, chosen.repeat)
    print(markdown(rows))
    print(f"\nKept in {path} and {path.with_suffix('.md').name}.", file=sys.stderr)
    missed = [row.work for row in rows if not row.holds]
    if missed:
        print("Below what was asked for: " + "; ".join(missed), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
