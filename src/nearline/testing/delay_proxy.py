"""A TCP proxy on loopback that puts distance between a client and a server."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self, cast

__all__ = ["DelayProxy"]

_MOST_UNDER_WAY = 16 << 20
"""Bytes on the way in one direction of one connection before the sender is held."""

_EOF = b""


class DelayProxy:
    """Carry connections to a port of this machine as a line of some length would.

    Every byte arrives `one_way_delay_s` after it was sent, in each direction.
    Opening a connection costs a round trip, as it does in TCP: the kernel
    completes the client's connect at once, so the proxy adds that time to the
    first bytes. There is no slow start: bulk transfers look better than on a
    real path.

    Parameters
    ----------
    target_port : int
        Port on 127.0.0.1 to connect to.
    one_way_delay_s : float
        Seconds; a round trip takes twice that.
    rate : float, optional
        Bytes per second towards the client, shared by all connections.
    cut_after : int, optional
        Reset each connection after so many bytes towards the client.
    corrupt_at : int, optional
        Flip the bits of the byte with this offset in what each connection
        brings to the client (response heads count).

    Attributes
    ----------
    port : int
        Where to connect, on 127.0.0.1.
    connections : int
        Connections accepted so far.
    bytes_to_client, bytes_to_server : int
        Delivered so far.
    corrupted, cut : int
        Bytes flipped and connections reset so far.
    """

    def __init__(
        self,
        target_port: int,
        one_way_delay_s: float,
        *,
        rate: float | None = None,
        cut_after: int | None = None,
        corrupt_at: int | None = None,
    ) -> None:
        self.target_port = target_port
        self.one_way_delay_s = one_way_delay_s
        self.rate = rate
        self.cut_after = cut_after
        self.corrupt_at = corrupt_at
        self.connections = 0
        self.bytes_to_client = 0
        self.bytes_to_server = 0
        self.corrupted = 0
        self.cut = 0
        self._free_at = 0.0
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="delay-proxy", daemon=True
        )
        self._thread.start()
        self.port: int = started.result(10)

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"DelayProxy(port={self.port}, target_port={self.target_port}, "
            f"one_way_delay_s={self.one_way_delay_s})"
        )

    def _run(self, started: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                self._loop.create_server(
                    lambda: _Pair(self, self._loop).client, "127.0.0.1", 0, backlog=256
                )
            )
            started.set_result(server.sockets[0].getsockname()[1])
            self._loop.run_forever()
            server.close()
            for pair in list(self._pairs):
                pair.abort()
            # One more turn lets the transports close their sockets.
            self._loop.run_until_complete(asyncio.sleep(0))
        except OSError as error:
            started.set_exception(error)
        finally:
            self._loop.close()

    def slot(self, length: int, now: float) -> float:
        """Return when bytes that may leave now have left, on the line that all share."""
        if self.rate is None:
            return now
        self._free_at = max(self._free_at, now) + length / self.rate
        return self._free_at


class _Pair:
    """The two ends of one connection and the two directions between them."""

    def __init__(self, proxy: DelayProxy, loop: asyncio.AbstractEventLoop) -> None:
        self.proxy = proxy
        self.loop = loop
        self.accepted = loop.time()
        self.client = _End(self)
        self.server = _End(self)
        self.up = _Direction(self, self.client, self.server, to_client=False)
        self.down = _Direction(self, self.server, self.client, to_client=True)
        self.client.outgoing, self.client.incoming = self.up, self.down
        self.server.outgoing, self.server.incoming = self.down, self.up

    def begin(self) -> None:
        self.proxy.connections += 1
        self.proxy._pairs.add(self)
        connecting = self.loop.create_task(
            self.loop.create_connection(lambda: self.server, "127.0.0.1", self.proxy.target_port)
        )
        connecting.add_done_callback(self._connected)

    def _connected(self, connecting: asyncio.Task[object]) -> None:
        if connecting.cancelled() or connecting.exception() is not None:
            self.abort()

    def abort(self) -> None:
        self.proxy._pairs.discard(self)
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()

    def finish(self) -> None:
        """Close both ends once both directions have ended."""
        if self.up.ended and self.down.ended:
            self.proxy._pairs.discard(self)
            for end in (self.client, self.server):
                if end.transport is not None:
                    end.transport.close()


class _End(asyncio.Protocol):
    """One socket: what it reads goes into a direction, what another brings is written."""

    outgoing: _Direction
    incoming: _Direction

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=4 << 20)
        if self is self.pair.client:
            self.pair.begin()
        self.incoming.deliver()

    def data_received(self, data: bytes) -> None:
        self.outgoing.feed(data)

    def eof_received(self) -> bool:
        self.outgoing.feed(_EOF)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.pair.abort()
        elif not self.outgoing.fed_eof:
            self.outgoing.feed(_EOF)

    def pause_writing(self) -> None:
        self.incoming.held = True

    def resume_writing(self) -> None:
        self.incoming.held = False
        self.incoming.deliver()


class _Direction:
    """Bytes on their way from one end to the other."""

    def __init__(self, pair: _Pair, source: _End, target: _End, *, to_client: bool) -> None:
        self.pair = pair
        self.source = source
        self.target = target
        self.to_client = to_client
        # Client: connected after a round trip. Server: after the request to connect came.
        trips = 1 if to_client else 2
        self.opens_at = pair.accepted + trips * pair.proxy.one_way_delay_s
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.bytes_under_way = 0
        self.delivered = 0
        self.fed_eof = False
        self.ended = False
        self.held = False
        self.timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        proxy = self.pair.proxy
        leaves = max(self.pair.loop.time(), self.opens_at)
        if self.to_client:
            leaves = proxy.slot(len(data), leaves)
        self.fed_eof = self.fed_eof or data == _EOF
        self.under_way.append((leaves + proxy.one_way_delay_s, data))
        self.bytes_under_way += len(data)
        if self.bytes_under_way > _MOST_UNDER_WAY and self.source.transport is not None:
            self.source.transport.pause_reading()
        if self.timer is None:
            self.deliver()

    def deliver(self) -> None:
        """Hand on what is due, and come back for what is not."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        transport = self.target.transport
        if transport is None or transport.is_closing():
            return
        while self.under_way and not self.held:
            due, data = self.under_way[0]
            if due > self.pair.loop.time():
                self.timer = self.pair.loop.call_at(due, self.deliver)
                break
            self.under_way.popleft()
            if not self._hand_on(transport, data):
                return
        source = self.source.transport
        if source is None or source.is_closing() or source.is_reading():
            return
        if self.bytes_under_way <= _MOST_UNDER_WAY // 2:
            source.resume_reading()

    def _hand_on(self, transport: asyncio.Transport, data: bytes) -> bool:
        if data == _EOF:
            self.ended = True
            with suppress(OSError):
                transport.write_eof()
            self.pair.finish()
            return False
        self.bytes_under_way -= len(data)
        if self.to_client:
            data, cut = self._spoiled(data)
            self.pair.proxy.bytes_to_client += len(data)
        else:
            cut = False
            self.pair.proxy.bytes_to_server += len(data)
        self.delivered += len(data)
        transport.write(data)
        if cut:
            self.pair.abort()
        return not cut

    def _spoiled(self, data: bytes) -> tuple[bytes, bool]:
        proxy = self.pair.proxy
        at = None if proxy.corrupt_at is None else proxy.corrupt_at - self.delivered
        if at is not None and 0 <= at < len(data):
            proxy.corrupted += 1
            data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        if proxy.cut_after is not None and self.delivered + len(data) >= proxy.cut_after:
            proxy.cut += 1
            return data[: max(proxy.cut_after - self.delivered, 0)], True
        return data, False
