"""Listings of servers that misbehave: asked again, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nearline.errors import AccessDenied, NearlineError, NotFound, Unavailable
from nearline.fetch.listing import list_objects
from nearline.settings import settings
from nearline.storage.http.refusal import Refusal
from nearline.storage.http.unsigned import s3_addressing
from nearline.storage.listing.answers import MalformedListing, read_azure, read_google, read_s3
from nearline.testing import RangeServer, faults

PAGE = b"""<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>s/a</Key>
<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>"e"</ETag><Size>3</Size></Contents>
</ListBucketResult>"""


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with RangeServer({"/bucket": PAGE}) as running:
        yield running


def listed(server: RangeServer, **changes: Any) -> list[str]:
    options = {"anon": True, "endpoint_url": server.url("").rstrip("/")}
    with settings(**{"retries": 2, **changes}):
        return [one.name for one in list_objects("s3://bucket/s/", storage_options=options)]


def test_passing_faults_are_survived(server: RangeServer) -> None:
    server.misbehave("/bucket", faults.fail(503), requests={1})
    server.misbehave("/bucket", faults.cut_body(40), requests={2})
    assert listed(server) == ["a"]
    assert len(server.requests) == 3


def test_a_listing_that_goes_in_circles_ends(server: RangeServer) -> None:
    token = b"<NextContinuationToken>again</NextContinuationToken>"
    circle = PAGE.replace(b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>")
    server.put("/bucket", circle.replace(b"<Contents>", token + b"<Contents>"))
    with pytest.raises(Unavailable, match="again and again"):
        listed(server)
    assert len(server.requests) == 2


def test_faults_that_do_not_pass_end(server: RangeServer) -> None:
    server.misbehave("/bucket", faults.slow_down())
    with pytest.raises(Unavailable, match="s3://bucket/s/"):
        listed(server, retries=1)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (faults.deny(), AccessDenied, "No permission to list"),
        (faults.vanish("NoSuchBucket"), NotFound, "no such bucket"),
        (faults.login_page(), Unavailable, "the server's answer is none"),
        (faults.other_region("eu-west-1"), Unavailable, "301"),
        (faults.redirect("https://elsewhere/"), Unavailable, "302"),
    ],
)
def test_refusals_are_sentences(
    server: RangeServer, fault: Any, kind: type[NearlineError], said: str
) -> None:
    server.misbehave("/bucket", fault)
    with pytest.raises(kind, match=said):
        listed(server)


def test_the_region_of_a_bucket_is_learnt_from_a_refusal() -> None:
    addressing, endpoint = s3_addressing(
        "a-bucket-of-tests",
        "?list-type=2",
        endpoint=None,
        region=None,
        addressing_style="auto",
        use_ssl=True,
    )
    assert endpoint is None
    assert addressing.url() == "https://a-bucket-of-tests.s3.amazonaws.com/?list-type=2"
    addressing.learn(Refusal(301, {"x-amz-bucket-region": "eu-west-3"}))
    assert addressing.url() == ("https://a-bucket-of-tests.s3.eu-west-3.amazonaws.com/?list-type=2")


@given(st.binary(max_size=400))
@example(b"<ListBucketResult>&lol;</ListBucketResult>")
@example(b"<?xml version='1.0' encoding='utf-7'?><ListBucketResult/>")
@example(b'{"items": [{"name": "a", "size": "9' + b"9" * 5000 + b'"}]}')
@example(b'{"items": [{"name": null, "size": 1e999}]}')
@example(
    b"<ListBucketResult><Contents><Key>a</Key><Size>\xd9\xa3</Size></Contents></ListBucketResult>"
)
def test_whatever_arrives_is_a_listing_or_is_none(document: bytes) -> None:
    for read in (read_s3, read_azure, read_google):
        try:
            answered = read(document)
        except MalformedListing:
            continue
        for entry in answered.entries:
            assert isinstance(entry.key, str)
            assert entry.validator.size is not None
            assert entry.validator.size >= 0
