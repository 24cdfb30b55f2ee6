"""Looking after a cache: what is in it, is it sound, empty it, take a file out."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nearline.cache import pieces
from nearline.cache.disk import DiskStore, forget_folder
from nearline.cache.evict import rewrite
from nearline.cache.folder import FORMAT, Unusable, locate, occupied
from nearline.cache.inventory import drop, everything, identities, remove, totals
from nearline.cache.memory import MemoryStore
from nearline.cache.pieces import Piece
from nearline.cache.version import Version
from nearline.errors import CacheDamaged, NotFound
from nearline.ranges import ByteRange, subtract

__all__ = ["CacheInfo", "VerifyReport", "clear", "export", "info", "verify"]

WINDOW = 4 << 20


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds.

    Attributes
    ----------
    folder : Path
        Where it lies; another one than asked for if that is on a shared disk.
    bytes : int
        On disk, catalogue included.
    objects, versions : int
        Objects, and versions of them, of which something is held.
    pieces, artefacts, packs : int
        How many there are.
    oldest_use, newest_use : float or None
        Seconds since the epoch; None if nothing is held.
    """

    folder: Path
    bytes: int = 0
    objects: int = 0
    versions: int = 0
    pieces: int = 0
    artefacts: int = 0
    packs: int = 0
    oldest_use: float | None = None
    newest_use: float | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What checking a whole cache found.

    Attributes
    ----------
    checked, bytes : int
        Pieces and artefacts, and their bytes, that were read.
    damaged : tuple of str
        One sentence for each that was damaged, and has been dropped.
    """

    checked: int
    bytes: int
    damaged: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was damaged."""
        return not self.damaged


def info(folder: Path) -> CacheInfo:
    """Say what the cache in `folder` holds; an empty answer if there is none.

    Raises
    ------
    CacheDamaged
        The folder or its catalogue cannot be read.
    """
    with _opened(folder) as store:
        if store is None:
            return CacheInfo(folder)
        packs = store.packs.sizes()
        count, artefacts, versions, objects, oldest, newest = totals(store.catalogue)
        return CacheInfo(
            store.folder,
            occupied(store.catalogue.folder) + sum(packs.values()),
            objects,
            versions,
            count,
            artefacts,
            len(packs),
            oldest,
            newest,
        )


def verify(folder: Path) -> VerifyReport:
    """Check every piece and artefact, and drop those that are damaged.

    Raises
    ------
    CacheDamaged
        The folder or its catalogue cannot be read.
    """
    with _opened(folder) as store:
        if store is None:
            return VerifyReport(0, 0, ())
        checked = size = 0
        damaged: list[str] = []
        for stored, version in everything(store.catalogue):
            checked += 1
            size += stored.piece.length
            if version is None or not _sound(store, version, stored.piece):
                what = stored.piece.name or f"bytes {stored.piece.start} to {stored.piece.stop}"
                where = version.identity if version else "an object that is not listed"
                damaged.append(f"{what} of {where} in pack {stored.piece.pack:016x}")
                drop(store.catalogue, stored.id)
        forget_folder(store.folder)
    return VerifyReport(checked, size, tuple(damaged))


def clear(folder: Path, url_prefix: str | None = None) -> int:
    """Remove everything, or all objects whose URL or identity begins so, from the disk.

    Returns
    -------
    int
        How many versions were removed.

    Notes
    -----
    A process that holds such an object open may go on reading what it had.
    """
    with _opened(folder) as store:
        if store is None:
            return 0
        count, packs = remove(store.catalogue, url_prefix)
        for pack in packs:
            # Their other pieces move, so that no byte of the removed ones stays.
            rewrite(store.catalogue, store.packs, pack)
        forget_folder(store.folder)
    return count


def export(folder: Path, object_name: str, destination: Path) -> Path:
    """Write an object, whole and verified, to a file of its own.

    Parameters
    ----------
    object_name : str
        Identity, or the URL in it.
    destination : Path
        File to write, or a folder. Appears only when it is complete; replaces
        a file of that name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotFound
        The cache knows no such object, or several.
    CacheDamaged
        Bytes are missing; the message says which.
    """
    with _opened(folder) as store:
        version = None if store is None else _find(store, object_name)
        if store is None or version is None:
            raise NotFound(f"The cache in {folder} holds nothing of {object_name}.")
        size = version.validator.size
        if size is None:
            raise CacheDamaged(
                f"The cache does not know how large {object_name} is, and cannot vouch for a whole "
                "file. Open the object once from its server."
            )
        whole = ByteRange(0, size)
        missing = subtract([whole], store.held(version, whole))
        if missing:
            parts = ", ".join(f"{low} to {high}" for low, high in missing[:5])
            more = f" and {len(missing) - 5} more parts" if len(missing) > 5 else ""
            raise CacheDamaged(
                f"The cache lacks bytes {parts}{more} of the {size} of {object_name}; no file was "
                "written. Read the whole object once, then export it again."
            )
        return _write(store, version, size, Path(destination), object_name)


def _sound(store: DiskStore, version: Version, piece: Piece) -> bool:
    try:
        data = store.packs.read(piece.pack, piece.position, piece.length)
    except OSError:
        return False
    origin = pieces.seed(version.identity, version.validator.key, piece.name)
    return pieces.intact(piece, origin, data)


def _find(store: DiskStore, object_name: str) -> Version | None:
    names = identities(store.catalogue, object_name)
    if len(names) > 1:
        raise NotFound(
            f"{object_name} is filed in the cache more than once: {', '.join(names)}. "
            "Name one of these."
        )
    return store.latest(names[0]) if names else None


def _write(
    store: DiskStore, version: Version, size: int, destination: Path, object_name: str
) -> Path:
    if destination.is_dir():
        # A server chose this name: it may lead nowhere but into the folder.
        name = object_name.split("?")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
        destination = destination / ("object" if name in ("", ".", "..") else name)
    # Beside the destination, so that the rename is atomic; open to whom the umask says, as a copy.
    partial = destination.with_name(f".{destination.name}.{os.urandom(6).hex()}.partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(fd, "wb") as file:
            for start in range(0, size, WINDOW):
                part = store.get(version, ByteRange(start, min(start + WINDOW, size)))
                if part is None:
                    raise CacheDamaged(
                        f"Bytes from {start} on of {object_name} were damaged or removed while "
                        "they were exported; no file was written. Read the object again."
                    )
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(destination)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return destination


@contextmanager
def _opened(folder: Path) -> Iterator[DiskStore | None]:
    """Open the cache for a while; None where there is none."""
    try:
        place = locate(Path(folder))
        if not (place / FORMAT).is_dir():
            yield None
            return
        # Unbounded: looking after a cache must not evict from it.
        store = DiskStore(place, 1 << 62, MemoryStore(0))
    except Unusable as reason:
        raise CacheDamaged(str(reason)) from None
    try:
        yield store
    except sqlite3.Error as error:
        raise CacheDamaged(
            f"The catalogue of the cache in {place} cannot be read ({error}). It is replaced when "
            "the cache is used the next time, or remove the folder."
        ) from None
    finally:
        store.close()
