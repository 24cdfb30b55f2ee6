"""A fresh process that does one piece of work, once.

It reads a job as JSON from standard input, warms up on another object of another server, says
that it is ready, waits to be told, works, and prints what it found.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

__all__ = ["run"]


def run(headline: str, which: str) -> None:
    """Do the work of one side of a headline."""
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    module = import_module(f"benchmarks.{headline}")
    work = module.prepare(which, job)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(work()), flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
