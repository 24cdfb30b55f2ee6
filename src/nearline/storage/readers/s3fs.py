"""Objects behind files of s3fs and of boto3, read through the same client and its credentials."""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

from nearline.errors import NearlineError, NotPicklable, Unavailable, UnsafeAfterFork
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, conditions, interpret
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.held import held_to
from nearline.storage.readers.status import error_for
from nearline.storage.source import Answer, Transient
from nearline.storage.url import identity

__all__ = ["BotoSource", "S3fsSource"]


class _ThroughClient:
    """What the two have in common: one S3 object, held to the version of the file opened.

    Notes
    -----
    The clients repeat refused requests themselves, so what they give up is final here; a body
    that breaks off is not repeated there and so is here.
    """

    in_place = False
    concurrent = True

    def __init__(
        self, bucket: str, key: str, version: Validator, *, signed: bool, endpoint: str
    ) -> None:
        self.url = f"s3://{bucket}/{key}"
        self.signed = signed
        self.identity = identity(self.url, signed=signed, endpoint=endpoint)
        self._bucket = bucket
        self._key = key
        self._version = version

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _send(self, asked: Asked, timeout: float) -> tuple[int, str, Any, bytes]:
        """Return status, error code, headers and body."""
        raise NotImplementedError

    def read(
        self,
        start: int,
        stop: int | None,
        *,
        pin: Validator | None = None,
        unless: Validator | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Ask for one range through the client; see `Source.read`."""
        held, unless = held_to(self._version, pin, unless)
        asked = Asked(self.url, start, stop, held, unless)
        failure: NearlineError
        try:
            status, code, headers, body = self._send(asked, timeout)
        except Exception as fault:  # noqa: BLE001 - botocore, aiohttp and asyncio have no common root
            failure = _fault(fault, self.url)
        else:
            if status in (200, 206, 304, 416):
                found = interpret(asked, status, headers)
                return Answer(
                    found.kind,
                    found.start,
                    found.stop if status != 200 else len(body),
                    found.validator,
                    iter((body,)),
                    version_id=headers.get("x-amz-version-id"),
                    notes=found.notes,
                )
            failure = error_for(
                asked, status, headers, code=code, pinned=held is not None, repeat=False
            )
        raise failure

    def _arguments(self, asked: Asked) -> dict[str, Any]:
        wanted = conditions(asked)
        arguments = {"Bucket": self._bucket, "Key": self._key, "Range": wanted["Range"]}
        for header, argument in (("If-Match", "IfMatch"), ("If-None-Match", "IfNoneMatch")):
            if header in wanted:
                arguments[argument] = wanted[header]
        return arguments

    def close(self) -> None:
        """Do nothing: the client is its owner's."""


class S3fsSource(_ThroughClient):
    """One S3 object, read by a filesystem of s3fs.

    Parameters
    ----------
    filesystem : s3fs.S3FileSystem
    bucket, key : str
    version : Validator
        Of the file when it was opened; sent as IfMatch with every read, as the
        file itself does.
    requester_pays : bool
        Whether the file was opened so.
    """

    def __init__(
        self,
        filesystem: Any,
        bucket: str,
        key: str,
        version: Validator,
        *,
        requester_pays: bool = False,
    ) -> None:
        endpoint = str(filesystem.s3.meta.endpoint_url)
        super().__init__(bucket, key, version, signed=not filesystem.anon, endpoint=endpoint)
        self._filesystem = filesystem
        self._payer = requester_pays or bool(filesystem.requester_pays)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._bucket, self._key, self._version, self._payer)

    def _send(self, asked: Asked, timeout: float) -> tuple[int, str, Any, bytes]:
        from fsspec.asyn import sync

        answer: tuple[int, str, Any, bytes] = sync(
            self._filesystem.loop, self._ask, asked, timeout=2 * timeout + 30
        )
        return answer

    async def _ask(self, asked: Asked) -> tuple[int, str, Any, bytes]:
        refusals = importlib.import_module("botocore.exceptions")
        await self._filesystem.set_session()
        client = await self._filesystem.get_s3(self._bucket)
        arguments = self._arguments(asked)
        if self._payer:
            arguments["RequestPayer"] = "requester"
        arguments |= {
            name: value
            for name, value in self._filesystem.s3_additional_kwargs.items()
            if name.startswith("SSECustomer")
        }
        try:
            answer = await client.get_object(**arguments)
        except refusals.ClientError as refusal:
            return _refused(refusal)
        async with answer["Body"] as stream:
            body = await stream.read()
        about = answer["ResponseMetadata"]
        return about["HTTPStatusCode"], "", _Headers(about["HTTPHeaders"]), body


class BotoSource(_ThroughClient):
    """One S3 object, read by a client of boto3: the one under a file of smart_open.

    Parameters
    ----------
    client : object
        Has `get_object`; may be used by several threads.
    bucket, key : str
    signed : bool
    endpoint : str
    """

    def __init__(self, client: Any, bucket: str, key: str, *, signed: bool, endpoint: str) -> None:
        super().__init__(bucket, key, Validator(), signed=signed, endpoint=endpoint)
        self._client = client
        self._process = os.getpid()

    def __reduce__(self) -> NoReturn:
        raise NotPicklable(
            f"{self.url} was passed as an open file of smart_open, whose client does not pickle: "
            "pass the URL instead."
        )

    def _send(self, asked: Asked, timeout: float) -> tuple[int, str, Any, bytes]:  # noqa: ARG002
        if os.getpid() != self._process:
            raise UnsafeAfterFork(
                f"{self.url} is read by a client of boto3, whose connections two processes cannot "
                "share, and this process was forked since. Pass its URL, or open it in the worker."
            )
        refusals = importlib.import_module("botocore.exceptions")
        try:
            answer = self._client.get_object(**self._arguments(asked))
        except refusals.ClientError as refusal:
            return _refused(refusal)
        about = answer["ResponseMetadata"]
        with answer["Body"] as stream:
            body = stream.read()
        return about["HTTPStatusCode"], "", _Headers(about["HTTPHeaders"]), body


def _refused(refusal: Any) -> tuple[int, str, Any, bytes]:
    told = refusal.response
    about = told.get("ResponseMetadata", {})
    code = str(told.get("Error", {}).get("Code", ""))
    return int(about.get("HTTPStatusCode", 0)), code, _Headers(about.get("HTTPHeaders", {})), b""


class _Headers(dict[str, str]):
    """Header fields by names in any case."""

    def __init__(self, fields: Any) -> None:
        super().__init__({str(name).lower(): str(value) for name, value in fields.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def _fault(fault: Exception, url: str) -> NearlineError:
    kind = type(fault).__name__
    if isinstance(fault, (NearlineError, RuntimeError)):
        return foreign(fault, url)
    if isinstance(fault, (OSError, TimeoutError, EOFError)) or kind in (
        "ClientPayloadError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "FSTimeoutError",
        "IncompleteReadError",
        "ReadTimeoutError",
        "ResponseStreamingError",
        "ServerDisconnectedError",
    ):
        return Transient(f"{url} could not be read by its client ({kind}).")
    return Unavailable(f"{url} could not be read by its client ({kind}).")


def _reopen(
    filesystem: Any, bucket: str, key: str, version: Validator, requester_pays: bool
) -> S3fsSource:
    return S3fsSource(filesystem, bucket, key, version, requester_pays=requester_pays)
