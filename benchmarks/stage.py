"""Where measurements happen: an S3 server behind a slow line, and a counter that times."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.working import work
from nearline.testing import DelayProxy, LoggedRequest, RangeServer, longest_chain
from nearline.testing.slides import Slide, write_slide
from servers.ceph import radosgw
from servers.counting import CountingProxy

__all__ = ["ONE_WAY_S", "Measured", "Stage", "stage"]

ONE_WAY_S = 0.020
"""Seconds that every byte takes in each direction."""

BUCKET = "slides"

SLIDE = {"rows": 20_000, "columns": 20_000, "icc_size": 150_000}
SLIDES: dict[str, dict[str, Any]] = {
    "basic": SLIDE | {"offset_table": "basic"},
    "extended": SLIDE | {"offset_table": "extended"},
    "none": SLIDE | {"offset_table": None},
    "dual TIFF": SLIDE | {"offset_table": "tiff"},
    "JPEG 2000": SLIDE | {"offset_table": "basic", "codec": "jpeg2000"},
    "sparse": {
        "rows": 20_000,
        "columns": 19_712,
        "organisation": "TILED_SPARSE",
        "missing": 1 - 6000 / (79 * 77),
        "icc_size": 150_000,
    },
    "other": {"rows": 1024, "columns": 1024, "icc_size": 3000, "seed": 7},
}


@dataclass(frozen=True)
class Measured:
    """What one piece of work took.

    Attributes
    ----------
    seconds : float
        As the process measured it.
    requests, bytes : int
        As counted between the client and the line.
    trips : int
        Requests in the longest chain of which each began after the last byte of the one before.
    concurrency : int
        Requests under way at once, at most.
    facts : dict
        What else the worker found.
    log : list of LoggedRequest
        The requests themselves.
    """

    seconds: float
    requests: int
    bytes: int
    trips: int
    concurrency: int
    facts: dict[str, Any]
    log: list[LoggedRequest] = field(repr=False, compare=False)


class Stage:
    """Two servers, the slides, and fresh processes to measure in."""

    def __init__(
        self,
        server: Any,
        direct_port: int,
        counter: CountingProxy,
        other: RangeServer,
        root: Path,
        *,
        lists: bool,
    ) -> None:
        self.server = server
        self.direct_port = direct_port
        self.lists = lists
        self.counter = counter
        self.other = other
        self.root = root
        self.slides: dict[str, Slide] = {}
        self.objects: dict[str, Any] = {}

    def slide(self, name: str) -> Slide:
        """Make a slide, once, and put it where it is read from."""
        if name not in self.slides:
            slide = write_slide(self.root / f"{name.replace(' ', '-')}.dcm", **SLIDES[name])
            if name == "other":
                self.other.put(f"/{BUCKET}/other.dcm", slide.path)
            else:
                self.server(self.key(name), slide.path)
            self.slides[name] = slide
        return self.slides[name]

    @staticmethod
    def key(name: str) -> str:
        """Return the key of a slide in the bucket."""
        return f"{name.replace(' ', '-')}.dcm"

    def remote(self, name: str, **settings: Any) -> dict[str, Any]:
        """Return where the processes find a slide."""
        self.slide(name)
        port = self.other.port if name == "other" else self.counter.port
        options = {"anon": True, "endpoint_url": f"http://127.0.0.1:{port}"}
        url = f"s3://{BUCKET}/{self.key(name)}"
        return {"url": url, "options": options, "settings": settings}

    def local(self, name: str, **settings: Any) -> dict[str, Any]:
        """Return a slide as a file."""
        return {"path": str(self.slide(name).path), "settings": settings}

    def made(self, name: str, make: Callable[[Path], Any]) -> Any:
        """Make another object, or a folder of them, once; return what `make` told about it.

        `make` is given the path. The objects lie on the server that is measured; see `at`.
        """
        if name not in self.objects:
            path = self.root / name
            self.objects[name] = make(path)
            for file in sorted(path.rglob("*.dcm")) if path.is_dir() else [path]:
                key = file.relative_to(self.root).as_posix()
                self.server(key, file)
        return self.objects[name]

    def at(self, name: str, read: str, **settings: Any) -> dict[str, Any]:
        """Return where the processes find what `made` has put up, and with which function.

        Those of a name that begins with "other" are reached past the counter and the line: a
        server of its own to every client, to warm up on.
        """
        port = self.direct_port if name.startswith("other") else self.counter.port
        options = {"anon": True, "endpoint_url": f"http://127.0.0.1:{port}"}
        url = f"s3://{BUCKET}/{name}" + ("/" if (self.root / name).is_dir() else "")
        return {"read": read, "url": url, "options": options, "settings": settings}

    def beside(self, name: str, read: str, **settings: Any) -> dict[str, Any]:
        """Return the same as a local file or folder."""
        return {"read": read, "path": str(self.root / name), "settings": settings}

    def new_cache(self) -> str:
        """Return a cache folder that nothing has used."""
        return tempfile.mkdtemp(dir=self.root, prefix="cache-")

    def measure(self, headline: str, which: str, job: dict[str, Any]) -> Measured:
        """Run one side in a fresh process, warmed on another object of another server."""
        if "warm" not in job:
            job = {"warm": self.remote("other", cache_dir=self.new_cache())} | job
        facts = work(
            [sys.executable, "-m", "benchmarks.worker", headline, which],
            job,
            name=f"{headline} of {which}",
            home=self.root,
            warm=self.counter.clear_log,
            cwd=Path(__file__).parent.parent,
        )
        began, ended = facts.pop("began"), facts.pop("ended")
        log = [r for r in self.counter.requests if began <= r.arrived <= ended]
        return Measured(
            seconds=ended - began,
            requests=len(log),
            bytes=sum(request.sent for request in log),
            trips=len(longest_chain(log)),
            concurrency=max((request.concurrent for request in log), default=0),
            facts=facts,
            log=log,
        )


@contextmanager
def stage() -> Iterator[Stage]:
    """Build the stage: radosgw where it is installed, else a server of our own."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nearline-bench-")))
        if shutil.which("radosgw"):
            print("Server: radosgw", file=sys.stderr)
            s3 = stack.enter_context(radosgw())
            s3.make_bucket(BUCKET, public=True)
            port, put = s3.port, lambda key, path: s3.put(BUCKET, key, path)
        else:
            print("Server: nearline.testing.RangeServer (no radosgw here)", file=sys.stderr)
            own = stack.enter_context(RangeServer())
            port, put = own.port, lambda key, path: own.put(f"/{BUCKET}/{key}", path)
        # The counter is at the client's end of the line: there, requests that were sent side by
        # side overlap by the time that the line takes.
        line = stack.enter_context(DelayProxy(port, ONE_WAY_S))
        counter = stack.enter_context(CountingProxy(line.port))
        other = stack.enter_context(RangeServer())
        yield Stage(put, port, counter, other, root, lists=bool(shutil.which("radosgw")))
