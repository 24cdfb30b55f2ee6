"""Ways in which an XNAT, or what stands before it, misbehaves, for `SimulatedXnat.misbehave`.

Those of `nearline.testing.faults` serve too; the ones that make sense here are named again.
Wrong digests and catalogues, vanishing experiments and lost permissions are changes of the
`Archive`, which `act` makes at a moment of the run; what kind of server it is says `Behaviour`.
"""

from __future__ import annotations

from collections.abc import Callable

from nearline.testing.exchange import Exchange, Reply
from nearline.testing.faults import Fault, cut_body, drip, fail, set_headers, slow_down, stall
from nearline.testing.xnat import tables

__all__ = [
    "Fault",
    "act",
    "bad_gateway_page",
    "cut_body",
    "drip",
    "empty",
    "fail",
    "forbidden",
    "late",
    "login_page",
    "missing",
    "set_headers",
    "shorten",
    "slow_down",
    "stall",
    "unauthorised",
]


def act(action: Callable[[], object]) -> Fault:
    """Do something just before the request is answered, such as deleting what it asks for."""
    return Fault(before=lambda _exchange: _ignore(action()))


def _ignore(_result: object) -> None:
    return None


def unauthorised() -> Fault:
    """Answer 401, though the session has not ended (`Accounts.end_sessions` ends it)."""

    def after(exchange: Exchange) -> None:
        exchange.reply = tables.tomcat_page(401, "Unauthorized")
        exchange.reply.headers["WWW-Authenticate"] = 'Basic realm="XNAT Protected Area"'

    return Fault(after=after)


def forbidden(message: str = "Forbidden") -> Fault:
    """Answer 403 on Restlet's page."""
    return _answer(lambda: tables.status_page(403, message))


def missing(message: str = "Unable to find file.") -> Fault:
    """Answer 404 on Restlet's page."""
    return _answer(lambda: tables.status_page(404, message))


def login_page() -> Fault:
    """Answer 200 with the login page, as to browsers whose session has ended."""
    return _answer(tables.login_page)


def empty() -> Fault:
    """Answer 200 with nothing, as where a catalogue could not be loaded.

    CatalogResourceList.java:139-145 logs the exception and represents no table.
    """
    return _answer(lambda: tables.text(""))


def bad_gateway_page(status: int = 502, *, retry_after: float | str | None = None) -> Fault:
    """Answer as a proxy does when the server behind it does not."""

    def reply() -> Reply:
        made = tables.page(f"<html><head><title>{status}</title></head></html>\r\n", status=status)
        if retry_after is not None:
            made.headers["Retry-After"] = str(retry_after)
        return made

    return _answer(reply)


def shorten(to_bytes: int) -> Fault:
    """Send only the first bytes, with a Content-Length that agrees: HTTP alone cannot tell."""

    def after(exchange: Exchange) -> None:
        exchange.reply.body = exchange.reply.body[:to_bytes]

    return Fault(after=after)


def late(seconds: float) -> Fault:
    """Answer rightly, but so many seconds later."""

    def after(exchange: Exchange) -> None:
        exchange.reply.delay_s += seconds

    return Fault(after=after)


def _answer(make: Callable[[], Reply]) -> Fault:
    def after(exchange: Exchange) -> None:
        exchange.reply = make()

    return Fault(after=after)
