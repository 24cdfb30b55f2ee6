"""NumPy's basic index rules, turned into spans of each axis, purely."""

from __future__ import annotations

from operator import index
from typing import Any

from nearline.errors import InvalidOption, OutsideMatrix
from nearline.image.geometry.region import Span

__all__ = ["spans_of"]


def spans_of(key: Any, shape: tuple[int, ...]) -> tuple[list[Span], tuple[Any, ...]]:
    """Split a NumPy index into what to read and what to do with it.

    Parameters
    ----------
    key : int, slice, Ellipsis, None, or a tuple of these
        As between the brackets.
    shape : tuple of int
        Of what is indexed.

    Returns
    -------
    spans : list of Span
        One per axis of `shape`, steps positive: what to read.
    rest : tuple
        Index that turns the array read into what NumPy would have returned:
        drops the axes of integers, reverses those of negative steps, adds new ones.

    Raises
    ------
    OutsideMatrix
        An integer outside its axis, or more indices than axes.
    InvalidOption
        Arrays, lists and booleans, which would need scattered reads.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    given = sum(1 for one in entries if one is not None and one is not Ellipsis)
    if given > len(shape):
        raise OutsideMatrix(f"There are {len(shape)} axes, and {given} were indexed.")
    dots = sum(1 for one in entries if one is Ellipsis)
    if dots > 1:
        raise OutsideMatrix("An index may hold one Ellipsis only.")
    if not dots:
        entries.append(Ellipsis)
    spans: list[Span] = []
    rest: list[Any] = []
    for entry in entries:
        if entry is None:
            rest.append(None)
        elif entry is Ellipsis:
            for _ in range(len(shape) - given):
                spans.append(Span(0, shape[len(spans)]))
                rest.append(slice(None))
        else:
            span, after = _axis(entry, shape[len(spans)], len(spans))
            spans.append(span)
            rest.append(after)
    return spans, tuple(rest)


def _axis(entry: Any, length: int, axis: int) -> tuple[Span, Any]:
    if isinstance(entry, slice):
        start, stop, step = entry.indices(length)
        count = len(range(start, stop, step))
        if step > 0:
            return Span(start if count else 0, count, step), slice(None)
        last = start + (count - 1) * step if count else 0
        return Span(last, count, -step), slice(None, None, -1)
    try:
        if isinstance(entry, bool):
            raise TypeError
        position = index(entry)
    except TypeError:
        raise InvalidOption(
            f"{type(entry).__name__} cannot index pixels that are not in memory: use integers, "
            "slices, Ellipsis and None, or np.asarray first."
        ) from None
    if not -length <= position < length:
        raise OutsideMatrix(f"Index {position} is outside axis {axis}, which has size {length}.")
    return Span(position % length, 1), 0
