"""A server process that ends with the tests, whatever happens to them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

__all__ = ["Daemon", "free_port", "in_ci", "missing", "require"]


def in_ci() -> bool:
    """Whether everything must run."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def missing(what: str) -> None:
    """Skip the test because a server is not there; where CI is set, fail it."""
    if in_ci():
        pytest.fail(f"{what} is needed where CI is set; .ci/run installs it.", pytrace=False)
    pytest.skip(f"{what} is not installed here.")


def require(*programs: str) -> None:
    """Skip or fail unless all programs are on the PATH."""
    for program in programs:
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            missing(program)


_given: set[int] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and that this process has not given out.

    It lies below the ports that the kernel hands to outgoing connections, so that none of those
    takes it before the server does.
    """
    start = 12000 + os.getpid() % 200 * 90
    for port in range(start, start + 18000):
        port = 12000 + (port - 12000) % 18000
        with suppress(OSError), socket.socket() as probe:
            if port not in _given:
                probe.bind(("127.0.0.1", port))
                _given.add(port)
                return port
    raise RuntimeError("No port is free on 127.0.0.1.")


def _listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Daemon:
    """Run a command until closed; the kernel ends it when this process dies.

    Parameters
    ----------
    command : sequence of str
        Must stay in the foreground.
    log : Path
        Takes what it prints.
    environ : mapping, optional
        Further variables.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        guarded = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*guarded, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = 60) -> Self:
        """Wait until it is ready; its log goes into the error if it never is."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                tail = self.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.05)
        return self

    def wait_for_port(self, port: int, *, timeout_s: float = 60) -> Self:
        """Wait until it listens."""
        return self.wait_until(lambda: _listening(port), timeout_s=timeout_s)

    def close(self) -> None:
        """End it and everything that it started."""
        for kind, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, kind)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
