"""Colour correction by an image's ICC profile (PS3.3 C.11.15)."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearline.errors import InvalidDicom, InvalidTransform

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

__all__ = ["IccTransform"]


class IccTransform:
    """From the colours of a device to sRGB. Equal, and alike, for equal profiles.

    One instance serves any number of threads: Little CMS only reads a transform
    while applying it, and Pillow releases the GIL. Pickles as its profile.

    Parameters
    ----------
    profile : bytes
        (0028,2000) ICC Profile.

    Raises
    ------
    InvalidDicom
        The profile cannot be read or does not describe RGB input.
    """

    __slots__ = ("_transform", "profile")

    def __init__(self, profile: bytes) -> None:
        self.profile = bytes(profile)
        self._transform = _build(self.profile)

    def apply(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """Return a read-only array in sRGB; the same for a tile as within a whole region.

        Parameters
        ----------
        array : ndarray of uint8, shape (rows, columns, 3)
            RGB.

        Raises
        ------
        InvalidTransform
            Not 8-bit RGB.
        """
        from PIL import Image, ImageCms

        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise InvalidTransform(
                f"The ICC profile applies to 8-bit RGB only, not to {array.dtype} of shape "
                f"{array.shape}. Pass apply_icc_profile=False."
            )
        if not array.size:
            return array.copy()
        image = Image.fromarray(array)
        ImageCms.applyTransform(image, self._transform, inPlace=True)
        return np.frombuffer(image.tobytes(), np.uint8).reshape(array.shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IccTransform):
            return NotImplemented
        return self.profile == other.profile

    def __hash__(self) -> int:
        return hash(self.profile)

    def __reduce__(self) -> tuple[type[IccTransform], tuple[bytes]]:
        return (IccTransform, (self.profile,))

    def __repr__(self) -> str:
        return f"IccTransform(<profile of {len(self.profile)} bytes>)"


@lru_cache(maxsize=16)
def _build(profile: bytes) -> ImageCmsTransform:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        usable = ImageCms.isIntentSupported(
            source, ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Direction.INPUT
        )
        if usable == 1:
            return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except (OSError, ImageCms.PyCMSError) as fault:
        reason = str(fault)
    else:
        reason = "it does not support relative colorimetric input"
    raise InvalidDicom(
        f"(0028,2000) ICC Profile, {len(profile)} bytes, cannot be used: {reason}. Pass "
        "apply_icc_profile=False to read the colours as they are stored."
    )
