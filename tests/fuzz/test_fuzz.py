"""The corpus and mutations of it end in a result or one of our errors, within bounds."""

from __future__ import annotations

import random
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from fuzz.mutations import mutated, mutated_object
from fuzz.targets import CORPUS, TARGETS, run

CPU_S = 5
"""Seconds of this process's own time that one input may cost."""

MEMORY = 64 << 20
"""Bytes that one input may hold at a time."""

MUTATIONS = 60


def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).glob("seed-*"))]


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


@pytest.fixture
def warmed() -> None:
    """Import what is imported on first use: it counts for no input, and is slow when traced."""
    for target in TARGETS:
        run(target, seeds(target)[0])


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target: str, warmed: None, traced: None) -> None:
    for data in corpus(target):
        with bounded():
            run(target, data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_of_bytes(target: str, warmed: None, traced: None) -> None:
    inputs, chance = corpus(target), random.Random(target)
    for _ in range(MUTATIONS):
        with bounded():
            run(target, mutated(chance.choice(inputs), chance))


@pytest.mark.parametrize("target", ["image", "annotations", "report", "segmentation"])
def test_mutations_of_elements(target: str, warmed: None, traced: None) -> None:
    inputs, chance = seeds(target), random.Random(target)
    for _ in range(MUTATIONS):
        data = mutated_object(chance.choice(inputs), chance)
        with bounded():
            run(target, data)


def test_a_seed_is_understood() -> None:
    """Mutations of what every parser refuses at once would show nothing."""
    for target, call in TARGETS.items():
        for data in seeds(target):
            call(data)


def test_the_bounds_do_stop(traced: None) -> None:
    with pytest.raises(AssertionError), bounded():
        bytes(MEMORY + 1)
