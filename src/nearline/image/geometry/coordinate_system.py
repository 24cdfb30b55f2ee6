"""The coordinate systems in which images lie."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CoordinateSystemNames"]


class CoordinateSystemNames(StrEnum):
    """Frame-of-reference coordinate systems, with highdicom's names."""

    PATIENT = "PATIENT"
    SLIDE = "SLIDE"
