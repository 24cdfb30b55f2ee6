"""sshd: one folder of files over SFTP, for whoever holds the key."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.daemon import Daemon, free_port, require

__all__ = ["Sshd", "sshd"]

_CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication {passwords}
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 100
PidFile {folder}/sshd.pid
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Sshd:
    """The running server.

    Attributes
    ----------
    port : int
        On 127.0.0.1.
    folder : Path
        Private to the server; what it serves is in ``files``.
    """

    folder: Path
    port: int

    @property
    def key_file(self) -> Path:
        """The private key that it lets in."""
        return self.folder / "key"

    @property
    def wrong_key_file(self) -> Path:
        """One that it does not."""
        return self.folder / "wrong"

    @property
    def user(self) -> str:
        """Whoever runs the tests."""
        return getpass.getuser()

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options as fsspec's filesystem takes them."""
        return {
            "port": self.port,
            "username": self.user,
            "key_filename": str(self.key_file),
            "allow_agent": False,
            "look_for_keys": False,
        }

    def put(self, key: str, data: bytes | Path) -> Path:
        """Store a file; return where it lies."""
        target = self.folder / "files" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.read_bytes() if isinstance(data, Path) else data)
        return target

    def url(self, key: str) -> str:
        """Return the URL that users type."""
        return f"sftp://127.0.0.1{self.folder}/files/{key}"


def _make_key(path: Path) -> str:
    """Write a private key; return the line of its public one."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run sshd."""
    require("sshd")
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it insists
    (folder / "files").mkdir(parents=True)
    _make_key(folder / "host")
    _make_key(folder / "wrong")
    (folder / "authorized_keys").write_text(_make_key(folder / "key") + "\n")
    server = Sshd(folder, free_port())
    configuration = folder / "sshd_config"
    # Without root it may not look at passwords.
    passwords = "yes" if os.geteuid() == 0 else "no"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=server.port, passwords=passwords)
    )
    command = [str(program), "-D", "-e", "-f", str(configuration)]
    with Daemon(command, folder / "sshd.log") as daemon:
        daemon.wait_for_port(server.port)
        yield server
