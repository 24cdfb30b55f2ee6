"""The one tree of errors.

Each class stands for what a caller would do about it, and inherits the builtin
exception that code written for local files or for highdicom already catches.
A message is a sentence that names the object and the remedy. URLs in messages
are those of `storage.url.printable`: without credentials or signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nearline.provenance import Validator

__all__ = [
    "AccessDenied",
    "AmbiguousFrames",
    "AmbiguousSeries",
    "CacheDamaged",
    "DecodingFailed",
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
    "TooLarge",
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
    "WrongKind",
]


class NearlineError(Exception):
    """Root of everything that nearline raises on purpose."""

    def __str__(self) -> str:
        # KeyError and OSError would quote or number the sentence.
        return str(self.args[0]) if self.args else ""


# --- reaching the object ---------------------------------------------------


class NotFound(NearlineError, FileNotFoundError):
    """No object of that name."""


class AccessDenied(NearlineError, PermissionError):
    """The server refuses: no permission, wrong key, expired token or signature."""


class ObjectChanged(NearlineError, OSError):
    """The object was replaced or removed after it was opened.

    Parameters
    ----------
    message : str
        A sentence that names the object.
    current : Validator or None
        The version that the server has now, as far as it told.
    """

    def __init__(self, message: str = "", *, current: Validator | None = None) -> None:
        super().__init__(message)
        self.current = current


class Unavailable(NearlineError, ConnectionError):
    """The server could not be reached or kept failing, after all retries."""


class Offline(Unavailable):
    """`freshness="offline"` and the cache lacks what was asked for."""


class UnsafeAfterFork(NearlineError, RuntimeError):
    """A signed store was used in a process forked after its parent used one."""


class UnsupportedUrl(NearlineError, ValueError):
    """No storage reads such a URL or such an object."""


class InvalidOption(NearlineError, TypeError, ValueError):
    """An unknown or contradictory setting or storage option."""


class MissingExtra(NearlineError, ImportError):
    """An optional part of nearline is not installed; the message names the extra."""


class NotPicklable(NearlineError, TypeError):
    """The object was opened from a handle that another process cannot reopen."""


class CacheDamaged(NearlineError, OSError):
    """A part of the cache that a user asked for explicitly is damaged."""


# --- what the object holds -------------------------------------------------


class InvalidDicom(NearlineError, ValueError):
    """The bytes contradict the DICOM standard; names the tag and byte offset."""


class NotDicom(InvalidDicom):
    """The object is not a DICOM file at all."""


class TruncatedObject(InvalidDicom, EOFError):
    """The object ends before the data that it announces."""


class NoPixels(InvalidDicom, AttributeError):
    """A DICOM object without an image."""


class InvalidAnnotations(InvalidDicom, IndexError):
    """Coordinates or measurements of annotations contradict their number or their index."""


class DecodingFailed(InvalidDicom, RuntimeError):
    """The encoded pixels of a frame cannot be decoded."""


class InvalidFractions(InvalidDicom, RuntimeError):
    """A fractional segmentation holds values that are none of its fractions."""


class WrongKind(NearlineError, ValueError, RuntimeError):
    """A DICOM object of another kind than the function reads."""


class InvalidLookupTable(InvalidDicom, RuntimeError, AttributeError):
    """A lookup table of the image is missing or contradicts its descriptor."""


class UnsupportedTransferSyntax(NearlineError, NotImplementedError, ValueError):
    """No decoder for this encoding of pixels."""


# --- what was asked of an image ---------------------------------------------


class OutsideMatrix(NearlineError, ValueError, IndexError):
    """A region reaches past the total pixel matrix."""


class UnknownFrame(NearlineError, IndexError, ValueError):
    """A frame number that the image does not have."""


class UnknownDimension(NearlineError, KeyError, ValueError):
    """A tag that is no dimension index of the image, or a keyword that DICOM does not have."""


class UnknownSegment(NearlineError, ValueError, IndexError):
    """A segment that the segmentation does not have; the message lists those it has."""


class OverlappingSegments(NearlineError, RuntimeError, ValueError):
    """Segments that share pixels were to be combined into one array of labels."""


class AmbiguousFrames(NearlineError, RuntimeError, ValueError):
    """Several frames lie at one place; a selector must choose among them."""


class MissingFrames(NearlineError, RuntimeError, ValueError):
    """A sparse image lacks frames that the request needs."""


class AmbiguousSeries(NearlineError, ValueError):
    """Objects of several series where one is wanted; the message lists them."""


class NoSeries(NearlineError, LookupError, ValueError):
    """Nothing of what was listed is an image of the series asked for."""


class NoVolume(NearlineError, RuntimeError, ValueError):
    """The frames do not make a volume: no positions, or not evenly spaced along their normal."""


class NoSourceReferences(NearlineError, RuntimeError):
    """The image does not say what its frames were derived from, or that pixels kept their place."""


class UnknownSource(NearlineError, KeyError, ValueError):
    """The image does not say that it was derived from the instance or frame asked for."""


class InvalidTransform(NearlineError, ValueError, TypeError):
    """The pixel transforms asked for contradict each other or the data."""


class TransformMissing(NearlineError, RuntimeError, ValueError, IndexError):
    """A pixel transform was required or selected that the image does not carry."""


class TooLarge(NearlineError, ValueError, MemoryError):
    """An array above the limit of the settings."""


# --- what was asked of annotations ------------------------------------------


class UnknownAnnotation(NearlineError, ValueError, IndexError):
    """A group, annotation, measurement or coordinate type that the object does not have."""


# --- measurements -----------------------------------------------------------


class UnreadableMeasurements(NearlineError, ValueError):
    """A file of measurements is empty, cut, of another kind or contradicts itself.

    The message names the file and, where there is one, the line.
    """


class IncompleteCollection(NearlineError, RuntimeError):
    """Sessions of a project could not be read, and `on_error="raise"` was asked for.

    Parameters
    ----------
    message : str
        A sentence that names the server, the project and the sessions.
    failed : mapping of str to str
        A sentence for each experiment id.
    """

    def __init__(self, message: str = "", *, failed: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.failed = dict(failed or {})
