"""Where in an image a transform of one frame may be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["TransformLevels"]


@dataclass(frozen=True, slots=True)
class TransformLevels:
    """The image itself, its shared and its per-frame functional groups, in the order of search.

    Attributes
    ----------
    image : Dataset
        The image's attributes; its pixel data is not needed.
    frame_index : int
        0-based.
    per_frame : callable or None
        Gives the functional groups of a frame by its 0-based index; by default
        they are taken from `image`.
    """

    image: Dataset
    frame_index: int
    per_frame: Callable[[int], Dataset] | None = None

    def __iter__(self) -> Iterator[tuple[Dataset, bool]]:
        """Yield (dataset, whether it is common to all frames).

        A frame's own groups are parsed only when the search comes that far.
        """
        yield self.image, True
        shared = self.shared
        if shared is not None:
            yield shared, True
        own = self.own
        if own is not None:
            yield own, False

    @property
    def shared(self) -> Dataset | None:
        """The shared functional groups."""
        groups = self.image.get("SharedFunctionalGroupsSequence")
        return groups[0] if groups else None

    @property
    def own(self) -> Dataset | None:
        """The functional groups of the frame."""
        if self.per_frame is not None:
            return self.per_frame(self.frame_index)
        groups = self.image.get("PerFrameFunctionalGroupsSequence")
        return groups[self.frame_index] if groups else None
