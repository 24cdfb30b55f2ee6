import os

import pytest

from nearline.errors import AccessDenied, NotFound, ObjectChanged, Unavailable
from nearline.storage.http import HttpSource, unsigned_gcs, unsigned_s3

DATA = os.urandom(600_000)


def body(answer):
    return b"".join(answer.chunks)


def test_nginx_ranges_pins_and_revalidation(nginx):
    nginx.put("http/plain one.bin", DATA)
    source = HttpSource(nginx.url("http/plain one.bin"))
    first = source.read(0, 1000)
    pin = first.validator
    assert body(first) == DATA[:1000]
    assert (pin.size, bool(pin.strong_etag)) == (len(DATA), True)
    assert body(source.read(5000, None, pin=pin)) == DATA[5000:]
    assert source.read(0, 9, unless=pin).kind == "unchanged"
    assert body(source.read(len(DATA), None)) == b""
    nginx.put("http/plain one.bin", DATA + b"more")
    with pytest.raises(ObjectChanged):
        source.read(0, 9, pin=pin)
    with pytest.raises(NotFound):
        HttpSource(nginx.url("http/none")).read(0, 1)


def test_nginx_without_etag_or_ranges(nginx):
    nginx.put("http/two.bin", DATA)
    dated = HttpSource(nginx.url("http/two.bin", "noetag"))
    pin = dated.read(0, 1).validator
    assert (pin.etag, pin.pins) == (None, True)
    assert dated.read(0, 1, unless=pin).kind == "unchanged"
    assert body(dated.read(7, 19, pin=pin)) == DATA[7:19]
    whole = HttpSource(nginx.url("http/two.bin", "norange")).read(7, 19)
    assert whole.kind == "whole"
    assert body(whole) == DATA


def test_nginx_basic_auth_redirect_and_failure(nginx):
    nginx.put("http/three.bin", DATA)
    url = nginx.url("http/three.bin", "auth")
    with pytest.raises(AccessDenied):
        HttpSource(url).read(0, 1)
    source = HttpSource(url, user=nginx.user, password=nginx.password)
    assert body(source.read(0, 10)) == DATA[:10]
    redirected = HttpSource(nginx.url("http/three.bin", "redirect"))
    assert body(redirected.read(0, 10)) == DATA[:10]


def test_nginx_does_not_compress_what_is_asked_for_plainly(nginx):
    nginx.put("http/four.txt", b"a" * 100_000)
    answer = HttpSource(nginx.url("http/four.txt", "gzip")).read(0, 50_000)
    assert body(answer)[:50_000] == b"a" * 50_000


def test_nginx_behind_tls(nginx, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    nginx.put("http/five.bin", DATA)
    url = nginx.url("http/five.bin", tls=True)
    with pytest.raises(Unavailable, match="certificate"):
        HttpSource(url).read(0, 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
    assert body(HttpSource(url).read(0, None)) == DATA


@pytest.mark.parametrize("open_source", [unsigned_s3, unsigned_gcs])
def test_public_and_private_buckets_of_moto(moto_server, open_source):
    key = "a b//c+%ü.dcm"
    public, private = moto_server.make_bucket(public=True), moto_server.make_bucket()
    moto_server.put(public, key, DATA)
    moto_server.put(private, key, DATA)
    source = open_source(public, key, endpoint=moto_server.endpoint)
    first = source.read(0, 1000)
    pin = first.validator
    assert body(first) == DATA[:1000]
    assert body(source.read(5000, None, pin=pin)) == DATA[5000:]
    assert source.read(0, 9, unless=pin).kind == "unchanged"
    moto_server.put(public, key, DATA[::-1])
    with pytest.raises(ObjectChanged):
        source.read(0, 9, pin=pin)
    with pytest.raises(AccessDenied, match="No permission"):
        open_source(private, key, endpoint=moto_server.endpoint).read(0, 1)
    with pytest.raises(NotFound, match="no object"):
        open_source(public, "none", endpoint=moto_server.endpoint).read(0, 1)
    with pytest.raises(NotFound, match="no such bucket"):
        open_source("http-absent", "none", endpoint=moto_server.endpoint).read(0, 1)


def test_a_presigned_url_of_moto(moto_server):
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "k", DATA)
    source = HttpSource(moto_server.presigned_url(bucket, "k"))
    assert body(source.read(10, 20)) == DATA[10:20]
    assert source.signed
    assert "ignature" not in source.identity + source.url


def test_radosgw_public_private_and_presigned(radosgw):
    key = "a b//c+%ü.dcm"
    public, private = radosgw.make_bucket(public=True), radosgw.make_bucket()
    radosgw.put(public, key, DATA)
    radosgw.put(private, key, DATA)
    source = unsigned_s3(public, key, endpoint=radosgw.endpoint)
    first = source.read(0, 1000)
    pin = first.validator
    assert body(first) == DATA[:1000]
    assert body(source.read(5000, None, pin=pin)) == DATA[5000:]
    assert body(source.read(len(DATA) + 5, None, pin=pin)) == b""
    assert source.read(0, 9, unless=pin).kind == "unchanged"
    radosgw.put(public, key, DATA[::-1])
    with pytest.raises(ObjectChanged):
        source.read(0, 9, pin=pin)
    with pytest.raises(AccessDenied, match="AccessDenied"):
        unsigned_s3(private, key, endpoint=radosgw.endpoint).read(0, 1)
    with pytest.raises(NotFound, match="no such bucket"):
        unsigned_s3("http-absent", key, endpoint=radosgw.endpoint).read(0, 1)
    signed = radosgw.presigned_url(private, "k")
    with pytest.raises(NotFound, match="NoSuchKey"):
        HttpSource(signed).read(0, 1)
    radosgw.put(private, "k", DATA)
    assert body(HttpSource(signed).read(10, 20)) == DATA[10:20]
    with pytest.raises(AccessDenied, match="SignatureDoesNotMatch"):
        HttpSource(signed[:-1] + ("0" if signed[-1] != "0" else "1")).read(0, 1)
    with pytest.raises(AccessDenied, match="signed URL has expired"):
        HttpSource(radosgw.presigned_url(private, "k", expires_s=-100)).read(0, 1)
