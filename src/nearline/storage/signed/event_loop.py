"""One event loop on a thread of its own, where obstore's calls wait so that callers need not.

obstore's blocking calls do not notice Ctrl-C. Its awaitable calls run here,
and the caller waits on a plain lock, which signals interrupt.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run"]

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


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


def _in_child() -> None:
    global _lock, _loop, _thread
    _lock = threading.Lock()
    _loop = _thread = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
