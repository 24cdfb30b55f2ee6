"""Collects in children that can be killed: ``python -m measurements.collecting_children``.

Reads lines of JSON: URL, cache folder, measurements. For each it forks, prints the child's process
id, and prints how the child ended: what it imported once serves all of them.
"""

from __future__ import annotations

import json
import os
import sys

import pandas as pd  # noqa: F401 (loaded before the forks)
import pyarrow.parquet  # noqa: F401
import requests  # noqa: F401

import nearline as nl
from nearline.measurements import collect as _collect  # noqa: F401


def work(url: str, folder: str, measurements: list[str]) -> None:
    """Collect once."""
    with nl.settings(cache_dir=folder, timeout=5.0, retries=1):
        nl.collect(url, "ALFA", measurements, user="admin", password="admin")


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        url, folder, measurements = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(url, folder, measurements)
                status = 0
            finally:
                os._exit(status)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
