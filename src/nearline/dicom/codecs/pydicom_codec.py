"""Frames decoded by pydicom and whatever plugins are installed for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.codecs.frame_codec import FrameCodec
from nearline.dicom.codecs.frame_format import FrameFormat
from nearline.dicom.codecs.uncompressed import native_codec
from nearline.errors import UnsupportedTransferSyntax

__all__ = ["pydicom_codec"]


def pydicom_codec(frame_format: FrameFormat) -> FrameCodec:
    """Return pydicom's own decoder, with the options that highdicom gives it.

    Raises
    ------
    UnsupportedTransferSyntax
        pydicom knows no decoder, or none of its plugins is installed.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    if frame_format.is_native and frame_format.native_bits % (
        16 if frame_format.is_in_words else 8
    ):
        # Where in its first byte or word a frame begins, pydicom cannot be told.
        return native_codec(frame_format)
    uid = frame_format.transfer_syntax_uid
    try:
        decoder = get_decoder(uid)
    except NotImplementedError:
        raise UnsupportedTransferSyntax(
            f'pydicom has no decoder for transfer syntax {uid}; leave out decoder="pydicom".'
        ) from None
    if not decoder.is_available:
        raise UnsupportedTransferSyntax(
            f"No plugin for transfer syntax {uid} is installed for pydicom "
            f"({'; '.join(decoder.missing_dependencies)}). Install one, or leave out "
            'decoder="pydicom".'
        )
    options: dict[str, Any] = {
        "rows": frame_format.rows,
        "columns": frame_format.columns,
        "number_of_frames": 1,
        "samples_per_pixel": frame_format.samples_per_pixel,
        "bits_allocated": frame_format.bits_allocated,
        # highdicom passes Bits Allocated here, so that unused bits stay as they are.
        "bits_stored": frame_format.bits_allocated,
        "photometric_interpretation": frame_format.photometric_interpretation,
        "pixel_representation": frame_format.pixel_representation,
        "pixel_keyword": frame_format.pixel_keyword,
    }
    if frame_format.samples_per_pixel > 1:
        options["planar_configuration"] = frame_format.planar_configuration
    if frame_format.pixel_vr:
        options["pixel_vr"] = frame_format.pixel_vr
    encapsulated = not frame_format.is_native
    dtype = frame_format.dtype

    def decode(data: bytes, _index: int, _out: NDArray[Any] | None) -> NDArray[Any]:
        frame = bytes(data)
        source = encapsulate([frame], has_bot=False) if encapsulated else frame
        array, _ = decoder.as_array(source, **options)
        return np.ascontiguousarray(array, dtype)

    return decode
