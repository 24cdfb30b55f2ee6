"""The figures of the README, one file per headline, each with its peer beside it in the same run.

A headline is a module with `TITLE`, `ROWS` and, per side, a function that runs in a fresh
process. `python -m benchmarks` (or ``make bench``) runs them all.
"""

import sys
from pathlib import Path

# The servers are those of the tests.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
