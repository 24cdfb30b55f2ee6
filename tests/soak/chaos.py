"""A server that is at fault in a share of its answers, replaces objects, and is started anew.

It speaks TLS over a line that flips bytes and cuts connections: nothing else tells a client that a
byte of an answer is not what was sent.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path

from nearline.testing import DelayProxy, RangeServer, faults
from nearline.testing.exchange import Exchange
from nearline.testing.faults import Fault
from soak.world import OBJECTS, VERSIONS
from tls_authority import authority

__all__ = ["Origin"]


def _kinds(rng: random.Random) -> dict[str, Fault]:
    return {
        "503": faults.fail(503, retry_after=0.01),
        "500": faults.fail(500),
        "cut": faults.cut_body(rng.randrange(200_000)),
        "reset": faults.cut_body(rng.randrange(50_000), reset=True),
        "stall": faults.stall(1.0, after_bytes=rng.randrange(50_000)),
        "range ignored": faults.ignore_range(),
        "200 with Content-Range": faults.ok_with_content_range(),
        "another range": faults.wrong_content_range(rng.choice((-1, 1, 4096))),
        "chunked": faults.chunked(),
        "conditions ignored": faults.ignore_conditions(),
        "ETag of another node": faults.per_node_etag(2),
        "login page": faults.login_page(),
    }


class Origin:
    """One HTTPS server over all objects, behind a line that breaks.

    Attributes
    ----------
    trusted : str
        Path of the certificate that clients must trust.
    """

    def __init__(self, folder: Path, seed: int, share: float) -> None:
        self._counts: Counter[str] = Counter()
        self.trusted, self._tls = authority(folder)
        self._folder = folder
        self._rng = random.Random(seed)
        self._share = share
        self._lock = threading.Lock()
        self._chosen: dict[int, Fault] = {}
        self._versions = dict.fromkeys(OBJECTS, 0)
        self._server = self._started()
        self._line = DelayProxy(self._server.port, 0.0)

    @property
    def address(self) -> str:
        """URL without a path."""
        return f"https://127.0.0.1:{self._line.port}"

    @property
    def counts(self) -> Counter[str]:
        """Faults that were injected so far, by kind."""
        line = {"byte flipped on the line": self._line.corrupted, "line cut": self._line.cut}
        return self._counts + Counter(line)

    def _started(self) -> RangeServer:
        server = RangeServer(tls=self._tls)
        for name, version in self._versions.items():
            self._put(server, name, version)
        server.misbehave(None, Fault(self._before, self._after))
        return server

    def _put(self, server: RangeServer, name: str, version: int) -> None:
        # A date per version: what lies is the server, not the clock of its disk.
        date = f"Sat, 21 Nov 2026 10:{version:02d}:00 GMT"
        path = self._folder / f"{name}.{version}.dcm"
        server.put(f"/{name}.dcm", path, last_modified=date)

    def _before(self, exchange: Exchange) -> None:
        with self._lock:
            if self._rng.random() < self._share:
                self._trouble_line()
            if self._rng.random() >= self._share:
                return
            kind, fault = self._rng.choice(list(_kinds(self._rng).items()))
            if kind == "login page" and "if-match" not in exchange.headers:
                return  # to who knows no version of an object, such a page is the object
            self._counts[kind] += 1
            self._chosen[id(exchange)] = fault
        fault.before(exchange)

    def trouble_line(self) -> None:
        """Choose anew what befalls connections; while they cannot begin, no request does so."""
        with self._lock:
            self._trouble_line()

    def _trouble_line(self) -> None:
        offset = self._rng.randrange(self._rng.choice((3_000, 100_000, 1_000_000)))
        chosen = self._rng.choice(((offset, None), (None, offset), *[(None, None)] * 4))
        if self._share:
            self._line.corrupt_at, self._line.cut_after = chosen

    def _after(self, exchange: Exchange) -> None:
        with self._lock:
            fault = self._chosen.pop(id(exchange), None)
        if fault is not None:
            fault.after(exchange)

    def replace_one(self) -> None:
        """Put another version in an object's place."""
        with self._lock:
            name = self._rng.choice(list(self._versions))
            self._versions[name] = self._rng.randrange(VERSIONS)
            self._counts["object replaced"] += 1
        self._put(self._server, name, self._versions[name])

    def start_anew(self) -> None:
        """Cut all connections; the next ones meet a server that has just started."""
        with self._lock:
            self._counts["server restarted"] += 1
        old, self._server = self._server, self._started()
        self._line.target_port = self._server.port
        time.sleep(0.01)
        old.close()

    def calm(self) -> None:
        """Be at fault no more."""
        self._share = 0.0
        self._line.corrupt_at = self._line.cut_after = None

    def close(self) -> None:
        """Stop."""
        self._line.close()
        self._server.close()
