"""One piece of work in a process of its own, which warms up before the clock runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["work"]


def work(
    command: Sequence[str],
    job: Mapping[str, Any],
    *,
    name: str,
    home: Path,
    warm: Callable[[], None],
    cwd: Path | None = None,
) -> dict[str, Any]:
    """Run a worker: it gets its job, says "ready" when warm, works when told, and tells facts.

    Parameters
    ----------
    command : sequence of str
        That starts it.
    job : mapping
        As JSON on its standard input.
    name : str
        Of the work, for errors.
    home : Path
        Its home folder; settings of ours in the environment are left out.
    warm : callable
        Called when it is warm, before it works.
    cwd : Path, optional
        Where it runs.

    Raises
    ------
    RuntimeError
        It ended without an answer.
    """
    environ = {key: v for key, v in os.environ.items() if not key.startswith("NEARLINE_")}
    environ |= {"HOME": str(home), "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd=cwd
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(job) + "\n")
        worker.stdin.flush()
        if worker.stdout.readline() != "ready\n":
            raise RuntimeError(f"{name} failed while it warmed up.")
        warm()
        worker.stdin.write("go\n")
        worker.stdin.flush()
        told = worker.stdout.readline()
        if not told:
            raise RuntimeError(f"{name} failed.")
        facts: dict[str, Any] = json.loads(told)
        return facts
