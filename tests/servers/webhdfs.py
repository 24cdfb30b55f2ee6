"""WebHDFS: the REST interface of Hadoop's file system, as far as readers use it.

Hadoop itself is in none of the package registries that the tests install from. This follows the
description of the interface in Hadoop's documentation (WebHDFS REST API, 3.4): a name node that
answers about files and sends readers on to a data node, and errors as a RemoteException.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from nearline.testing.exchange import Reply
from nearline.testing.loopback import LoopbackServer
from nearline.testing.request_log import LoggedRequest

__all__ = ["WebHdfs", "webhdfs"]

_PREFIX = "/webhdfs/v1"


@dataclass
class _File:
    data: bytes
    owner: str
    number: int
    modified_ms: int
    mode: str = "600"


def _refusal(status: int, exception: str, message: str) -> Reply:
    told = {
        "RemoteException": {
            "exception": exception,
            "javaClassName": f"org.apache.hadoop.{exception}",
            "message": message,
        }
    }
    return _json(told, status)


def _json(told: dict[str, Any], status: int = 200) -> Reply:
    body = json.dumps(told).encode()
    return Reply(status, {"Content-Type": "application/json"}, memoryview(body))


class _DataNode(LoopbackServer):
    """Gives bytes to whoever the name node has sent."""

    def __init__(self, files: dict[str, _File]) -> None:
        super().__init__("webhdfs-data")
        self._files = files
        self.start()

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:
        query = parse_qs(urlsplit(request.target).query)
        held = self._files[request.path.removeprefix(_PREFIX)]
        start = int(query.get("offset", ["0"])[0])
        length = int(query["length"][0]) if "length" in query else len(held.data)
        if start > len(held.data):
            message = f"Offset {start} exceeds the length of file {len(held.data)}"
            return _refusal(403, "IOException", message)
        headers = {"Content-Type": "application/octet-stream"}
        return Reply(200, headers, memoryview(held.data)[start : start + length])


class _NameNode(LoopbackServer):
    """Knows the files, and who may read them."""

    def __init__(self, files: dict[str, _File], data_node: _DataNode) -> None:
        super().__init__("webhdfs-name")
        self._files = files
        self._data_node = data_node
        self.start()

    def respond(self, request: LoggedRequest, body: bytes) -> Reply:
        query = {name: values[0] for name, values in parse_qs(_query(request)).items()}
        path = request.path.removeprefix(_PREFIX)
        user = query.get("user.name", "")
        held = self._files.get(path)
        if held is None and query.get("op") == "LISTSTATUS":
            return self._list(path.rstrip("/"))
        if held is None:
            message = f"File does not exist: {path}"
            return _refusal(404, "FileNotFoundException", message)
        if query.get("op") == "GETFILESTATUS":
            return _json({"FileStatus": _status(held, "")})
        if user != held.owner:
            message = f'Permission denied: user={user or "dr.who"}, access=READ, inode="{path}"'
            return _refusal(403, "AccessControlException", message)
        if query.get("op") != "OPEN":
            return _refusal(400, "IllegalArgumentException", "Invalid value for webhdfs op")
        passed = {name: query[name] for name in ("op", "offset", "length") if name in query}
        onward = f"http://127.0.0.1:{self._data_node.port}{_PREFIX}{quote(path)}"
        return Reply(307, {"Location": f"{onward}?{urlencode(passed)}"})

    def _list(self, folder: str) -> Reply:
        below = {
            path.removeprefix(f"{folder}/"): held
            for path, held in self._files.items()
            if path.startswith(f"{folder}/")
        }
        told = [_status(held, name) for name, held in below.items() if "/" not in name]
        told += [
            {"type": "DIRECTORY", "pathSuffix": name, "length": 0}
            for name in sorted({name.partition("/")[0] for name in below if "/" in name})
        ]
        return _json({"FileStatuses": {"FileStatus": told}})


def _query(request: LoggedRequest) -> str:
    return urlsplit(request.target).query


def _status(held: _File, name: str) -> dict[str, Any]:
    return {
        "accessTime": 0,
        "blockSize": 134217728,
        "fileId": held.number,
        "length": len(held.data),
        "modificationTime": held.modified_ms,
        "owner": held.owner,
        "pathSuffix": name,
        "permission": held.mode,
        "replication": 1,
        "type": "FILE",
    }


@dataclass
class WebHdfs:
    """The running servers.

    Attributes
    ----------
    name_node, data_node : LoopbackServer
        Both count.
    user : str
        Owns what `put` stores; nobody else may read it.
    """

    files: dict[str, _File]
    name_node: LoopbackServer
    data_node: LoopbackServer
    user: str = "reader"
    _numbers: Iterator[int] = field(default_factory=lambda: count(16386))

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options as fsspec's filesystem takes them."""
        return {"user": self.user}

    def put(self, key: str, data: bytes) -> None:
        """Store a file; one that is replaced is another file, as in Hadoop."""
        number = next(self._numbers)
        self.files[f"/{key}"] = _File(bytes(data), self.user, number, 1_700_000_000_000 + number)

    def url(self, key: str) -> str:
        """Return the URL that users type."""
        return f"webhdfs://127.0.0.1:{self.name_node.port}/{key}"

    def clear_log(self) -> None:
        """Forget the requests so far."""
        self.name_node.clear_log()
        self.data_node.clear_log()


@contextmanager
def webhdfs() -> Iterator[WebHdfs]:
    """Run a name node and a data node."""
    files: dict[str, _File] = {}
    with _DataNode(files) as data_node, _NameNode(files, data_node) as name_node:
        yield WebHdfs(files, name_node, data_node)
