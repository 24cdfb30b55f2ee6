"""What highdicom wrote and reads is what we read, in every encoding."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

import nearline as nl
from made.annotations import (
    AREA,
    LENGTH,
    SYNTAXES,
    annotations,
    encoded,
    group,
    points,
    polygons,
)

SAMPLE = (
    Path(__file__).parents[3]
    / "shared/data/dicom/ImagingDataCommons+highdicom/data/test_files/sm_annotations.dcm"
)
FIXED = {"POINT": 1, "RECTANGLE": 4, "ELLIPSE": 4}


def assert_same_groups(ours: Any, theirs: Any) -> None:
    """Compare groups of two objects by everything that highdicom tells of them."""
    assert ours.annotation_coordinate_type == theirs.annotation_coordinate_type
    kind = theirs.annotation_coordinate_type
    assert len(ours.AnnotationGroupSequence) == len(theirs.AnnotationGroupSequence)
    for mine, other in zip(
        ours.AnnotationGroupSequence, theirs.AnnotationGroupSequence, strict=True
    ):
        for name in (
            *("number", "uid", "label", "graphic_type", "number_of_annotations"),
            *("algorithm_type", "annotated_property_category", "annotated_property_type"),
            *("anatomic_regions", "primary_anatomic_structures"),
        ):
            assert getattr(mine, name) == getattr(other, name), name
        expected, found = other.get_graphic_data(kind), mine.get_graphic_data(kind)
        assert len(found) == len(expected)
        for one, two in zip(found, expected, strict=True):
            assert one.dtype == two.dtype
            assert np.array_equal(one, two)
        assert np.array_equal(mine.get_coordinates(1, kind), other.get_coordinates(1, kind))
        names, values, units = other.get_measurements()
        my_names, my_values, my_units = mine.get_measurements()
        assert (my_names, my_units) == (names, units)
        assert my_values.dtype == values.dtype
        assert np.array_equal(my_values, values, equal_nan=True)


@st.composite
def groups(draw: st.DrawFn, dimensions: int, number: int) -> highdicom.ann.AnnotationGroup:
    kind = draw(st.sampled_from(["POINT", "RECTANGLE", "ELLIPSE", "POLYGON", "POLYLINE"]))
    count = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    sizes = [FIXED.get(kind) or draw(st.integers(3, 7)) for _ in range(count)]
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    data = [rng.uniform(0, 900, (size, dimensions)).astype(dtype) for size in sizes]
    if dimensions == 3 and draw(st.booleans()):
        for one in data:
            one[:, 2] = 4.25
    measurements = {}
    for name in draw(st.lists(st.sampled_from([AREA, LENGTH]), unique=True)):
        values = rng.random(count).astype(np.float32)
        # The first stays: highdicom cannot read a measurement without any value.
        values[[n for n in draw(st.lists(st.integers(1, 9))) if n < count]] = np.nan
        measurements[name] = values
    label = "n" * draw(st.integers(1, 9))  # odd lengths are padded
    return group(number, kind, data, measurements, label)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_kind_of_group_in_every_encoding(data: st.DataObject) -> None:
    dimensions = data.draw(st.sampled_from([2, 3]))
    made = [data.draw(groups(dimensions, n + 1)) for n in range(data.draw(st.integers(1, 4)))]
    written = annotations(made, f"{dimensions}D")
    syntax = data.draw(st.sampled_from(sorted(SYNTAXES)))
    content = encoded(written, syntax, undefined=data.draw(st.booleans()))
    # highdicom reads no big endian: what it reads is the object as it wrote it.
    expected = highdicom.ann.annread(BytesIO(encoded(written)))
    assert_same_groups(nl.annread(content), expected)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the shared samples are not here")
def test_highdicoms_own_sample() -> None:
    assert_same_groups(nl.annread(SAMPLE), highdicom.ann.annread(SAMPLE))


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
@pytest.mark.parametrize("undefined", [False, True])
def test_the_dataset_is_pydicoms(syntax: str, undefined: bool) -> None:
    rng = np.random.default_rng(1)
    written = annotations(
        [
            group(1, "POINT", points(rng.random((9, 2))), {AREA: rng.random(9)}),
            group(2, "POLYGON", polygons(rng, 5)),
        ]
    )
    content = encoded(written, syntax, undefined=undefined)
    expected = pydicom.dcmread(BytesIO(content))
    found = nl.annread(content)
    assert str(found) == str(expected)
    assert found.PatientID == expected.PatientID
    for mine, other in zip(
        found.AnnotationGroupSequence, expected.AnnotationGroupSequence, strict=True
    ):
        assert set(mine.keys()) == set(other.keys())
        for element in other:
            assert mine[element.tag].VR == element.VR
            if element.VR != "SQ":
                assert mine[element.tag].value == element.value
    values = found.AnnotationGroupSequence[0].MeasurementsSequence[0].get_values(9)
    assert np.array_equal(values, written.AnnotationGroupSequence[0].get_measurements()[1][:, 0])


@pytest.fixture(scope="module")
def several() -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    content = encoded(
        annotations(
            [
                group(1, "POINT", points(rng.random((3, 2))), label="tumor"),
                group(2, "POLYGON", polygons(rng, 4), label="tumor", property_type=AREA),
                group(3, "POINT", points(rng.random((2, 2))), label="stroma", algorithm=None),
                group(4, "ELLIPSE", [rng.random((4, 2))], label="größer", algorithm="other"),
            ]
        )
    )
    return nl.annread(content), highdicom.ann.annread(BytesIO(content))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"label": "tumor"},
        {"label": "größer"},
        {"graphic_type": "POINT"},
        {"graphic_type": highdicom.ann.GraphicTypeValues.POLYGON},
        {"annotated_property_type": AREA},
        {"annotated_property_category": codes.SCT.AnatomicalStructure, "label": "stroma"},
        {"algorithm_type": "MANUAL"},
        {"algorithm_name": "cells"},
        {"algorithm_family": codes.DCM.ArtificialIntelligence},
        {"algorithm_version": "1.2", "graphic_type": "ELLIPSE"},
        {"algorithm_name": "nobody's"},
    ],
)
def test_filters_choose_what_highdicoms_choose(several: Any, asked: dict[str, Any]) -> None:
    ours, theirs = several
    expected = [one.number for one in theirs.get_annotation_groups(**asked)]
    assert [one.number for one in ours.get_annotation_groups(**asked)] == expected


def test_a_group_is_found_by_number_uid_or_label(several: Any) -> None:
    ours, theirs = several
    for other in theirs.AnnotationGroupSequence:
        assert ours.get_annotation_group(number=other.number).uid == other.uid
        assert ours.get_annotation_group(uid=other.uid).number == other.number
    assert ours.get_annotation_group(label="stroma").number == 3
    for asked in ({"number": 9}, {"uid": "1.2"}, {"label": "tumor"}, {"label": "none"}):
        with pytest.raises(nl.UnknownAnnotation, match="3 \\('stroma'\\)") as caught:
            ours.get_annotation_group(**asked)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(TypeError):
        ours.get_annotation_group()
    with pytest.raises(ValueError, match="BLOB"):
        ours.get_annotation_groups(graphic_type="BLOB")


def test_measurements_are_chosen_by_name() -> None:
    rng = np.random.default_rng(3)
    made = group(1, "POINT", points(rng.random((5, 2))), {AREA: rng.random(5), LENGTH: np.ones(5)})
    content = encoded(annotations([made]))
    mine = nl.annread(content).get_annotation_group(1)
    other = highdicom.ann.annread(BytesIO(content)).get_annotation_group(1)
    for name in (AREA, LENGTH, codes.SCT.Volume, highdicom.sr.CodedConcept(*LENGTH)):
        names, values, units = other.get_measurements(name)
        found = mine.get_measurements(name)
        assert (found[0], found[2]) == (names, units)
        assert np.array_equal(found[1], values)
        assert found[1].shape == values.shape


def test_what_is_not_there_is_told(several: Any) -> None:
    ours, _ = several
    one = ours.get_annotation_group(3)
    with pytest.raises(ValueError, match='"3D"'):
        one.get_graphic_data("3D")
    for number in (0, 3, -1):
        with pytest.raises(nl.UnknownAnnotation, match="annotations 1 to 2"):
            one.get_coordinates(number, "2D")
