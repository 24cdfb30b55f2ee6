"""An HTTP/1.1 server on loopback that serves ranges, misbehaves on request and keeps a log."""

from __future__ import annotations

import mmap
import ssl
from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path
from urllib.parse import quote

from nearline.testing.exchange import Exchange, Reply, StoredObject, answer
from nearline.testing.faults import Fault
from nearline.testing.loopback import LoopbackServer
from nearline.testing.request_log import LoggedRequest

__all__ = ["RangeServer"]

Content = bytes | bytearray | memoryview | Path


class RangeServer(LoopbackServer):
    """Serve objects from memory or disk on 127.0.0.1, one thread per connection.

    Parameters
    ----------
    objects : mapping of str to bytes-like or Path, optional
        Decoded paths, each beginning with a slash, and what lies there. A path
        may be an absolute URL: the server also answers as a forward proxy.
    tls : ssl.SSLContext, optional
        Serve HTTPS with this context.

    Examples
    --------
    >>> with RangeServer({"/a.dcm": bytes(1000)}) as server:
    ...     server.misbehave("/a.dcm", faults.unavailable(retry_after=1), requests={1, 2})
    ...     read(server.url("/a.dcm"))
    ...     assert len(server.chain()) == 3
    """

    def __init__(
        self, objects: Mapping[str, Content] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__("range-server", tls=tls)
        self._objects: dict[str, StoredObject] = {}
        self._scripts: list[tuple[str | None, Container[int] | None, Fault]] = []
        self._counts: Counter[str] = Counter()
        for path, content in (objects or {}).items():
            self.put(path, content)
        self.start()

    # --- what it holds ----------------------------------------------------

    def put(
        self,
        path: str,
        content: Content,
        *,
        etag: str | None = "",
        last_modified: str | None = "",
        generation: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Store or replace an object.

        Parameters
        ----------
        path : str
            Decoded, beginning with a slash.
        content : bytes-like or Path
            A file is mapped, not copied.
        etag, last_modified : str or None
            As sent, quotes included. Empty: the digest of the content, and now. None: not sent.
        generation : str, optional
            Sent as ``x-goog-generation``; ``x-goog-if-generation-match`` is then checked.
        headers : mapping, optional
            Further headers of every answer.
        """
        if isinstance(content, Path):
            with content.open("rb") as file:
                content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        stored = StoredObject.of(
            content,
            etag=etag,
            last_modified=last_modified,
            generation=generation,
            headers=headers,
        )
        with self._lock:
            self._objects[path] = stored

    def remove(self, path: str) -> None:
        """Delete an object."""
        with self._lock:
            del self._objects[path]

    def misbehave(
        self, path: str | None, *faults: Fault, requests: Container[int] | None = None
    ) -> None:
        """Answer requests with faults, in the order given and on top of earlier ones.

        Parameters
        ----------
        path : str or None
            Which object; None: all.
        *faults : Fault
            From `nearline.testing.faults`.
        requests : container of int, optional
            Which requests for that path, counted from 1 since the server
            started (``{1, 3}``, ``range(1, 4)``); None: all.
        """
        with self._lock:
            self._scripts.extend((path, requests, fault) for fault in faults)

    def behave(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._scripts.clear()

    def url(self, path: str) -> str:
        """Return the URL of an object, percent-encoded."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{quote(path)}"

    # --- answers ----------------------------------------------------------

    def __repr__(self) -> str:
        return f"RangeServer(port={self.port}, objects={len(self._objects)})"

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:  # noqa: ARG002
        """Answer as RFC 9110 says, but for the faults."""
        path = request.path
        with self._lock:
            stored = self._objects.get(path)
            if stored is None and "://" in path:
                stored = self._objects.get("/" + path.split("/", 3)[3])
            self._counts[path] += 1
            number = self._counts[path]
            faults = [
                fault
                for where, numbers, fault in self._scripts
                if where in (None, path) and (numbers is None or number in numbers)
            ]
        # Faults change the headers that are answered, never those that are logged.
        exchange = Exchange(
            number, request.method, request.target, path, dict(request.headers), stored
        )
        for fault in faults:
            fault.before(exchange)
        exchange.reply = answer(exchange)
        for fault in faults:
            fault.after(exchange)
        return exchange.reply
