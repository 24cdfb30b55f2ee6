"""What was measured, kept as a file and shown."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.stage import ONE_WAY_S

__all__ = ["conclude"]

RESULTS = Path(__file__).parent / "results"


def conclude(
    rows: Sequence[Any],
    markdown: Callable[[Sequence[Any]], str],
    *,
    repeat: int,
    packages: Sequence[str],
    prefix: str = "",
) -> None:
    """Keep the table and its circumstances, print it, and say what was not reached.

    Parameters
    ----------
    rows : sequence of Row
    markdown : callable
        Makes a table of them.
    repeat : int
        Measurements of each.
    packages : sequence of str
        Whose versions are kept.
    prefix : str
        Of the names of the files.
    """
    RESULTS.mkdir(exist_ok=True)
    record = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "one_way_s": ONE_WAY_S,
        "versions": {name: version(name) for name in packages},
        "repeat": repeat,
        "rows": [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows],
    }
    path = RESULTS / f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(record, indent=1))
    path.with_suffix(".md").write_text(markdown(rows) + "\n")
    print(markdown(rows))
    print(f"\nKept in {path} and {path.with_suffix('.md').name}.", file=sys.stderr)
    missed = [row.work for row in rows if not row.holds]
    if missed:
        print("Below what was asked for: " + "; ".join(missed), file=sys.stderr)
