"""Whatever happened to a report's bytes: a table or a clear error, in bounded memory."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from struct import pack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nearline as nl
from made.annotations import SYNTAXES, encoded
from made.reports import planar, report, volumetric


def _seeds() -> list[bytes]:
    rng = np.random.default_rng(0)
    made = report([planar(rng, 0), volumetric(rng, 2)])
    return [encoded(made, syntax, undefined=open_) for syntax in SYNTAXES for open_ in (0, 1)]


SEEDS = _seeds()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_reports_raise_only_our_errors(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(132, len(whole) - 1))
        change = data.draw(st.binary(min_size=1, max_size=4))
        if data.draw(st.booleans()):
            whole[place : place + len(change)] = change
        else:
            whole[place:place] = change
    stop = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    with suppress(nl.NearlineError):
        nl.sr.measurements(bytes(whole[:stop]))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_damaged_reports_raise_only_our_errors_as_documents(data: st.DataObject) -> None:
    whole = bytearray(SEEDS[0])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(400, len(whole) - 1))
        whole[place : place + 2] = data.draw(st.binary(min_size=2, max_size=2))
    with suppress(nl.NearlineError):
        nl.srread(bytes(whole))


def _with_content(items: bytes, length: int) -> bytes:
    start = SEEDS[0].index(b"\x40\x00\x30\xa7SQ\0\0")
    return SEEDS[0][: start + 8] + pack("<I", length) + items


NEST = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "content",
    [
        _with_content(NEST * 30_000, 0xFFFFFFFF),
        _with_content(b"\xfe\xff\x00\xe0" + pack("<I", 0xFFFFFFF0), 0xFFFFFFF8),
        _with_content(b"\xfe\xff\x00\xe0" + pack("<I", 0x7FFFFFF0), 8),
        _with_content(b"\xfe\xff\x0d\xe0\0\0\0\0", 8),
    ],
    ids=["nesting", "sequence", "item", "delimiter"],
)
def test_hostile_sizes_are_refused_without_taking_memory(content: bytes) -> None:
    nl.sr.measurements(SEEDS[0])  # what is imported at first is not counted
    tracemalloc.start()
    try:
        with pytest.raises(nl.InvalidDicom):
            nl.sr.measurements(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(content) + (8 << 20)
