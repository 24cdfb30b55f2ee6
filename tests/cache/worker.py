"""Processes of the suites: `python worker.py <what> <json>`; exit code 1 after a wrong byte."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cache.contents import content, disk, open_version, url
from cache.safeguards import turn_off
from nearline.cache.disk import DiskStore
from nearline.ranges import ByteRange, subtract

PIECE = 20_000


def wait_for(start: Path) -> None:
    while not start.exists():
        time.sleep(0.002)


def fetch(job: dict[str, Any]) -> None:
    """Read objects through the cache as the fetch engine does, noting each fetch in a log."""
    store = disk(Path(job["folder"]))
    chance = random.Random(os.getpid())
    wanted = [ByteRange(at, at + PIECE) for at in range(0, job["pieces"] * PIECE, PIECE)]
    chance.shuffle(wanted)
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    wait_for(Path(job["start"]))
    version = open_version(store, url(0))
    for at in range(0, len(wanted), 4):
        batch = wanted[at : at + 4]
        while missing := [
            one for one in batch if subtract([one], store.held(version, one)) == [one]
        ]:
            claim = store.claim(version, missing)
            for low, high in claim.mine:
                time.sleep(0.004)
                for start in range(low, high, PIECE):
                    os.write(log, f"{start}\n".encode())
                    store.put(version, start, content(url(0), start, start + PIECE))
            claim.release()
            if claim.others:
                assert claim.wait_others(60)
        for low, high in batch:
            found = store.get(version, ByteRange(low, high))
            if found is None or bytes(found) != content(url(0), low, high):
                sys.exit(1)
    store.close()


def use(job: dict[str, Any]) -> None:
    """Write and read at random for a while, in a folder too small for it."""
    store = disk(Path(job["folder"]), job["bound"])
    chance = random.Random(job["seed"])
    wait_for(Path(job["start"]))
    until = time.monotonic() + job["seconds"]
    found_any = 0
    while time.monotonic() < until:
        number, start = chance.randrange(6), chance.randrange(400_000)
        wanted = ByteRange(start, start + chance.choice([100, 8000, 60_000]))
        version = open_version(store, url(number))
        if job["role"] != "reader" and chance.random() < 0.5:
            store.put(version, start, content(url(number), *wanted))
        held = store.held(version, wanted)
        for part in held or [wanted]:
            found = store.get(version, part)
            if found is not None:
                found_any += 1
                if bytes(found) != content(url(number), *part):
                    sys.exit(1)
        if job["role"] == "evictor":
            store.flush()
    print(found_any)
    store.close()


def write_until_killed(folder: Path, seed: int) -> None:
    store = disk(folder, 16 << 20)
    chance = random.Random(seed)
    while True:
        number, start = chance.randrange(3), chance.randrange(300_000)
        version = open_version(store, url(number))
        stop = start + chance.choice([100, 5000, 100_000])
        store.put(version, start, content(url(number), start, stop))
        if chance.random() < 0.2:
            store.keep(version, "header", content(url(number), 0, chance.randrange(5000)))
        if chance.random() < 0.1:
            store.flush()


def check_all(store: DiskStore) -> int:
    """Read every byte held; exit if one is wrong."""
    bytes_read = 0
    for number in range(3):
        version = open_version(store, url(number))
        for start, stop in store.held(version, ByteRange(0, 500_000)):
            for low in range(start, stop, 50_000):
                part = ByteRange(low, min(low + 50_000, stop))
                found = store.get(version, part)
                if found is not None and bytes(found) != content(url(number), *part):
                    sys.exit(1)
                bytes_read += 0 if found is None else part.length
        header = store.artefact(version, "header")
        if header is not None and header != content(url(number), 0, len(header)):
            sys.exit(1)
    return bytes_read


def kills(job: dict[str, Any]) -> None:
    """Kill a writing child again and again, and read what it left."""
    folder = Path(job["folder"])
    chance = random.Random(job["seed"])
    read = 0
    for number in range(job["times"]):
        child = os.fork()
        if not child:
            write_until_killed(folder, number)
        time.sleep(chance.uniform(0.002, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        store = disk(folder, 16 << 20)
        read += check_all(store)
        store.close()
    print(read)


if __name__ == "__main__":
    task = json.loads(sys.argv[2])
    turn_off(task.get("off", []))
    {"fetch": fetch, "use": use, "kills": kills}[sys.argv[1]](task)
