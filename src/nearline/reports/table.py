"""`measurements`: the measurements of a report as a DataFrame."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

from nearline.dicom.header_reading import read_header
from nearline.errors import MissingExtra
from nearline.opening import open_reader
from nearline.reports.content_tree import content_tree
from nearline.reports.measurement_groups import COLUMNS, measurement_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

__all__ = ["measurements"]


def measurements(report: Any, *, storage_options: Mapping[str, Any] | None = None) -> DataFrame:
    """Return the measurement groups of a TID 1500 report as a table.

    Parameters
    ----------
    report : str, PathLike, bytes, file-like, Source, Reader, RemoteFile or Dataset
        Where a report lies, its content, or a report in memory: what `srread`
        returned, highdicom's, or any pydicom Dataset of one.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...

    Returns
    -------
    pandas.DataFrame
        One row for each measurement, and one for a group without any. Columns
        are text except `group` (int64) and `value` (float64):

        group
            0-based index of the measurement group in the report.
        kind
            "planar ROI" (TID 1410), "volumetric ROI" (TID 1411), "image"
            (TID 1501), or another template.
        tracking_identifier, tracking_uid, finding_category, finding_type
            Of the group; codes by their meaning.
        finding_type_code, measurement_code
            ``scheme:value``; codes of SNOMED RT as those of SNOMED CT.
        finding_sites, method
            Of the measurement, else of the group.
        evaluations
            Coded qualitative evaluations, as ``name: value; name: value``.
        measurement, value, unit, qualifier, derivation
            `value` is float64; `unit` a code value, in UCUM as a rule.
        reference_type, graphic_type
            What the region is: "Image Region", "Referenced Segment", ..., and
            its shape; missing for a group without a region.
        referenced_sop_instance_uid, referenced_frames, referenced_segments
            Of the images that the region, else the measurement, else the group
            refers to. Numbers are 1-based; several are separated by ``; ``.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    WrongKind
        No Imaging Measurement Report.
    MissingExtra
        pandas is not installed.

    Notes
    -----
    DICOM PS3.16, TID 1500 and the templates that it includes.
    """
    pandas = _pandas()
    header = read_header(open_reader(_target(report), storage_options=storage_options))
    rows = measurement_rows(content_tree(header), header.url)
    frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    texts = dict.fromkeys(COLUMNS, "string")
    return frame.astype(texts | {"group": "int64", "value": "float64"})


def _target(report: Any) -> Any:
    """Return where a report is read from: a Dataset is encoded."""
    if not hasattr(report, "save_as"):
        return report
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise MissingExtra(
            f"A table of measurements needs pandas, which cannot be imported ({error}): "
            'pip install "nearline[measurements]"'
        ) from None
