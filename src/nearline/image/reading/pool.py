"""The threads that decode, one set for the process; the decoders release the GIL."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["DecodePool", "decode_pool", "workers"]

_IDLE_S = 20.0


def workers() -> int:
    """How many frames are decoded at once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class DecodePool:
    """Daemon threads that start when needed and end when idle.

    Those of `concurrent.futures` take no more work once the main thread has
    ended, although other threads of a program may go on reading. These do, and
    the end of the interpreter waits for what they have begun.

    Parameters
    ----------
    most : int
        Threads at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._calls: deque[Callable[[], object]] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = self._busy = 0
        self._ending = False

    def submit(self, call: Callable[[], object]) -> None:
        """Have something called that does not raise."""
        with self._changed:
            self._calls.append(call)
            if self._idle >= len(self._calls) or len(self._threads) == self._most:
                self._changed.notify()
                return
            thread = threading.Thread(target=self._serve, name="nearline-decode", daemon=True)
            self._threads.add(thread)
        try:
            thread.start()
        except BaseException as error:
            # Ctrl-C, or no more threads to be had: what did not start must not be counted.
            with self._changed:
                if thread.ident is None:
                    self._threads.discard(thread)
                if isinstance(error, RuntimeError) and self._threads:
                    return  # The others will come to it.
            raise

    def end(self) -> None:
        """Begin nothing more, and wait for what was begun."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy)

    def _serve(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            finally:
                with self._changed:
                    self._busy -= 1
                    if self._ending:
                        self._changed.notify_all()
            # It holds the caller's arrays, which must not live as long as an idle thread.
            del call

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._calls or self._ending, _IDLE_S)
            self._idle -= 1
            if self._calls and not self._ending:
                self._busy += 1
                return self._calls.popleft()
            self._threads.discard(threading.current_thread())
            return None


_pool = DecodePool(workers())


def decode_pool() -> DecodePool:
    """Return the pool of this process; a forked child has its own."""
    return _pool


def _forget() -> None:
    # The threads of the parent do not exist in a forked child.
    global _pool
    _pool = DecodePool(workers())


atexit.register(lambda: _pool.end())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
