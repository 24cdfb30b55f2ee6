"""Where tiles lie in the total pixel matrix, and which of them a region needs: purely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from nearline.errors import AmbiguousFrames, InvalidOption, MissingFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.image.geometry.region import Region

__all__ = ["FullTiling", "Paste", "Placed", "SparseTiling", "Tiling", "plan_pastes"]

Channel = Literal["optical path", "segment"]


@dataclass(frozen=True, slots=True)
class Placed:
    """Tiles that touch a region, ordered by row, then column.

    Attributes
    ----------
    frames : ndarray of int64
        0-based frame indices.
    tops, lefts : ndarray of int64
        0-based position of each tile's first pixel in the total pixel matrix;
        negative for a tile that begins outside.
    """

    frames: NDArray[np.int64]
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class Paste:
    """Copy `source` of one frame to `target` of the result."""

    frame: int
    source: tuple[slice, slice]
    target: tuple[slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullTiling:
    """Every tile is stored, in the order of PS3.3 C.7.6.17.3.

    Columns change fastest, then rows, focal planes, and optical paths (or the
    segments of a segmentation) slowest.

    Attributes
    ----------
    rows, columns : int
        Size of the total pixel matrix.
    tile_rows, tile_columns : int
        Size of each frame.
    focal_planes : int
        Number of focal planes.
    optical_paths : tuple of str
        Identifiers, in the order of the image.
    channel : {"optical path", "segment"}
        What `optical_paths` lists.
    """

    rows: int
    columns: int
    tile_rows: int
    tile_columns: int
    number_of_frames: int
    focal_planes: int = 1
    optical_paths: tuple[str, ...] = ("1",)
    channel: Channel = "optical path"

    def place(self, region: Region, *, optical_path: str | None, focal_plane: int | None) -> Placed:
        """Return the tiles that touch a region, of one optical path and focal plane.

        Parameters
        ----------
        optical_path : str or None
            Identifier; None where there is no choice.
        focal_plane : int or None
            0-based; None where there is no choice.

        Raises
        ------
        AmbiguousFrames
            Several tiles lie at one place, and nothing chooses among them.
        InvalidOption
            No such optical path or focal plane.
        """
        path = _choice(self.optical_paths, optical_path, self.channel)
        plane = _plane(self.focal_planes, focal_plane)
        if path is None or plane is None:
            raise _ambiguous(self.optical_paths, self.focal_planes, self.channel)
        across = -(-self.columns // self.tile_columns)
        down = -(-self.rows // self.tile_rows)
        first = (path * self.focal_planes + plane) * down * across
        tile_rows = _tiles_hit(region.rows.start, region.rows.stop, self.tile_rows)
        tile_columns = _tiles_hit(region.columns.start, region.columns.stop, self.tile_columns)
        grid_rows, grid_columns = np.meshgrid(tile_rows, tile_columns, indexing="ij")
        frames = first + grid_rows.ravel() * across + grid_columns.ravel()
        # A file cut short by its writer lacks the last frames.
        present = frames < self.number_of_frames
        return Placed(
            frames[present],
            grid_rows.ravel()[present] * self.tile_rows,
            grid_columns.ravel()[present] * self.tile_columns,
        )

    def paths_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index into `optical_paths` of each frame, by its 0-based index."""
        tiles = -(-self.rows // self.tile_rows) * -(-self.columns // self.tile_columns)
        return frames // (tiles * self.focal_planes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseTiling:
    """Some tiles are stored, each with its position (PS3.3 C.8.12.6.1).

    Attributes
    ----------
    tops, lefts : ndarray of int64, one per frame
        0-based: Row and Column Position In Total Image Pixel Matrix, less 1.
    paths : ndarray of int64, one per frame, or None
        Index into `optical_paths`; None when all frames share one.
    planes : ndarray of int64, one per frame, or None
        0-based focal plane; None when all frames share one.
    """

    rows: int
    columns: int
    tile_rows: int
    tile_columns: int
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]
    focal_planes: int = 1
    optical_paths: tuple[str, ...] = ("1",)
    channel: Channel = "optical path"
    paths: NDArray[np.int64] | None = field(default=None, repr=False)
    planes: NDArray[np.int64] | None = field(default=None, repr=False)

    def place(self, region: Region, *, optical_path: str | None, focal_plane: int | None) -> Placed:
        """Return the tiles that touch a region, as `FullTiling.place` does."""
        rows, columns = region.rows, region.columns
        hit = (self.tops < rows.stop) & (self.tops + self.tile_rows > rows.start)
        hit &= (self.lefts < columns.stop) & (self.lefts + self.tile_columns > columns.start)
        path = _choice(self.optical_paths, optical_path, self.channel)
        if self.paths is not None and path is not None:
            hit &= self.paths == path
        plane = _plane(self.focal_planes, focal_plane)
        if self.planes is not None and plane is not None:
            hit &= self.planes == plane
        frames = np.flatnonzero(hit)
        frames = frames[np.lexsort((self.lefts[frames], self.tops[frames]))]
        placed = Placed(frames, self.tops[frames], self.lefts[frames])
        if len(frames) > 1:
            same = (np.diff(placed.tops) == 0) & (np.diff(placed.lefts) == 0)
            if same.any():
                raise _ambiguous(self.optical_paths, self.focal_planes, self.channel)
        return placed

    def paths_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index into `optical_paths` of each frame, by its 0-based index."""
        return np.zeros_like(frames) if self.paths is None else self.paths[frames]


Tiling = FullTiling | SparseTiling


def plan_pastes(
    tiling: Tiling, region: Region, placed: Placed, *, allow_missing: bool
) -> tuple[list[Paste], bool]:
    """Say what of which tile goes where.

    Returns
    -------
    pastes : list of Paste
        Only tiles that hold a selected pixel, in the order in which they must be
        pasted where they overlap.
    overlapping : bool
        Whether tiles overlap inside the region, so that the order matters.

    Raises
    ------
    MissingFrames
        No tile covers some selected pixel, and `allow_missing` is False.
    """
    pastes = list(_pastes(tiling, region, placed))
    aligned = _aligned(placed, tiling.tile_rows, tiling.tile_columns)
    height, width = region.shape
    pasted = sum(_area(one.target) for one in pastes)
    overlapping = not aligned and _overlap(pastes, region.shape)
    covered = _covered_area(pastes, region.shape) if overlapping else pasted
    if covered < height * width and not allow_missing:
        raise MissingFrames(
            f"The image stores no tile for {height * width - covered} of the {height * width} "
            "pixels asked for. Pass allow_missing_positions=True to have them filled with 0."
        )
    return pastes, overlapping


def _pastes(tiling: Tiling, region: Region, placed: Placed) -> Iterator[Paste]:
    cuts: dict[int, tuple[slice, slice]] = {}
    for top in np.unique(placed.tops).tolist():
        # Edge tiles reach past the matrix; the region never does.
        cuts[top] = region.rows.within(top, tiling.tile_rows)
    across: dict[int, tuple[slice, slice]] = {}
    for left in np.unique(placed.lefts).tolist():
        across[left] = region.columns.within(left, tiling.tile_columns)
    triples = zip(placed.frames.tolist(), placed.tops.tolist(), placed.lefts.tolist(), strict=True)
    for frame, top, left in triples:
        source_rows, target_rows = cuts[top]
        source_columns, target_columns = across[left]
        if target_rows.stop > target_rows.start and target_columns.stop > target_columns.start:
            yield Paste(frame, (source_rows, source_columns), (target_rows, target_columns))


def _tiles_hit(start: int, stop: int, tile: int) -> NDArray[np.int64]:
    if stop <= start:
        return np.arange(0, dtype=np.int64)
    return np.arange(start // tile, (stop - 1) // tile + 1, dtype=np.int64)


def _area(target: tuple[slice, slice]) -> int:
    rows, columns = target
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _aligned(placed: Placed, tile_rows: int, tile_columns: int) -> bool:
    """Whether all tiles lie on one grid, in which distinct tiles cannot overlap."""
    if not len(placed):
        return True
    rows = (placed.tops - placed.tops[0]) % tile_rows
    columns = (placed.lefts - placed.lefts[0]) % tile_columns
    return not rows.any() and not columns.any()


def _edges(pastes: Sequence[Paste], shape: tuple[int, int]) -> tuple[NDArray[np.int64], ...]:
    """Row and column coordinates at which some paste begins or ends."""
    return tuple(
        np.unique(
            [0, shape[axis]]
            + [edge for p in pastes for edge in (p.target[axis].start, p.target[axis].stop)]
        )
        for axis in (0, 1)
    )


def _layers(pastes: Sequence[Paste], shape: tuple[int, int]) -> NDArray[np.int32]:
    """How many pastes cover each cell between two edges."""
    rows, columns = _edges(pastes, shape)
    steps = np.zeros((len(rows), len(columns)), np.int32)
    for one in pastes:
        top, bottom = np.searchsorted(rows, (one.target[0].start, one.target[0].stop))
        left, right = np.searchsorted(columns, (one.target[1].start, one.target[1].stop))
        steps[top, left] += 1
        steps[bottom, left] -= 1
        steps[top, right] -= 1
        steps[bottom, right] += 1
    return steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1].astype(np.int32)


def _overlap(pastes: Sequence[Paste], shape: tuple[int, int]) -> bool:
    return bool(pastes) and bool((_layers(pastes, shape) > 1).any())


def _covered_area(pastes: Sequence[Paste], shape: tuple[int, int]) -> int:
    rows, columns = _edges(pastes, shape)
    cells = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    return int(cells[_layers(pastes, shape) > 0].sum())


def _choice(paths: tuple[str, ...], asked: str | None, channel: Channel) -> int | None:
    """Index of the optical path asked for; None if several are left."""
    if asked is None:
        return 0 if len(paths) <= 1 else None
    if asked not in paths:
        raise InvalidOption(
            f"{channel.replace(' ', '_')}={asked!r} is not in this image, "
            f"which has {_listed(paths)}."
        )
    return paths.index(asked)


def _plane(planes: int, asked: int | None) -> int | None:
    """Index of the focal plane asked for; None if several are left."""
    if asked is None:
        return 0 if planes <= 1 else None
    if not 0 <= asked < planes:
        raise InvalidOption(
            f"There is no focal plane {asked + 1} in this image, which has {planes}, "
            "numbered from 1."
        )
    return asked


def _ambiguous(paths: tuple[str, ...], planes: int, channel: Channel) -> AmbiguousFrames:
    choices = []
    if len(paths) > 1:
        choices.append(f"{channel.replace(' ', '_')}= one of {_listed(paths)}")
    if planes > 1:
        choices.append(f"focal_plane= 1 to {planes}")
    remedy = (
        f"Choose with {' and '.join(choices)}." if choices else "Read them with get_frame instead."
    )
    return AmbiguousFrames(f"Several frames lie at one place of the total pixel matrix. {remedy}")


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
