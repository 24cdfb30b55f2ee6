"""Objects behind s3fs files, read through the same client and with its credentials."""

from __future__ import annotations

import importlib
from typing import Any

from nearline.errors import NearlineError, Unavailable
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, conditions, interpret
from nearline.storage.readers.foreign import foreign
from nearline.storage.readers.status import error_for
from nearline.storage.source import Answer, Transient
from nearline.storage.url import identity

__all__ = ["S3fsSource"]


class S3fsSource:
    """One S3 object, read by a filesystem of s3fs and held to the version of the file opened.

    Parameters
    ----------
    filesystem : s3fs.S3FileSystem
    bucket, key : str
    version : Validator
        Of the file when it was opened; sent as IfMatch with every read, as the
        file itself does.
    requester_pays : bool
        Whether the file was opened so.

    Notes
    -----
    The client repeats refused requests itself, so what it gives up is final
    here; a body that breaks off is not repeated there and so is here.
    """

    in_place = False
    concurrent = True

    def __init__(
        self,
        filesystem: Any,
        bucket: str,
        key: str,
        version: Validator,
        *,
        requester_pays: bool = False,
    ) -> None:
        self.url = f"s3://{bucket}/{key}"
        self.signed = not filesystem.anon
        client = filesystem.s3
        self.identity = identity(
            self.url, signed=self.signed, endpoint=str(client.meta.endpoint_url)
        )
        self._filesystem = filesystem
        self._bucket = bucket
        self._key = key
        self._version = version
        self._payer = requester_pays or bool(filesystem.requester_pays)

    def __repr__(self) -> str:
        return f"<S3fsSource {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._filesystem, self._bucket, self._key, self._version, self._payer)

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
        from fsspec.asyn import sync

        if unless is not None and not unless.same_version(self._version):
            unless = None
        held = pin or (self._version if unless is None and self._version.pins else None)
        asked = Asked(self.url, start, stop, held, unless)
        failure: NearlineError
        try:
            status, code, headers, body = sync(
                self._filesystem.loop, self._ask, asked, timeout=2 * timeout + 30
            )
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

    async def _ask(self, asked: Asked) -> tuple[int, str, Any, bytes]:
        """Return status, error code, headers and body."""
        refusals = importlib.import_module("botocore.exceptions")
        await self._filesystem.set_session()
        client = await self._filesystem.get_s3(self._bucket)
        wanted = conditions(asked)
        arguments = {"Bucket": self._bucket, "Key": self._key, "Range": wanted["Range"]}
        for header, argument in (("If-Match", "IfMatch"), ("If-None-Match", "IfNoneMatch")):
            if header in wanted:
                arguments[argument] = wanted[header]
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
            told = refusal.response
            about = told.get("ResponseMetadata", {})
            headers = _Headers(about.get("HTTPHeaders", {}))
            code = str(told.get("Error", {}).get("Code", ""))
            return int(about.get("HTTPStatusCode", 0)), code, headers, b""
        async with answer["Body"] as stream:
            body = await stream.read()
        about = answer["ResponseMetadata"]
        return about["HTTPStatusCode"], "", _Headers(about["HTTPHeaders"]), body

    def close(self) -> None:
        """Do nothing: the filesystem is its owner's."""


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
