"""The table of a report says what highdicom's own getters say, one group after the other."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pandas as pd
import pydicom
import pytest
from highdicom import sr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes

import nearline as nl
from made.annotations import SYNTAXES, encoded
from made.reports import planar, report, volumetric, whole_image
from nearline.testing import RangeServer

SHARED = Path(__file__).parents[3] / "shared/data/dicom"
SAMPLES = [
    "ImagingDataCommons+highdicom/data/test_files/sr_document.dcm",
    "ImagingDataCommons+highdicom/data/test_files/sr_document_with_multiple_groups.dcm",
    "QIICR+dcmqi/data/sr-example/sr.dcm",
]


def meaning(code: Any) -> str | None:
    return None if code is None else code.meaning


def joined(values: Any) -> str | None:
    return "; ".join(str(one) for one in values) or None


def text(code: Any) -> str:
    return f"{code.scheme_designator}:{code.value}"


def rows_of(document: Any) -> list[dict[str, Any]]:
    """What highdicom's getters say, in the order of the document's groups."""
    content = document.content
    groups = [
        (kind, one)
        for kind, found in (
            ("planar ROI", content.get_planar_roi_measurement_groups()),
            ("volumetric ROI", content.get_volumetric_roi_measurement_groups()),
            ("image", content.get_image_measurement_groups()),
        )
        for one in found
    ]
    # Groups are told apart by what they are tracked as.
    places = {_identity(item): n for n, item in enumerate(content._find_measurement_groups())}
    assert len(places) == len(groups)
    rows = []
    for kind, one in sorted(groups, key=lambda pair: places[_identity(pair[1][0])]):
        head = {
            "group": places[_identity(one[0])],
            "kind": kind,
            "tracking_identifier": one.tracking_identifier,
            "tracking_uid": one.tracking_uid,
            "finding_category": meaning(one.finding_category),
            "finding_type": meaning(one.finding_type),
            "evaluations": joined(
                f"{e.name.meaning}: {e.value.meaning}"
                for e in one.get_qualitative_evaluations()
                if e.name.value != "276214006"
            ),
            **region_of(kind, one),
        }
        for measured in one.get_measurements():
            sites = measured.finding_sites or one.finding_sites
            rows.append(
                {
                    **head,
                    "finding_sites": joined(site.value.meaning for site in sites),
                    "measurement": measured.name.meaning,
                    "value": measured.value,
                    "unit": measured.unit.value,
                    "qualifier": meaning(measured.qualifier),
                    "method": meaning(measured.method) or meaning(one.method),
                    "derivation": meaning(measured.derivation),
                }
            )
    return rows


def _identity(item: Any) -> tuple[Any, ...]:
    return tuple(e.value for e in item.iterall() if e.keyword in ("UID", "TextValue"))


def region_of(kind: str, group: Any) -> dict[str, Any]:
    if kind == "image":
        return {"reference_type": None, "graphic_type": None}
    found: dict[str, Any] = {"reference_type": group.reference_type.meaning}
    roi = group.roi
    regions = roi if isinstance(roi, list) else [roi]
    found["graphic_type"] = (
        None if roi is None else joined(dict.fromkeys(r.graphic_type.value for r in regions))
    )
    frame = getattr(group, "referenced_segmentation_frame", None)
    segment = frame or getattr(group, "referenced_segment", None)
    if segment is not None:
        item = segment[0].ReferencedSOPSequence[0]
        found["referenced_sop_instance_uid"] = item.ReferencedSOPInstanceUID
        frames = item.get("ReferencedFrameNumber")
        frames = frames if isinstance(frames, pydicom.multival.MultiValue) else [frames]
        found["referenced_frames"] = joined(n for n in frames if n is not None)
        found["referenced_segments"] = str(item.ReferencedSegmentNumber)
    return found


def assert_same(table: pd.DataFrame, document: Any) -> None:
    expected = rows_of(document)
    assert len(table) == len(expected)
    found = table.astype(object).where(table.notna(), None).to_dict("records")
    for one, other in zip(found, expected, strict=True):
        assert {name: one[name] for name in other} == other


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_say_the_same(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip("the shared samples are not here")
    assert_same(nl.sr.measurements(path), highdicom.sr.srread(path))


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_every_kind_of_group_in_every_encoding(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    makers = data.draw(
        st.lists(st.sampled_from([planar, volumetric, whole_image]), min_size=1, max_size=4)
    )
    document = report([make(rng, n, data.draw(st.integers(1, 3))) for n, make in enumerate(makers)])
    syntax = data.draw(st.sampled_from(sorted(SYNTAXES)))
    content = encoded(document, syntax, undefined=data.draw(st.booleans()))
    expected = highdicom.sr.srread(BytesIO(encoded(document)))
    assert_same(nl.sr.measurements(content), expected)


@pytest.fixture(scope="module")
def document() -> Any:
    rng = np.random.default_rng(1)
    return report([planar(rng, 0), volumetric(rng, 1), whole_image(rng, 2), planar(rng, 3, 0)])


def test_srread_gives_highdicoms_document(document: Any) -> None:
    content = encoded(document)
    found = nl.srread(content)
    expected = highdicom.sr.srread(BytesIO(content))
    assert type(found) is type(expected) is sr.Comprehensive3DSR
    assert found == expected
    assert nl.sr.srread is nl.srread
    assert nl.sr.measurements(found).equals(nl.sr.measurements(content))


@pytest.mark.parametrize("kind", [sr.EnhancedSR, sr.ComprehensiveSR])
def test_other_documents_are_of_their_class(kind: Any) -> None:
    made = report([whole_image(np.random.default_rng(2), 1)], kind)
    found = nl.srread(encoded(made))
    assert type(found) is kind
    assert len(nl.sr.measurements(found)) == 2


def test_a_group_without_measurements_has_a_row(document: Any) -> None:
    table = nl.sr.measurements(encoded(document))
    last = table[table["group"] == 3]
    assert len(last) == 1
    assert last["tracking_identifier"].item() == "Finding 3"
    assert last[["measurement", "value", "unit"]].isna().all(axis=None)
    assert table["value"].dtype == np.float64
    assert table["group"].dtype == np.int64


def test_a_value_with_its_qualifier_only_is_missing(document: Any) -> None:
    made = pydicom.dcmread(BytesIO(encoded(document)))
    numbers = [item for item in _items(made) if item.get("ValueType") == "NUM"]
    numbers[0].MeasuredValueSequence = []
    del numbers[1].MeasuredValueSequence[0].FloatingPointValue
    numbers[1].MeasuredValueSequence[0].NumericValue = "1.5e3 "
    table = nl.sr.measurements(encoded(made))
    assert np.isnan(table["value"][0])
    assert table["value"][1] == 1500


def _items(dataset: Any) -> Any:
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from _items(item)


def test_text_is_read_in_the_reports_character_set(document: Any) -> None:
    made = pydicom.dcmread(BytesIO(encoded(document)))
    tracked = next(i for i in _items(made) if i.get("TextValue", "").startswith("Finding"))
    for charset, value in (
        ("ISO_IR 100", "größe"),
        ("ISO_IR 192", "日本"),
        ("ISO_IR 144", "Люкceм"),
    ):
        made.SpecificCharacterSet = charset
        for part in made.iterall():
            if part.VR == "SQ":
                for item in part.value:
                    item.pop("SpecificCharacterSet", None)
        tracked.TextValue = value
        assert nl.sr.measurements(encoded(made))["tracking_identifier"][0] == value


def test_a_report_costs_two_requests_once_and_one_question_later(document: Any) -> None:
    with RangeServer({"/r.dcm": encoded(document)}) as server:
        url = server.url("/r.dcm")
        nl.srread(url)
        first = len(server.requests)
        nl.sr.measurements(url)
        assert len(server.requests) == first + 1
        assert first <= 3  # the object is smaller than what is asked for at first
    with RangeServer({"/r.dcm": encoded(document)}) as server, nl.settings(cache="off"):
        nl.sr.measurements(server.url("/r.dcm"))
        assert len(server.requests) <= 3


def test_what_is_no_measurement_report_is_named() -> None:
    with pytest.raises(nl.WrongKind, match=r"CT Image Storage.*nearline\.dcmread") as caught:
        nl.srread(get_testdata_file("CT_small.dcm"))
    assert isinstance(caught.value, RuntimeError)
    with pytest.raises(nl.WrongKind, match="TID 1500"):
        nl.sr.measurements(get_testdata_file("reportsi.dcm"))
    with pytest.raises(nl.NotDicom):
        nl.sr.measurements(b"no report" * 99)


def test_a_report_pickles(document: Any) -> None:
    found = nl.srread(encoded(document))
    assert pickle.loads(pickle.dumps(found)) == found
    assert codes.DCM.ImagingMeasurementReport == found.ConceptNameCodeSequence[0]
