"""The package `requests`, imported when a server is first asked."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nearline.errors import MissingExtra

__all__ = ["requests"]


def requests() -> Any:
    """Return the package `requests`.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        return import_module("requests")
    except ImportError as error:
        raise MissingExtra(
            f"Asking an XNAT server needs requests, which cannot be imported ({error}): "
            'pip install "nearline[measurements]"'
        ) from None
