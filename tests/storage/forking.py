"""What a forked child says of work that its parent gives it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

__all__ = ["in_forked_child"]


def in_forked_child(work: Callable[[], str]) -> str:
    """Return what `work` says in a child; the child is killed if it says nothing in 20 s."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = f"{type(error).__name__}: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    killer = threading.Timer(20, os.kill, (child, signal.SIGKILL))
    killer.start()
    try:
        with os.fdopen(out, "rb") as pipe:
            said = pipe.read().decode()
    finally:
        killer.cancel()
        os.waitpid(child, 0)
    return said or "hung"
