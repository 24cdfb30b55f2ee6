"""An fsspec file system whose files `nearline.open` opens."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.spec import AbstractFileSystem

import nearline as nl
from nearline.testing import RangeServer

__all__ = ["OverNearline"]


class OverNearline(AbstractFileSystem):
    """What was put on a server, read back by `nearline.open`."""

    protocol = "overnearline"
    cachable = False

    def __init__(self, server: RangeServer, sizes: dict[str, int] | None = None) -> None:
        super().__init__()
        self.server = server
        self.sizes = sizes or {}
        self.folders: set[str] = {""}

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self.folders |= {str(one).strip("/.") for one in self._within(path)} | {self._key(path)}

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        self.makedirs(path)

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        self.pipe_file(path, b"")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if mode == "create" and self._key(path) in self.sizes:
            raise FileExistsError(path)
        self.makedirs(str(PurePosixPath(path).parent))
        self.server.put(f"/{self._key(path)}", value)
        self.sizes[self._key(path)] = len(value)

    def rm(self, path: str, recursive: bool = False, **kwargs: Any) -> None:
        key = self._key(path)
        self.sizes = {one: n for one, n in self.sizes.items() if not _lies_in(one, key)}
        self.folders = {one for one in self.folders if not _lies_in(one, key)} | {""}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        key = self._key(path)
        if key not in self.folders and key not in self.sizes:
            raise FileNotFoundError(path)
        found = [
            {"name": one, "size": size, "type": "file"}
            for one, size in self.sizes.items()
            if one == key or _parent(one) == key
        ]
        found += [
            {"name": one, "size": 0, "type": "directory"}
            for one in self.folders
            if one and _parent(one) == key
        ]
        return found if detail else [one["name"] for one in found]

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        assert mode == "rb"
        return nl.open(self.server.url(f"/{self._key(path)}"))

    @staticmethod
    def _key(path: str) -> str:
        return str(path).removeprefix("overnearline://").strip("/")

    @staticmethod
    def _within(path: str) -> list[PurePosixPath]:
        return list(PurePosixPath("/" + str(path).strip("/")).parents)


def _parent(key: str) -> str:
    return key.rpartition("/")[0]


def _lies_in(key: str, folder: str) -> bool:
    return key == folder or key.startswith(f"{folder}/")


fsspec.register_implementation("overnearline", OverNearline, clobber=True)
