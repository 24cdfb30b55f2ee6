"""The pixels of slices, each rendered by its own header, pasted into one array."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.errors import NearlineError, NoVolume
from nearline.image.reading.frames import Frames
from nearline.image.reading.runs import visit_runs
from nearline.image.transforms.transform import PixelTransform, make_transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.dicom.codecs.frame_format import FrameFormat
    from nearline.image.series.member import Member
    from nearline.image.transforms.options import TransformOptions

__all__ = ["read_slices"]


def read_slices(
    members: Sequence[Member],
    formats: Sequence[FrameFormat],
    rows: slice,
    columns: slice,
    dtype: np.dtype[Any],
    options: TransformOptions,
    decoder: DecoderName,
) -> NDArray[Any]:
    """Read the only frame of each object.

    Parameters
    ----------
    members : sequence of Member
        At least one.
    formats : sequence of FrameFormat
        How the frame of each is encoded.
    rows, columns : slice
        What to take of each; of step 1.
    dtype : dtype
        Of the result.
    options : TransformOptions
    decoder : {"default", "pydicom"}

    Returns
    -------
    ndarray of `dtype`, shape (members, rows, columns) or (members, rows, columns, 3)
    """
    transforms = _transforms(members, dtype, options)
    samples = {one.output_shape_suffix for one in transforms}
    if len(samples) > 1:
        raise NoVolume(
            "Some objects of the series are in colour and some are not: they make no volume. Pass "
            "a list of the URLs that belong together."
        )
    shape = (len(members), rows.stop - rows.start, columns.stop - columns.start, *samples.pop())
    out = np.empty(shape, dtype)
    alike: dict[FrameFormat, list[int]] = defaultdict(list)
    for number, format_ in enumerate(formats):
        alike[format_].append(number)
    for format_, numbers in alike.items():
        parts = [members[number].part(first) for first, number in enumerate(numbers)]
        frames = Frames(parts, format_, decoder)

        def use(
            indices: NDArray[np.intp],
            values: NDArray[Any],
            numbers: Sequence[int] = numbers,
        ) -> None:
            for index, frame in zip(indices.tolist(), values, strict=True):
                number = numbers[index]
                transforms[number].into(frame, out[number])

        visit_runs(frames, range(len(parts)), use, rows=rows, columns=columns)
    return out


def _transforms(
    members: Sequence[Member], dtype: np.dtype[Any], options: TransformOptions
) -> list[PixelTransform]:
    """Make the transform of each slice; one for all whose headers say the same."""
    known: dict[bytes, PixelTransform] = {}
    made = []
    for one in members:
        found = known.get(one.rendering_key)
        if found is None:
            try:
                found = make_transform(one.dataset(), output_dtype=dtype, **options.keywords())
            except NearlineError as fault:
                raise type(fault)(f"{one.url}: {fault}") from None
            known[one.rendering_key] = found
        made.append(found)
    return made
