"""What a call gives, results and errors alike, to be compared on both sides."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["outcome"]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or its exception; nobody is warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - compared with the other side's
            return error
