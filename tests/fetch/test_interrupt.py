"""Ctrl-C and the end of the interpreter wait for no server."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fetch.conftest import CONTENT
from nearline.testing import RangeServer, faults

BEGIN = """
import sys
from pathlib import Path
from nearline.fetch.file import RemoteFile
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.settings import Settings
from nearline.storage.http import HttpSource

settings = Settings(cache_dir=Path(sys.argv[2]), timeout=600)
open_reader = lambda: Reader(HttpSource(sys.argv[1]), settings)
say = lambda word: print(word, flush=True)
"""

WAITS = {
    "opening": "say('ready'); open_reader()",
    "read": "r = open_reader(); say('ready'); r.read(1_000_000, 1_000_010)",
    "scan": "r = open_reader(); say('ready'); list(r.scan(0, r.size, window=100_000))",
    "stream": """
        r = open_reader()
        say('ready')
        list(r.stream([ByteRange(n, n + 10) for n in range(300_000, 2_900_000, 50_000)]))
    """,
    "file": "f = RemoteFile(open_reader()); say('ready'); f.seek(1_000_000); f.read(10)",
}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("after_bytes", [None, 5])
def test_ctrl_c_returns_although_the_server_is_silent(
    tmp_path: Path, wait: str, after_bytes: int | None
) -> None:
    with RangeServer({"/a": CONTENT}) as server:
        requests = None if wait == "opening" else range(4, 10_000)
        server.misbehave("/a", faults.stall(after_bytes=after_bytes), requests=requests)
        script = BEGIN + textwrap.dedent(WAITS[wait])
        command = [sys.executable, "-c", script, server.url("/a"), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            expected = 1 if wait == "opening" else 4
            while len(server.requests) < expected:
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            # The silence lasts an hour; the interpreter has to end as well.
            _, errors = child.communicate(timeout=20)
        assert b"KeyboardInterrupt" in errors
        assert child.returncode != 0


def test_interrupted_reader_goes_on_working(tmp_path: Path) -> None:
    script = BEGIN + textwrap.dedent("""
        r = open_reader()
        say("ready")
        try:
            r.read_many([ByteRange(n, n + 10) for n in range(300_000, 2_900_000, 500_000)])
        except KeyboardInterrupt:
            say("interrupted")
        sys.stdin.readline()
        say(bytes(r.read(1_000_000, 1_000_010)).hex())
    """)
    with RangeServer({"/a": CONTENT}) as server:
        server.misbehave("/a", faults.stall(after_bytes=5), requests=range(4, 10_000))
        command = [sys.executable, "-c", script, server.url("/a"), str(tmp_path)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            while len(server.requests) < 4:
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
            server.behave()
            said, _ = child.communicate("go on\n", timeout=30)
        assert bytes.fromhex(said.strip()) == CONTENT[1_000_000:1_000_010]


def test_interpreter_ends_while_read_ahead_is_under_way(tmp_path: Path) -> None:
    script = BEGIN + textwrap.dedent("""
        r = open_reader()
        ahead = r.ahead([ByteRange(1_000_000, 2_000_000)])
        stream = r.stream([ByteRange(2_000_000, 2_000_010)])
    """)
    with RangeServer({"/a": CONTENT}) as server:
        server.misbehave("/a", faults.stall(), requests=range(4, 10_000))
        command = [sys.executable, "-c", script, server.url("/a"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
        assert done.stderr == b""
