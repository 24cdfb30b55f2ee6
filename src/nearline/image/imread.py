"""`imread`: from a URL, or whatever else holds an image, to an `Image`."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from pydicom.dataset import Dataset

from nearline.errors import InvalidOption
from nearline.image.concatenation import join
from nearline.image.image import Image
from nearline.image.opened import open_image
from nearline.image.side_by_side import side_by_side
from nearline.opening import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.image.opened import Opened

__all__ = ["imread"]

_Image = TypeVar("_Image", bound=Image)


def imread(
    fp: Any,
    lazy_frame_retrieval: bool = True,  # noqa: ARG001 - accepted for highdicom's sake
    *,
    storage_options: Mapping[str, Any] | None = None,
    decoder: DecoderName = "default",
) -> Image:
    """Open a DICOM image, reading its header only.

    Parameters
    ----------
    fp : str, PathLike, bytes, file-like, or a list of these
        URL (``s3://``, ``gs://``, ``az://``, ``https://``, any that fsspec knows),
        path, content, or an open reader, such as a google-cloud-storage
        BlobReader or an s3fs file. A list names the instances of one
        concatenation, in any order, which become one image.
    lazy_frame_retrieval : bool
        Accepted for highdicom's sake: frames are always read when asked for.
    storage_options : mapping, optional
        As in fsspec and pandas: ``anon``, ``key``, ``endpoint_url``, ...
    decoder : {"default", "pydicom"}
        "default": imagecodecs, beside other threads. "pydicom": pydicom and its
        installed plugins, bit for bit what highdicom gives.

    Returns
    -------
    Image
        A pydicom Dataset of the header, with highdicom's methods.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the storage says.
    NotDicom, InvalidDicom
        No DICOM file, or a damaged one.
    NoPixels
        A DICOM file without an image.
    """
    return open_as(Image, fp, storage_options=storage_options, decoder=decoder)


def open_as(
    cls: type[_Image],
    fp: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    decoder: DecoderName = "default",
) -> _Image:
    """Open an image as a given class; see `imread`."""
    if isinstance(fp, Sequence) and not isinstance(fp, (str, bytes, bytearray, memoryview)):

        def open_one(part: Any) -> Opened:
            return open_image(open_reader(part, storage_options=storage_options), decoder)[0]

        return cls(join(side_by_side(open_one, fp)))
    return cls(*open_image(open_reader(fp, storage_options=storage_options), decoder))


def encoded(dataset: Dataset) -> bytes:
    """Return a Dataset as the file that would hold it."""
    if not isinstance(dataset, Dataset):
        raise InvalidOption(
            f"from_dataset takes a pydicom Dataset, not a {type(dataset).__name__}. "
            "from_file opens files and URLs."
        )
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
