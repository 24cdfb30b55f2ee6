"""Credentials that were found but take something that is not installed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nearline.errors import AccessDenied
from nearline.provenance import Validator
from nearline.storage.address import Address
from nearline.storage.options.credentials import Credentials
from nearline.storage.signed.stores import StoreOptions
from nearline.storage.source import Answer, Source
from nearline.storage.url import identity

__all__ = ["Unusable"]


class Unusable:
    """Stands where credentials were found that cannot be used here: every read is refused.

    Parameters
    ----------
    address : Address
    options : StoreOptions
    credentials : Credentials
        Their `trouble` is what reads raise.
    reopen : callable
        Opens the object in another process, with the credentials found there.
    """

    in_place = False
    concurrent = True
    signed = True

    def __init__(
        self,
        address: Address,
        options: StoreOptions,
        credentials: Credentials,
        reopen: Callable[[Address, StoreOptions], Source],
    ) -> None:
        self.url = address.url
        self.identity = identity(address.url, signed=True)
        self._address = address
        self._options = options
        self._reopen = reopen
        self._trouble = credentials.trouble

    def __repr__(self) -> str:
        return f"<Unusable {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reopen, (self._address, self._options)

    def read(
        self,
        start: int,  # noqa: ARG002
        stop: int | None,  # noqa: ARG002
        *,
        pin: Validator | None = None,  # noqa: ARG002
        unless: Validator | None = None,  # noqa: ARG002
        timeout: float = 30.0,  # noqa: ARG002
    ) -> Answer:
        """Raise `AccessDenied` with what is the matter."""
        raise AccessDenied(f"{self.url} cannot be read: {self._trouble}")

    def close(self) -> None:
        """Do nothing."""
