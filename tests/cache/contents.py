"""What every object of these tests holds: a function of its name and the offset."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from nearline.cache.disk import DiskStore
from nearline.cache.memory import MemoryStore
from nearline.cache.version import Version
from nearline.provenance import Validator

BLOCK = 4096


@lru_cache(maxsize=4096)
def _block(name: str, number: int) -> bytes:
    return hashlib.shake_128(f"{name} {number}".encode()).digest(BLOCK)


def content(name: str, start: int, stop: int) -> bytes:
    first = start // BLOCK
    blocks = b"".join(_block(name, n) for n in range(first, -(-stop // BLOCK)))
    return blocks[start - first * BLOCK : stop - first * BLOCK]


def url(number: int) -> str:
    return f"unsigned http://server/{number}"


def open_version(store: DiskStore, identity: str, *, size: int = 1 << 20) -> Version:
    return store.version(identity, Validator(size=size, etag=f'"{identity}"'), checked=1.0)


def disk(folder: Path, bound: int = 1 << 30) -> DiskStore:
    return DiskStore(folder, bound, MemoryStore(1 << 24))
