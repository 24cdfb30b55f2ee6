"""Presigned S3 URLs: equal to botocore's, and accepted by a server that checks them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearline.storage.signed.presign import presigned_url

MOMENT = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)


def by_botocore(base: str, path: str, token: str | None, parameters: dict[str, str]) -> str:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    class At(S3SigV4QueryAuth):
        def add_auth(self, request: Any) -> None:
            request.context["timestamp"] = MOMENT.strftime("%Y%m%dT%H%M%SZ")
            self._modify_request_before_signing(request)
            text = self.string_to_sign(request, self.canonical_request(request))
            self._inject_signature_to_request(request, self.signature(text, request))

    from urllib.parse import quote

    request = AWSRequest("GET", base + quote(path, safe="/-_.~"), params=dict(parameters))
    At(Credentials("AKIA", "secret/+", token), "s3", "eu-west-1", expires=3600).add_auth(request)
    return str(request.url)


@settings(max_examples=60, deadline=None)
@given(
    key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    token=st.none() | st.text("abcXYZ/+=", min_size=1, max_size=20),
    version=st.none() | st.text("abc.-_", min_size=1, max_size=8),
)
def test_signature_equals_botocores(key: str, token: str | None, version: str | None) -> None:
    parameters = {"versionId": version} if version else {}
    ours = presigned_url(
        "https://s3.eu-west-1.amazonaws.com:8443",
        f"/bucket/{key}",
        access_key="AKIA",
        secret_key="secret/+",
        token=token,
        region="eu-west-1",
        moment=MOMENT,
        parameters=parameters,
    )
    base = "https://s3.eu-west-1.amazonaws.com:8443"
    theirs = by_botocore(base, f"/bucket/{key}", token, parameters)
    asked, expected = (parse_qs(urlsplit(url).query) for url in (ours, theirs))
    assert asked == expected


@pytest.mark.parametrize(
    "key", ["a//b", "/lead", "trail/", "a/./b", "a/../b", "sp ace/ü%41#?&=+", "plain"]
)
def test_any_key_is_read_with_credentials(radosgw: Any, key: str) -> None:
    from nearline.storage.resolve import resolve

    bucket = radosgw.make_bucket()
    radosgw.put(bucket, key, b"0123456789")
    source = resolve(f"s3://{bucket}/{key}", storage_options=radosgw.storage_options)
    answer = source.read(2, 5)
    assert b"".join(bytes(chunk) for chunk in answer.chunks) == b"234"
    assert source.signed
    assert answer.validator.size == 10
