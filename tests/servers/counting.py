"""A proxy that counts: what was asked of a server, by something that is not the client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import Self
from urllib.parse import unquote

from nearline.testing import LoggedRequest, longest_chain, max_concurrency
from nearline.testing.request_log import RequestLog

__all__ = ["CountingProxy"]

_PIECE = 1 << 18


class _Closed(Exception):
    """The other side closed the connection."""


class _Wire:
    """One side of a connection, read as HTTP/1.1."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.waiting = b""

    def more(self) -> None:
        data = self.connection.recv(_PIECE)
        if not data:
            raise _Closed
        self.waiting += data

    def until(self, end: bytes) -> bytes:
        while end not in self.waiting:
            self.more()
        head, _, self.waiting = self.waiting.partition(end)
        return head + end

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def pieces(self, length: int | None) -> Iterator[bytes]:
        """Yield `length` bytes as they come (None: all until this side closes)."""
        left = float("inf") if length is None else length
        while left > 0:
            if not self.waiting:
                try:
                    self.more()
                except _Closed:
                    if length is None:
                        return
                    raise
            piece = self.waiting if length is None else self.waiting[: int(left)]
            self.waiting = self.waiting[len(piece) :]
            left -= len(piece)
            yield piece

    def chunks(self) -> Iterator[tuple[bytes, int]]:
        """Yield a chunked body as it stands on the wire, and how much of each part is content."""
        while True:
            line = self.until(b"\r\n")
            yield line, 0
            length = int(line.split(b";")[0], 16)
            for piece in self.pieces(length):
                yield piece, len(piece)
            while (rest := self.until(b"\r\n")) != b"\r\n":
                yield rest, 0
            yield rest, 0
            if not length:
                return

    def body(
        self, headers: Mapping[str, str], *, to_the_end: bool = False
    ) -> Iterator[tuple[bytes, int]]:
        """Yield the body that the headers announce, and how much of each part is content."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self.chunks()
            return
        length = headers.get("content-length", None if to_the_end else "0")
        for piece in self.pieces(None if length is None else int(length)):
            yield piece, len(piece)


def _parse(head: bytes) -> tuple[list[str], Mapping[str, str]]:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return first.split(" ", 2), {name.lower(): value.strip() for name, value in pairs}


class CountingProxy:
    """Stand before a port of this machine, hand everything on unchanged, and keep a log.

    Has the counters of `nearline.testing.RangeServer`. The Host header stays as the client
    sent it, so that signatures hold.

    Parameters
    ----------
    target_port : int
        Port on 127.0.0.1 of an HTTP/1.1 server without TLS.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.connections = 0
        self._log = RequestLog()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="counting-proxy", daemon=True).start()

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in order of arrival."""
        return self._log.snapshot()

    @property
    def sent(self) -> int:
        """Body bytes sent to clients so far."""
        return sum(request.sent for request in self.requests)

    @property
    def max_concurrency(self) -> int:
        """The largest number of requests that were under way at once."""
        return max_concurrency(self.requests)

    def chain(self) -> list[LoggedRequest]:
        """Return the longest chain of requests that each began after the end of the one before."""
        return longest_chain(self.requests)

    def clear_log(self) -> None:
        """Forget the requests so far."""
        self._log.clear()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        with self._lock:
            ends = [self._listener, *self._open]
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(
                target=self._serve, args=(connection,), name="counting-proxy", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            connection,
            suppress(OSError, _Closed),
            socket.create_connection(("127.0.0.1", self.target_port)) as onward,
        ):
            ends = {connection, onward}
            with self._lock:
                self._open |= ends
            try:
                client, server = _Wire(connection), _Wire(onward)
                while self._exchange(client, server):
                    pass
            finally:
                with self._lock:
                    self._open -= ends

    def _exchange(self, client: _Wire, server: _Wire) -> bool:
        """Carry one request and its answer; return whether the connection stays open."""
        if not client.waiting:
            client.more()
        arrived = monotonic()
        head = client.until(b"\r\n\r\n")
        (method, target, _), headers = _parse(head)
        path = unquote(target.split("?")[0])
        request = self._log.begin(method, target, path, headers, arrived)
        try:
            server.send(head)
            if headers.get("expect", "").lower() == "100-continue":
                interim = server.until(b"\r\n\r\n")
                client.send(interim)
                if b" 100 " not in interim[:16]:
                    return False
            for piece, _ in client.body(headers):
                server.send(piece)
            return self._answer(request, client, server)
        finally:
            self._log.end(request)

    @staticmethod
    def _answer(request: LoggedRequest, client: _Wire, server: _Wire) -> bool:
        head = server.until(b"\r\n\r\n")
        (version, status, *_), headers = _parse(head)
        request.status = int(status)
        request.first_byte = request.last_byte = monotonic()
        client.send(head)
        if request.method == "HEAD" or request.status in (204, 304):
            return _stays(version, headers)
        # Counted before it is sent: who has received it may ask at once.
        for piece, content in server.body(headers, to_the_end=True):
            request.sent += content
            request.last_byte = monotonic()
            client.send(piece)
        framed = "content-length" in headers or "transfer-encoding" in headers
        return framed and _stays(version, headers)


def _stays(version: str, headers: Mapping[str, str]) -> bool:
    return version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
