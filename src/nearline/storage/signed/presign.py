"""S3 requests signed in their URL, for what obstore cannot do.

obstore changes keys with empty segments and hangs in a forked child. A
presigned URL reads any key by plain HTTP, in any process.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from nearline.storage.http.refusal import Refusal
from nearline.storage.signed.stores import StoreSpec

__all__ = ["Presigner", "presigned_url"]

_VALID_S = 3600
_RENEW_AFTER = timedelta(minutes=10)
_RENEW_BEFORE = timedelta(minutes=2)


def _encoded(text: str, safe: str = "") -> str:
    return quote(text, safe=f"-_.~{safe}")


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def presigned_url(
    base: str,
    path: str,
    *,
    access_key: str,
    secret_key: str,
    token: str | None,
    region: str,
    moment: datetime,
    parameters: Mapping[str, str] | None = None,
    valid_s: int = _VALID_S,
) -> str:
    """Return the URL of a GET signed by Amazon's Signature Version 4.

    Parameters
    ----------
    base : str
        Scheme and host, with a path if the server has one.
    path : str
        Decoded, beginning with a slash; sent and signed as it is.
    moment : datetime
        When the signature begins to be valid, with time zone.
    parameters : mapping, optional
        Further query parameters.
    valid_s : int
        Seconds that it stays valid.
    """
    parts = urlsplit(base)
    stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(valid_s),
        "X-Amz-SignedHeaders": "host",
        **(parameters or {}),
    }
    if token:
        query["X-Amz-Security-Token"] = token
    target = parts.path.rstrip("/") + _encoded(path, "/")
    asked = "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))
    request = "\n".join(
        ("GET", target, asked, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD")
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _keyed(key, part)
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, digest))
    return (
        f"{parts.scheme}://{parts.netloc}{target}?{asked}&X-Amz-Signature={_keyed(key, text).hex()}"
    )


class Presigner:
    """Gives the URL of one S3 object, signed anew every few minutes; an `Addressing`.

    Parameters
    ----------
    spec : StoreSpec
        Of an S3 bucket whose credentials have a provider.
    key : str
        Empty for the bucket itself.
    version : str or None
    parameters : mapping of str to str, optional
        Further query parameters.
    """

    def __init__(
        self,
        spec: StoreSpec,
        key: str,
        version: str | None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        if spec.credentials.provider is None:
            raise ValueError("these credentials are known to obstore only")
        self._provider: Callable[[], dict[str, Any]] = spec.credentials.provider
        self._spec = spec
        self._key = key
        self._parameters = dict(parameters or {})
        if version:
            self._parameters["versionId"] = version
        self._lock = threading.Lock()
        self._url: str | None = None
        self._until = datetime.now(UTC)

    def url(self) -> str:
        """Return a signed URL; the same one for some minutes."""
        now = datetime.now(UTC)
        with self._lock:
            if self._url is None or now >= self._until:
                held = self._provider()
                expires = held.get("expires_at")
                self._until = now + _RENEW_AFTER
                if expires is not None:
                    self._until = min(self._until, expires - _RENEW_BEFORE)
                self._url = self._signed(held, now)
            return self._url

    def learn(self, refusal: Refusal) -> None:
        """Take the bucket's region from a refusal."""
        # A 403 or 404 names the region too, and is none the better for being asked again.
        told = refusal.region
        if refusal.status in (301, 307, 400) and told is not None:
            with self._lock:
                if told != self._spec.region:
                    self._spec, self._url = self._spec.in_region(told), None

    def _signed(self, held: dict[str, Any], now: datetime) -> str:
        region = self._spec.region or "us-east-1"
        config = dict(self._spec.config)
        virtual = config.get("virtual_hosted_style_request", False)
        host = f"{self._spec.bucket}.s3" if virtual else "s3"
        parameters = dict(self._parameters)
        if config.get("request_payer"):
            parameters["x-amz-request-payer"] = "requester"
        return presigned_url(
            self._spec.endpoint or f"https://{host}.{region}.amazonaws.com",
            f"/{self._key}" if virtual else f"/{self._spec.bucket}/{self._key}",
            access_key=held["access_key_id"],
            secret_key=held["secret_access_key"],
            token=held.get("token"),
            region=region,
            moment=now,
            parameters=parameters,
        )
