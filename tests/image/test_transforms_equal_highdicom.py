"""Transformed frames equal highdicom's, whatever an image carries and a caller asks for."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import highdicom
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from nearline.errors import InvalidTransform
from nearline.image.transforms.transform import make_transform
from oracles.outcomes import outcome

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
FRAMES, ROWS, COLUMNS = 2, 4, 5


def grey_image(rng: np.random.Generator, *, bits: int, stored: int, signed: bool) -> Dataset:
    ds = Dataset()
    ds.file_meta = Dataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ENHANCED_MR
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.NumberOfFrames = FRAMES
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, stored, stored - 1
    ds.PixelRepresentation = int(signed)
    low, high = (-(1 << stored - 1), 1 << stored - 1) if signed else (0, 1 << stored)
    pixels = rng.integers(low, high, (FRAMES, ROWS, COLUMNS))
    ds.PixelData = pixels.astype(f"{'i' if signed else 'u'}{bits // 8}").tobytes()
    return ds


def lut(rng: np.random.Generator, first: int, count: int, bits: int) -> Dataset:
    item = Dataset()
    dtype = np.uint8 if bits == 8 else np.uint16
    values = rng.integers(0, 1 << bits, count).astype(dtype)
    values[:2] = 0, (1 << bits) - 1
    data = values.tobytes()
    item.add_new("LUTDescriptor", "US", [count % 65536, first, bits])
    item.add_new("LUTData", "OW", data + b"\0" * (len(data) % 2))
    item.LUTExplanation = f"LUT {count}"
    return item


def real_world_map(label: str, code: Code, slope: float, intercept: float, span: int) -> Dataset:
    item = Dataset()
    item.LUTLabel = label
    units = Dataset()
    units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = code[:3]
    item.MeasurementUnitsCodeSequence = [units]
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    item.add_new("RealWorldValueFirstValueMapped", "SS", -span)
    item.add_new("RealWorldValueLastValueMapped", "SS", span - 1)
    return item


HU = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
MM2S = Code("mm2/s", "UCUM", "mm2/s")
slopes = st.sampled_from([1.0, 2.0, 0.5, -1.0, 1.25, 3.0])
intercepts = st.sampled_from([0.0, -1024.0, 10.0, 0.5])


@st.composite
def grey_images(draw: st.DrawFn) -> Dataset:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    bits, stored = draw(st.sampled_from([(8, 8), (8, 6), (16, 12), (16, 16)]))
    signed = draw(st.booleans())
    ds = grey_image(rng, bits=bits, stored=stored, signed=signed)
    ds.PhotometricInterpretation = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))
    shape = draw(st.sampled_from([None, "IDENTITY", "INVERSE"]))
    if shape:
        ds.PresentationLUTShape = shape
    shared, own = Dataset(), [Dataset() for _ in range(FRAMES)]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = own

    def places(where: str) -> list[Dataset]:
        return {"image": [ds], "shared": [shared], "own": own, "no": []}[where]

    where = st.sampled_from(["no", "image", "shared", "own"])
    for at in places(draw(where)):
        item = at
        if at is not ds:
            item = Dataset()
            at.PixelValueTransformationSequence = [item]
        item.RescaleSlope, item.RescaleIntercept = draw(slopes), draw(intercepts)
    for at in places(draw(where)):
        item = at
        if at is not ds:
            item = Dataset()
            at.FrameVOILUTSequence = [item]
        width = draw(st.sampled_from([2.0, 50.0, 400.0]))
        item.WindowCenter, item.WindowWidth = [40.0, draw(intercepts)], [width, 100.0]
        item.WindowCenterWidthExplanation = ["SOFT", "BONE"]
        function = draw(st.sampled_from([None, "LINEAR", "LINEAR_EXACT", "SIGMOID"]))
        if function:
            item.VOILUTFunction = function
    if draw(st.integers(0, 3)) == 0:
        for at in places(draw(where)):
            at.RealWorldValueMappingSequence = [
                real_world_map("HU", HU, draw(slopes), draw(intercepts), 1 << 15),
                real_world_map("ADC", MM2S, 0.5, 0.0, draw(st.sampled_from([10, 1 << 15]))),
            ]
    tables = st.tuples(
        st.integers(0, 40), st.sampled_from([16, 100, 257]), st.sampled_from([8, 16])
    )
    if draw(st.integers(0, 3)) == 0:
        ds.ModalityLUTSequence = [lut(rng, *draw(tables))]
    if draw(st.integers(0, 3)) == 0:
        ds.VOILUTSequence = [lut(rng, *draw(tables)), lut(rng, 3, 64, 8)]
    return ds


options = st.fixed_dictionaries(
    {},
    optional={
        "apply_real_world_transform": st.sampled_from([None, True, False]),
        "real_world_value_map_selector": st.sampled_from([0, 1, -1, 2, "HU", "ADC", "no", HU]),
        "apply_modality_transform": st.sampled_from([None, True, False]),
        "apply_voi_transform": st.sampled_from([None, True, False]),
        "voi_transform_selector": st.sampled_from([0, 1, -2, 5, "BONE", "LUT 64", "no"]),
        "voi_output_range": st.sampled_from([(0.0, 1.0), (0.0, 255.0), (-1.0, 3.5), (1.0, 1.0)]),
        "apply_presentation_lut": st.booleans(),
        "apply_palette_color_lut": st.sampled_from([None, True, False]),
        "apply_icc_profile": st.sampled_from([None, True, False]),
    },
)
dtypes = st.sampled_from([np.float64, np.float32, np.int32, np.uint16, np.uint8, np.int16])


BUILTINS = (ValueError, TypeError, RuntimeError, IndexError, AttributeError)


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception), (ours, theirs)
        kinds = [one for one in BUILTINS if isinstance(theirs, one)]
        assert isinstance(ours, tuple(kinds)), (ours, theirs)
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"highdicom gives pixels, we say: {ours}") from ours
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def first_rescale(ds: Dataset) -> tuple[float, float]:
    groups = (ds.SharedFunctionalGroupsSequence[0], ds.PerFrameFunctionalGroupsSequence[0])
    for level in (ds, *groups):
        item = level.get("PixelValueTransformationSequence", [level])[0]
        if item.get("RescaleSlope") or item.get("RescaleIntercept"):
            return float(item.RescaleSlope or 1), float(item.RescaleIntercept or 0)
    return 1.0, 0.0


def highdicom_is_wrong(ds: Dataset, keywords: dict[str, Any]) -> bool:
    """Whether a VOI LUT follows a rescale, which highdicom strides through by the slope.

    `test_transforms_deviate_knowingly` says what is right there.
    """
    slope, intercept = first_rescale(ds)
    asked = keywords.get("apply_voi_transform", False) is not False
    return "VOILUTSequence" in ds and asked and (slope != 1 or not intercept.is_integer())


def highdicom_wraps(ours: Any, theirs: Any, dtype: Any) -> bool:
    """Whether we refuse an integer type that highdicom lets a falling rescale overflow."""
    refused = isinstance(ours, InvalidTransform) and "reach from" in str(ours)
    return refused and np.dtype(dtype).kind != "f" and isinstance(theirs, np.ndarray)


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(ds=grey_images(), keywords=options, dtype=dtypes)
def test_grey_frames_equal_highdicom(ds: Dataset, keywords: dict[str, Any], dtype: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs_image = highdicom.Image.from_dataset(ds)
    for index in range(FRAMES):
        theirs = outcome(
            lambda: theirs_image.get_frame(index, as_index=True, dtype=dtype, **keywords)  # noqa: B023
        )
        stored = theirs_image.get_stored_frame(index, as_index=True)

        def ours() -> Any:
            transform = make_transform(ds, frame_index=index, output_dtype=dtype, **keywords)  # noqa: B023
            return pickle.loads(pickle.dumps(transform))(stored)  # noqa: B023

        mine = outcome(ours)
        if not highdicom_is_wrong(ds, keywords) and not highdicom_wraps(mine, theirs, dtype):
            assert_same(mine, theirs)
