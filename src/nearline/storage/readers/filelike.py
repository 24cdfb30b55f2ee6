"""Open files: what is recognised exactly is read through its own client, all else serially.

What is recognised is read concurrently and held to the version that it was opened on
(`recognise`); a `SerialSource` stands for every other object with `read` and `seek`.
"""

from __future__ import annotations

from typing import Any

from nearline.errors import InvalidOption, UnsupportedUrl
from nearline.storage.readers.recognise import recognise
from nearline.storage.readers.serial import SerialSource
from nearline.storage.source import Source
from nearline.storage.url import printable

__all__ = ["from_filelike", "is_filelike"]


def is_filelike(target: object) -> bool:
    """Whether an object offers what a file needs to be read from any place."""
    return callable(getattr(target, "read", None)) and callable(getattr(target, "seek", None))


def from_filelike(handle: Any) -> Source:
    """Return a source for an open file.

    The object begins where the file stands when it is handed over, as for
    `pydicom.dcmread`. The file's position is ours from then on and is not
    restored.

    Raises
    ------
    InvalidOption
        The file is in text mode.
    UnsupportedUrl
        The file is closed, or cannot seek.
    """
    name = _name(handle)
    if getattr(handle, "closed", False) is True:
        raise UnsupportedUrl(f"{name} is a closed file: open it again.")
    if hasattr(handle, "encoding") and hasattr(handle, "newlines"):
        raise InvalidOption(f"{name} is open in text mode: open it with mode 'rb'.")
    return recognise(handle, name) or SerialSource(handle, name)


def _name(handle: Any) -> str:
    for attribute in ("full_name", "name", "path"):
        name = getattr(handle, attribute, None)
        if isinstance(name, str) and name:
            return printable(name) if "://" in name else name
    return f"a {type(handle).__name__} object"
