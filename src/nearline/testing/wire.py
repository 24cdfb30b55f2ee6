"""HTTP/1.1 as bytes: heads, chunks, and how a body is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from itertools import pairwise

from nearline.testing.exchange import Reply

__all__ = ["PIECE", "TAIL", "chunk", "format_head", "parse_head", "pieces"]

PIECE = 1 << 18
"""Most body bytes handed to the network at once."""

TAIL = 1 << 12
"""Body bytes sent last and apart: what is logged as the last byte is close to it."""


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Return method, target and headers (names in lower case) of a request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return method, target, headers


def format_head(reply: Reply) -> bytes:
    """Return status line and headers of an answer, with how long its body is."""
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unnamed"
    lines = [f"HTTP/1.1 {reply.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"Set-Cookie: {cookie}" for cookie in reply.cookies]
    if reply.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif reply.status not in (204, 304):
        length = len(reply.body) if reply.announced is None else reply.announced
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(piece: memoryview) -> bytes:
    """Return a piece as one chunk of a chunked body."""
    return b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))


def pieces(length: int, stops: set[int], rate: float | None) -> Iterable[tuple[int, int]]:
    """Cut a body into pieces that end at every stop, and come often enough to seem steady."""
    step = PIECE if rate is None else max(1, min(PIECE, int(rate / 20)))
    edges = {0, length, max(length - TAIL, 0), *range(0, length, step)}
    edges |= {stop for stop in stops if stop < length}
    ordered = sorted(edges)
    return pairwise(ordered)
