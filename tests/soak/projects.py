"""Collecting one project again and again from an XNAT that changes and is at fault.

``python projects.py <json>``: as `soak.worker`; an operation is one collection.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import nearline as nl
from measurements.sites import Site, assert_nothing_lost, light_site
from nearline.testing.faults import cut_body, fail
from nearline.testing.xnat.faults import bad_gateway_page, empty, login_page
from soak.plants import plant

__all__ = ["main"]

SESSIONS = 12


def _faults(rng: random.Random) -> dict[str, Any]:
    return {
        "503": fail(503),
        "cut": cut_body(rng.randrange(3000)),
        "gateway": bad_gateway_page(),
        "login page": login_page(),
        "empty": empty(),
    }


class Projects:
    """Operations of one process."""

    def __init__(self, job: dict[str, Any], held: Site) -> None:
        self.job = job
        self.held = held
        self.rng = random.Random(job["seed"])
        self.done: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self) -> None:
        for _ in range(self.job["operations"]):
            self._disturb()
            try:
                # The levels that promise to find an overwrite of as many bytes.
                level = self.rng.choice(("strict", "full"))
                collection = self.held.collect(verify=level)
            except nl.NearlineError as error:
                self.done[type(error).__name__] += 1
                continue
            finally:
                self.held.server.behave()
            self.done["collected"] += 1
            try:
                assert_nothing_lost(collection, self.held)
            except (AssertionError, KeyError) as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.wrong.append(f"{level}: {where.line}: {error!r}"[:300])

    def _disturb(self) -> None:
        for _ in range(self.rng.randrange(3)):
            number = self.rng.randrange(SESSIONS)
            self.held.overwrite(number, 1_000_000.0 + self.rng.randrange(900_000))
            self.faults["file replaced"] += 1
        if self.rng.random() < 0.7:
            kind, fault = self.rng.choice(list(_faults(self.rng).items()))
            first = self.rng.randrange(1, 12)
            self.held.server.misbehave(
                self.rng.choice(("*/files/*", "*/resources*", "*/experiments*")),
                fault,
                requests=range(first, first + self.rng.randrange(1, 6)),
            )
            self.faults[kind] += 1


def main() -> None:
    job = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)
    plant(job["plant"])
    with light_site(Path(job["cache"]).parent / "projects", SESSIONS) as held:
        projects = Projects(job, held)
        projects.run()
    print(json.dumps({"done": projects.done, "wrong": projects.wrong, "faults": projects.faults}))


if __name__ == "__main__":
    main()
