"""What a fork does to obstore, noticed before anything hangs.

In a child forked from a process in which obstore's threads ran, those threads
are gone and every call would wait for them for ever; `refuse_after_fork`
raises instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nearline.errors import UnsafeAfterFork

__all__ = ["mark_used", "orphaned", "refuse_after_fork"]

_used = False
_orphaned = False


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
    global _orphaned
    _orphaned = _orphaned or _about_to_orphan


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
