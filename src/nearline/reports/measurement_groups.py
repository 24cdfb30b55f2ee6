"""Measurement groups of a TID 1500 report (PS3.16), one row for each measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import error as struct_error
from struct import unpack
from typing import Any

from nearline.errors import InvalidDicom, WrongKind
from nearline.reports.content_tree import Concept, ContentItem

__all__ = ["COLUMNS", "measurement_rows"]

COLUMNS = (
    "group",
    "kind",
    "tracking_identifier",
    "tracking_uid",
    "finding_category",
    "finding_type",
    "finding_type_code",
    "finding_sites",
    "evaluations",
    "measurement",
    "measurement_code",
    "value",
    "unit",
    "qualifier",
    "method",
    "derivation",
    "reference_type",
    "graphic_type",
    "referenced_sop_instance_uid",
    "referenced_frames",
    "referenced_segments",
)

_REPORT = ("126000", "DCM")
_MEASUREMENTS = ("126010", "DCM")
_GROUP = ("125007", "DCM")
_TRACKING_IDENTIFIER = ("112039", "DCM")
_TRACKING_UID = ("112040", "DCM")
_FINDING = ("121071", "DCM")
_CATEGORY = ("276214006", "SCT")
_SITE = ("363698007", "SCT")
_METHOD = ("370129005", "SCT")
_DERIVATION = ("121401", "DCM")
_IMAGE_REGION = ("111030", "DCM")
_SEGMENT = ("121191", "DCM")
_SEGMENTATION_FRAME = ("121214", "DCM")
_SURFACE = ("121231", "DCM")
_SPACE = ("130488", "DCM")

_REGIONS = frozenset((_IMAGE_REGION, _SEGMENT, _SEGMENTATION_FRAME, _SURFACE, _SPACE))
_NOT_EVALUATIONS = frozenset((_FINDING, _CATEGORY, _SITE, _METHOD))
_KINDS = {"1410": "planar ROI", "1411": "volumetric ROI", "1501": "image"}

_TEMPLATE = 0x0040A504
_TEMPLATE_IDENTIFIER = 0x0040DB00
_TEXT = 0x0040A160
_UID = 0x0040A124
_CODE = 0x0040A168
_MEASURED = 0x0040A300
_NUMERIC = 0x0040A30A
_FLOATING = 0x0040A161
_UNITS = 0x004008EA
_QUALIFIER = 0x0040A301
_GRAPHIC_TYPE = 0x00700023
_REFERENCED = 0x00081199
_INSTANCE = 0x00081155
_FRAMES = 0x00081160
_SEGMENTS = 0x0062000B


def measurement_rows(root: ContentItem, url: str) -> list[tuple[Any, ...]]:
    """Return the measurements of a report, as `COLUMNS` names their fields.

    Raises
    ------
    WrongKind
        The report is no TID 1500 Measurement Report.
    InvalidDicom
        A measured value is no number.
    """
    if root.name.key != _REPORT:
        raise WrongKind(
            f"{url} is a report of {root.name.meaning or 'no named kind'}, not an Imaging "
            "Measurement Report (TID 1500), which alone has measurement groups. Read its content "
            "with nearline.dcmread."
        )
    containers = _named(root.children, _MEASUREMENTS, "CONTAINER")
    rows: list[tuple[Any, ...]] = []
    # highdicom reads the first such container, and there is to be one only.
    for container in list(containers)[:1]:
        groups = _named(container.children, _GROUP, "CONTAINER")
        for number, group in enumerate(groups):
            rows += _group(number, group, url)
    return rows


def _group(number: int, group: ContentItem, url: str) -> Iterator[tuple[Any, ...]]:
    children = group.children
    finding = next((one.concept(_CODE) for one in _named(children, _FINDING, "CODE")), None)
    head = (
        number,
        _kind(group),
        next((one.text(_TEXT) for one in _named(children, _TRACKING_IDENTIFIER, "TEXT")), None),
        next((one.plain(_UID) for one in _named(children, _TRACKING_UID, "UIDREF")), None),
        _meaning(children, _CATEGORY),
        None if finding is None else finding.meaning,
        _code(finding),
    )
    sites, method = _meanings(children, _SITE), _meaning(children, _METHOD)
    evaluations = "; ".join(
        f"{one.name.meaning}: {one.concept(_CODE).meaning}"
        for one in children
        if one.value_type == "CODE" and one.name.key not in _NOT_EVALUATIONS
    )
    reference = _reference(children)
    elsewhere = _source(children)
    measured = False
    for one in children:
        if one.value_type != "NUM":
            continue
        measured = True
        value, unit = _value(one, url)
        qualifier = one.concept(_QUALIFIER)
        inner = one.children
        yield (
            *head,
            _meanings(inner, _SITE) or sites or None,
            evaluations or None,
            one.name.meaning,
            _code(one.name),
            value,
            unit.value or None,
            qualifier.meaning or None,
            _meaning(inner, _METHOD) or method,
            _meaning(inner, _DERIVATION),
            *(reference or _source(inner) or elsewhere or _NO_REFERENCE),
        )
    if not measured:
        yield (
            *(*head, sites or None, evaluations or None, None, None, None, None, None),
            *(method, None, *(reference or elsewhere or _NO_REFERENCE)),
        )


def _value(item: ContentItem, url: str) -> tuple[float | None, Concept]:
    """Return the value and unit of a NUM item; it may have a qualifier instead."""
    tree = item._tree
    for values in item.items(_MEASURED):
        unit = tree.concept(values.get(_UNITS, b""))
        try:
            if exact := values.get(_FLOATING):
                order = "<" if tree.encoding.little_endian else ">"
                return float(unpack(f"{order}d", exact[:8])[0]), unit
            text = values.get(_NUMERIC, b"").split(b"\\")[0].strip(b" \0")
            return (float(text) if text else None), unit
        except (ValueError, struct_error) as error:
            raise InvalidDicom(
                f"{url} is not valid DICOM: a measurement of {item.name.meaning!r} is no number."
            ) from error
    return None, Concept("", "", "")


def _kind(group: ContentItem) -> str:
    """Return what a group is of; as highdicom does, by its regions where no template is named."""
    for values in group.items(_TEMPLATE):
        template = values.get(_TEMPLATE_IDENTIFIER, b"").strip(b" \0").decode("latin-1")
        return _KINDS.get(template, f"TID {template}")
    found = [(one.name.key, one.value_type) for one in group.children if one.name.key in _REGIONS]
    volumes = sum(key in (_SEGMENT, _SURFACE) for key, _ in found)
    regions = sum(key == _IMAGE_REGION for key, _ in found)
    frames = sum(key == _SEGMENTATION_FRAME for key, _ in found)
    spaces = sum(key == _SPACE for key, _ in found)
    if not found:
        return "image"
    if not volumes and (regions == 1 or frames or spaces == 1):
        return "planar ROI"
    return "volumetric ROI"


_Reference = tuple[str | None, str | None, str | None, str | None, str | None]
_NO_REFERENCE: _Reference = (None, None, None, None, None)


def _reference(children: Iterable[ContentItem]) -> _Reference | None:
    """Return what the region of a group is, and which images it refers to."""
    regions = [one for one in children if one.name.key in _REGIONS]
    if not regions:
        return None
    shapes = dict.fromkeys(one.plain(_GRAPHIC_TYPE) for one in regions)
    images = [
        image
        for one in regions
        for image in (one, *one.children)
        if image.value_type in ("IMAGE", "COMPOSITE")
    ]
    graphic = "; ".join(shape for shape in shapes if shape) or None
    return regions[0].name.meaning, graphic, *_images(images)


def _source(children: Iterable[ContentItem]) -> _Reference | None:
    """Return the images that a measurement, or a group without a region, refers to."""
    images = [one for one in children if one.value_type == "IMAGE"]
    return (None, None, *_images(images)) if images else None


def _images(images: Iterable[ContentItem]) -> tuple[str | None, str | None, str | None]:
    uids, frames, segments = dict[str, None](), dict[str, None](), dict[str, None]()
    for image in images:
        order = "little" if image._tree.encoding.little_endian else "big"
        for values in image.items(_REFERENCED):
            uids[values.get(_INSTANCE, b"").strip(b" \0").decode("latin-1")] = None
            for one in values.get(_FRAMES, b"").strip(b" \0").split(b"\\"):
                frames[one.strip().decode("latin-1")] = None
            raw = values.get(_SEGMENTS, b"")
            for start in range(0, len(raw) - 1, 2):
                segments[str(int.from_bytes(raw[start : start + 2], order))] = None  # type: ignore[arg-type]
    return tuple("; ".join(filter(None, one)) or None for one in (uids, frames, segments))  # type: ignore[return-value]


def _named(
    items: Iterable[ContentItem], name: tuple[str, str], value_type: str
) -> Iterator[ContentItem]:
    return (one for one in items if one.name.key == name and one.value_type == value_type)


def _meaning(items: Iterable[ContentItem], name: tuple[str, str]) -> str | None:
    return next((one.concept(_CODE).meaning for one in _named(items, name, "CODE")), None)


def _meanings(items: Iterable[ContentItem], name: tuple[str, str]) -> str:
    return "; ".join(one.concept(_CODE).meaning for one in _named(items, name, "CODE"))


def _code(concept: Concept | None) -> str | None:
    return None if concept is None or not concept.value else f"{concept.scheme}:{concept.value}"
