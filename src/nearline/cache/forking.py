"""What must be quiet while the process forks."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

__all__ = ["Forkable", "quiet_on_fork"]


class Forkable(Protocol):
    """Something with locks and handles that a forked child must not share."""

    def before_fork(self) -> None:
        """Take every lock and close what a child must not inherit."""

    def after_fork(self, *, in_child: bool) -> None:
        """Release the locks; in the child, begin anew."""


_living: weakref.WeakSet[Forkable] = weakref.WeakSet()
_quiet: list[Forkable] = []
_one_fork = threading.Lock()


def quiet_on_fork(one: Forkable) -> None:
    """Have `one` called around every fork of this process, as long as it lives."""
    _living.add(one)


def _before() -> None:
    _one_fork.acquire()
    for one in list(_living):
        one.before_fork()
        _quiet.append(one)


def _after(in_child: bool) -> None:
    while _quiet:
        _quiet.pop().after_fork(in_child=in_child)
    _one_fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=lambda: _after(False),
        after_in_child=lambda: _after(True),
    )
