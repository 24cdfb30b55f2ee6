"""Schemes that a higher room opens: its functions are named here, and imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["LISTERS", "SOURCES", "imported"]

_XNAT = ("xnat", "xnat+http", "xnat+https")

SOURCES = dict.fromkeys(_XNAT, "nearline.xnat_storage.source:open_source")
"""By scheme, ``"package.module:function"``: called with the URL, `storage_options` and
`settings`, it returns a `Source`."""

LISTERS = dict.fromkeys(_XNAT, "nearline.xnat_storage.lister:open_lister")
"""The same for prefixes; it returns a `Lister`."""


def imported(named: str) -> Callable[..., Any]:
    """Return the function of a ``"package.module:function"``."""
    module, _, name = named.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
