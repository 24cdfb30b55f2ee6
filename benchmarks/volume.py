"""Work of several headlines: open an object, or a series, and read a volume of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np

from benchmarks.memory import measured
from benchmarks.readers import Reader, clock, side

__all__ = ["LIVER", "prepare"]

LIVER = "Liver"
_THREADS = 16


class _PeersSeries:
    """A series read by highdicom: s3fs lists it, and brings the objects in 16 threads."""

    def __init__(self, fs: Any, url: str) -> None:
        self._fs = fs
        self._keys = fs.find(url)

    def get_volume(self, **options: Any) -> Any:
        import highdicom
        import pydicom

        def dataset(key: str) -> Any:
            return pydicom.dcmread(io.BytesIO(self._fs.cat_file(key)))

        with ThreadPoolExecutor(_THREADS) as pool:
            datasets = list(pool.map(dataset, self._keys))
        return highdicom.image.get_volume_from_series(datasets, **options)


def _opener(which: str, reader: Reader, target: Mapping[str, Any]) -> Callable[[], Any]:
    if which == "ours" or target["read"] != "open_series":
        return reader.prepare(target)
    import s3fs

    fs = s3fs.S3FileSystem(**target["options"])
    fs.connect()
    return lambda: _PeersSeries(fs, target["url"])


def _volume(image: Any, ask: Mapping[str, Any]) -> Any:
    """Read the volume; ``label`` stands for its segment numbers, ``dtype`` for NumPy's."""
    options = dict(ask)
    if "label" in options:
        numbers = image.get_segment_numbers(segment_label=options.pop("label"))
        options["segment_numbers"] = numbers
    if "dtype" in options:
        options["dtype"] = np.dtype(options["dtype"])
    return image.get_volume(**options)


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Warm up on another object, and return the work.

    Job: ``warm`` and ``object``, targets; ``ask``, the arguments of `get_volume`; ``opened``:
    time and count from when the object is open; ``memory``: measure that of the reading, too.
    """
    reader = side(which)
    ask = job["ask"]
    slices = {"slice_start", "slice_end"}
    _volume(
        _opener(which, reader, job["warm"])(),
        {name: value for name, value in ask.items() if name not in slices},
    )
    open_object = _opener(which, reader, job["object"])

    def work() -> dict[str, Any]:
        began = clock()
        image = open_object()
        if job.get("opened"):
            began = clock()
        with measured() if job.get("memory") else nullcontext({}) as facts:
            volume = _volume(image, ask)
            ended = clock()
        return {
            "began": began,
            "ended": ended,
            "sum": float(volume.array.sum(dtype=np.float64)),
            "shape": list(volume.array.shape),
            "result": volume.array.nbytes,
            **facts,
        }

    return work
