"""Holding every read of an open object to one version of it."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from nearline.provenance import Validator

__all__ = ["Pin", "Verdict"]

BALANCER_NOTE: Final = (
    "its ETag differs from answer to answer over one size and Last-Modified, as behind a load "
    "balancer; it is told from other versions by these two alone"
)

_CLOCKS_APART_S = 60.0


class Verdict(Enum):
    """What an answer says about the version that is held to."""

    SAME = "same"
    UNSURE = "unsure"
    CHANGED = "changed"


class Pin:
    """The version that reads are held to, and what answers showed of it.

    Servers that balance over nodes with ETags of their own send several ETags
    for equal bytes. One mismatch proves nothing; two at equal size and
    Last-Modified show a balancer, if a replaced object could not have caused
    them: when the pinned ETag comes back or a third appears, or when the object
    was last modified well before it was opened. From then on Last-Modified and
    size are the validator.

    Not thread-safe: callers hold a lock around `observe`.

    Parameters
    ----------
    validator : Validator
        Of the version; its size is known.
    opened : float, optional
        Seconds since the epoch when this version was first seen; by default now.
    """

    def __init__(self, validator: Validator, *, opened: float | None = None) -> None:
        self.validator = validator
        self.note: str | None = None
        self._opened = time.time() if opened is None else opened
        self._others: list[str | None] = []
        self._conditional = validator.pins

    @property
    def condition(self) -> Validator | None:
        """What goes with a request, None where the server could not hold to it."""
        return self.validator if self._conditional else None

    def observe(self, found: Validator, *, empty: bool = False) -> Verdict:
        """Judge the validator of an answer.

        Parameters
        ----------
        found : Validator
            As the server sent it.
        empty : bool
            The answer has no body (HTTP 416), and often no validator but the size.
        """
        held = self.validator
        if found.size is not None and found.size != held.size:
            return Verdict.CHANGED
        if not held.pins:
            return _unpinned(held, found)
        if held.same_version(found) or (empty and not Validator(None, *_evidence(found)).pins):
            if self._others and self._may_fall_back:
                self._distrust()
            return Verdict.SAME
        if not self._is_balanced(found):
            return Verdict.CHANGED
        self._others.append(found.etag)
        if len(self._others) > 1 and (len(set(self._others)) > 1 or self._modified_before_opening):
            self._distrust()
            return Verdict.SAME
        return Verdict.UNSURE

    def refused(self) -> None:
        """Take note that a condition did not hold (HTTP 412); the next reads ask without one."""
        self._conditional = False

    @property
    def _may_fall_back(self) -> bool:
        return self.validator.last_modified is not None and self.validator.strong_etag is not None

    @property
    def _modified_before_opening(self) -> bool:
        modified = _seconds(self.validator.last_modified)
        return modified is not None and modified < self._opened - _CLOCKS_APART_S

    def _is_balanced(self, found: Validator) -> bool:
        """Whether nothing but the ETag tells the two apart."""
        held = self.validator
        return (
            self._may_fall_back
            and found.strong_etag is not None
            and found.last_modified == held.last_modified
            and found.generation == held.generation
            and found.size in (None, held.size)
        )

    def _distrust(self) -> None:
        self.validator = replace(self.validator, etag=None)
        self.note = BALANCER_NOTE
        self._conditional = True
        self._others.clear()


def _evidence(found: Validator) -> tuple[str | None, str | None, str | None]:
    return found.etag, found.generation, found.last_modified


def _unpinned(held: Validator, found: Validator) -> Verdict:
    # A weak ETag promises nothing when equal, but another one means another version.
    if held.etag and found.etag and held.etag != found.etag:
        return Verdict.CHANGED
    return Verdict.SAME


def _seconds(http_date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(http_date or "").timestamp()
    except (TypeError, ValueError):
        return None
