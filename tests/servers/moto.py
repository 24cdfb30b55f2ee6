"""moto: quick to start, on every machine; with one flag it checks keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from servers.daemon import Daemon, free_port
from servers.s3 import S3Server

__all__ = ["moto"]

_OWNER_MAY = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
_STRANGER_MAY = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


def _user(endpoint: str, name: str, statement: dict[str, str]) -> tuple[str, str]:
    import boto3

    iam = boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="first",
        aws_secret_access_key="first",
    )
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@contextmanager
def moto(folder: Path, *, auth: bool = False) -> Iterator[S3Server]:
    """Run moto.

    Parameters
    ----------
    auth : bool
        Check keys and policies. Such a server cannot answer unsigned requests (500).
    """
    port = free_port()
    # Through the module, so that the scripts folder need not be on the PATH.
    start = "import sys; from moto.server import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", start, "-H", "127.0.0.1", "-p", str(port)]
    with Daemon(command, folder / f"moto-{port}.log") as daemon:
        daemon.wait_for_port(port)
        # moto asks for an action that S3 does not have when it gets a HEAD
        public = ("s3:GetObject", "s3:HeadObject", "s3:ListBucket")
        server = S3Server("moto", port, "owner", "secret", public_actions=public)
        if auth:
            owner = _user(server.endpoint, "owner", _OWNER_MAY)
            stranger = _user(server.endpoint, "stranger", _STRANGER_MAY)
            reset = Request(f"{server.endpoint}/moto-api/reset-auth", data=b"0", method="POST")
            reset.add_header("Content-Type", "text/plain")  # a form's body would not be read
            with urlopen(reset) as answer:
                answer.read()
            server = S3Server("moto with keys", port, *owner, stranger)
        yield server
