"""``python -m soak --operations 1000000``: prints what was done, the faults, and what was wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from soak.plants import PLANTS
from soak.run import Outcome, Plan, soak

EVERY_S = 60.0


class Progress:
    """Says on stderr, once a minute, how far a soak has come, and at once what is wrong."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.began = self.said = time.monotonic()
        self.wrong = 0

    def __call__(self, outcome: Outcome) -> None:
        for sentence in outcome.wrong[self.wrong :]:
            print(f"WRONG: {sentence}", file=sys.stderr, flush=True)
        self.wrong = len(outcome.wrong)
        now = time.monotonic()
        if now - self.said >= EVERY_S:
            self.said = now
            print(
                f"{now - self.began:.0f} s: {outcome.operations:,} of {self.wanted:,} operations "
                f"told, {len(outcome.wrong)} wrong",
                file=sys.stderr,
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--collections", type=int, default=300)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--round", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plant", choices=PLANTS)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = soak(Plan(**vars(given)), Path(folder), Progress(given.operations))
    print(f"{outcome.operations:,} operations in {time.monotonic() - began:.0f} s")
    for title, counter in (("ended as", outcome.done), ("faults", outcome.faults)):
        print(f"{title}: {counter.total():,}")
        for name, count in counter.most_common():
            print(f"  {count:>10,}  {name}")
    print(f"wrong results: {len(outcome.wrong)}")
    for sentence in outcome.wrong:
        print(f"  {sentence}")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
