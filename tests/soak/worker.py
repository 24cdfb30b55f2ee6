"""One process that reads at random and holds every result against the truth.

``python worker.py <json>`` prints lines of JSON with what it did since the one before. A result
that is right for no version of its object, a mixture of versions, or an error that is none of ours
is a wrong result; so is an operation that hangs or goes in circles.
"""

from __future__ import annotations

import errno
import faulthandler
import json
import logging
import os
import random
import shutil
import sys
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import nearline as nl
from nearline.cache import packs
from soak.plants import plant
from soak.world import OBJECTS, SIZE, Truth, truths

HANDLES = 6
"""Open images and files, of any version, that are read from at random."""

TELL = 250
"""Operations after which a process tells what it did."""

PATIENCE_S = 120.0
"""An operation that takes longer hangs."""

WORK_S = 5.0
"""An operation that takes more processor time goes in circles, even if it comes out of them."""

EXPECTED = (nl.Unavailable, nl.ObjectChanged)
"""What an origin at fault may lead to."""


class Handle:
    """An open object, and the versions that it can still be of."""

    def __init__(self, name: str, url: str, versions: list[Truth], kind: str) -> None:
        self.kind = kind
        self.open = nl.imread(url) if kind == "image" else nl.open(url)
        self.versions = list(versions)
        if kind == "image":
            self.keep(lambda truth: truth.uid == str(self.open.SOPInstanceUID))

    def keep(self, fits: Any) -> bool:
        """Leave the versions that a result fits; False if there is none."""
        self.versions = [truth for truth in self.versions if fits(truth)]
        return bool(self.versions)

    def read(self, rng: random.Random) -> bool:
        """Read something; whether it was right."""
        if self.kind == "file":
            size = self.open.size if hasattr(self.open, "size") else len(self.versions[0].data)
            start = rng.randrange(size)
            self.open.seek(start)
            found = self.open.read(rng.choice((10, 1000, 60_000)))
            return self.keep(lambda truth: truth.data[start : start + len(found)] == found)
        match rng.randrange(3):
            case 0:
                number = rng.randrange(self.open.number_of_frames)
                frame = self.open.get_stored_frame(number, as_index=True)
                return self.keep(lambda truth: np.array_equal(truth.frames[number], frame))
            case 1:
                numbers = [rng.randrange(self.open.number_of_frames) for _ in range(4)]
                some = self.open.get_stored_frames(numbers, as_indices=True)
                return self.keep(lambda truth: np.array_equal(truth.frames[numbers], some))
            case _:
                top, left = rng.randrange(SIZE - 90), rng.randrange(SIZE - 90)
                cut = (slice(top, top + 90), slice(left, left + 90))
                found = self.open.pixels[cut]
                return self.keep(lambda truth: np.array_equal(truth.matrix[cut], found))


class Worker:
    """Operations of one process."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.rng = random.Random(job["seed"])
        self.truths = truths(Path(job["folder"]))
        self.handles: list[Handle] = []
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.faults: Counter[str] = Counter()

    def run(self) -> None:
        for number in range(self.job["operations"]):
            if number % TELL == 0:
                self.tell()
            faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
            before = time.process_time()
            try:
                self._step()
            except EXPECTED as error:
                self.done[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001 - whatever else comes is what we look for
                self.wrong.append(f"{type(error).__name__}: {error}"[:300])
            if (spent := time.process_time() - before) > WORK_S:
                self.wrong.append(f"An operation took {spent:.0f} s of processor time")
        faulthandler.cancel_dump_traceback_later()
        self.tell()

    def tell(self) -> None:
        """Print what was done since the last time; a process that is killed has told most."""
        told = {"done": self.done, "wrong": self.wrong, "faults": self.faults}
        print(json.dumps(told), flush=True)
        self.done.clear()
        self.faults.clear()
        self.wrong.clear()

    def _step(self) -> None:
        chance = self.rng.random()
        if chance < 0.01 or not self.handles:
            self._open()
        elif chance < 0.01 + self.job["local_faults"]:
            self._fault()
        else:
            self._read()

    def _read(self) -> None:
        handle = self.rng.choice(self.handles)
        try:
            right = handle.read(self.rng)
        except EXPECTED:
            self.handles.remove(handle)
            raise
        self.done[handle.kind] += 1
        if not right:
            self.wrong.append(f"{handle.open!r} fits no version")
            self.handles.remove(handle)

    def _open(self) -> None:
        name = self.rng.choice(list(OBJECTS))
        kind = self.rng.choice(("image", "file"))
        url = f"{self.job['address']}/{name}.dcm"
        handle = Handle(name, url, self.truths[name], kind)
        self.done["open"] += 1
        if not handle.versions:
            self.wrong.append(f"{url} opened as no version of it")
        self.handles.append(handle)
        if len(self.handles) > HANDLES:
            self.handles.pop(self.rng.randrange(HANDLES))

    def _fault(self) -> None:
        kind = self.rng.choice(self.job["kinds"])
        self.faults[kind] += 1
        getattr(self, f"_{kind}")()

    # --- faults of this machine ----------------------------------------------------

    def _lose_pack(self) -> None:
        for path in sorted(Path(self.job["cache"]).rglob("*.pack"))[:1]:
            path.unlink(missing_ok=True)

    def _lose_folder(self) -> None:
        gone = Path(self.job["cache"])
        aside = gone.with_name(f"{gone.name}.{os.urandom(4).hex()}")
        with suppress(OSError):  # another process was first
            gone.rename(aside)
            shutil.rmtree(aside)

    def _clock(self) -> None:
        offset = self.rng.choice((-3600.0, 0.0, 7200.0, 86400.0 * 400))
        time.time = lambda: _TIME() + offset

    def _full_disk(self) -> None:
        left = [self.rng.randrange(1, 5)]
        honest = packs.os.pwrite

        def pwrite(*given: Any) -> int:
            if left[0]:
                left[0] -= 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            packs.os.pwrite = honest
            return int(honest(*given))

        if honest is _PWRITE:
            packs.os.pwrite = pwrite


_TIME, _PWRITE = time.time, os.pwrite


def main() -> None:
    job = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    plant(job["plant"])
    worker = Worker(job)
    options = {
        "cache": "disk",
        "cache_dir": job["cache"],
        "cache_size": job["cache_size"],
        "memory_size": 1 << 20,
        "tile_memory": 1 << 21,
        "timeout": 0.5,
        "retries": 4,
    }
    with nl.settings(**options):
        worker.run()
    os._exit(0)


if __name__ == "__main__":
    main()
