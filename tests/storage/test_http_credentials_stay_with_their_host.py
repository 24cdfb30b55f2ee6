import base64
import os
import pickle
import traceback

import pytest

from nearline.errors import AccessDenied, NearlineError, Unavailable
from nearline.storage.http import HttpSource
from nearline.testing import RangeServer, faults

DATA = os.urandom(1000)
TOKEN = base64.b64encode(b"me:S3CRET word").decode()


@pytest.fixture
def server():
    with RangeServer({"/a": DATA}) as server:
        yield server


@pytest.fixture
def elsewhere():
    with RangeServer({"/b": DATA[::-1]}) as server:
        yield server


def body(answer):
    return b"".join(answer.chunks)


def sources(server):
    plain = server.url("/a")
    return {
        "url": HttpSource(plain.replace("://", "://me:S3CRET%20word@")),
        "arguments": HttpSource(plain, user="me", password="S3CRET word"),
        "header": HttpSource(plain, headers={"authorization": f"Basic {TOKEN}"}),
    }


@pytest.mark.parametrize("kind", ["url", "arguments", "header"])
def test_every_way_to_log_in(server, kind):
    server.misbehave("/a", faults.require_basic_auth(TOKEN))
    source = sources(server)[kind]
    assert body(source.read(0, 10)) == DATA[:10]
    assert body(pickle.loads(pickle.dumps(source)).read(0, 10)) == DATA[:10]
    assert source.signed
    assert source.identity == f"signed {server.url('/a')}"
    assert "S3CRET" not in repr(source) + source.url + source.identity
    assert TOKEN not in repr(source)
    with pytest.raises(AccessDenied, match="wants credentials"):
        HttpSource(server.url("/a")).read(0, 10)


@pytest.mark.parametrize("kind", ["url", "arguments", "header"])
def test_a_redirect_to_another_host_drops_them(server, elsewhere, kind):
    server.misbehave("/a", faults.redirect(elsewhere.url("/b")))
    answer = sources(server)[kind].read(0, 10)
    assert body(answer) == DATA[::-1][:10]
    assert "authorization" in server.requests[0].headers
    assert "authorization" not in elsewhere.requests[0].headers
    assert any("127.0.0.1" in note for note in answer.notes)


def test_a_redirect_to_another_host_drops_headers_of_the_caller(server, elsewhere):
    server.misbehave("/a", faults.redirect(elsewhere.url("/b"), status=301))
    source = HttpSource(server.url("/a"), headers={"X-Api-Key": "S3CRET", "Cookie": "S3CRET"})
    for _ in range(2):
        body(source.read(0, 10))
    assert server.requests[0].headers["x-api-key"] == "S3CRET"
    assert "S3CRET" not in str([request.headers for request in elsewhere.requests])


def test_a_redirect_within_the_host_keeps_them(server):
    server.misbehave("/old", faults.redirect("/a"))
    server.misbehave("/a", faults.require_basic_auth(TOKEN))
    source = HttpSource(server.url("/old"), user="me", password="S3CRET word")
    assert body(source.read(0, 10)) == DATA[:10]


def test_a_user_name_in_a_location_is_not_used(server, elsewhere):
    evil = elsewhere.url("/b").replace("://", "://you:other@")
    server.misbehave("/a", faults.redirect(evil))
    body(HttpSource(server.url("/a")).read(0, 10))
    assert "authorization" not in elsewhere.requests[0].headers


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://[bad/a", "http:///a"]
)
def test_redirects_to_other_schemes_are_refused(server, location):
    server.misbehave("/a", faults.redirect(location))
    with pytest.raises(Unavailable):
        HttpSource(server.url("/a")).read(0, 10)


def test_netrc_serves_the_host_it_names_only(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    server.misbehave("/a", faults.require_basic_auth(TOKEN))
    netrc.write_text('machine 127.0.0.1 login me password "S3CRET word"\n')
    source = HttpSource(server.url("/a"))
    assert body(source.read(0, 10)) == DATA[:10]
    assert source.signed
    netrc.write_text('default login me password "S3CRET word"\n')
    assert not source.signed
    with pytest.raises(AccessDenied):
        source.read(0, 10)
    netrc.write_text("machine 127.0.0.1 login me password\nwhat is this")
    with pytest.raises(AccessDenied):
        source.read(0, 10)
    assert b"S3CRET" not in pickle.dumps(source)


def test_a_signed_url_takes_no_other_login(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    source = HttpSource(server.url("/a") + "?X-Amz-Signature=S3CRET")
    assert body(source.read(0, 10)) == DATA[:10]
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].target == "/a?X-Amz-Signature=S3CRET"
    assert source.signed
    assert source.identity == f"signed {server.url('/a')}"


def test_harmless_headers_leave_an_object_public(server):
    assert not HttpSource(server.url("/a"), headers={"User-Agent": "mine"}).signed
    assert HttpSource(server.url("/a"), headers={"X-Token": "1"}).signed


@pytest.mark.parametrize(
    "fault",
    [
        faults.deny("SignatureDoesNotMatch", "Not S3CRET-SIGNATURE but another."),
        faults.fail(500, body=b"<Error><Code>X</Code><Message>S3CRET-SIGNATURE</Message></Error>"),
        faults.fail(400, body=b"<Error><Code>Y</Code><Message>S3CRET-SIGNATURE</Message></Error>"),
        faults.vanish(),
        faults.cut_body(0),
        faults.stall(),
        faults.wrong_content_range(),
        faults.redirect("/loop?Signature=S3CRET-SIGNATURE"),
    ],
)
def test_no_error_quotes_a_signature(server, fault):
    server.misbehave(None, fault)
    source = HttpSource(server.url("/a") + "?Signature=S3CRET-SIGNATURE&Expires=9999999999")
    with pytest.raises(NearlineError) as failed:
        body(source.read(0, 500, timeout=0.3))
    told = "".join(traceback.format_exception(failed.value))
    lines = [line for line in told.splitlines() if not line.startswith(("  File", "    "))]
    assert "S3CRET" not in "".join(lines)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_an_expired_url_is_said_to_be_one(server):
    server.misbehave("/a", faults.deny("AccessDenied", "Request has expired"), requests={1})
    server.misbehave("/a", faults.fail(403), requests={2, 3})
    for url in ("?Signature=x&Expires=9999999999", "?Signature=x&Expires=1000"):
        with pytest.raises(AccessDenied, match="signed URL has expired"):
            HttpSource(server.url("/a") + url).read(0, 1)
    with pytest.raises(AccessDenied, match="No permission"):
        HttpSource(server.url("/a") + "?Signature=x&Expires=9999999999").read(0, 1)
