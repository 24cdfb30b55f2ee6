"""The thread that writes to the cache what has landed, while nobody waits for it."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import nearline.cache.forking  # noqa: F401 - its hook must run after ours at a fork
from nearline.cache.store import flush_stores
from nearline.fetch.engine import engine

__all__ = ["Keeper", "keeper"]

_log = logging.getLogger("nearline")

_QUIET_S = 0.02
_OLDEST_S = 0.5
_PATIENCE_S = 5.0


@dataclass(slots=True)
class _Work:
    do: Callable[[], None]
    size: int
    since: float = field(default_factory=time.monotonic)


class Keeper:
    """Does work in the order in which it came, as soon as no request is under way.

    Writing competes with receiving and decoding, so it waits for a pause; not
    for more than half a second, though, since other processes may wait for what
    is written, and not while more than `bound` bytes wait in memory. The end of
    the process, and a fork, wait until everything is done: its thread is none
    of those that end with the interpreter.

    Parameters
    ----------
    bound : int
        Bytes.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._changed = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._size = 0
        self._busy = False
        self._thread: threading.Thread | None = None
        self._hurried = 0
        self._finishes = False

    def add(self, do: Callable[[], None], size: int = 0, *, bound: int | None = None) -> None:
        """Have something done soon that holds `size` bytes; it must not raise.

        Where no thread can be had, it is done here.
        """
        with self._changed:
            if bound is not None:
                self.bound = bound
            self._waiting.append(_Work(do, size))
            self._size += size
            if self._thread is not None:
                if self._size > self.bound:
                    self._changed.notify_all()
                return
            thread = threading.Thread(target=self._run, name="nearline-keep", daemon=False)
            self._thread = thread
        self._finish_with_child()
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down
            self._run()

    def drain(self, timeout_s: float | None = None) -> bool:
        """Wait until everything that was added is done; False if that took too long."""
        if self._thread is threading.current_thread():
            return True
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(
                    lambda: not self._waiting and not self._busy, timeout_s
                )
            finally:
                self._hurried -= 1

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    return
                self._pause()
                work = self._waiting.popleft()
                self._busy = True
            try:
                work.do()
            except Exception:  # noqa: BLE001 - what comes next must be kept nevertheless
                _log.exception("What was fetched could not be kept.")
            finally:
                with self._changed:
                    self._size -= work.size
                    self._busy = False
                    if not self._waiting:
                        self._changed.notify_all()
            # It holds buffers, which must not live until there is more to do.
            del work

    def _finish_with_child(self) -> None:
        """Have all kept before a child of multiprocessing ends, which runs nothing of `atexit`."""
        process = sys.modules.get("multiprocessing.process")
        if self._finishes or process is None or process.parent_process() is None:
            return
        from multiprocessing.util import Finalize

        self._finishes = True
        Finalize(None, self._finish, exitpriority=0)

    def _finish(self) -> None:
        self.drain(_PATIENCE_S)
        flush_stores()

    def _pause(self) -> None:
        """Wait for a pause in what the process fetches. The lock is held."""
        quiet_since: float | None = None
        while not self._hurried and self._size <= self.bound:
            now = time.monotonic()
            if engine().busy:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            quiet = quiet_since is not None and now - quiet_since >= _QUIET_S
            if quiet or now - self._waiting[0].since >= _OLDEST_S:
                return
            if not threading.main_thread().is_alive():
                return
            self._changed.wait(_QUIET_S / 2)


_keeper = Keeper(64 << 20)


def keeper() -> Keeper:
    """Return the keeper of this process; a forked child has its own."""
    return _keeper


def _before_fork() -> None:
    # What waits is the parent's: a child could neither write it nor wait for it.
    _keeper.drain(_PATIENCE_S)


def _after_fork() -> None:
    global _keeper
    _keeper = Keeper(_keeper.bound)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
