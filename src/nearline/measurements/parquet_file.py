"""A Parquet file that several readers share, in whatever thread, each with a place of its own."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

from .extras import pyarrow_parquet

__all__ = ["opened_parquet"]


def opened_parquet(file: BinaryIO) -> Any:
    """Return a `pyarrow.parquet.ParquetFile` over an open file, of which little is in memory.

    The file stays its owner's to close, and may meanwhile have another name or none.
    """
    return pyarrow_parquet().ParquetFile(_Reader(file))


class _Reader(io.RawIOBase):
    """Reads a file at places that nobody else moves."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._file.fileno(), len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
