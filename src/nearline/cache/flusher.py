"""The thread that writes to the catalogue, a moment after the bytes came."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Flusher"]

DELAY = 0.03
"""Seconds that changes are gathered for one transaction."""

IDLE = 10.0
"""Seconds without work after which the thread ends."""


class Flusher:
    """Runs `work` in the background: soon after `wake`, and every `IDLE` seconds while needed.

    Parameters
    ----------
    work : callable
        Returns whether it wants to be called again without being woken.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self._lock = threading.RLock()  # the garbage collector may wake it within
        self._event = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the work done soon; returns at once."""
        with self._lock:
            self._event.set()
            if self._thread is None and not self._stop.is_set():
                thread = threading.Thread(target=self._run, name="nearline-cache", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # the interpreter is shutting down: the last flush writes everything
                self._thread = thread

    def _run(self) -> None:
        wanted = True
        while not self._stop.is_set():
            woken = self._event.wait(IDLE)
            if not woken and not wanted:
                with self._lock:
                    if self._event.is_set():
                        continue
                    self._thread = None
                    return
            if woken:
                self._stop.wait(DELAY)
                self._event.clear()
            wanted = self._work()

    def stop(self) -> None:
        """End the thread after what it is doing now."""
        self._stop.set()
        self._event.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def forget(self) -> None:
        """Start anew in a forked child, which has no such thread."""
        self._lock = threading.RLock()
        self._event = threading.Event()
        self._thread = None
