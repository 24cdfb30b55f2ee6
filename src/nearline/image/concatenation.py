"""Concatenations: several instances that hold the frames of one image (PS3.3 C.7.6.16.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nearline.errors import InvalidDicom, MissingFrames
from nearline.image.opened import Opened, assemble, read_dataset
from nearline.image.reading.frames import Part
from nearline.image.side_by_side import side_by_side

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["join", "joined_dataset"]

_OF_A_PART = (
    "ConcatenationFrameOffsetNumber",
    "ConcatenationUID",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
    "SOPInstanceUIDOfConcatenationSource",
)


def join(opened: Sequence[Opened]) -> Opened:
    """Join the instances of one concatenation, given in any order.

    Raises
    ------
    InvalidDicom
        They do not belong together.
    MissingFrames
        An instance is missing; the message says which frames it holds.
    """
    if not opened:
        raise InvalidDicom("An empty list holds no image.")
    if len(opened) == 1 and opened[0].facts.concatenated is None:
        return opened[0]
    first = opened[0]
    for one in opened:
        _check_alike(first, one)
    ordered = sorted(opened, key=_offset)
    parts: list[Part] = []
    expected = 0
    for one in ordered:
        if _offset(one) > expected:
            raise MissingFrames(
                f"The concatenation lacks the instance with frames {expected + 1} to "
                f"{_offset(one)}. Name all its instances."
            )
        if _offset(one) < expected:
            raise InvalidDicom(
                f"{one.reader.url} holds frames that another instance of the concatenation holds "
                "too. Name each instance once."
            )
        (part,) = one.frames.parts
        parts.append(replace(part, first=expected))
        expected = parts[-1].stop
    _check_total(ordered)
    facts = replace(ordered[0].facts, number_of_frames=expected)
    return assemble(facts, parts, first.frames.decoder)


def joined_dataset(opened: Opened) -> Dataset:
    """Parse the header of an image; for a concatenation, what that of the whole would be."""
    datasets = side_by_side(read_dataset, [part.reader for part in opened.frames.parts])
    dataset = datasets[0]
    if len(datasets) == 1:
        return dataset
    groups = [item for one in datasets for item in one.get("PerFrameFunctionalGroupsSequence", ())]
    if groups:
        dataset.PerFrameFunctionalGroupsSequence = groups
    dataset.NumberOfFrames = len(opened.frames)
    source = dataset.get("SOPInstanceUIDOfConcatenationSource")
    if source:
        dataset.SOPInstanceUID = source
    for keyword in _OF_A_PART:
        if keyword in dataset:
            del dataset[keyword]
    return dataset


def _offset(one: Opened) -> int:
    return 0 if one.facts.concatenated is None else one.facts.concatenated.frame_offset


def _check_alike(first: Opened, one: Opened) -> None:
    if first.facts.concatenated is None or one.facts.concatenated is None:
        lone = one if one.facts.concatenated is None else first
        raise InvalidDicom(
            f"{lone.reader.url} is not part of a concatenation: it has no (0020,9161) "
            "Concatenation UID. Open it by itself."
        )
    same = (
        first.facts.concatenated.uid == one.facts.concatenated.uid
        and first.facts.format == one.facts.format
        and first.facts.matrix == one.facts.matrix
        and first.facts.profiles == one.facts.profiles
    )
    if not same:
        raise InvalidDicom(
            f"{first.reader.url} and {one.reader.url} are not instances of one concatenation: "
            "(0020,9161) Concatenation UID or the layout of their pixels differs."
        )


def _check_total(ordered: Sequence[Opened]) -> None:
    totals = {one.facts.concatenated.total for one in ordered if one.facts.concatenated}
    total = max(totals)
    if total > len(ordered):
        raise MissingFrames(
            f"The concatenation has {total} instances, and {len(ordered)} were named. "
            "Name all its instances."
        )
