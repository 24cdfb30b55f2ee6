"""The pure part: whatever a server says, bytes are taken for what they are or not at all."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nearline.errors import AccessDenied, NearlineError, ObjectChanged, Unavailable
from nearline.provenance import Validator
from nearline.storage.http.answer import Asked, changed, conditions, interpret, retry_after
from nearline.storage.http.refusal import Refusal, refused
from nearline.storage.source import Transient

SIZE = 1000
numbers = st.integers(0, SIZE + 20)
maybe = st.none() | numbers


@given(numbers, maybe, st.sampled_from([200, 206, 416]), numbers, numbers, maybe, maybe)
def test_a_partial_answer_is_exactly_the_range_or_the_rest(
    start, stop, status, first, last, size, length
):
    assume(stop is None or stop > start)
    headers = {"Content-Range": f"bytes {first}-{last}/{'*' if size is None else size}"}
    if length is not None:
        headers["Content-Length"] = str(length)
    try:
        body = interpret(Asked("u", start, stop), status, headers)
    except (Unavailable, Transient):
        return
    if body.kind == "whole":
        assert status == 200
        assert (body.start, body.stop) == (0, length)
    elif status == 416:
        assert body.start == body.stop == start
    else:
        assert body.kind == "partial"
        assert (body.start, body.stop) == (first, last + 1)
        assert body.start == start
        assert stop is None or body.stop <= stop
        assert body.stop in (stop, size) or (size is None and stop is None)
        assert length in (None, body.length)


@given(numbers, numbers)
def test_an_honest_server_is_always_believed(start, length):
    stop = start + length + 1
    end = min(stop, SIZE)
    if start >= SIZE:
        status, headers = 416, {"Content-Range": f"bytes */{SIZE}"}
    else:
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{SIZE}"}
        status, headers["Content-Length"] = 206, str(end - start)
    body = interpret(Asked("u", start, stop), status, headers)
    assert body.kind == "partial"
    assert (body.start, body.stop) == (start, max(end, start))
    assert body.validator.size == SIZE


@given(st.text(max_size=40), st.text(string.digits + "-/* bytes", max_size=30), st.text(max_size=9))
def test_no_header_breaks_the_judgement(content_range, likely, length):
    for told in (content_range, likely, f"bytes {likely}"):
        headers = {"Content-Range": told, "Content-Length": length, "Retry-After": content_range}
        assert retry_after(headers) is None or retry_after(headers) >= 0
        for status in (200, 206, 304, 416):
            try:
                interpret(Asked("u", 3, 9), status, headers)
            except (Unavailable, Transient):
                continue


ONE = Validator(size=9, etag='"a"', last_modified="Mon")


@pytest.mark.parametrize(
    ("pin", "current", "is_changed"),
    [
        (ONE, ONE, False),
        (ONE, Validator(size=10, etag='"a"', last_modified="Mon"), True),
        (ONE, Validator(size=9, etag='"b"', last_modified="Mon"), False),
        (ONE, Validator(size=9, etag='"b"', last_modified="Tue"), True),
        (ONE, Validator(size=9, etag='"b"'), True),
        (ONE, Validator(size=None, etag='"b"', last_modified="Mon"), True),
        (ONE, Validator(size=9, etag='"a"', last_modified="Tue"), False),
        (ONE, Validator(size=9, last_modified="Mon"), False),
        (ONE, Validator(size=9, etag='W/"a"', last_modified="Tue"), True),
        (ONE, Validator(size=9), True),
        (Validator(size=9), Validator(size=9, etag='"b"'), False),
        (Validator(size=9), Validator(size=8), True),
        (Validator(size=9), Validator(), False),
        (Validator(size=9, etag='W/"a"'), Validator(size=9, etag='W/"a"'), False),
        (Validator(size=9, etag='W/"a"'), Validator(size=9, etag='W/"b"'), True),
        (Validator(generation="1"), Validator(generation="2"), True),
        (
            Validator(9, etag='"a"', generation="1", last_modified="Mon"),
            Validator(9, etag='"b"', generation="2", last_modified="Mon"),
            True,
        ),
    ],
)
def test_what_counts_as_another_version(pin, current, is_changed):
    assert changed(pin, current) is is_changed


def test_an_end_without_validators_is_no_change():
    asked = Asked("u", 900, 950, pin=ONE)
    body = interpret(asked, 416, {"Content-Range": "bytes */9"})
    assert body.validator.size == 9
    with pytest.raises(ObjectChanged):
        interpret(asked, 416, {"Content-Range": "bytes */10"})
    assert interpret(asked, 416, {}).validator.size == 9


def test_conditions_are_only_what_identifies_a_version():
    assert conditions(Asked("u", 0, 10)) == {"Range": "bytes=0-9"}
    assert conditions(Asked("u", 5, None)) == {"Range": "bytes=5-"}
    weak = Validator(size=9, etag='W/"a"', last_modified="Mon")
    assert conditions(Asked("u", 0, 1, pin=weak)) == {"Range": "bytes=0-0"}
    assert conditions(Asked("u", 0, 1, unless=weak))["If-None-Match"] == 'W/"a"'
    dated = Validator(size=9, last_modified="Mon")
    assert conditions(Asked("u", 0, 1, unless=dated))["If-Modified-Since"] == "Mon"


@given(
    st.integers(100, 599).filter(lambda status: status not in (200, 206, 304, 416)),
    st.binary(max_size=80) | st.text(max_size=40).map(lambda t: f"<Message>{t}</Message>".encode()),
    st.booleans(),
)
def test_every_refusal_becomes_one_sentence_with_the_name(status, body, pinned):
    asked = Asked("s3://b/k", 0, 1, pin=ONE if pinned else None)
    error = refused(asked, Refusal(status, {}, body))
    assert isinstance(error, NearlineError)
    assert str(error).startswith(("s3://b/k", "There is no object s3://b/k", "No permission"))
    assert str(error).endswith(".")
    assert len(str(error)) < 600


@given(st.text(string.ascii_letters + string.digits + "/+=", min_size=6, max_size=30))
def test_secrets_that_a_server_repeats_are_cut_out(secret):
    def told(given):
        body = f"<Code>AccessDenied</Code><Message>Not permitted with {given}</Message>".encode()
        return refused(Asked("u", 0, 1), Refusal(403, {}, body), secrets=[given])

    assume(secret.lower() not in str(told("another secret")).lower())  # by chance
    error = told(secret)
    assert isinstance(error, AccessDenied)
    assert secret not in str(error)
    assert "Not permitted" in str(error)
