"""Objects opened at once, by more callers than the cap on bytes has room for, all open."""

from __future__ import annotations

import threading
from pathlib import Path

from fetch.conftest import CONTENT
from nearline.fetch.reader import Reader
from nearline.settings import Settings
from nearline.storage.http import HttpSource
from nearline.testing import RangeServer, faults

OPENING = 8


def test_openers_do_not_hold_what_the_others_wait_for(tmp_path: Path) -> None:
    names = [f"/{number}" for number in range(OPENING)]
    # Room for the first range of two openers: the rest go on only as those hand theirs over.
    settings = Settings(cache="off", cache_dir=tmp_path, max_bytes_in_flight=300_000)
    opened: list[int] = []

    with RangeServer(dict.fromkeys(names, CONTENT)) as server:
        for name in names:
            server.misbehave(name, faults.stall(0.05))

        def open_one(name: str) -> None:
            with Reader(HttpSource(server.url(name)), settings) as reader:
                opened.append(reader.size)

        threads = [threading.Thread(target=open_one, args=(name,), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert opened == [len(CONTENT)] * OPENING
