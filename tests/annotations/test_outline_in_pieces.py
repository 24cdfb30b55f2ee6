"""An outline is the same whatever of the object is at hand, and however groups differ in size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom.memory_reader import MemoryReader
from made.annotations import AREA, SYNTAXES, annotations, encoded, group, points, polygons
from nearline.annotations.outline import Outline, open_outline


class _Reader(MemoryReader):
    def artefact(self, name: str) -> None:
        return None

    def keep(self, name: str, data: bytes) -> None:
        pass


def outline(content: bytes, first: int) -> Outline:
    return open_outline(_Reader(content, first=first))  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_is_at_hand_changes_nothing(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    made = []
    for number in range(1, data.draw(st.integers(1, 6)) + 1):
        count = data.draw(st.sampled_from([1, 40, 500, 2500]))
        kind = data.draw(st.sampled_from(["POINT", "POLYGON"]))
        cells = points(rng.random((count, 2))) if kind == "POINT" else polygons(rng, count)
        made.append(group(number, kind, cells, {AREA: rng.random(count)}))
    syntax = data.draw(st.sampled_from(sorted(SYNTAXES)))
    content = encoded(annotations(made), syntax, undefined=data.draw(st.booleans()))
    whole = outline(content, len(content))
    # As a share: UIDs are new each time, and so is the size.
    share = data.draw(st.floats(0, 1))
    for first in (data.draw(st.integers(0, 5000)), int(share * len(content))):
        assert outline(content, first).items == whole.items
    assert len(whole.items) == len(made)


@pytest.mark.parametrize("sizes", [[9000] * 12, [9000, 20, 30_000, 4000]])
def test_groups_are_found_in_few_rounds(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    made = [
        group(n, "POINT", points(rng.random((size, 2))), {AREA: rng.random(size)})
        for n, size in enumerate(sizes, start=1)
    ]
    reader = _Reader(encoded(annotations(made)), first=64 * 1024)
    found = open_outline(reader)  # type: ignore[arg-type]
    assert [len(one.cuts) for one in found.items] == [2] * len(sizes)
    assert len(reader.together) <= 8
