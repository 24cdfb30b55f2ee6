"""Azurite: Azure Blob Storage, installed once by npm into ``.servers``, which git ignores."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from servers.counting import CountingProxy
from servers.daemon import Daemon, free_port, missing, require

__all__ = ["Azurite", "azurite"]

_PACKAGE = "azurite@3.35.0"  # later ones need node 22
_FOLDER = Path(__file__).parents[2] / ".servers" / "azurite"

_ACCOUNT = "devstoreaccount1"
# Of every Azure storage emulator, published in its documentation.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_numbers = count(1)


@dataclass(frozen=True)
class Azurite:
    """The running server.

    Attributes
    ----------
    port : int
        On 127.0.0.1.
    proxy : CountingProxy or None
        In front of the server; see `counted`.
    """

    port: int
    account: str = _ACCOUNT
    key: str = _KEY
    proxy: CountingProxy | None = None

    @property
    def endpoint(self) -> str:
        """URL of the account."""
        return f"http://127.0.0.1:{self.port}/{self.account}"

    @property
    def connection_string(self) -> str:
        """As the portal shows it."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.endpoint};"
        )

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options that read with the account's key."""
        return {**self.anonymous_options, "account_key": self.key}

    @property
    def anonymous_options(self) -> dict[str, Any]:
        """Where the account is, and no more."""
        return {"account_name": self.account, "account_host": self.endpoint}

    def client(self) -> Any:
        """Return a client of azure-storage-blob."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(self.connection_string)

    def make_container(self, *, public: bool = False) -> str:
        """Make a container of a name that is new, and return the name."""
        name = f"container-{next(_numbers)}"
        self.client().create_container(name, public_access="blob" if public else None)
        return name

    def put(self, container: str, key: str, data: bytes | Path) -> None:
        """Store a blob."""
        blob = self.client().get_blob_client(container, key)
        blob.upload_blob(data.read_bytes() if isinstance(data, Path) else data, overwrite=True)

    def sas(self, container: str, key: str, *, expires_s: float = 3600) -> str:
        """Return a token that reads one blob."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        now = datetime.now(UTC)
        return str(
            generate_blob_sas(
                self.account,
                container,
                key,
                account_key=self.key,
                permission=BlobSasPermissions(read=True),
                start=now - timedelta(days=1),
                expiry=now + timedelta(seconds=expires_s),
            )
        )

    def url(self, container: str, key: str) -> str:
        """Return the URL that users type."""
        return f"az://{container}/{key}"

    @contextmanager
    def counted(self) -> Iterator[Azurite]:
        """Give the same server behind a proxy, whose `proxy` has the counters."""
        with CountingProxy(self.port) as proxy:
            yield replace(self, port=proxy.port, proxy=proxy)


def _program() -> Path:
    """Return the server's program; have npm install it if it is not there."""
    require("npm", "node")
    program = _FOLDER / "node_modules" / ".bin" / "azurite-blob"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = _FOLDER / f"{_PACKAGE}.complete"
        if not (program.exists() and complete.exists()):
            npm = shutil.which("npm") or "npm"
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(_FOLDER)]
            done = subprocess.run(
                [*command, _PACKAGE], capture_output=True, text=True, check=False, cwd=_FOLDER
            )
            if done.returncode:
                missing(f"{_PACKAGE} ({done.stderr.strip()[-300:]})")
            complete.touch()
    return program


@contextmanager
def azurite(folder: Path) -> Iterator[Azurite]:
    """Run Azurite's blob service."""
    program = _program()
    server = Azurite(free_port())
    command = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(server.port)]
    # Its list of versions of the interface is older than the clients.
    command += ["--location", str(folder), "--disableTelemetry", "--skipApiVersionCheck"]
    with Daemon([*command, "--silent"], folder / "azurite.log") as daemon:
        daemon.wait_for_port(server.port)
        yield server
