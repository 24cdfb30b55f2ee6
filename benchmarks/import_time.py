"""The time that `import` takes, in processes that have imported nothing."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs

__all__ = ["rows"]


def _imported(package: str) -> Measured:
    code = f"import time; t = time.perf_counter(); import {package}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return Measured(float(done.stdout), 0, 0, 0, 0, {}, [])


def rows(stage: Stage, repeat: int) -> list[Row]:  # noqa: ARG001 - as every headline
    """Compare `import nearline` with `import highdicom`."""
    _imported("nearline")
    _imported("highdicom")
    ours, theirs, *_ = pairs(
        3 * repeat, lambda: _imported("nearline"), lambda: _imported("highdicom")
    )
    return [Row("import", ours, theirs, 1 / 0.15, {})]
