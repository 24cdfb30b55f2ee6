"""Structured reports, under highdicom's names."""

from __future__ import annotations

from nearline.reports.srread import srread
from nearline.reports.table import measurements

__all__ = ["measurements", "srread"]
