"""Functional groups (PS3.3 C.7.6.16.2) as columns, straight from the bytes.

A slide has one item for each of its tiles, and no item is worth an object.
Items of equal length are compared with the layout of the first of them, all at
once; the values of those that share it are slices of bytes. The rest have
another layout, or are few enough to be walked one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nearline.dicom.byte_reader import Buffer
from nearline.dicom.column_building import ColumnsBuilder, Rows
from nearline.dicom.column_table import GROUPS
from nearline.dicom.columns import Columns
from nearline.dicom.elements import Encoding, Incomplete, Malformed
from nearline.dicom.item_chain import ItemChain
from nearline.dicom.layout import Layout, walk
from nearline.errors import InvalidDicom, UnknownFrame

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_columns", "read_item_dataset", "with_shared"]

_FEW = 12
_BLOCK = 1 << 18
_COMPARED = 1 << 16


def read_columns(
    raw: Buffer,
    *,
    implicit_vr: bool,
    little_endian: bool,
    number_of_frames: int | None,
    name: str,
    items: ItemChain | None = None,
) -> Columns:
    """Read the items of a functional groups sequence.

    Parameters
    ----------
    raw : bytes-like
        The encoded items, without a sequence delimiter.
    number_of_frames : int or None
        As the object announces it; items beyond are ignored. None: as many as
        there are items.
    name : str
        Of the object, for messages.
    items : ItemChain, optional
        Which has followed them already.

    Raises
    ------
    InvalidDicom
        The items cannot be followed, or are fewer than the frames.
    """
    encoding = Encoding(implicit_vr, little_endian)
    chain = items or ItemChain(encoding, undefined=False)
    try:
        if items is None and not chain.follow(raw):
            raise Malformed("The sequence ends within an item", chain.end)
        count = len(chain.starts)
        if number_of_frames is None:
            number_of_frames = count
        if count < number_of_frames:
            raise InvalidDicom(
                f"{name} has {number_of_frames} frames, but {count} items in its functional "
                "groups (5200,9230). The object is damaged or was written wrongly."
            )
        return _Reading(raw, chain, encoding, number_of_frames).columns()
    except Malformed as fault:
        raise InvalidDicom(
            f"{name} is not valid DICOM: {fault.reason}, at byte {fault.position} of its "
            "functional groups (5200,9230)."
        ) from None
    except Incomplete as more:
        raise InvalidDicom(
            f"{name} is not valid DICOM: an element of its functional groups (5200,9230) reaches "
            f"to byte {more.needed}, past their end."
        ) from None


class _Reading:
    def __init__(self, raw: Buffer, chain: ItemChain, encoding: Encoding, count: int) -> None:
        self._raw = raw
        self._bytes = np.frombuffer(raw, np.uint8)
        self._encoding = encoding
        self._starts = np.array(chain.starts[:count], np.int64)
        self._sizes = np.array(chain.stops[:count], np.int64) - self._starts
        self._builder = ColumnsBuilder(count, little_endian=encoding.little_endian)

    def columns(self) -> Columns:
        _, group, counts = np.unique(self._sizes, return_inverse=True, return_counts=True)
        order = np.argsort(group, kind="stable")
        for rows in np.split(order, np.cumsum(counts)[:-1]) if len(order) else ():
            self._same_size(rows)
        return self._builder.build()

    def _same_size(self, rows: Rows) -> None:
        """Read items of equal length, layout by layout."""
        while len(rows) >= _FEW:
            others = self._same_layout(rows, self._layout(rows[0]))
            # Layouts that hold few of the items are not worth a pass over all.
            hopeless = len(others) > len(rows) * 7 // 8
            rows = others
            if hopeless:
                break
        for row in rows.tolist():
            start = int(self._starts[row])
            for leaf in self._layout(row).leaves:
                value = bytes(self._raw[start + leaf.start : start + leaf.stop])
                self._builder.add_one(row, leaf, value)

    def _layout(self, row: int) -> Layout:
        start = int(self._starts[row])
        return walk(self._raw, start, start + int(self._sizes[row]), self._encoding, GROUPS)

    def _same_layout(self, rows: Rows, layout: Layout) -> Rows:
        """Read those items that have this layout; return the others."""
        size = layout.size
        if size == 0:
            return rows[:0]
        start = int(self._starts[rows[0]])
        template = self._bytes[start : start + size]
        structural = np.zeros(size, np.uint8)
        for first, last in layout.structure:
            structural[first:last] = 0xFF
        same = np.empty(len(rows), bool)
        done = 0
        for part in _parts(rows, max(1, _COMPARED // size)):
            differing = (self._block(part, size) ^ template) & structural
            same[done : done + len(part)] = ~differing.any(axis=1)
            done += len(part)
        mine = rows[same]
        together = len(mine) if self._spacing(mine) else max(1, _BLOCK // size)
        for part in _parts(mine, together):
            block = self._block(part, size)
            for leaf in layout.leaves:
                self._builder.add(part, leaf, block[:, leaf.start : leaf.stop])
        return rows[~same]

    def _spacing(self, rows: Rows) -> int | None:
        """Return how far apart items begin where all are equally far; else None."""
        if len(rows) < 2:
            return None
        apart = np.diff(self._starts[rows])
        return int(apart[0]) if apart[0] > 0 and (apart == apart[0]).all() else None

    def _block(self, rows: Rows, size: int) -> NDArray[np.uint8]:
        """Return items of one size as a matrix: no copy where they are evenly spaced."""
        windows = sliding_window_view(self._bytes, size)
        spacing = self._spacing(rows)
        if spacing is None:
            return windows[self._starts[rows]]
        start = int(self._starts[rows[0]])
        return windows[start : start + (len(rows) - 1) * spacing + 1 : spacing]


def _parts(rows: Rows, length: int) -> list[Rows]:
    return [rows[first : first + length] for first in range(0, len(rows), length)]


def with_shared(columns: Columns, shared: Columns) -> Columns:
    """Complete the columns of frames by the shared functional groups.

    A frame's own value comes first. Source images are shared only where no
    frame names its own.
    """
    if shared.number_of_frames == 0:
        return columns
    count = columns.number_of_frames
    values, missing = dict(columns.by_keyword), dict(columns.missing)
    for keyword, one in shared.by_keyword.items():
        if keyword not in values:
            values[keyword] = np.broadcast_to(one[:1], (count, *one.shape[1:]))
        elif keyword in missing:
            values[keyword] = _completed(values[keyword], missing.pop(keyword), one[:1])
    references = columns.references
    if references is None and shared.references is not None:
        own = shared.references
        rows = own.of_frame(0)
        length = rows.stop - rows.start
        references = type(own)(
            np.repeat(np.arange(count, dtype=np.int32), length),
            np.tile(own.sop_instance_uid[rows], count),
            np.tile(own.frame_number[rows], count),
            np.tile(own.spatial_locations_preserved[rows], count),
        )
    return Columns(count, values, missing, references)


def _completed(
    values: NDArray[np.generic], missing: NDArray[np.bool_], shared: NDArray[np.generic]
) -> NDArray[np.generic]:
    if values.ndim == 2 and values.shape[1] != shared.shape[1]:
        width = max(values.shape[1], shared.shape[1])
        fill = np.nan if values.dtype.kind == "f" else 0
        wide = [
            np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=fill)
            for one in (values, shared)
        ]
        values, shared = wide
    mask = missing if values.ndim == 1 else missing[:, None]
    completed = np.where(mask, shared, values)
    completed.flags.writeable = False
    return completed


def read_item_dataset(
    raw: Buffer, frame_index: int, *, implicit_vr: bool, little_endian: bool
) -> Dataset:
    """Parse the functional groups of one frame with pydicom, for what is no column.

    Raises
    ------
    UnknownFrame
        There is no such item.
    """
    from io import BytesIO

    from pydicom import Dataset
    from pydicom.filereader import read_sequence_item

    chain = ItemChain(Encoding(implicit_vr, little_endian), undefined=False)
    chain.follow(raw)
    if not 0 <= frame_index < len(chain.starts):
        raise UnknownFrame(
            f"There is no frame of index {frame_index} in {len(chain.starts)} functional groups."
        )
    item = raw[chain.starts[frame_index] - 8 : chain.stops[frame_index]]
    found = read_sequence_item(BytesIO(item), implicit_vr, little_endian, "iso8859")
    return found if found is not None else Dataset()
