"""Run the headlines: ``python -m benchmarks.measurements [--sessions N] [--loading N]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks.measurements import cold, loading
from benchmarks.measurements.site import site
from benchmarks.measurements.table import Row, markdown
from benchmarks.record import conclude

PACKAGES = ("nearline", "pandas", "pyarrow", "requests")
"""Whose versions are kept with the results."""


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
    conclude(rows, markdown, repeat=chosen.repeat, packages=PACKAGES, prefix="measurements-")
    return 0


if __name__ == "__main__":
    sys.exit(main())
