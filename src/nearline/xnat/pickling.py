"""Whatever holds a login stays in its process."""

from __future__ import annotations

from typing import NoReturn

from nearline.errors import NotPicklable

__all__ = ["refuse_pickling"]


def refuse_pickling(what: str) -> NoReturn:
    """Raise for whatever holds a login: a pickle would hold the password.

    Raises
    ------
    NotPicklable
        Always.
    """
    raise NotPicklable(
        f"A {what} holds a login and is not pickled: connect again in the other process."
    )
