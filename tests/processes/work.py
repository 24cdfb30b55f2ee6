"""What the processes do; imported by those that start from nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

__all__ = ["DIGESTS", "Patches", "digest", "loader_worker", "outcome"]


def digest(array: Any) -> str:
    """Stands for an array or bytes."""
    content = np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array
    return hashlib.sha256(content).hexdigest()


def _of_image(image: Any) -> str:
    return digest(image.pixels[100:300, 50:250])


def _of_reader(reader: Any) -> str:
    return digest(bytes(reader.read(1000, 90_000)))


def _of_file(file: Any) -> str:
    file.seek(1000)
    return digest(file.read(89_000))


def _of_segmentation(segmentation: Any) -> str:
    return digest(segmentation.get_volume(segment_numbers=[1]).array)


def _of_map(parametric_map: Any) -> str:
    return digest(parametric_map.get_frames())


def _of_series(series: Any) -> str:
    return digest(series.get_volume().array)


def _of_annotations(annotations: Any) -> str:
    group = annotations.get_annotation_group(number=1)
    return digest(np.concatenate(list(group.get_graphic_data("2D"))))


DIGESTS = {
    "image": _of_image,
    "reader": _of_reader,
    "file": _of_file,
    "segmentation": _of_segmentation,
    "map": _of_map,
    "series": _of_series,
    "annotations": _of_annotations,
}


def outcome(kind: str, handle: Any) -> str:
    """Read through a handle: a digest, or the error as text."""
    try:
        return DIGESTS[kind](handle)
    except Exception as error:  # noqa: BLE001 - judged by the parent
        return f"{type(error).__name__}: {error}"


class Patches:
    """A dataset as torch's DataLoader takes it: opened before its workers start."""

    def __init__(self, image: Any, corners: list[tuple[int, int]]) -> None:
        self.image = image
        self.corners = corners

    def __len__(self) -> int:
        return len(self.corners)

    def __getitem__(self, index: int) -> Any:
        top, left = self.corners[index]
        return self.image.pixels[top : top + 64, left : left + 64]


def loader_worker(dataset: Patches, indices: Any, results: Any) -> None:
    """Serve indices until None comes, as the workers of torch's DataLoader do."""
    while (index := indices.get()) is not None:
        try:
            results.put((index, dataset[index]))
        except Exception as error:  # noqa: BLE001 - judged by the parent
            results.put((index, f"{type(error).__name__}: {error}"))
