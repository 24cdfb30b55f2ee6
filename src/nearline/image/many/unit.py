"""Regions of one image that are read in one go: their tiles fetched once, pasted as decoded."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.image.geometry.region import Region, region_of_matrix
from nearline.image.geometry.tiles import Paste, plan_pastes
from nearline.image.reading.rendering import render

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.fetch.halt import Halt
    from nearline.image.image import Image
    from nearline.image.many.wanted import Wanted
    from nearline.image.transforms.options import TransformOptions

__all__ = ["Choice", "Planned", "Unit", "plan_region"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How all regions are read; as in `Image.get_total_pixel_matrix`."""

    dtype: np.dtype[Any] | None
    options: TransformOptions
    optical_path: str | None
    focal_plane: int | None
    allow_missing: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A region of an open image, and the tiles that it is put together from."""

    wanted: Wanted
    region: Region
    pastes: Sequence[Paste]
    overlapping: bool
    first_byte: tuple[int, int]
    """Part of the image, and offset in it, of the first frame needed."""
    size: int
    """Bytes of the result."""


def plan_region(image: Image, wanted: Wanted, choice: Choice) -> Planned:
    """Find the tiles of a region.

    Raises
    ------
    OutsideMatrix, MissingFrames, AmbiguousFrames, InvalidOption
        As `Image.get_total_pixel_matrix`.
    """
    opened = image._opened
    tiling, format_ = opened.tiling, opened.facts.format
    if tiling is None and (image.is_tiled or len(opened.frames) > 1):
        raise image._no_matrix()
    rows, columns = (
        (format_.rows, format_.columns) if tiling is None else (tiling.rows, tiling.columns)
    )
    region = region_of_matrix(
        *wanted.rows, *wanted.columns, rows=rows, columns=columns, as_indices=True
    )
    pastes: Sequence[Paste]
    if tiling is None:
        source = tuple(slice(one.start, one.stop) for one in (region.rows, region.columns))
        pastes, overlapping = [Paste(0, source, (slice(None), slice(None)))], False  # type: ignore[arg-type]
    else:
        placed = tiling.place(
            region, optical_path=choice.optical_path, focal_plane=choice.focal_plane
        )
        pastes, overlapping = plan_pastes(
            tiling, region, placed, allow_missing=choice.allow_missing
        )
    dtype = image.pixels.dtype if choice.dtype is None else choice.dtype
    colour = 1 if opened.facts.color == "monochrome" else 3
    size = prod(region.shape) * colour * dtype.itemsize
    return Planned(wanted, region, pastes, overlapping, _first_byte(image, pastes), size)


def _first_byte(image: Image, pastes: Sequence[Paste]) -> tuple[int, int]:
    if not pastes:
        return 0, 0
    frames = image._opened.frames
    ((part, some),) = frames.by_part(np.array([min(one.frame for one in pastes)], np.intp))
    return part.first, part.ranges(some)[0].start


class _Canvas:
    """One region while its tiles come, from several threads."""

    def __init__(self, planned: Planned, samples: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.planned = planned
        self.array = np.zeros((*planned.region.shape, *samples), dtype)
        self._lock = threading.Lock()
        self._missing = len(planned.pastes)
        self._held: dict[int, NDArray[Any]] = {}

    def paste(self, one: Paste, values: NDArray[Any]) -> bool:
        """Add what a tile brings; True for the last one."""
        if self.planned.overlapping:
            self._held[one.frame] = values.copy()
        else:
            self.array[one.target] = values
        with self._lock:
            self._missing -= 1
            done = not self._missing
        if done and self.planned.overlapping:
            # Where tiles overlap, their order decides.
            for one in self.planned.pastes:
                self.array[one.target] = self._held[one.frame]
        return done


class Unit:
    """Regions of one image, in the order of the file.

    Parameters
    ----------
    image : Image
    planned : sequence of Planned
    """

    def __init__(self, image: Image, planned: Sequence[Planned]) -> None:
        self.image = image
        self.planned = planned
        self.size = sum(one.size for one in planned)

    @property
    def frames(self) -> list[int]:
        """0-based indices of the frames needed, each once."""
        return sorted({paste.frame for one in self.planned for paste in one.pastes})

    def begin(self, room: int) -> tuple[list[Callable[[], None]], int]:
        """Begin to fetch its frames, up to `room` bytes.

        Returns
        -------
        tuple of (list of callable, int)
            What to call once they have been read, and the bytes begun.
        """
        begun: list[Callable[[], None]] = []
        total = 0
        for part, some in self.image._opened.frames.by_part(np.asarray(self.frames, np.intp)):
            release, taken = part.ahead(part.ranges(some), room - total)
            begun.append(release)
            total += taken
        return begun, total

    def read(
        self, choice: Choice, done: Callable[[Wanted, NDArray[Any]], None], halt: Halt
    ) -> None:
        """Read all regions, handing each over when it is complete, from several threads.

        Raises
        ------
        NearlineError
            The first fault; regions that were not handed over by then never will be.
        """
        opened, frames = self.image._opened, self.frames
        dtype = self.image.pixels.dtype if choice.dtype is None else choice.dtype
        rendering = render(opened, self.image, frames, dtype, choice.options)
        uses: dict[int, list[tuple[_Canvas, Paste]]] = defaultdict(list)
        for one in self.planned:
            canvas = _Canvas(one, rendering.samples, rendering.dtype)
            for paste in one.pastes:
                uses[paste.frame].append((canvas, paste))
            if not one.pastes:
                done(one.wanted, canvas.array)

        def use(frame: int, *parts: NDArray[Any]) -> None:
            halt.check()
            for (canvas, paste), values in zip(uses.pop(frame), parts, strict=True):
                if canvas.paste(paste, rendering(frame, values)):
                    done(canvas.planned.wanted, canvas.array)

        cuts = {frame: [paste.source for _, paste in some] for frame, some in uses.items()}
        opened.frames.visit(frames, use, profiles=rendering.profiles, cuts=cuts)
