"""A pydicom Dataset whose elements are parsed when somebody first asks for one."""

from __future__ import annotations

import threading
from typing import Any

from pydicom.dataset import Dataset

__all__ = ["LazyDataset"]

_STATE = frozenset(Dataset().__dict__) | {"file_meta", "preamble"}
"""The instance attributes in which a Dataset keeps what was parsed."""

_lock = threading.RLock()


class LazyDataset(Dataset):
    """A Dataset that costs nothing until one of its elements is used.

    A Dataset keeps its elements in instance attributes. Here these are absent
    at first, and pydicom's own `Dataset.__getattr__`, which Python calls for
    absent attributes only, is where they are filled in. From then on this is a
    Dataset like any other.
    """

    def __init__(self) -> None:
        # Not that of Dataset: it would make an empty one.
        pass

    def _parse(self) -> Dataset:
        """Return the Dataset to become."""
        raise NotImplementedError

    @property
    def _is_parsed(self) -> bool:
        return "_dict" in self.__dict__

    def __getattr__(self, name: str) -> Any:
        """Return an attribute that the instance lacks: parsed state, or an element."""
        if name in _STATE and not self._is_parsed:
            self._fill()
            if name in self.__dict__:
                return self.__dict__[name]
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an element or an attribute; setting parsed state parses the rest first."""
        if name in _STATE and not self._is_parsed:
            self._fill()
        super().__setattr__(name, value)

    def _fill(self) -> None:
        with _lock:
            if not self._is_parsed:
                self._become(self._parse())

    def _become(self, dataset: Dataset) -> None:
        state = dict(dataset.__dict__)
        elements = state.pop("_dict")
        self.__dict__.update(state)
        # Last: other threads take its presence for the whole.
        self.__dict__["_dict"] = elements
