"""Environments of the peers: built once by pip in ``.peers``, which git ignores."""

from __future__ import annotations

import atexit
import fcntl
import subprocess
import venv
from functools import cache
from pathlib import Path

from servers.daemon import missing

__all__ = ["PEERS", "ask_peer", "peer_python", "run_peer"]

PEERS = {
    "bx": ("bbrc-bx==0.9.2", "bbrc-pyxnat==1.6.4.post3"),
    # Needs NumPy before 2, which nothing else here has.
    "freesurfer-stats": ("freesurfer-stats==1.2.1",),
}
"""Packages of each environment."""

_FOLDER = Path(__file__).parents[2] / ".peers"


@cache
def peer_python(name: str) -> str:
    """Return the interpreter of an environment; build it if it is not there.

    Without a package registry the test is skipped, and fails where CI is set.
    """
    python = _FOLDER / name / "bin" / "python"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = _FOLDER / f"{name}.complete"
        if not (python.exists() and complete.exists()):
            venv.create(_FOLDER / name, with_pip=True, clear=python.exists(), symlinks=True)
            command = [python, "-m", "pip", "install", "--quiet", *PEERS[name]]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                missing(f"{name} ({done.stderr.strip().splitlines()[-1:]})")
            complete.touch()
    return str(python)


def run_peer(name: str, script: Path, text: str) -> str:
    """Run a script in an environment: `text` is its input, its output is returned."""
    done = subprocess.run(
        [peer_python(name), str(script)], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script.name} failed: {done.stderr[-3000:]}")
    return done.stdout


def ask_peer(name: str, script: Path, line: str) -> str:
    """Send a line to a script that answers line by line, and that runs until the tests end."""
    process = _running(name, script)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{script.name} ended with status {process.wait()}.")
    return answer


@cache
def _running(name: str, script: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [peer_python(name), str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Its input ends when this process does, and so does its loop.
    atexit.register(process.communicate)
    return process
