"""1,000 random patches of 256 x 256 from 20 slides: `read_regions`, and threads one at a time.

What bounds the work is measured in the same run: how fast this machine decodes the tiles alone,
and how fast the line brings their bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.readers import clock
from benchmarks.stage import ONE_WAY_S, Measured, Stage
from benchmarks.table import Row, Side, pairs

__all__ = ["prepare", "rows"]

_ME = "patches"

SLIDES, PATCHES, SIZE, THREADS = 20, 1000, 256, 16
MATRIX = 8192
FOLDER = "patches"


def _make(folder: Path) -> int:
    """Write the slides; return the bytes of all."""
    from nearline.testing.slides import write_slide

    folder.mkdir()
    for number in range(SLIDES):
        write_slide(
            folder / f"{number}.dcm", rows=MATRIX, columns=MATRIX, icc_size=3000, seed=number
        )
    return sum(path.stat().st_size for path in folder.iterdir())


def _corners() -> list[tuple[int, int, int]]:
    chance = random.Random(5)
    edge = MATRIX - SIZE
    return [
        (chance.randrange(SLIDES), chance.randrange(edge), chance.randrange(edge))
        for _ in range(PATCHES)
    ]


def prepare(which: str, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Return the work of one way of reading: see `rows`."""
    ways: dict[str, Callable[[dict[str, Any]], Callable[[], float]]] = {
        "many": _many,
        "threads": _threads,
        "wsidicom": _wsidicom,
        "decoder": _decoder,
        "line": _line,
    }
    ready = ways[which](job)

    def work() -> dict[str, Any]:
        began = clock()
        mean = ready()
        return {"began": began, "ended": clock(), "mean": mean}

    return work


def _wanted(urls: list[Any]) -> list[tuple[Any, slice, slice]]:
    return [
        (urls[number], slice(top, top + SIZE), slice(left, left + SIZE))
        for number, top, left in _corners()
    ]


def _many(job: dict[str, Any]) -> Callable[[], float]:
    """`read_regions`, opening included."""
    import nearline as nl

    list(nl.read_regions([(job["warm_path"], (0, 300), (0, 300))]))

    def work() -> float:
        total = 0.0
        with nl.settings(**job["settings"]):
            wanted = _wanted(job["urls"])
            for _, patch in nl.read_regions(wanted, storage_options=job["options"]):
                total += float(patch[0, 0, 0])
        return total / PATCHES

    return work


def _opened(job: dict[str, Any]) -> list[Any]:
    import nearline as nl

    nl.imread(job["warm_path"]).pixels[:300, :300]
    with nl.settings(**job["settings"]):
        return [nl.imread(url, storage_options=job["options"]) for url in job["urls"]]


def _threads(job: dict[str, Any]) -> Callable[[], float]:
    """Threads that each read one patch after the other; the slides are open."""
    wanted = _wanted(_opened(job))

    def read(one: tuple[Any, slice, slice]) -> float:
        image, rows, columns = one
        return float(image.pixels[rows, columns][0, 0, 0])

    def work() -> float:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(read, wanted)) / PATCHES

    return work


def _wsidicom(job: dict[str, Any]) -> Callable[[], float]:
    """Wsidicom over fsspec, reading ahead by 500 kB, in as many threads; the slides are open."""
    from wsidicom import WsiDicom

    options = {**job["options"], "default_block_size": 500_000, "default_cache_type": "readahead"}
    slides = [WsiDicom.open(url, file_options=options) for url in job["urls"]]

    def read(one: tuple[Any, slice, slice]) -> float:
        slide, rows, columns = one
        corner = columns.start, rows.start
        return float(np.asarray(slide.read_region(corner, 0, (SIZE, SIZE), threads=1))[0, 0, 0])

    def work() -> float:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(read, _wanted(slides))) / PATCHES

    return work


def _frames(corners: list[tuple[int, int]]) -> list[int]:
    across = -(-MATRIX // 256)
    return sorted(
        {
            row * across + column
            for top, left in corners
            for row in range(top // 256, (top + SIZE - 1) // 256 + 1)
            for column in range(left // 256, (left + SIZE - 1) // 256 + 1)
        }
    )


def _by_slide() -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for number, top, left in _corners():
        found.setdefault(number, []).append((top, left))
    return found


def _decoder(job: dict[str, Any]) -> Callable[[], float]:
    """Decode the tiles that the patches need, colour profile included, from local files."""
    import nearline as nl

    images = [nl.imread(path) for path in job["paths"]]
    images[0].pixels[:300, :300]

    def work() -> float:
        total = 0.0
        for number, corners in _by_slide().items():
            frames = _frames(corners)
            for start in range(0, len(frames), 64):
                chosen = frames[start : start + 64]
                total += float(
                    images[number].get_frames(chosen, as_indices=True, dtype=np.uint8)[0, 0, 0, 0]
                )
        return total

    return work


def _line(job: dict[str, Any]) -> Callable[[], float]:
    """Fetch the bytes of those tiles, and nothing else, over the line."""
    images = _opened(job)

    def work() -> float:
        def read(number: int) -> int:
            part = images[number]._opened.frames.parts[0]
            ranges = part.ranges(_frames(_by_slide()[number]))
            return sum(len(view) for _, view in part.reader.stream(ranges))

        with ThreadPoolExecutor(SLIDES) as pool:
            return float(sum(pool.map(read, _by_slide())))

    return work


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure `read_regions` against its bounds, then threads against theirs and wsidicom."""
    stage.made(FOLDER, _make)

    def job() -> dict[str, Any]:
        remote = [stage.at(f"{FOLDER}/{n}.dcm", "imread") for n in range(SLIDES)]
        return {
            "urls": [one["url"] for one in remote],
            "paths": [str(stage.root / FOLDER / f"{n}.dcm") for n in range(SLIDES)],
            "options": remote[0]["options"],
            "settings": {"cache_dir": stage.new_cache()},
            "warm_path": str(stage.local("other")["path"]),
        }

    def measure(which: str) -> list[Measured]:
        return [stage.measure(_ME, which, job()) for _ in range(repeat)]

    decoder = median(m.seconds for m in measure("decoder"))
    line = Side.of(measure("line"))
    many = Side.of(measure("many"))
    bound = max(decoder, line.seconds)
    share = bound / many.seconds
    limits = {
        f"{share:.2f} of the {'decoder' if decoder >= line.seconds else 'line'}'s rate (0.7)": share
        >= 0.7,
    }
    rate = THREADS / (2 * ONE_WAY_S)
    ours, theirs, one, _ = pairs(
        repeat,
        lambda: stage.measure(_ME, "threads", job()),
        lambda: stage.measure(_ME, "wsidicom", job()),
    )
    reached = PATCHES / median(m.seconds for m in one)
    allowed = min(rate, PATCHES / decoder)
    return [
        Row(
            "1,000 patches of 20 slides, read_regions (theirs: the bytes alone)",
            many,
            line,
            None,
            limits,
        ),
        Row(
            "the same, 16 threads one patch at a time (theirs: wsidicom over fsspec)",
            ours,
            theirs,
            None,
            {
                f"{reached:.0f} patches/s: {reached / rate:.2f} of 16 / round trip, "
                f"{reached / allowed:.2f} of what the decoder lets through of it (0.8)": reached
                >= 0.8 * allowed
            },
        ),
    ]
