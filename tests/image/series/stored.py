"""Series as bytes, and what highdicom makes of them."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import highdicom
import numpy as np
import pydicom
from pydicom.dataset import Dataset

from made import Phantom
from made.ct import ct_series
from made.files import as_bytes

SMALL = Phantom(20, 24, 7, (2.5, 0.8, 0.7))


def series(
    phantom: Phantom = SMALL,
    *,
    shuffled: int | None = 1,
    change: Callable[[int, Dataset], None] | None = None,
    **options: Any,
) -> list[bytes]:
    """Objects of a series in no order; `change` may alter each before it is written."""
    made = []
    for index, dataset in enumerate(ct_series(phantom, **options)):
        if change is not None:
            change(index, dataset)
        made.append(as_bytes(dataset))
    if shuffled is not None:
        random.Random(shuffled).shuffle(made)
    return made


def datasets_of(objects: Iterable[bytes]) -> list[Dataset]:
    return [pydicom.dcmread(io.BytesIO(one)) for one in objects]


def theirs(objects: Iterable[bytes], **options: Any) -> highdicom.Volume:
    return highdicom.image.get_volume_from_series(datasets_of(objects), **options)


def is_refused(objects: Iterable[bytes], **options: Any) -> bool:
    """Whether highdicom raises the builtin error that ours inherits."""
    try:
        theirs(objects, **options)
    except ValueError:
        return True
    return False


def assert_same(ours: highdicom.Volume, wanted: highdicom.Volume) -> None:
    assert type(ours) is highdicom.Volume
    assert ours.array.dtype == wanted.array.dtype
    assert np.array_equal(ours.array, wanted.array)
    assert np.allclose(ours.affine, wanted.affine, rtol=0, atol=1e-9)
    assert ours.frame_of_reference_uid == wanted.frame_of_reference_uid
    assert ours.coordinate_system == wanted.coordinate_system
    assert ours.channel_descriptors == wanted.channel_descriptors


def uids(datasets: Sequence[Dataset]) -> list[str]:
    return [str(one.SOPInstanceUID) for one in datasets]
