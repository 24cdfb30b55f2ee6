"""Whatever happened to an object's bytes: a clear error or annotations, in bounded memory."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from struct import pack
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nearline as nl
from made.annotations import AREA, SYNTAXES, annotations, encoded, group, points, polygons


def _seed(syntax: str, undefined: bool) -> bytes:
    rng = np.random.default_rng(0)
    values = rng.random(5).astype(np.float32)
    values[2] = np.nan
    made = [
        group(1, "POINT", points(rng.random((5, 2))), {AREA: values}),
        group(2, "POLYGON", polygons(rng, 4)),
        group(3, "ELLIPSE", [rng.random((4, 2))]),
    ]
    return encoded(annotations(made), syntax, undefined=undefined)


SEEDS = [_seed(syntax, undefined) for syntax in SYNTAXES for undefined in (False, True)]


def read_all(content: bytes) -> None:
    opened = nl.annread(content)
    for one in opened.get_annotation_groups():
        kind = one._coordinate_type
        with suppress(nl.NearlineError):
            assert len(one.get_graphic_data(kind)) <= len(content)
        with suppress(nl.NearlineError):
            one.in_region([0, 0], [1, 1])
        with suppress(nl.NearlineError):
            _ = one.label, one.number, one.uid, one.number_of_annotations
        with suppress(nl.NearlineError):
            one._stored().measurements([0], 5)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=250, deadline=None)
@given(st.data())
def test_mutated_objects_raise_only_our_errors(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 5))):
        # Most of what is read lies behind the header.
        place = data.draw(
            st.integers(132, len(whole) - 1) | st.integers(len(whole) // 2, len(whole) - 1)
        )
        change = data.draw(st.binary(min_size=1, max_size=4))
        if data.draw(st.booleans()):
            whole[place : place + len(change)] = change
        else:
            whole[place:place] = change
    stop = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    with suppress(nl.NearlineError):
        read_all(bytes(whole[:stop]))


def _with_groups(items: bytes, length: int | None = None) -> bytes:
    """An object whose group sequence holds given bytes."""
    content = _seed("explicit", False)
    start = content.index(b"\x6a\x00\x02\x00SQ\0\0")
    size = len(items) if length is None else length
    return content[: start + 8] + pack("<I", size) + items


def _item(content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return b"\xfe\xff\x00\xe0" + pack("<I", size) + content


NEST = b"\x66\x00\x21\x01SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "content",
    [
        _with_groups(_item(b"") * 100_000),
        _with_groups(_item(NEST * 20_000, 0xFFFFFFFF), 0xFFFFFFFF),
        _with_groups(_item(b"", 0xFFFFFFF0), 0xFFFFFFF8),
        _with_groups(_item(b"\x66\x00\x16\x00OF\0\0" + pack("<I", 0xFFFFFFF0))),
        _with_groups(_item(b"\x66\x00\x16\x00OF\0\0" + pack("<I", 0xFFFFFFFF)), 0xFFFFFFFF),
        _with_groups(b"\xfe\xff\x0d\xe0\0\0\0\0"),
        _with_groups(_item(b"\xfe\xff\x00\xe0\0\0\0\0")),
        _with_groups(_item(b"\x66\x00\x16\x00OF\0\0\x00\x00\x00\x00" * 10_000)),
    ],
    ids=["items", "nesting", "item", "value", "open value", "delimiter", "item in item", "many"],
)
def test_hostile_sizes_are_refused_without_taking_memory(content: bytes) -> None:
    nl.annread(SEEDS[0]).get_annotation_group(1).get_graphic_data("2D")  # imports are counted not
    tracemalloc.start()
    try:
        with pytest.raises(nl.InvalidDicom):
            nl.annread(content).get_annotation_group(1).get_graphic_data("2D")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(content) + (8 << 20)


def _changed(**values: Any) -> Any:
    rng = np.random.default_rng(0)
    made = group(1, "POLYGON", polygons(rng, 4), {AREA: rng.random(4).astype(np.float32)})
    for name, value in values.items():
        target = made
        if name in ("FloatingPointValues", "AnnotationIndexList"):
            target = made.MeasurementsSequence[0].MeasurementValuesSequence[0]
        if value is None:
            delattr(target, name)
        else:
            setattr(target, name, value)
    return nl.annread(encoded(annotations([made]))).get_annotation_group(1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LongPrimitivePointIndexList", np.array([1, 9, 5, 12], "<i4").tobytes(), "contradicts"),
        (
            "LongPrimitivePointIndexList",
            np.array([1, 9, 15, 99999], "<i4").tobytes(),
            "contradicts",
        ),
        ("LongPrimitivePointIndexList", None, "lacks the index"),
        ("LongPrimitivePointIndexList", b"\1\0", "no whole numbers"),
        ("PointCoordinatesData", None, "has no coordinates"),
        ("PointCoordinatesData", bytes(20), "are no 2D"),
        ("GraphicType", "BLOB", "DICOM does not know"),
        ("GraphicType", "ELLIPSE", "each ELLIPSE takes 4"),
    ],
)
def test_coordinates_that_contradict_each_other_are_told(name: str, value: Any, said: str) -> None:
    one = _changed(**{name: value})
    with pytest.raises(nl.InvalidAnnotations, match=said):
        one.get_graphic_data("2D")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FloatingPointValues", bytes(12)),
        ("FloatingPointValues", None),
        ("AnnotationIndexList", np.array([1, 2, 3, 5], "<i4").tobytes()),
        ("AnnotationIndexList", np.array([0, 1, 2, 3], "<i4").tobytes()),
        ("AnnotationIndexList", np.array([1, 2], "<i4").tobytes()),
    ],
)
def test_measurements_that_fit_no_annotation_are_told(name: str, value: Any) -> None:
    one = _changed(**{name: value})
    with pytest.raises(nl.InvalidAnnotations) as caught:
        one.get_measurements()
    assert isinstance(caught.value, IndexError)
    with pytest.raises(nl.InvalidAnnotations):
        one.to_frame()


def test_a_table_needs_as_many_coordinates_as_annotations() -> None:
    with pytest.raises(nl.InvalidAnnotations, match="7 annotations, but coordinates of 4"):
        _changed(NumberOfAnnotations=7).to_frame([])
