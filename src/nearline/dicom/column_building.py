"""Columns in the making: values arrive in blocks of frames that share a layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.dicom.column_table import REFERENCES, Column
from nearline.dicom.column_values import numbers, text
from nearline.dicom.columns import Columns, References
from nearline.dicom.layout import Leaf

__all__ = ["ColumnsBuilder"]

Rows = NDArray[np.intp]


class ColumnsBuilder:
    """Collects values; `build` returns the columns.

    Parameters
    ----------
    number_of_frames : int
    little_endian : bool
        Of the values.
    """

    def __init__(self, number_of_frames: int, *, little_endian: bool) -> None:
        self._count = number_of_frames
        self._little = little_endian
        self._numbers: dict[str, _Numbers] = {}
        self._texts: dict[str, _Texts] = {}
        self._single: dict[tuple[Leaf, int], tuple[list[int], list[bytes]]] = {}
        self._references: dict[tuple[int, str], list[tuple[Rows, NDArray[Any]]]] = {}
        self._reference_rows: dict[int, list[Rows]] = {}

    def add(self, rows: Rows, leaf: Leaf, block: NDArray[np.uint8]) -> None:
        """Take one value of many frames: their numbers, and the encoded value of each."""
        column = leaf.column
        if column in REFERENCES:
            self._add_reference(rows, leaf, block)
        elif column.dtype:
            values, present = numbers(block, leaf.vr, little_endian=self._little)
            if column.keyword not in self._numbers:
                self._numbers[column.keyword] = _Numbers(column, self._count)
            self._numbers[column.keyword].add(rows, values, present)
        else:
            if column.keyword not in self._texts:
                self._texts[column.keyword] = _Texts(self._count)
            self._texts[column.keyword].add(rows, text(block))

    def add_one(self, row: int, leaf: Leaf, value: bytes) -> None:
        """Take one value of one frame."""
        key = (leaf._replace(start=0, stop=0), len(value))
        rows, values = self._single.setdefault(key, ([], []))
        rows.append(row)
        values.append(value)

    def build(self) -> Columns:
        """Return everything collected."""
        for (leaf, size), (rows, values) in self._single.items():
            block = np.frombuffer(b"".join(values), np.uint8).reshape(len(rows), size)
            self.add(np.array(rows, np.intp), leaf, block)
        self._single.clear()
        columns: dict[str, NDArray[Any]] = {}
        missing: dict[str, NDArray[np.bool_]] = {}
        for keyword, one in (self._numbers | self._texts).items():
            values_, present = one.build()
            if present.any():
                values_.flags.writeable = False
                columns[keyword] = values_
                if not present.all():
                    missing[keyword] = ~present
        return Columns(self._count, columns, missing, self._build_references())

    def _add_reference(self, rows: Rows, leaf: Leaf, block: NDArray[np.uint8]) -> None:
        values: NDArray[Any]
        if leaf.column.dtype:
            found, present = numbers(block, leaf.vr, little_endian=self._little)
            values = np.where(present, found, 0)
        else:
            values = text(block)
        key = (leaf.ordinal, leaf.column.keyword)
        self._references.setdefault(key, []).append((rows, values))

    def _build_references(self) -> References | None:
        parts: list[tuple[NDArray[Any], ...]] = []
        ordinals = sorted({ordinal for ordinal, _ in self._references})
        for ordinal in ordinals:
            uids, numbers_, kept = (
                self._references.get((ordinal, one.keyword), []) for one in REFERENCES
            )
            uid = _joined(self._count, uids)
            preserved = _joined(self._count, kept)
            has = np.zeros(self._count, bool)
            for rows, _ in uids:
                has[rows] = True
            width = max((values.shape[1] for _, values in numbers_), default=0)
            number = np.zeros((self._count, max(1, width)), np.int32)
            for rows, values in numbers_:
                number[rows[:, None], np.arange(values.shape[1])] = values
            # A reference without a frame number is one row; one to k frames is k rows.
            wanted = number > 0
            wanted[:, 0] = True
            frame, place = np.nonzero(wanted & has[:, None])
            parts.append(
                (
                    frame,
                    np.full(len(frame), ordinal),
                    uid[frame],
                    number[frame, place],
                    preserved[frame],
                )
            )
        if not parts:
            return None
        frame, ordinal_, uid, number, preserved = (
            np.concatenate(one) for one in zip(*parts, strict=True)
        )
        order = np.lexsort((ordinal_, frame))
        return References(
            frame[order].astype(np.int32), uid[order], number[order], preserved[order]
        )


def _joined(count: int, blocks: list[tuple[Rows, NDArray[Any]]]) -> NDArray[np.bytes_]:
    texts = _Texts(count)
    for rows, values in blocks:
        texts.add(rows, values)
    return texts.build()[0]


class _Numbers:
    def __init__(self, column: Column, count: int) -> None:
        self._column = column
        self._fill: Any = np.nan if column.dtype == "f8" else 0
        self._values = np.full((count, column.width or 1), self._fill, column.dtype)
        self._present = np.zeros(count, bool)

    def add(self, rows: Rows, values: NDArray[Any], present: NDArray[np.bool_]) -> None:
        width = values.shape[1]
        if self._column.width:
            if width < self._column.width:  # two coordinates make no position
                return
            complete = present[:, : self._column.width].all(axis=1)
            rows, values = rows[complete], values[complete, : self._column.width]
            self._values[rows] = values
            self._present[rows] = True
            return
        if width > self._values.shape[1]:
            wider = np.full((len(self._values), width), self._fill, self._values.dtype)
            wider[:, : self._values.shape[1]] = self._values
            self._values = wider
        self._values[rows, :width] = np.where(present, values, self._fill)
        self._present[rows] = present.any(axis=1)

    def build(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        return (self._values[:, 0] if self._column.width == 1 else self._values), self._present


class _Texts:
    def __init__(self, count: int) -> None:
        self._count = count
        self._blocks: list[tuple[Rows, NDArray[np.bytes_]]] = []

    def add(self, rows: Rows, values: NDArray[np.bytes_]) -> None:
        self._blocks.append((rows, values))

    def build(self) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
        width = max((values.dtype.itemsize for _, values in self._blocks), default=1)
        joined = np.zeros(self._count, f"S{max(1, width)}")
        for rows, values in self._blocks:
            joined[rows] = values
        return joined, joined != b""
