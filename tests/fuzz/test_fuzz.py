"""The corpus and mutations of it end in a result or one of our errors, within bounds."""

from __future__ import annotations

import random
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from fuzz.targets import CORPUS, TARGETS, run

CPU_S = 5
"""Seconds of this process's own time that one input may cost."""

MEMORY = 64 << 20
"""Bytes that one input may hold at a time."""

MUTATIONS = 40


def corpus(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where the block takes more time of the processor, or more memory."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"An input took more than {CPU_S} s.")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    tracemalloc.reset_peak()
    start = tracemalloc.get_traced_memory()[0]
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] - start < MEMORY
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, insert, remove or repeat a few bytes, with a liking for numbers that hurt."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(found) + 1)
        some = chance.choice(
            (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"SQ\0\0", chance.randbytes(3))
        )
        match chance.randrange(4):
            case 0:
                found[at : at + len(some)] = some
            case 1:
                found[at:at] = some
            case 2:
                del found[at : at + chance.randrange(1, 40)]
            case 3:
                found[at:at] = found[at : at + chance.randrange(200)]
    return bytes(found)


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_and_its_mutations(target: str, traced: None) -> None:
    inputs = corpus(target)
    assert len(inputs) >= 1
    chance = random.Random(target)
    run(target, inputs[0])  # what is imported on first use counts for nobody
    for data in inputs:
        with bounded():
            run(target, data)
    for _ in range(MUTATIONS):
        with bounded():
            run(target, mutated(chance.choice(inputs), chance))


def test_a_seed_is_understood() -> None:
    """Mutations of what every parser refuses at once would show nothing."""
    for target, call in TARGETS.items():
        call(corpus(target)[0])


def test_the_bounds_do_stop(traced: None) -> None:
    with pytest.raises(AssertionError), bounded():
        bytes(MEMORY + 1)
