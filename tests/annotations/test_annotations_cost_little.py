"""What is read of a large object, counted at the server; the second opening; tables and regions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import nearline as nl
from made.annotations import AREA, annotations, encoded, group, points, polygons
from nearline.testing import RangeServer

GROUPS, EACH = 10, 20_000


@pytest.fixture(scope="module")
def million() -> tuple[bytes, list[Any]]:
    """Ten groups of points, each with a measurement."""
    rng = np.random.default_rng(5)
    made = [
        group(
            number + 1,
            "POINT",
            points(np.sort(rng.uniform(0, 50_000, (EACH, 2)).astype(np.float32), axis=0)),
            {AREA: rng.random(EACH).astype(np.float32)},
        )
        for number in range(GROUPS)
    ]
    return encoded(annotations(made)), made


def stored(made: Any) -> np.ndarray:
    return np.concatenate(made.get_graphic_data("2D"))


@pytest.mark.parametrize("number", [1, 6, 10])
def test_one_group_of_ten_costs_little_more_than_its_bytes(million: Any, number: int) -> None:
    content, made = million
    size = EACH * 8
    with RangeServer({"/a.dcm": content}) as server, nl.settings(cache="off"):
        opened = nl.annread(server.url("/a.dcm"))
        opening = sum(one.sent for one in server.requests)
        rounds = len(server.requests)
        found = opened.get_annotation_group(number=number).get_graphic_data("2D")
        sent = sum(one.sent for one in server.requests)
        asked = len(server.requests) - rounds
    assert np.array_equal(found.coordinates, stored(made[number - 1]))
    assert opening <= 64 * 1024 + GROUPS * 8 * 1024
    assert sent - opening <= 1.2 * size
    assert asked <= 2


def test_large_groups_are_within_a_fifth_of_their_bytes_opening_included() -> None:
    count = 100_000
    values = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    made = [group(n + 1, "POINT", points(values + n)) for n in range(3)]
    with (
        RangeServer({"/a.dcm": encoded(annotations(made))}) as server,
        nl.settings(cache="off"),
    ):
        found = nl.annread(server.url("/a.dcm")).get_annotation_group(2).get_graphic_data("2D")
        sent = sum(one.sent for one in server.requests)
    assert np.array_equal(found.coordinates, values + 1)
    assert sent <= 1.2 * values.nbytes


def test_a_known_object_costs_one_question_and_no_parse(million: Any) -> None:
    content, made = million
    with RangeServer({"/a.dcm": content}) as server:
        url = server.url("/a.dcm")
        nl.annread(url).get_annotation_group(number=3).get_graphic_data("2D")
        before = len(server.requests)
        with nl.traffic() as cost:
            again = nl.annread(url)
            one = again.get_annotation_group(number=3)
            assert (one.label, one.number_of_annotations) == ("group 3", EACH)
            assert np.array_equal(one.get_graphic_data("2D").coordinates, stored(made[2]))
        assert len(server.requests) == before + 1
        assert cost.revalidations == 1
        assert cost.parsed_headers == 0


def test_a_group_says_what_it_is_without_pydicom_parsing_it(million: Any) -> None:
    content, _ = million
    opened = nl.annread(content)
    for one in opened.get_annotation_groups():
        repr(one), one.uid, one.graphic_type, one.algorithm_type
    assert not any(one._is_parsed for one in opened.get_annotation_groups())


def test_graphic_data_is_one_array_that_looks_like_a_list() -> None:
    rng = np.random.default_rng(6)
    outlines = polygons(rng, 30)
    found = (
        nl.annread(encoded(annotations([group(1, "POLYGON", outlines)])))
        .get_annotation_group(1)
        .get_graphic_data("2D")
    )
    assert np.array_equal(found.coordinates, np.concatenate(outlines))
    assert np.array_equal(np.diff(found.offsets), [len(one) for one in outlines])
    assert all(np.shares_memory(one, found.coordinates) for one in found)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0, 0] = 1
    for index in (0, 5, 29, -1, -30, np.int64(3)):
        assert np.array_equal(found[index], outlines[index])
    for index in (30, -31):
        with pytest.raises(IndexError):
            found[index]
    for part in (slice(3, 9), slice(None, None, -2), slice(20, 99), slice(9, 3), slice(0, 30, 7)):
        expected = outlines[part]
        assert len(found[part]) == len(expected)
        for one, two in zip(found[part], expected, strict=True):
            assert np.array_equal(one, two)
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.coordinates, found.coordinates)


def test_annotations_pickle_without_their_arrays_and_keep_changes(
    million: Any, tmp_path: Any
) -> None:
    content, made = million
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    opened = nl.annread(path)
    opened.PatientName = "Changed^Here"
    opened.AnnotationGroupSequence[1].AnnotationGroupDescription = "mine"
    opened.get_annotation_group(2).get_measurements()
    opened.get_annotation_group(2).get_graphic_data("2D")
    data = pickle.dumps(opened)
    assert len(data) < 100_000
    for one in (pickle.loads(data), copy.deepcopy(opened), copy.copy(opened)):
        assert str(one.PatientName) == "Changed^Here"
        assert one.PatientID == opened.PatientID
        second = one.get_annotation_group(2)
        assert second.AnnotationGroupDescription == "mine"
        assert np.array_equal(second.get_graphic_data("2D").coordinates, stored(made[1]))
        assert second.get_measurements()[1].shape == (EACH, 1)


def test_an_object_of_another_kind_is_named(tmp_path: Any) -> None:
    from pydicom.data import get_testdata_file

    with pytest.raises(nl.WrongKind, match=r"CT Image Storage.*nearline\.imread"):
        nl.annread(get_testdata_file("CT_small.dcm"))
