"""Remote medical images, used as if they were local files.

>>> import nearline as nl
>>> im = nl.imread("s3://bucket/slide.dcm")
>>> region = im.pixels[15000:15512, 17000:17512]

`import nearline as hd` is the whole migration from highdicom: names, keywords,
index bases and results of what is here follow it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Imported at once: these functions have the names of their modules, and the first import of
# such a module would put it in the place of the function.
from nearline.settings import settings
from nearline.traffic import traffic

if TYPE_CHECKING:
    from highdicom import Volume, VolumeGeometry

    from nearline import ann, errors, pm, seg, sr
    from nearline.annotations.annread import annread
    from nearline.datasets import dcmread
    from nearline.errors import (
        AccessDenied,
        AmbiguousFrames,
        AmbiguousSeries,
        CacheDamaged,
        DecodingFailed,
        IncompleteCollection,
        InvalidAnnotations,
        InvalidDicom,
        InvalidFractions,
        InvalidLookupTable,
        InvalidOption,
        InvalidTransform,
        MissingExtra,
        MissingFrames,
        NearlineError,
        NoPixels,
        NoSeries,
        NoSourceReferences,
        NotDicom,
        NotFound,
        NotPicklable,
        NoVolume,
        ObjectChanged,
        Offline,
        OutsideMatrix,
        OverlappingSegments,
        TooLarge,
        TransformMissing,
        TruncatedObject,
        Unavailable,
        UnknownAnnotation,
        UnknownDimension,
        UnknownFrame,
        UnknownSegment,
        UnknownSource,
        UnreadableMeasurements,
        UnsafeAfterFork,
        UnsupportedTransferSyntax,
        UnsupportedUrl,
        WrongKind,
    )
    from nearline.fetch.file import RemoteFile
    from nearline.image.geometry.coordinate_system import CoordinateSystemNames
    from nearline.image.image import Image
    from nearline.image.imread import imread
    from nearline.image.many.read_regions import read_regions
    from nearline.image.series.open_series import open_series
    from nearline.image.series.series import Series
    from nearline.measurements.bx import cache_ashs, cache_freesurfer6
    from nearline.measurements.collect import collect
    from nearline.opening import open  # noqa: A004
    from nearline.pm import pmread
    from nearline.reports.srread import srread
    from nearline.seg import segread
    from nearline.settings import Settings
    from nearline.traffic import Traffic

__version__ = "0.1.0.dev0"

__all__ = [
    "AccessDenied",
    "AmbiguousFrames",
    "AmbiguousSeries",
    "CacheDamaged",
    "CoordinateSystemNames",
    "DecodingFailed",
    "Image",
    "IncompleteCollection",
    "InvalidAnnotations",
    "InvalidDicom",
    "InvalidFractions",
    "InvalidLookupTable",
    "InvalidOption",
    "InvalidTransform",
    "MissingExtra",
    "MissingFrames",
    "NearlineError",
    "NoPixels",
    "NoSeries",
    "NoSourceReferences",
    "NoVolume",
    "NotDicom",
    "NotFound",
    "NotPicklable",
    "ObjectChanged",
    "Offline",
    "OutsideMatrix",
    "OverlappingSegments",
    "RemoteFile",
    "Series",
    "Settings",
    "TooLarge",
    "Traffic",
    "TransformMissing",
    "TruncatedObject",
    "Unavailable",
    "UnknownAnnotation",
    "UnknownDimension",
    "UnknownFrame",
    "UnknownSegment",
    "UnknownSource",
    "UnreadableMeasurements",
    "UnsafeAfterFork",
    "UnsupportedTransferSyntax",
    "UnsupportedUrl",
    "Volume",
    "VolumeGeometry",
    "WrongKind",
    "ann",
    "annread",
    "cache_ashs",
    "cache_freesurfer6",
    "collect",
    "dcmread",
    "errors",
    "imread",
    "open",
    "open_series",
    "pm",
    "pmread",
    "read_regions",
    "seg",
    "segread",
    "settings",
    "sr",
    "srread",
    "traffic",
]

_MODULES = frozenset({"ann", "errors", "pm", "seg", "sr"})

_HOMES = {
    "annread": "nearline.annotations.annread",
    "CoordinateSystemNames": "nearline.image.geometry.coordinate_system",
    "Image": "nearline.image.image",
    "RemoteFile": "nearline.fetch.file",
    "Series": "nearline.image.series.series",
    "Settings": "nearline.settings",
    "Traffic": "nearline.traffic",
    "Volume": "highdicom",
    "VolumeGeometry": "highdicom",
    "cache_ashs": "nearline.measurements.bx",
    "cache_freesurfer6": "nearline.measurements.bx",
    "collect": "nearline.measurements.collect",
    "dcmread": "nearline.datasets",
    "imread": "nearline.image.imread",
    "open": "nearline.opening",
    "open_series": "nearline.image.series.open_series",
    "pmread": "nearline.pm",
    "segread": "nearline.seg",
    "read_regions": "nearline.image.many.read_regions",
    "srread": "nearline.reports.srread",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): pydicom and NumPy load only then."""
    if name in _MODULES:
        return import_module(f"nearline.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'nearline' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "nearline.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
