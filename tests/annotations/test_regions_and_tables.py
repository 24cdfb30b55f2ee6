"""Bounds, centroids, tables and regions, held against arithmetic done one annotation at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nearline as nl
from made.annotations import AREA, LENGTH, SYNTAXES, annotations, encoded, group, points, polygons
from nearline.testing import RangeServer


def opened(
    kind: str, data: list[np.ndarray], measurements: Any = None, syntax: str = "explicit"
) -> Any:
    dimensions = data[0].shape[1]
    written = annotations([group(1, kind, data, measurements)], f"{dimensions}D")
    return nl.annread(encoded(written, syntax)).get_annotation_group(1)


def area_centroid(outline: np.ndarray) -> np.ndarray:
    """The textbook's formula for a simple polygon in the plane, in exact-ish arithmetic."""
    twice, x, y = 0.0, 0.0, 0.0
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        cross = x0 * y1 - x1 * y0
        twice += cross
        x += (x0 + x1) * cross
        y += (y0 + y1) * cross
    return np.array([x, y]) / (3 * twice)


def test_polygons_have_the_centroid_of_their_area() -> None:
    outlines = polygons(np.random.default_rng(1), 40, dtype=np.float64)
    table = opened("POLYGON", outlines).to_frame()
    for number, outline in enumerate(outlines, start=1):
        expected = area_centroid(outline)
        assert np.allclose(table.loc[number, ["centroid_x", "centroid_y"]], expected, atol=1e-6)
        bounds = table.loc[number, ["x_min", "y_min", "x_max", "y_max"]]
        assert np.array_equal(bounds, [*outline.min(axis=0), *outline.max(axis=0)])


def test_polygons_in_space_have_it_in_their_plane() -> None:
    flat = polygons(np.random.default_rng(2), 20, dtype=np.float64)
    along, across = np.array([0.6, 0.0, 0.8]), np.array([0.0, 1.0, 0.0])
    turned = [one[:, :1] * along + one[:, 1:] * across + 3 for one in flat]
    table = opened("POLYGON", turned).to_frame()
    for number, outline in enumerate(flat, start=1):
        x, y = area_centroid(outline)
        found = table.loc[number, ["centroid_x", "centroid_y", "centroid_z"]]
        assert np.allclose(found, x * along + y * across + 3, atol=1e-6)


def test_a_polygon_without_area_has_the_mean_of_its_points() -> None:
    line = np.array([[0, 0], [2, 2], [7, 7]], np.float64)
    table = opened("POLYGON", [line]).to_frame()
    assert np.allclose(table.loc[1, ["centroid_x", "centroid_y"]], [3, 3])


def test_lines_have_the_centroid_of_their_length() -> None:
    bent = np.array([[0, 0], [10, 0], [10, 2]], np.float64)
    table = opened("POLYLINE", [bent, np.array([[1, 1], [1, 1]], np.float64)]).to_frame()
    assert np.allclose(table.loc[1, ["centroid_x", "centroid_y"]], [(5 * 10 + 10 * 2) / 12, 2 / 12])
    assert np.allclose(table.loc[2, ["centroid_x", "centroid_y"]], [1, 1])


def test_a_turned_ellipse_is_bounded_by_its_outline() -> None:
    angle, a, b, centre = 0.7, 5.0, 2.0, np.array([20.0, 30.0])
    major = a * np.array([math.cos(angle), math.sin(angle)])
    minor = b * np.array([-math.sin(angle), math.cos(angle)])
    ends = np.array([centre - major, centre + major, centre - minor, centre + minor])
    turns = np.linspace(0, 2 * np.pi, 100_000)[:, None]
    outline = centre + np.cos(turns) * major + np.sin(turns) * minor
    table = opened("ELLIPSE", [ends]).to_frame()
    bounds = table.loc[1, ["x_min", "y_min", "x_max", "y_max"]]
    assert np.allclose(bounds, [*outline.min(axis=0), *outline.max(axis=0)], atol=1e-6)
    assert np.allclose(table.loc[1, ["centroid_x", "centroid_y"]], centre)


def test_a_table_holds_the_measurements_asked_for() -> None:
    rng = np.random.default_rng(3)
    areas = rng.random(9).astype(np.float32)
    areas[4] = np.nan
    one = opened("POINT", points(rng.random((9, 2))), {AREA: areas, LENGTH: np.ones(9)})
    table = one.to_frame(["area"])
    assert list(table.columns[-1:]) == ["area"]
    assert "Length" not in table
    assert np.array_equal(table["area"], areas, equal_nan=True)
    assert table.index.tolist() == list(range(1, 10))
    assert table.attrs == {"coordinate_type": "2D", "units": {"area": "um2"}}
    assert list(one.to_frame().columns[-2:]) == [AREA.meaning, "Length"]
    assert list(one.to_frame([LENGTH]).columns[-1:]) == ["Length"]
    assert one.to_frame([]).shape == (9, 6)
    with pytest.raises(nl.UnknownAnnotation, match=f"'{AREA.meaning}', 'Length'"):
        one.to_frame(["volume"])


def test_measurements_of_one_name_stay_apart() -> None:
    rng = np.random.default_rng(3)
    made = group(1, "POINT", points(rng.random((3, 2))), {AREA: np.arange(3), LENGTH: np.ones(3)})
    for item in made.MeasurementsSequence[1:]:
        item.ConceptNameCodeSequence = made.MeasurementsSequence[0].ConceptNameCodeSequence
    table = nl.annread(encoded(annotations([made]))).get_annotation_group(1).to_frame(["area"])
    assert list(table.columns[-2:]) == ["area [um2] #1", "area [um2] #2"]


def meets(outline: np.ndarray, low: Any, high: Any) -> bool:
    return bool((outline.min(axis=0) <= high).all() and (outline.max(axis=0) >= low).all())


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
@pytest.mark.parametrize("kind", ["POINT", "POLYGON", "RECTANGLE"])
def test_a_region_gives_what_meets_it_the_first_time_and_later(
    kind: str, syntax: str, tmp_path: Any
) -> None:
    rng = np.random.default_rng(4)
    count = 5000
    centres = np.sort(rng.uniform(0, 1000, (count, 2)), axis=0).astype(np.float32)
    sizes = {"POINT": np.full(count, 1), "RECTANGLE": np.full(count, 4)}.get(
        kind, rng.integers(3, 9, count)
    )
    data = [
        centre + rng.uniform(-3, 3, (int(size), 2)).astype(np.float32)
        for centre, size in zip(centres, sizes, strict=True)
    ]
    values = rng.random(count).astype(np.float32)
    some = values.copy()
    some[::3] = np.nan
    written = annotations([group(1, kind, data, {AREA: values, LENGTH: some})])
    with RangeServer({"/a.dcm": encoded(written, syntax)}) as server:
        for low, high in (([100, 90], [180, 170]), ([500, 500], [500, 500]), ([-9, -9], [-5, -5])):
            expected = [n for n, one in enumerate(data, start=1) if meets(one, low, high)]
            for _ in range(2):
                one = nl.annread(server.url("/a.dcm")).get_annotation_group(1)
                found = one.in_region(high, low)
                assert found.numbers.tolist() == expected
                assert len(found) == len(found.graphic_data) == len(expected)
                for number, outline in zip(found.numbers, found.graphic_data, strict=True):
                    assert np.array_equal(outline, data[number - 1])
                names, measured, _ = found.get_measurements()
                assert len(names) == 2
                assert np.array_equal(measured[:, 0], values[found.numbers - 1])
                assert np.array_equal(measured[:, 1], some[found.numbers - 1], equal_nan=True)
                table = found.to_frame(["length"])
                assert table.index.tolist() == expected
                assert np.array_equal(table["length"], some[found.numbers - 1], equal_nan=True)
                assert found.get_measurements(AREA)[1].shape == (len(expected), 1)


def test_a_later_region_reads_a_part_of_the_group() -> None:
    count = 40_000
    rows = np.arange(count, dtype=np.float32)
    written = annotations([group(1, "POINT", points(np.stack([rows, rows], axis=1)))])
    with RangeServer({"/a.dcm": encoded(written)}) as server:
        url = server.url("/a.dcm")
        nl.annread(url).get_annotation_group(1).in_region([0, 0], [1, 1])
        with nl.traffic() as cost:
            found = nl.annread(url).get_annotation_group(1).in_region([7000, 7000], [7010, 7010])
    assert found.numbers.tolist() == list(range(7001, 7012))
    assert cost.cached_bytes + cost.bytes < count * 8 // 4


def test_a_region_has_as_many_coordinates_as_the_annotations() -> None:
    one = opened("POINT", points(np.random.default_rng(0).random((3, 3))))
    with pytest.raises(nl.UnknownAnnotation, match="two corners of 3 numbers"):
        one.in_region([0, 0], [1, 1])
    assert one.in_region([0, 0, 0], [1, 1, 1]).numbers.tolist() == [1, 2, 3]
