"""Which frames were derived from which source images: purely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.dicom.columns import References
from nearline.errors import InvalidOption, NoSourceReferences, UnknownFrame, UnknownSource

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

__all__ = ["Derived", "Sources", "root_references"]

_ASSERT = "assert_missing_frames_are_empty=True gives zeros for it."


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Frames by what they were derived from, in the order of `places`.

    Attributes
    ----------
    places : ndarray of intp, shape (m,)
        Position, among what was asked for, of the source.
    frames : ndarray of intp, shape (m,)
        0-based index of a frame that was derived from it; each pair comes once.
    """

    places: NDArray[np.intp]
    frames: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What an image says of its source images.

    Attributes
    ----------
    name : str
        Of the image, for messages.
    references : References or None
        Source images of each frame.
    instances : callable
        Returns the UIDs of all instances that the image mentions; asked only
        for one that no frame refers to.
    """

    name: str
    references: References | None
    instances: Callable[[], Collection[str]]

    def of_instances(
        self,
        uids: Sequence[str],
        *,
        ignore_spatial_locations: bool,
        assert_missing_frames_are_empty: bool,
    ) -> Derived:
        """Find the frames that were derived from each of some instances.

        Parameters
        ----------
        uids : sequence of str
            SOP Instance UIDs; may repeat.
        ignore_spatial_locations : bool
            Do not ask whether pixels kept their places.
        assert_missing_frames_are_empty : bool
            Take instances that the image does not mention as empty.

        Raises
        ------
        NoSourceReferences
            The image does not say what its frames were derived from, or not
            that pixels kept their places.
        UnknownSource
            It does not mention one of the instances.
        InvalidOption
            No sequence of UIDs, or an empty one.
        """
        if isinstance(uids, str):
            raise InvalidOption("source_sop_instance_uids must be a list of UIDs, not one UID.")
        asked = [str(uid) for uid in uids]
        if not asked:
            raise InvalidOption("source_sop_instance_uids names no instance. Name at least one.")
        references = self._known()
        if not assert_missing_frames_are_empty:
            self._require(asked)
        keys = np.array([uid.encode() for uid in asked])
        places, rows = _joined(keys, references.sop_instance_uid)
        return self._derived(places, rows, ignore_spatial_locations)

    def of_frames(
        self,
        uid: str,
        numbers: Sequence[SupportsIndex] | None,
        *,
        ignore_spatial_locations: bool,
        assert_missing_frames_are_empty: bool,
    ) -> tuple[Derived, int]:
        """Find the frames that were derived from each of some frames of one instance.

        Parameters
        ----------
        uid : str
            SOP Instance UID.
        numbers : sequence of int or None
            1-based; may repeat. None: from 1 to the greatest that is referred to.
        ignore_spatial_locations, assert_missing_frames_are_empty : bool
            As in `of_instances`.

        Returns
        -------
        tuple of (Derived, int)
            What was found, and how many frames were asked for.

        Raises
        ------
        NoSourceReferences, UnknownSource, InvalidOption
            As in `of_instances`.
        UnknownFrame
            A number below 1.
        """
        asked = None if numbers is None else [index(one) for one in numbers]
        if asked is not None:
            if not asked:
                raise InvalidOption("source_frame_numbers names no frame. Name at least one.")
            if min(asked) < 1:
                raise UnknownFrame(
                    f"Source frame {min(asked)} does not exist: frames are numbered from 1."
                )
        references = self._known()
        if not assert_missing_frames_are_empty:
            self._require([str(uid)])
        of_instance = np.flatnonzero(references.sop_instance_uid == str(uid).encode())
        greatest = int(references.frame_number[of_instance].max(initial=0))
        if greatest == 0 and (asked is None or not assert_missing_frames_are_empty):
            raise NoSourceReferences(
                f"{self.name} names no frames of the source {uid}. If that has one frame only, "
                "use get_pixels_by_source_instance."
            )
        if asked is None:
            asked = list(range(1, greatest + 1))
        elif max(asked) > greatest and not assert_missing_frames_are_empty:
            raise UnknownSource(
                f"{self.name} refers to frames of {uid} up to {greatest}, and frame {max(asked)} "
                f"was asked for, which may not exist. {_ASSERT}"
            )
        places, rows = _joined(np.array(asked), references.frame_number[of_instance])
        return self._derived(places, of_instance[rows], ignore_spatial_locations), len(asked)

    def _known(self) -> References:
        if self.references is None or not len(self.references.frame_index):
            raise NoSourceReferences(
                f"{self.name} does not say what its frames were derived from: it has no "
                "(0008,2112) Source Image Sequence. Read its frames with get_frames."
            )
        return self.references

    def _require(self, uids: Sequence[str]) -> None:
        references = self._known()
        referred = set(references.sop_instance_uid.tolist())
        unknown = [uid for uid in dict.fromkeys(uids) if uid.encode() not in referred]
        if unknown:
            # An instance may be mentioned although nothing was derived from it.
            mentioned = set(self.instances())
            unknown = [uid for uid in unknown if uid not in mentioned]
        if unknown:
            shown = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
            raise UnknownSource(
                f"{self.name} was not derived from {shown}: it mentions {len(referred)} other "
                f"instances, such as {next(iter(referred)).decode()}. {_ASSERT}"
            )

    def _derived(self, places: NDArray[Any], rows: NDArray[Any], ignoring: bool) -> Derived:
        references = self._known()
        if not ignoring:
            preserved = references.spatial_locations_preserved[rows]
            lacking = preserved != b"YES"
            if lacking.any():
                worst = next((one for one in preserved[lacking].tolist() if one), b"")
                says = (
                    f"says {worst.decode()} for" if worst else "does not say that pixels kept their"
                )
                what = "(0028,135A) Spatial Locations Preserved" if worst else "places"
                frame = int(references.frame_index[rows[lacking][0]]) + 1
                raise NoSourceReferences(
                    f"{self.name} {says} {what} when its frames were derived (frame {frame} and "
                    "others). Pass ignore_spatial_locations=True if that does not matter."
                )
        pairs = np.unique(np.stack([places, references.frame_index[rows]], axis=1), axis=0)
        return Derived(pairs[:, 0].astype(np.intp), pairs[:, 1].astype(np.intp))


def root_references(dataset: Dataset) -> References | None:
    """Read the source images of an object without functional groups; None without any."""
    found: list[tuple[bytes, int, bytes]] = []
    for item in dataset.get("SourceImageSequence") or ():
        uid = str(item.get("ReferencedSOPInstanceUID", "")).encode()
        preserved = str(item.get("SpatialLocationsPreserved") or "").encode()
        numbers = np.atleast_1d(item.get("ReferencedFrameNumber") or 0)
        found += [(uid, int(number), preserved) for number in numbers]
    if not found:
        return None
    return References(
        np.zeros(len(found), np.int32),
        np.array([uid for uid, _, _ in found]),
        np.array([number for _, number, _ in found], np.int32),
        np.array([preserved for _, _, preserved in found]),
    )


def _joined(asked: NDArray[Any], held: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of positions at which `asked` and `held` are equal, by those of `asked`."""
    order = np.argsort(held, kind="stable")
    ordered = held[order]
    first = np.searchsorted(ordered, asked, side="left")
    counts = np.searchsorted(ordered, asked, side="right") - first
    places = np.repeat(np.arange(len(asked)), counts)
    within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places, order[np.repeat(first, counts) + within]
