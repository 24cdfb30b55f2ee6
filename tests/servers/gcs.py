"""gcp-storage-emulator: Google Cloud Storage's JSON interface, without generations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from servers.daemon import Daemon, free_port

__all__ = ["GcsEmulator", "gcs_emulator"]

_numbers = count(1)


@dataclass(frozen=True)
class GcsEmulator:
    """The running server.

    Attributes
    ----------
    port : int
        On 127.0.0.1.
    """

    port: int

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options that read unsigned (gcsfs takes the same)."""
        return {"token": "anon", "endpoint_url": self.endpoint}

    def client(self) -> Any:
        """Return a google-cloud-storage client."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        return storage.Client(
            project="tests",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.endpoint},
        )

    def make_bucket(self, name: str | None = None) -> str:
        """Make a bucket of a name that is new, and return the name."""
        name = name or f"bucket-{next(_numbers)}"
        self.client().create_bucket(name)
        return name

    def put(self, bucket: str, key: str, data: bytes | Path) -> Any:
        """Store an object; return its Blob."""
        blob = self.client().bucket(bucket).blob(key)
        content = data.read_bytes() if isinstance(data, Path) else data
        blob.upload_from_string(content, content_type="application/octet-stream")
        return blob

    def url(self, bucket: str, key: str) -> str:
        """Return the URL that users type."""
        return f"gs://{bucket}/{key}"


@contextmanager
def gcs_emulator(folder: Path) -> Iterator[GcsEmulator]:
    """Run the emulator, everything in memory."""
    server = GcsEmulator(free_port())
    start = "import sys; from gcp_storage_emulator.__main__ import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", start, "start", "--host=127.0.0.1"]
    command += [f"--port={server.port}", "--in-memory"]
    with Daemon(command, folder / "gcs.log") as daemon:
        daemon.wait_for_port(server.port)
        yield server
