"""TID 1500 reports that highdicom writes: groups of every kind, with what each may hold."""

from __future__ import annotations

from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom import sr
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
FINDINGS = (Code("108369006", "SCT", "Neoplasm"), Code("27925004", "SCT", "Nodule"))
SITES = (Code("39607008", "SCT", "Lung"), Code("10200004", "SCT", "Liver"))


@cache
def _image() -> Dataset:
    return pydicom.dcmread(get_testdata_file("CT_small.dcm"))


def _measurement(rng: np.random.Generator, rich: bool) -> sr.Measurement:
    name, unit = [
        (codes.SCT.Area, codes.UCUM.SquareMillimeter),
        (codes.SCT.Volume, codes.UCUM.CubicMillimeter),
        (codes.SCT.Length, codes.UCUM.Millimeter),
    ][int(rng.integers(3))]
    more: dict[str, Any] = {}
    if rich:
        image = _image()
        more = {
            "derivation": codes.SCT.Mean,
            "method": Code("126410", "DCM", "SUV body weight calculation method"),
            "finding_sites": [sr.FindingSite(SITES[1])],
            "qualifier": codes.DCM.NotANumber if rng.random() < 0.2 else None,
            "referenced_images": [
                sr.SourceImageForMeasurement(image.SOPClassUID, image.SOPInstanceUID)
            ],
        }
    return sr.Measurement(name=name, value=float(np.float32(rng.normal(0, 1e4))), unit=unit, **more)


def _common(rng: np.random.Generator, number: int, measurements: int) -> dict[str, Any]:
    return {
        "tracking_identifier": sr.TrackingIdentifier(
            uid=highdicom.UID(), identifier=f"Finding {number}"
        ),
        "finding_type": FINDINGS[number % 2],
        "finding_category": codes.SCT.MorphologicallyAbnormalStructure,
        "finding_sites": [sr.FindingSite(site) for site in SITES[: number % 3]],
        "method": Code("702873001", "SCT", "Calculation") if number % 4 == 0 else None,
        "measurements": [_measurement(rng, (number + n) % 2 == 0) for n in range(measurements)],
        "qualitative_evaluations": [
            sr.QualitativeEvaluation(codes.DCM.LevelOfSignificance, codes.SCT.NotSignificant)
        ]
        if number % 2
        else None,
    }


def planar(rng: np.random.Generator, number: int, measurements: int = 2) -> Any:
    """A group of TID 1410: a region of an image, or a frame of a segmentation."""
    image = _image()
    common = _common(rng, number, measurements)
    if number % 3 == 2:
        frame = sr.ReferencedSegmentationFrame(
            sop_class_uid=_SEGMENTATION,
            sop_instance_uid=highdicom.UID(),
            frame_number=[number + 1, number + 2],
            segment_number=number % 5 + 1,
            source_image=sr.SourceImageForSegmentation(image.SOPClassUID, image.SOPInstanceUID),
        )
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=frame, **common)
    if number % 3 == 1:
        region: Any = sr.ImageRegion3D(
            graphic_type=sr.GraphicTypeValues3D.POLYGON,
            graphic_data=np.array([(0, 0, 1), (0, 9, 1), (9, 9, 1), (0, 0, 1)], float),
            frame_of_reference_uid=image.FrameOfReferenceUID,
        )
    else:
        region = sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues.CIRCLE,
            graphic_data=rng.uniform(1, 99, (2, 2)).astype(np.float32),
            source_image=sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID),
        )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)


def volumetric(rng: np.random.Generator, number: int, measurements: int = 2) -> Any:
    """A group of TID 1411: a segment, or regions of several images."""
    image = _image()
    common = _common(rng, number, measurements)
    if number % 2:
        regions = [
            sr.ImageRegion(
                graphic_type=sr.GraphicTypeValues.POLYLINE,
                graphic_data=np.array([(1, 1), (1, 9), (9, 9), (1, 1)], float),
                source_image=sr.SourceImageForRegion(
                    image.SOPClassUID, highdicom.UID(), referenced_frame_numbers=[n + 1]
                ),
            )
            for n in range(3)
        ]
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_regions=regions, **common
        )
    segment = sr.ReferencedSegment(
        sop_class_uid=_SEGMENTATION,
        sop_instance_uid=highdicom.UID(),
        segment_number=number + 1,
        source_series=sr.SourceSeriesForSegmentation(image.SeriesInstanceUID),
    )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=segment, **common
    )


def whole_image(rng: np.random.Generator, number: int, measurements: int = 2) -> Any:
    """A group of TID 1501: measurements of images without a region."""
    image = _image()
    return sr.MeasurementsAndQualitativeEvaluations(
        source_images=[sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)],
        **_common(rng, number, measurements),
    )


def report(groups: list[Any], kind: type[Any] = sr.Comprehensive3DSR) -> Any:
    """A document of some groups."""
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes("Observer^One"),
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    return kind(
        evidence=_evidence(content),
        content=content[0],
        series_number=1,
        series_instance_uid=highdicom.UID(),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Maker",
        is_complete=True,
        is_final=True,
        is_verified=False,
    )


def _evidence(content: Any) -> list[Dataset]:
    """Headers of everything that a document refers to, as highdicom wants to see them."""
    found = {_image().SOPInstanceUID: _image()}
    for item in content[0].iterall():
        if item.keyword == "ReferencedSOPSequence":
            for one in item.value:
                header = Dataset()
                header.update({e.tag: copy(e) for e in _image() if e.keyword != "PixelData"})
                header.SOPClassUID = one.ReferencedSOPClassUID
                header.SOPInstanceUID = one.ReferencedSOPInstanceUID
                found.setdefault(one.ReferencedSOPInstanceUID, header)
    return list(found.values())


def write_report(path: Path, groups: int, measurements: int = 3) -> Path:
    """Write a report of many planar groups."""
    from made.annotations import encoded

    rng = np.random.default_rng(groups)
    path.write_bytes(encoded(report([planar(rng, n, measurements) for n in range(groups)])))
    return path
