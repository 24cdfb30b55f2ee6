"""What every S3 server of the tests offers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from servers.counting import CountingProxy

__all__ = ["S3Server"]

_numbers = count(1)


@dataclass(frozen=True)
class S3Server:
    """One S3 server, reached by the keys of its owner.

    Attributes
    ----------
    name : str
        Which implementation.
    port : int
        On 127.0.0.1, without TLS.
    access_key, secret_key : str
        Of the user who owns what `put` stores.
    stranger : tuple of str
        Access key and secret of a user who may read nothing of it; empty where the server does
        not check.
    public_actions : tuple of str
        What everybody may do in a public bucket.
    proxy : CountingProxy or None
        In front of the server; see `counted`.
    """

    name: str
    port: int
    access_key: str
    secret_key: str
    stranger: tuple[str, ...] = ()
    region: str = "us-east-1"
    public_actions: tuple[str, ...] = ("s3:GetObject", "s3:ListBucket")
    proxy: CountingProxy | None = None
    direct_port: int = field(default=0)

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options that read as the owner."""
        return {
            "key": self.access_key,
            "secret": self.secret_key,
            "endpoint_url": self.endpoint,
            "client_kwargs": {"region_name": self.region},
        }

    @property
    def anonymous_options(self) -> dict[str, Any]:
        """Options that read unsigned."""
        return {"anon": True, "endpoint_url": self.endpoint}

    def client(self, *, stranger: bool = False) -> Any:
        """Return a boto3 client of the server itself, past any proxy."""
        import boto3
        from botocore.config import Config

        key, secret = self.stranger if stranger else (self.access_key, self.secret_key)
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.direct_port or self.port}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=self.region,
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        )

    def make_bucket(
        self, name: str | None = None, *, public: bool = False, versioned: bool = False
    ) -> str:
        """Make a bucket of a name that is new, and return the name."""
        name = name or f"bucket-{next(_numbers)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if public:
            statement = {
                "Effect": "Allow",
                "Principal": "*",
                "Action": list(self.public_actions),
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            }
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        return name

    def put(self, bucket: str, key: str, data: bytes | Path) -> dict[str, Any]:
        """Store an object; return the server's answer (ETag, VersionId)."""
        if isinstance(data, Path):
            with data.open("rb") as file:
                return dict(self.client().put_object(Bucket=bucket, Key=key, Body=file))
        return dict(self.client().put_object(Bucket=bucket, Key=key, Body=data))

    def url(self, bucket: str, key: str) -> str:
        """Return the URL that users type."""
        return f"s3://{bucket}/{key}"

    def http_url(self, bucket: str, key: str) -> str:
        """Return the plain URL of an object."""
        from urllib.parse import quote

        return f"{self.endpoint}/{bucket}/{quote(key)}"

    def presigned_url(self, bucket: str, key: str, *, expires_s: int = 3600) -> str:
        """Return a signed URL of the server itself."""
        return str(
            self.client().generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=expires_s
            )
        )

    @contextmanager
    def counted(self) -> Iterator[S3Server]:
        """Give the same server behind a proxy, whose `proxy` has the counters."""
        with CountingProxy(self.port) as proxy:
            yield replace(
                self, port=proxy.port, proxy=proxy, direct_port=self.direct_port or self.port
            )

    @contextmanager
    def behind(self, port: int) -> Iterator[S3Server]:
        """Give the same server reached through another port (a delay proxy's)."""
        yield replace(self, port=port, direct_port=self.direct_port or self.port)
