"""Run the headlines: ``python -m benchmarks.measurements [--sessions N] [--loading N]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measurements import cold, loading
from benchmarks.measurements.site import site
from benchmarks.measurements.table import Row, markdown
from benchmarks.stage import ONE_WAY_S

RESULTS = Path(__file__).parents[1] / "results"


def _keep(rows: list[Row], repeat: int) -> Path:
    RESULTS.mkdir(exist_ok=True)
    record = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "one_way_s": ONE_WAY_S,
        "versions": {name: version(name) for name in ("nearline", "pandas", "pyarrow", "requests")},
        "repeat": repeat,
        "rows": [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows],
    }
    path = RESULTS / f"measurements-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(record, indent=1))
    path.with_suffix(".md").write_text(markdown(rows) + "\n")
    return path


def main() -> int:
    """Run, print the table, and say whether everything asked for was reached."""
    parser = argparse.ArgumentParser(prog="benchmarks.measurements", description=__doc__)
    parser.add_argument("--sessions", type=int, default=500, help="of the project (default 500)")
    parser.add_argument("--loading", type=int, default=2000, help="sessions to load; 0: none")
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours per row (default 3)")
    chosen = parser.parse_args()
    rows: list[Row] = []
    plan = [(chosen.sessions, cold.rows), (chosen.loading, loading.rows)]
    for sessions, headline in plan:
        if sessions:
            with site(sessions) as built:
                for row in headline(built, chosen.repeat):
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
