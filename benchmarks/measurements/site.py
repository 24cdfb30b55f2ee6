"""Where measurements of projects are measured: a simulated XNAT behind a slow, counted line."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stage import ONE_WAY_S
from benchmarks.working import work
from nearline.testing import DelayProxy
from nearline.testing.xnat import Archive, SimulatedXnat
from nearline.testing.xnat.archive import Digest
from nearline.testing.xnat.freesurfer import freesurfer_project, with_etiv
from nearline.testing.xnat.records import Experiment
from peers.environments import peer_python
from servers.counting import CountingProxy

__all__ = ["LOGIN", "Measured", "Site", "site"]

LOGIN = frozenset({"site", "login", "logout"})
"""Kinds of requests that are not about the project."""

PROJECT, SMALL = "ALFA", "WARM"
LISTING = 350
"""Files in a resource, as a real one has."""

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    """What one piece of work took.

    Attributes
    ----------
    seconds : float
        As the process measured it.
    requests : dict of str to int
        As the server counted them, by kind.
    bytes : int
        Of bodies that the server sent.
    concurrency : int
        Requests under way at once, at most, at the client's end of the line.
    facts : dict
        What else the process found.
    files : tuple of str
        Paths of the files that were fetched.
    """

    seconds: float
    requests: Mapping[str, int]
    bytes: int
    concurrency: int
    facts: dict[str, Any]
    files: tuple[str, ...]

    @property
    def about_project(self) -> int:
        """Requests besides logging in and out."""
        return sum(number for kind, number in self.requests.items() if kind not in LOGIN)


class Site:
    """A project of so many sessions, and fresh processes to measure in."""

    def __init__(
        self, server: SimulatedXnat, counter: CountingProxy, sessions: list[Experiment], root: Path
    ) -> None:
        self.server = server
        self.counter = counter
        self.sessions = sessions
        self.root = root

    @property
    def count(self) -> int:
        """Sessions of the project."""
        return len(self.sessions)

    def new_cache(self) -> str:
        """Return a cache folder that nothing has used."""
        return tempfile.mkdtemp(dir=self.root, prefix="cache-")

    def overwrite(self, number: int, etiv: float, *, digest: Digest, bump: bool = False) -> str:
        """Give a session another eTIV in as many bytes; return the path of the file."""
        subject = f"{PROJECT}{number + 1:04d}"
        path = f"{subject}/stats/aseg.stats"
        one = self.sessions[number]
        data = self.server.archive.file(one, "FREESURFER6", path).data
        assert data is not None
        self.server.archive.replace_file(
            one, "FREESURFER6", path, with_etiv(data, etiv), digest=digest
        )
        if bump:
            self.server.archive.edit(one)
        return path

    def ours(self, name: str, **job: Any) -> Measured:
        """Let nearline do some work in a fresh process, warmed on another project."""
        return self._measure([sys.executable, str(_HERE / "worker.py")], {"work": name} | job)

    def bx(self, name: str, **job: Any) -> Measured:
        """Let bx do it, unmodified, in its own environment."""
        return self._measure([peer_python("bx"), str(_HERE / "bx_worker.py")], {"work": name} | job)

    def _forget(self) -> None:
        self.server.clear_log()
        self.counter.clear_log()

    def _measure(self, command: list[str], job: dict[str, Any]) -> Measured:
        job = {
            "url": f"http://127.0.0.1:{self.counter.port}",
            "project": PROJECT,
            "warm": SMALL,
            "cache": self.new_cache(),
        } | job
        facts = work(command, job, name=job["work"], home=self.root, warm=self._forget)
        log = self.server.requests
        kinds: dict[str, int] = {}
        for one in log:
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
        return Measured(
            seconds=facts.pop("seconds"),
            requests=kinds,
            bytes=sum(one.sent for one in log),
            concurrency=max((one.concurrent for one in self.counter.requests), default=0),
            facts=facts,
            files=tuple(one.path.partition("/files/")[2] for one in log if one.kind == "file"),
        )


@contextmanager
def site(sessions: int) -> Iterator[Site]:
    """Serve a project behind 20 ms each way, and a small one to warm up on."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nearline-bench-")))
        archive = Archive()
        made = freesurfer_project(archive, PROJECT, sessions, listing=LISTING)
        freesurfer_project(archive, SMALL, 3, listing=LISTING)
        server = stack.enter_context(SimulatedXnat(archive))
        line = stack.enter_context(DelayProxy(server.port, ONE_WAY_S))
        counter = stack.enter_context(CountingProxy(line.port))
        yield Site(server, counter, made, root)
