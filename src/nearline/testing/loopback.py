"""An HTTP/1.1 server on loopback that keeps connections alive, counts and can be cut off."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from time import monotonic
from typing import Self
from urllib.parse import unquote

from nearline.testing.exchange import Reply
from nearline.testing.request_log import LoggedRequest, RequestLog, longest_chain, max_concurrency
from nearline.testing.wire import PIECE, TAIL, chunk, format_head, parse_head, pieces

__all__ = ["LoopbackServer"]

_LARGEST_HEAD = 1 << 16


class _Cut(Exception):
    """The connection is to be closed now."""


class LoopbackServer:
    """Serve HTTP/1.1 on 127.0.0.1, one thread per connection; subclasses say what is answered.

    Parameters
    ----------
    name : str
        Of its threads.
    tls : ssl.SSLContext, optional
        Serve HTTPS with this context.
    """

    def __init__(self, name: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._name = name
        self._tls = tls
        self._log = RequestLog()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._accepted = 0
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Begin to accept connections; the last thing that a subclass does when it is made."""
        threading.Thread(target=self._accept, name=self._name, daemon=True).start()

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:
        """Answer a request.

        Parameters
        ----------
        request : LoggedRequest
            Its headers must not be changed: they are what is logged.
        body : bytes
            What the client sent along.
        """
        raise NotImplementedError

    # --- what it saw ------------------------------------------------------

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, in order of arrival."""
        return self._log.snapshot()

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        return self._accepted

    @property
    def sent(self) -> int:
        """Body bytes sent so far."""
        return sum(request.sent for request in self.requests)

    @property
    def max_concurrency(self) -> int:
        """The largest number of requests that were under way at once."""
        return max_concurrency(self.requests)

    def chain(self) -> list[LoggedRequest]:
        """Return the longest chain of requests, each begun after the last byte of the one before.

        Its length is the number of round trips.
        """
        return longest_chain(self.requests)

    def clear_log(self) -> None:
        """Forget the requests so far (not the counts that faults go by)."""
        self._log.clear()

    # --- life -------------------------------------------------------------

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._stopping.set()
        # Closing alone does not wake a thread that waits in accept.
        _shut(self._listener)
        self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut every open connection, as a server that restarts does."""
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            _shut(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- connections ------------------------------------------------------

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._accepted += 1
            threading.Thread(
                target=self._serve, args=(connection,), name=self._name, daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        plain = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            waiting = b""
            while not self._stopping.is_set():
                kept = self._serve_one(connection, waiting)
                if kept is None:
                    break
                waiting = kept
        except (OSError, _Cut):
            pass
        finally:
            with self._lock:
                self._connections.discard(plain)
            _shut(connection)
            connection.close()

    def _serve_one(self, connection: socket.socket, waiting: bytes) -> bytes | None:
        """Serve one request; return what was read beyond it, None at the end of the connection."""
        if not waiting:
            waiting = connection.recv(_LARGEST_HEAD)
        arrived = monotonic()
        while b"\r\n\r\n" not in waiting:
            more = connection.recv(_LARGEST_HEAD) if len(waiting) <= _LARGEST_HEAD else b""
            if not more:
                return None
            waiting += more
        head, _, waiting = waiting.partition(b"\r\n\r\n")
        method, target, headers = parse_head(head)
        length = int(headers.get("content-length", "0"))
        while len(waiting) < length:
            more = connection.recv(PIECE)
            if not more:
                return None
            waiting += more
        body, waiting = waiting[:length], waiting[length:]
        path = unquote(target.partition("?")[0])
        logged = self._log.begin(method, target, path, headers, arrived)
        try:
            reply = self.respond(logged, body)
            logged.status = reply.status
            self._send(connection, reply, logged)
        finally:
            self._log.end(logged)
        return None if headers.get("connection", "").lower() == "close" else waiting

    # --- answers ----------------------------------------------------------

    def _send(self, connection: socket.socket, reply: Reply, logged: LoggedRequest) -> None:
        if reply.delay_s:
            self._pause(reply.delay_s)
        head = format_head(reply)
        body = reply.body
        if logged.method == "HEAD" or reply.status in (204, 304):
            body = memoryview(b"")
        logged.first_byte = monotonic()
        if len(body) <= PIECE and not reply.paced:
            self._send_at_once(connection, head, body, logged)
            return
        connection.sendall(head)
        stops = {n for n in (reply.cut_at, reply.stall_at) if n is not None}
        for start, stop in pieces(len(body), stops, reply.rate):
            if start == reply.cut_at:
                self._cut(connection, reset=reply.reset)
            if start == reply.stall_at:
                self._pause(reply.stall_s)
            piece = body[start:stop]
            data = chunk(piece) if reply.chunked else piece
            _send_piece(connection, data, logged, stop, last=stop == len(body))
            if reply.rate is not None:
                self._pause(len(piece) / reply.rate)
        if reply.cut_at is not None and reply.cut_at >= len(body):
            self._cut(connection, reset=reply.reset)
        if reply.chunked:
            connection.sendall(b"0\r\n\r\n")

    def _send_at_once(
        self, connection: socket.socket, head: bytes, body: memoryview, logged: LoggedRequest
    ) -> None:
        split = max(len(body) - TAIL, 0)
        if split > 2 * TAIL:
            data = b"".join((head, body[:split]))
            _send_piece(connection, data, logged, split, last=False)
            head, body = b"", body[split:]
        data = b"".join((head, body))
        _send_piece(connection, data, logged, logged.sent + len(body), last=True)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Cut

    def _cut(self, connection: socket.socket, *, reset: bool) -> None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        raise _Cut


def _send_piece(
    connection: socket.socket,
    data: bytes | memoryview,
    logged: LoggedRequest,
    sent: int,
    *,
    last: bool,
) -> None:
    """Send a piece, and log before it leaves: what its arrival causes must not precede it."""
    before, logged.sent = logged.sent, sent
    if last:
        logged.last_byte = monotonic()
    try:
        connection.sendall(data)
    except OSError:
        logged.sent = before
        raise


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
