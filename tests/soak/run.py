"""Processes, origin and faults of one soak, and what came of it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.chaos import Origin
from soak.world import make_world

__all__ = ["LOCAL_KINDS", "Outcome", "Plan", "soak"]

LOCAL_KINDS = (*("clock", "full_disk", "lose_pack") * 5, "lose_folder")

_HERE = Path(__file__).parent
_TICK_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a soak does.

    Attributes
    ----------
    operations, collections : int
        Reads of all processes together, and collections of a project.
    processes : int
        That share one cache.
    round : int
        Operations between two occasions on which the cache is damaged, if `damage` says so.
    cache_size : int
        Bytes; less than the objects have, so that pieces are evicted all the time.
    fault_share : float
        Share of the origin's answers that are at fault.
    local_faults : float
        Share of operations before which this machine is at fault.
    kinds : sequence of str
        Kinds of those.
    kills : float
        Chance, four times a second, that a process is killed with SIGKILL and replaced, and that
        the server is restarted; objects are replaced eight times as often.
    plant : str, optional
        Defect to plant.
    stop_when_wrong : bool
        End with the first round that gave a wrong result.
    """

    operations: int
    collections: int = 0
    processes: int = 2
    round: int = 1_000
    damage: bool = True
    cache_size: int = 1 << 20
    fault_share: float = 0.1
    local_faults: float = 0.005
    kinds: Sequence[str] = LOCAL_KINDS
    kills: float = 0.02
    seed: int = 0
    plant: str | None = None
    stop_when_wrong: bool = False


@dataclass
class Outcome:
    """What came of it, summed over all processes; killed ones count only as a fault."""

    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def operations(self) -> int:
        """All that ended."""
        return self.done.total()

    def add(self, told: dict[str, Any]) -> None:
        """Take over what one process told."""
        self.done.update(told["done"])
        self.faults.update(told["faults"])
        self.wrong += told["wrong"]


class _Soak:
    def __init__(self, plan: Plan, folder: Path, tell: Callable[[Outcome], None]) -> None:
        self.plan = plan
        self.tell = tell
        self.outcome = Outcome()
        self.rng = random.Random(plan.seed)
        world = folder / "world"
        world.mkdir(parents=True)
        make_world(world)
        self.origin = Origin(world, plan.seed + 1, plan.fault_share)
        self.job = {
            "address": self.origin.address,
            "folder": str(world),
            "cache": str(folder / "cache"),
            "cache_size": plan.cache_size,
            "local_faults": plan.local_faults,
            "kinds": list(plan.kinds),
            "plant": plan.plant,
        }

    def start(self, script: str, operations: int) -> subprocess.Popen[str]:
        job = self.job | {"operations": operations, "seed": self.rng.randrange(1 << 30)}
        return subprocess.Popen(
            [sys.executable, str(_HERE / script), json.dumps(job)],
            env=os.environ | {"REQUESTS_CA_BUNDLE": self.origin.trusted},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str], *, killed: bool = False) -> int:
        """Take over what a process told; how many operations it did."""
        before = self.outcome.operations
        for line in process.communicate()[0].splitlines():
            if line.endswith("}"):  # the last may be cut off
                self.outcome.add(json.loads(line))
        if process.returncode and not killed:
            self.outcome.wrong.append(f"A process ended with {process.returncode}: it hung or died")
        return self.outcome.operations - before

    def run(self) -> Outcome:
        plan = self.plan
        projects = self.start("projects.py", plan.collections) if plan.collections else None
        left = plan.operations
        while left > 0:
            # Pieces are verified at their first use in a process: what is damaged is damaged
            # while none runs.
            if plan.damage:
                self._damage()
            left -= self._round(min(left, plan.round))
            if plan.stop_when_wrong and self.outcome.wrong:
                break
        if projects is not None:
            self.end(projects)
        self.outcome.faults.update(self.origin.counts)
        self.origin.close()
        return self.outcome

    def _round(self, operations: int) -> int:
        """Let the processes do so many operations; return how many they did."""
        plan, done = self.plan, self.outcome.operations
        share = -(-operations // plan.processes)
        left = operations
        running: dict[subprocess.Popen[str], int] = {}
        while left > 0 or running:
            while left > 0 and len(running) < plan.processes:
                some = min(share, left)
                running[self.start("worker.py", some)] = some
                left -= some
            time.sleep(_TICK_S)
            self.tell(self.outcome)
            for process in [one for one in running if one.poll() is not None]:
                del running[process]
                self.end(process)
            self._disturb()
            if running and self.rng.random() < plan.kills:
                process = self.rng.choice(list(running))
                process.kill()
                left += max(running.pop(process) - self.end(process, killed=True), 0)
                self.outcome.faults["process killed"] += 1
        return max(self.outcome.operations - done, operations // 2)

    def _damage(self) -> None:
        """Flip bits in every pack and cut one."""
        packs = sorted(Path(self.job["cache"]).rglob("*.pack"))
        self.rng.shuffle(packs)
        for path in packs:
            data = bytearray(path.read_bytes())
            for at in range(self.rng.randrange(5000), len(data), 5_000):
                data[at] ^= 0x55
                self.outcome.faults["byte of the cache flipped"] += 1
            path.write_bytes(data)
        for path in packs[1:2]:
            os.truncate(path, self.rng.randrange(1 + path.stat().st_size))
            self.outcome.faults["pack cut"] += 1

    def _disturb(self) -> None:
        self.origin.trouble_line()
        if self.rng.random() < self.plan.kills:
            self.origin.start_anew()
        for _ in range(4):
            if self.rng.random() < 2 * self.plan.kills:
                self.origin.replace_one()


def soak(
    plan: Plan, folder: Path, tell: Callable[[Outcome], None] = lambda outcome: None
) -> Outcome:
    """Run a soak in an empty folder; `tell` gets what came of it so far, several times a second."""
    return _Soak(plan, folder, tell).run()
