"""One event loop on a thread of its own, where obstore's calls wait so that callers need not.

obstore's blocking calls do not notice Ctrl-C. Its awaitable calls run here,
and the caller waits on a plain lock, which signals interrupt.

In a child forked from a process in which obstore's threads ran, those threads
are gone and every call would wait for them for ever; `refuse_after_fork`
raises instead.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from nearline.errors import UnsafeAfterFork

__all__ = ["mark_used", "orphaned", "refuse_after_fork", "run"]

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_used = False
_orphaned = False


def run(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """Run `work` on the loop's thread and wait for it, interruptibly.

    Raises
    ------
    TimeoutError
        No result within `timeout` seconds; the work is cancelled.
    """
    future = asyncio.run_coroutine_threadsafe(work, _running_loop())
    try:
        return future.result(timeout)
    except concurrent.futures.CancelledError:
        raise TimeoutError from None
    finally:
        # Also when Ctrl-C ended the wait: nobody will take the answer.
        if not future.done():
            future.cancel()


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(
                target=_loop.run_forever, name="nearline-obstore", daemon=True
            )
            _thread.start()
        return _loop


def _at_exit() -> None:
    """Let obstore's threads come to rest while they may still call into Python.

    One that asks for the interpreter's lock after its end aborts the process.
    """
    loop, thread = _loop, _thread
    if loop is None or thread is None or loop.is_closed():
        return

    async def stop() -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(_SETTLE_S)
        loop.stop()

    asyncio.run_coroutine_threadsafe(stop(), loop)
    thread.join(timeout=1)


_SETTLE_S = 0.02
atexit.register(_at_exit)


def mark_used() -> None:
    """Remember that obstore's threads run in this process."""
    global _used
    _used = True


def orphaned() -> bool:
    """Whether this process was forked from one in which obstore ran."""
    return _orphaned


def refuse_after_fork(url: str) -> None:
    """Raise where a call would hang.

    Raises
    ------
    UnsafeAfterFork
        This process was forked from one in which obstore ran.
    """
    if _orphaned:
        raise UnsafeAfterFork(
            f"{url} is read with credentials, and this process was forked after its parent had "
            "read that way; the connections do not survive a fork. Start workers with the "
            "'spawn' or 'forkserver' method (multiprocessing.set_start_method, "
            "DataLoader(multiprocessing_context=...)), or open signed objects in the workers only."
        )


def _obstore_runs() -> bool:
    """Whether obstore's threads exist here, started by us or by anyone else."""
    if _used:
        return True
    if "obstore" not in sys.modules:
        return False
    for task in Path("/proc/self/task").glob("*/comm"):
        try:
            if task.read_text().startswith("tokio"):
                return True
        except OSError:
            continue
    return False


_about_to_orphan = False


def _before_fork() -> None:
    global _about_to_orphan
    _about_to_orphan = _obstore_runs()


def _in_child() -> None:
    global _lock, _loop, _thread, _orphaned
    _lock = threading.Lock()
    _loop = _thread = None
    _orphaned = _orphaned or _about_to_orphan


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
