"""Which frames of a segmentation are read, and where each is pasted: purely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nearline.errors import AmbiguousFrames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Group", "Selection", "matching", "select"]


@dataclass(frozen=True, slots=True)
class Group:
    """Frames of one channel whose places follow each other.

    Attributes
    ----------
    values : slice
        Which of the frames handed over.
    places : slice
        Where they go, of step 1 or -1.
    channel : int
        0-based.
    stripe : int
        Places of other stripes can be pasted to meanwhile.
    """

    values: slice
    places: slice
    channel: int
    stripe: int


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Pastes, one row each, ordered by frame; a frame may be pasted several times.

    Attributes
    ----------
    frames : ndarray of intp, shape (n,)
        0-based, ascending.
    places : ndarray of intp, shape (n,)
        0-based, along the first axis of the result.
    channels : ndarray of intp, shape (n,)
        0-based position among the segments asked for; 0 in a label map.
    stripe : int
        Places that are pasted to at once, at most.
    step : int
        1 or -1: by how much the place mostly changes from frame to frame.
    breaks : ndarray of bool, shape (n,)
        Where a row does not go on from the row before.
    """

    frames: NDArray[np.intp]
    places: NDArray[np.intp]
    channels: NDArray[np.intp]
    stripe: int
    step: int
    breaks: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        frames: NDArray[np.intp],
        places: NDArray[np.intp],
        channels: NDArray[np.intp],
        *,
        stripe: int = 1,
    ) -> Selection:
        """Order rows by frame and see which go together."""
        order = np.lexsort((places, frames))
        frames, places, channels = frames[order], places[order], channels[order]
        change = np.zeros(len(frames), np.intp)
        along = (np.diff(frames) == 1) & (np.diff(channels) == 0)
        change[1:][along] = np.diff(places)[along]
        step = -1 if np.count_nonzero(change == -1) > np.count_nonzero(change == 1) else 1
        breaks = change != step
        breaks[1:] |= np.diff(places // stripe) != 0
        return cls(frames, places, channels, stripe, step, breaks)

    def __len__(self) -> int:
        return len(self.frames)

    def groups(self, indices: NDArray[np.intp]) -> Iterator[Group]:
        """Yield what is to be done with frames handed over.

        Parameters
        ----------
        indices : ndarray of intp
            0-based, each one more than the one before.
        """
        first = int(np.searchsorted(self.frames, indices[0], "left"))
        last = int(np.searchsorted(self.frames, indices[-1], "right"))
        begins = [first, *(np.flatnonzero(self.breaks[first + 1 : last]) + first + 1).tolist()]
        sources = (self.frames[begins] - indices[0]).tolist()
        places, channels = self.places[begins].tolist(), self.channels[begins].tolist()
        rows = zip(begins, [*begins[1:], last], sources, places, channels, strict=True)
        for begin, end, source, place, channel in rows:
            count = end - begin
            stop = place + self.step * count
            yield Group(
                slice(source, source + count),
                slice(place, None if stop < 0 else stop, self.step),
                channel,
                place // self.stripe,
            )


def select(
    frames: NDArray[np.intp],
    places: NDArray[np.intp],
    *,
    segments: NDArray[np.integer] | None,
    numbers: NDArray[np.intp],
    stripe: int = 1,
) -> Selection:
    """Keep the frames of the segments asked for.

    Parameters
    ----------
    frames, places : ndarray of intp, shape (n,)
        Candidates, and where each belongs; the same pair may be given again.
    segments : ndarray, shape (number of frames,), or None
        The segment of each frame of the image; None for a label map, whose
        frames show all of them.
    numbers : ndarray of intp, shape (k,)
        The segments asked for; channel i is the i-th.
    stripe : int
        Places that may be pasted to at once.

    Raises
    ------
    AmbiguousFrames
        Two frames show one segment at one place.
    """
    if segments is None:
        channels = np.zeros(len(frames), np.intp)
    else:
        of_row = segments[frames]
        order = np.argsort(numbers, kind="stable")
        low = np.searchsorted(numbers[order], of_row, "left")
        times = np.searchsorted(numbers[order], of_row, "right") - low
        rows = np.repeat(np.arange(len(frames)), times)
        # 0, 1, ... within the channels of each row: a segment may be asked for twice.
        nth = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
        channels = order[low[rows] + nth]
        frames, places = frames[rows], places[rows]
    last = int(frames.max(initial=0)) + 1
    keys = np.unique((places.astype(np.int64) * len(numbers) + channels) * last + frames)
    targets, frames = np.divmod(keys, last)
    places, channels = np.divmod(targets, len(numbers))
    same = np.diff(targets) == 0
    if same.any():
        at = int(np.flatnonzero(same)[0])
        shown = "" if segments is None else f" of segment {numbers[channels[at]]}"
        raise AmbiguousFrames(
            f"Frames {frames[at] + 1} and {frames[at + 1] + 1}{shown} both belong to position "
            f"{places[at] + 1} of what was asked for, so that neither can be chosen. Select frames "
            "by something that tells them apart, or read them with get_stored_frames."
        )
    return Selection.of(frames, places, channels, stripe=stripe)


def matching(
    have: NDArray[np.integer], wanted: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the rows that equal rows asked for.

    Parameters
    ----------
    have : ndarray, shape (n, k)
    wanted : ndarray, shape (m, k)
        May repeat.

    Returns
    -------
    rows, places : ndarray of intp, shape (p,)
        Every pair of a row of `have` and an equal one of `wanted`.
    """
    _, keys = np.unique(np.concatenate((have, wanted)), axis=0, return_inverse=True)
    held, asked = keys.reshape(-1)[: len(have)], keys.reshape(-1)[len(have) :]
    order = np.argsort(held, kind="stable")
    low = np.searchsorted(held[order], asked, "left")
    times = np.searchsorted(held[order], asked, "right") - low
    places = np.repeat(np.arange(len(asked)), times)
    nth = np.arange(len(places)) - np.repeat(np.cumsum(times) - times, times)
    return order[low[places] + nth], places
