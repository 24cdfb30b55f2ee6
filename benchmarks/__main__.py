"""Run the headlines: ``python -m benchmarks [--only NAME ...] [--repeat N]``."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks.record import conclude
from benchmarks.stage import stage
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

PACKAGES = ("nearline", "highdicom", "pydicom", "s3fs", "fsspec", "imagecodecs", "pillow")
"""Whose versions are kept with the results."""


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
    conclude(rows, markdown, repeat=chosen.repeat, packages=PACKAGES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
