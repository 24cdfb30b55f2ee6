"""What is made, as the bytes of a file."""

from __future__ import annotations

from io import BytesIO

from pydicom.dataset import Dataset

__all__ = ["as_bytes"]


def as_bytes(dataset: Dataset) -> bytes:
    """Return the file that a dataset makes."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
