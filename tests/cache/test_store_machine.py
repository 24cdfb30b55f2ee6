"""Whatever happens to the files, a store returns what was put, or nothing."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cache.contents import content, disk, open_version, url
from cache.safeguards import turn_off
from nearline.cache import disk as disk_module
from nearline.cache import evict, maintenance
from nearline.ranges import ByteRange, merge, subtract

IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
SPAN = 700_000
objects = st.integers(0, 2)
starts = st.integers(0, SPAN)
lengths = st.one_of(st.integers(1, 300), st.integers(1, 20_000), st.integers(200_000, 600_000))
names = st.sampled_from(["header", "frames"])
instances = st.integers(0, 1)


class StoreMachine(RuleBasedStateMachine):
    """Two stores on one folder, as two processes have them, against ranges in a dict.

    `put` holds all that was ever put, `sure` what must still be there: nothing
    was damaged, lost, evicted or cleared since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="nearline-test-", dir=IN_MEMORY))
        self.stores = [disk(self.folder), disk(self.folder)]
        self.put_ever: dict[int, list[ByteRange]] = {}
        self.sure: dict[tuple[int, int], list[ByteRange]] = {}
        self.kept: dict[tuple[int, str], set[bytes]] = {}
        self.earlier: list[Path] = []

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    @rule(who=instances, number=objects, start=starts, length=lengths)
    def put(self, who: int, number: int, start: int, length: int) -> None:
        part = ByteRange(start, start + length)
        store = self.stores[who]
        store.put(open_version(store, url(number)), start, content(url(number), *part))
        self.put_ever[number] = merge([*self.put_ever.get(number, []), part])
        self.sure[who, number] = merge([*self.sure.get((who, number), []), part])

    @rule(who=instances, number=objects, start=starts, length=lengths)
    def get(self, who: int, number: int, start: int, length: int) -> None:
        self._look(who, number, ByteRange(start, start + length))

    @rule(who=instances, number=objects, data=st.data())
    def get_what_was_put(self, who: int, number: int, data: st.DataObject) -> None:
        ranges = self.put_ever.get(number)
        if ranges:
            one = data.draw(st.sampled_from(ranges))
            start = data.draw(st.integers(one.start, one.stop - 1))
            self._look(who, number, ByteRange(start, data.draw(st.integers(start + 1, one.stop))))

    def _look(self, who: int, number: int, wanted: ByteRange) -> None:
        store = self.stores[who]
        version = open_version(store, url(number))
        held = store.held(version, wanted)
        assert held == merge(held)
        assert subtract(held, self.put_ever.get(number, [])) == []
        assert subtract(held, [wanted]) == []
        found = store.get(version, wanted)
        if found is not None:
            assert bytes(found) == content(url(number), *wanted)
            assert held == [wanted]
        else:
            assert subtract([wanted], self.sure.get((who, number), []))

    @rule(who=instances, number=objects, name=names, data=st.binary(max_size=3000))
    def keep(self, who: int, number: int, name: str, data: bytes) -> None:
        store = self.stores[who]
        store.keep(open_version(store, url(number)), name, data)
        self.kept.setdefault((number, name), set()).add(data)
        assert store.artefact(open_version(store, url(number)), name) == data

    @rule(who=instances, number=objects, name=names)
    def artefact(self, who: int, number: int, name: str) -> None:
        store = self.stores[who]
        found = store.artefact(open_version(store, url(number)), name)
        assert found is None or found in self.kept.get((number, name), set())

    @rule(who=instances, number=objects, start=starts, length=lengths)
    def claim(self, who: int, number: int, start: int, length: int) -> None:
        store = self.stores[who]
        wanted = ByteRange(start, start + length)
        with store.claim(open_version(store, url(number)), [wanted]) as claim:
            assert merge([*claim.mine, *claim.others]) == [wanted]
            assert subtract(claim.others, self.put_ever.get(number, [])) == []
            assert claim.wait_others(5)

    @rule(who=instances)
    def flush(self, who: int) -> None:
        self.stores[who].flush()
        for (owner, number), ranges in list(self.sure.items()):
            if owner == who:
                other = 1 - who
                self.sure[other, number] = merge([*self.sure.get((other, number), []), *ranges])

    @rule(who=instances)
    def reopen(self, who: int) -> None:
        self.flush(who)
        self.stores[who].close()
        self.stores[who] = disk(self.folder)

    @rule(bound=st.integers(0, 2_000_000), who=instances)
    def evict(self, bound: int, who: int) -> None:
        store = self.stores[who]
        store.flush()
        store._guarded(lambda: evict.make_room(store.catalogue, store.packs, bound), None)
        self.sure.clear()

    @rule(who=instances, number=st.none() | objects)
    def clear(self, who: int, number: int | None) -> None:
        self.stores[who].flush()
        maintenance.clear(self.folder, None if number is None else url(number))
        self.sure.clear()

    @rule(seed=st.integers(0, 2**32), flips=st.integers(1, 400), at_once=st.booleans())
    def damage(self, seed: int, flips: int, at_once: bool) -> None:
        self._everyone_reopens()
        chance = random.Random(seed)
        for pack in self._packs():
            with pack.open("r+b") as file:
                for _ in range(flips):
                    at = chance.randrange(max(pack.stat().st_size, 1))
                    file.seek(at)
                    byte = file.read(1) or b"\0"
                    file.seek(at)
                    file.write(bytes([byte[0] ^ 1 << chance.randrange(8)]))
        if at_once:
            self._look_everywhere()

    @rule(seed=st.integers(0, 2**32), at_once=st.booleans())
    def lose_writes(self, seed: int, at_once: bool) -> None:
        """A crash of the machine: blocks are zeros, ends are gone."""
        self._everyone_reopens()
        chance = random.Random(seed)
        for pack in self._packs():
            size = pack.stat().st_size
            with pack.open("r+b") as file:
                for at in range(0, size, 4096):
                    if chance.random() < 0.3:
                        file.seek(at)
                        file.write(bytes(min(4096, size - at)))
                if chance.random() < 0.5:
                    file.truncate(chance.randrange(size + 1))
        if at_once:
            self._look_everywhere()

    @rule()
    def remember_catalogue(self) -> None:
        self._everyone_reopens()
        copy = self.folder / f"copy-{len(self.earlier)}"
        if self.stores[0].catalogue.path.exists():
            shutil.copy(self.stores[0].catalogue.path, copy)
            self.earlier.append(copy)

    @rule(data=st.data())
    def roll_catalogue_back(self, data: st.DataObject) -> None:
        if not self.earlier:
            return
        self._everyone_reopens()
        path = self.stores[0].catalogue.path
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copy(data.draw(st.sampled_from(self.earlier)), path)

    @rule()
    def delete_folder(self) -> None:
        shutil.rmtree(self.folder / "v1", ignore_errors=True)
        self.sure.clear()

    def _look_everywhere(self) -> None:
        for number, ranges in self.put_ever.items():
            for one in ranges:
                for part in self.stores[0].held(open_version(self.stores[0], url(number)), one):
                    self._look(0, number, part)

    def _everyone_reopens(self) -> None:
        """What was checked once in a process is not checked again: a new one looks."""
        for who in (0, 1):
            self.stores[who].flush()
            self.stores[who].close()
        self.stores = [disk(self.folder), disk(self.folder)]
        self.sure.clear()

    def _packs(self) -> list[Path]:
        return sorted((self.folder / "v1" / "packs").glob("*.pack"))

    @invariant()
    def not_given_up(self) -> None:
        assert not any(store._failed for store in self.stores)


pytestmark = pytest.mark.filterwarnings("ignore::nearline.cache.folder.CacheWarning")

SETTINGS = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _notes_every_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "TOUCH_AFTER", 0.0)


def test_store_returns_what_was_put_or_nothing() -> None:
    run_state_machine_as_test(StoreMachine, settings=SETTINGS)


def test_that_suite_fails_without_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_off(["checksums"], monkeypatch.setattr)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            StoreMachine, settings=settings(SETTINGS, max_examples=300, phases=[Phase.generate])
        )
