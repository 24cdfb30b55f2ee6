"""Bulk annotations that highdicom writes, in every encoding that DICOM allows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from slides import Recipe, write_slide

NUCLEUS = Code("84640000", "SCT", "Nucleus")
AREA = codes.SCT.Area
LENGTH = codes.SCT.Length

SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}

_NUMBERS = {
    "PointCoordinatesData": 4,
    "DoublePointCoordinatesData": 8,
    "LongPrimitivePointIndexList": 4,
    "FloatingPointValues": 4,
    "AnnotationIndexList": 4,
}


@cache
def _slide() -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.dcm"
        write_slide(path, Recipe(rows=64, columns=64, tile_rows=64, tile_columns=64))
        return pydicom.dcmread(path)


def points(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Annotations of one point each."""
    return list(values[:, None, :])


def group(
    number: int,
    graphic_type: str,
    data: Sequence[NDArray[Any]],
    measurements: Mapping[Code, NDArray[Any]] | None = None,
    label: str | None = None,
    property_type: Code = NUCLEUS,
    algorithm: str | None = "cells",
) -> highdicom.ann.AnnotationGroup:
    """One group, as highdicom makes it."""
    how: dict[str, Any] = {"algorithm_type": "MANUAL"}
    if algorithm is not None:
        how = {
            "algorithm_type": "AUTOMATIC",
            "algorithm_identification": highdicom.AlgorithmIdentificationSequence(
                name=algorithm, version="1.2", family=codes.DCM.ArtificialIntelligence
            ),
        }
    return highdicom.ann.AnnotationGroup(
        number=number,
        uid=highdicom.UID(),
        label=label or f"group {number}",
        annotated_property_category=codes.SCT.AnatomicalStructure,
        annotated_property_type=property_type,
        graphic_type=graphic_type,
        graphic_data=data,
        measurements=[
            highdicom.ann.Measurements(name, values, codes.UCUM.SquareMicrometer)
            for name, values in (measurements or {}).items()
        ],
        **how,
    )


def annotations(
    groups: Sequence[highdicom.ann.AnnotationGroup], coordinate_type: str = "2D"
) -> highdicom.ann.MicroscopyBulkSimpleAnnotations:
    """An object of some groups."""
    return highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[_slide()],
        annotation_coordinate_type=coordinate_type,
        annotation_groups=groups,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
    )


def encoded(dataset: Dataset, syntax: str = "explicit", *, undefined: bool = False) -> bytes:
    """The file of a dataset, which is not changed; `undefined`: no sequence tells its length."""
    buffer = BytesIO()
    dataset.save_as(buffer)
    copy = pydicom.dcmread(BytesIO(buffer.getvalue()))
    for _ in copy.iterall():  # what is still encoded could not be encoded otherwise
        pass
    if syntax == "big endian":
        _swap(copy)
    if undefined:
        _undefine(copy)
    if syntax == "explicit" and not undefined:
        return buffer.getvalue()
    copy.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    out = BytesIO()
    pydicom.dcmwrite(out, copy, enforce_file_format=True)
    return out.getvalue()


def _swap(dataset: Dataset) -> None:
    for element in dataset.iterall():
        width = _NUMBERS.get(element.keyword)
        if width:
            element.value = np.frombuffer(element.value, f"<u{width}").byteswap().tobytes()


def _undefine(dataset: Dataset) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _undefine(item)


def polygons(
    rng: np.random.Generator, count: int, dimensions: int = 2, dtype: Any = np.float32
) -> list[NDArray[Any]]:
    """Outlines of cells: 3 to 24 corners around a centre, all in one plane."""
    found = []
    for centre in rng.uniform(0, 1000, (count, dimensions)):
        corners = int(rng.integers(3, 25))
        turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
        outline = np.zeros((corners, dimensions))
        outline[:, 0], outline[:, 1] = np.cos(turns), np.sin(turns)
        found.append((centre + 8 * outline).astype(dtype))
    return found


def write_cells(path: Path, graphic_type: str, groups: int, each: int) -> Path:
    """Write an object of many cells, as points or as outlines, each group with an area."""
    rng = np.random.default_rng(each)
    made = [
        group(
            number,
            graphic_type,
            points(rng.uniform(0, 100_000, (each, 2)).astype(np.float32))
            if graphic_type == "POINT"
            else polygons(rng, each),
            {AREA: rng.random(each).astype(np.float32)},
        )
        for number in range(1, groups + 1)
    ]
    path.write_bytes(encoded(annotations(made)))
    return path
