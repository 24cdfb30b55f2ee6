"""The cache's folder: where it may lie, who may look inside, what is said if it cannot be used."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import warnings
from pathlib import Path

__all__ = [
    "FORMAT", "CacheWarning", "Unusable", "filesystem_type", "locate", "occupied", "prepare",
    "warn_once",
]  # fmt: skip

FORMAT = "v1"
"""Folder of this format, so that releases with another one can use the same place."""

TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# This folder is a cache of nearline; everything in it can be fetched again.\n"
    b"# See https://bford.info/cachedir/\n"
)

SHARED_FILESYSTEMS = frozenset(
    (
        "nfs", "nfs4", "lustre", "gpfs", "mmfs", "cifs", "smb", "smb2", "smb3", "smbfs",
        "beegfs", "ceph", "glusterfs", "afs", "panfs", "pvfs2", "orangefs", "9p",
        "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs",
        "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.lustre", "ncpfs", "afpfs",
        "davfs", "fuse.davfs2",
    )
)  # fmt: skip
"""Types whose locks or shared memory maps do not reach from node to node as SQLite's WAL needs."""

log = logging.getLogger("nearline.cache")


class CacheWarning(UserWarning):
    """The cache cannot be used as asked; work goes on."""


class Unusable(Exception):
    """A folder cannot hold the cache; the message is a sentence for the user."""


_said: set[str] = set()
_saying = threading.Lock()


def warn_once(message: str) -> None:
    """Say something about the cache once per process; never raises."""
    with _saying:
        if message in _said:
            return
        _said.add(message)
    log.warning("%s", message)
    try:
        warnings.warn(message, CacheWarning, stacklevel=3)
    except CacheWarning:
        return  # `python -W error`: a cache in trouble is still no reason to stop the work


def filesystem_type(path: Path, mounts: str | None = None) -> str:
    """Return the type of the file system that holds `path`, or would; "" if unknown.

    Parameters
    ----------
    path : Path
        Need not exist.
    mounts : str, optional
        Content of ``/proc/self/mounts``.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
        except OSError:
            return ""
    # realpath would stop at what does not exist yet, and resolves all above it
    place = os.path.realpath(path).rstrip("/") + "/"
    best, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1]
        for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(code, sign)
        point = point.rstrip("/") + "/"
        # Of several mounts at one point the last one is seen.
        if place.startswith(point) and len(point) >= best:
            best, found = len(point), fields[2]
    return found


def local_folder() -> Path:
    """Return this user's private folder on a disk of this machine."""
    import tempfile  # brings random and shutil, for a case that is rare

    return Path(tempfile.gettempdir()) / f"nearline-{os.getuid()}"


def locate(wanted: Path) -> Path:
    """Return the folder to use instead of `wanted`: itself, unless it lies on a shared disk.

    Raises
    ------
    Unusable
        No folder of this machine will do.
    """
    if sys.platform == "win32":
        raise Unusable("The disk cache is not available on Windows; memory is used instead.")
    kind = filesystem_type(wanted)
    if kind not in SHARED_FILESYSTEMS:
        return wanted
    local = local_folder()
    if filesystem_type(local) in SHARED_FILESYSTEMS:
        raise Unusable(
            f"The cache folder {wanted} is on {kind}, which cannot hold it, and so is {local}; "
            "memory is used instead. Set NEARLINE_CACHE_DIR to a folder on a local disk."
        )
    warn_once(
        f"The cache folder {wanted} is on {kind}, which cannot hold it; {local} is used instead. "
        "Set NEARLINE_CACHE_DIR to a folder on a local disk."
    )
    return local


def prepare(folder: Path) -> Path:
    """Make the folder and return the one of this format within it, private to the user.

    Raises
    ------
    Unusable
        It cannot be made or written, or it belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where everybody may put a link (/tmp), it is not followed.
        _check(folder, follow=not folder.absolute().parent.stat().st_mode & stat.S_IWOTH)
        inner = folder / FORMAT
        inner.mkdir(mode=0o700, exist_ok=True)
        _check(inner, follow=False)
        inner.chmod(0o700)
        (inner / "packs").mkdir(mode=0o700, exist_ok=True)
        _tag(inner)
        # A folder with other things in it stays in its owner's backups.
        if all(one.name == "CACHEDIR.TAG" or _is_format(one.name) for one in folder.iterdir()):
            _tag(folder)
        if not os.access(inner, os.R_OK | os.W_OK | os.X_OK):
            raise Unusable(f"The cache folder {folder} is read-only; memory is used instead.")
    except OSError as error:
        raise Unusable(
            f"The cache folder {folder} cannot be used ({error.strerror or error}); memory is "
            "used instead. Set NEARLINE_CACHE_DIR to a folder that you can write."
        ) from None
    return inner


def occupied(folder: Path) -> int:
    """Return the bytes of the files in a folder, folders within it left out."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_file():
                    total += entry.stat().st_size
            except FileNotFoundError:
                continue  # SQLite removes its log when it is closed
    return total


def _is_format(name: str) -> bool:
    return name.startswith("v") and name[1:].isdigit()


def _check(folder: Path, *, follow: bool) -> None:
    info = folder.stat() if follow else folder.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise Unusable(f"{folder} is not a folder; memory is used instead of a disk cache.")
    if info.st_uid != os.geteuid():
        raise Unusable(
            f"The cache folder {folder} belongs to another user; memory is used instead. "
            "Set NEARLINE_CACHE_DIR to a folder of your own."
        )
    if info.st_mode & 0o022:
        raise Unusable(
            f"Others may write to the cache folder {folder}; memory is used instead. "
            f"Run: chmod go-w {folder}"
        )


def _tag(folder: Path) -> None:
    try:
        fd = os.open(folder / "CACHEDIR.TAG", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        os.write(fd, TAG)
    finally:
        os.close(fd)
