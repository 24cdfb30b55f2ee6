"""Packages of the extra ``measurements``: imported when first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nearline.errors import MissingExtra

__all__ = ["openpyxl", "pandas", "pyarrow", "pyarrow_parquet"]


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"Measurements need {name.partition('.')[0]}, which cannot be imported ({error}): "
            'pip install "nearline[measurements]"'
        ) from None


def pandas() -> Any:
    """Return pandas."""
    return _extra("pandas")


def pyarrow() -> Any:
    """Return pyarrow."""
    return _extra("pyarrow")


def pyarrow_parquet() -> Any:
    """Return `pyarrow.parquet`."""
    return _extra("pyarrow.parquet")


def openpyxl() -> Any:
    """Return openpyxl."""
    return _extra("openpyxl")
