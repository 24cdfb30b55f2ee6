"""Which objects make the series, and why the others do not: purely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from nearline.errors import AmbiguousSeries, NoSeries

__all__ = ["Candidate", "Skipped", "ambiguous", "choose"]

_MOST_SERIES_SHOWN = 12
_MOST_REASONS_SHOWN = 5


class Candidate(Protocol):
    """What choosing needs to know of an object; see `Member`."""

    @property
    def url(self) -> str:
        """Of the object."""
        ...

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        ...

    @property
    def description(self) -> str:
        """Series Description."""
        ...

    @property
    def modality(self) -> str:
        """As written."""
        ...

    @property
    def unfit(self) -> str:
        """Why it cannot be a slice; empty if it can."""
        ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that does not belong to the series.

    Attributes
    ----------
    url : str
    reason : str
        Why.
    """

    url: str
    reason: str


def choose(
    found: Sequence[Candidate], skipped: Sequence[Skipped], wanted: str | None, *, where: str
) -> tuple[list[int], list[Skipped]]:
    """Choose the series.

    Parameters
    ----------
    found : sequence of Candidate
        All DICOM objects.
    skipped : sequence of Skipped
        What is no DICOM object.
    wanted : str or None
        Series Instance UID; None: the only one of which a volume can be made.
    where : str
        What was looked through, for messages.

    Returns
    -------
    chosen : list of int
        Indices into `found`.
    skipped : list of Skipped
        Those given, and the objects that do not belong.

    Raises
    ------
    AmbiguousSeries
        There are several.
    NoSeries
        There is none.
    """
    fit = [number for number, one in enumerate(found) if not one.unfit]
    series = list(dict.fromkeys(found[number].series_uid for number in fit))
    if wanted is not None:
        if wanted not in series:
            raise _absent(found, wanted, where=where)
        chosen_uid = wanted
    elif len(series) > 1:
        raise ambiguous((found[number] for number in fit), where=where)
    elif not series:
        raise _nothing(found, skipped, where=where)
    else:
        chosen_uid = series[0]
    chosen = [number for number in fit if found[number].series_uid == chosen_uid]
    taken = set(chosen)
    others = [
        Skipped(one.url, _reason(one, chosen_uid))
        for number, one in enumerate(found)
        if number not in taken
    ]
    return chosen, sorted([*skipped, *others], key=lambda one: one.url)


def _reason(one: Candidate, chosen: str) -> str:
    if one.series_uid != chosen:
        return f"it belongs to another series: {_described(one)}"
    return one.unfit


def _described(one: Candidate) -> str:
    return f"{one.series_uid or 'no UID'} ({one.modality or 'no modality'}, {one.description!r})"


def ambiguous(found: Iterable[Candidate], *, where: str, sampled_of: int = 0) -> AmbiguousSeries:
    """Say which series there are.

    Parameters
    ----------
    sampled_of : int
        Of how many objects those `found` are a sample; 0 if they are all.
    """
    objects = list(found)
    firsts = {one.series_uid: one for one in reversed(objects)}
    counts = Counter(one.series_uid for one in objects)
    lines = [
        f"\n  {_described(firsts[uid])}" + ("" if sampled_of else f": {count} objects")
        for uid, count in counts.most_common(_MOST_SERIES_SHOWN)
    ]
    if len(counts) > _MOST_SERIES_SHOWN:
        lines.append(f"\n  and {len(counts) - _MOST_SERIES_SHOWN} more")
    if sampled_of:
        looked = f"{sampled_of} objects, of which {len(objects)} were looked into"
        return AmbiguousSeries(
            f"{where} holds {looked} and found to be of {len(counts)} series. Name the folder of "
            f"one, or choose it with series_instance_uid=.{''.join(lines)}"
        )
    return AmbiguousSeries(
        f"{where} holds {len(counts)} series of images. Choose one with "
        f"series_instance_uid=.{''.join(lines)}"
    )


def _absent(found: Sequence[Candidate], wanted: str, *, where: str) -> NoSeries:
    unfit = [one for one in found if one.series_uid == wanted]
    if unfit:
        reasons = Counter(one.unfit for one in unfit).most_common(1)
        return NoSeries(
            f"The {len(unfit)} objects of series {wanted} in {where} make no volume; of most of "
            f"them: {reasons[0][0]}."
        )
    held = Counter(one.series_uid for one in found)
    told = ", ".join(uid for uid, _ in held.most_common(_MOST_SERIES_SHOWN)) or "none"
    return NoSeries(f"{where} holds no object of series {wanted}; the series there: {told}.")


def _nothing(found: Sequence[Candidate], skipped: Sequence[Skipped], *, where: str) -> NoSeries:
    if not found and not skipped:
        return NoSeries(f"There is no object in {where}. Check its spelling, and the bucket.")
    reasons = Counter([one.unfit for one in found] + [one.reason for one in skipped])
    told = "".join(
        f"\n  {count} objects: {reason}"
        for reason, count in reasons.most_common(_MOST_REASONS_SHOWN)
    )
    total = len(found) + len(skipped)
    return NoSeries(f"None of the {total} objects in {where} is a slice of a volume.{told}")
