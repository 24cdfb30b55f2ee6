import datetime
import ipaddress
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nearline.errors import Unavailable
from nearline.storage.http import HttpSource
from nearline.storage.source import Transient
from nearline.testing import RangeServer, faults

DATA = os.urandom(400_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that is its own authority: (certificate, key) files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an archive")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with RangeServer({"/a": DATA}, tls=context) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_bundles(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def body(answer):
    return b"".join(answer.chunks)


def test_an_unknown_certificate_is_refused_by_name(server):
    with pytest.raises(Unavailable, match=r"certificate of 127\.0\.0\.1 .*REQUESTS_CA_BUNDLE"):
        HttpSource(server.url("/a")).read(0, 1)
    assert server.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_bundles_of_the_environment_are_trusted(server, certificate, monkeypatch, name):
    monkeypatch.setenv(name, str(certificate[0]))
    assert body(HttpSource(server.url("/a")).read(0, None)) == DATA


def test_a_bundle_of_the_caller_is_trusted(server, certificate):
    assert body(HttpSource(server.url("/a"), verify=str(certificate[0])).read(0, 9)) == DATA[:9]


def test_a_certificate_for_another_host_is_refused(server, certificate):
    url = server.url("/a").replace("127.0.0.1", "localhost")
    with pytest.raises(Unavailable, match="certificate of localhost"):
        HttpSource(url, verify=str(certificate[0])).read(0, 1)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_no_check_only_when_told_so(server):
    assert body(HttpSource(server.url("/a"), verify=False).read(0, 9)) == DATA[:9]


def test_a_bundle_that_is_absent_or_no_bundle(server, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(Unavailable, match="does not exist"):
        HttpSource(server.url("/a")).read(0, 1)
    (tmp_path / "text.pem").write_text("no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "text.pem"))
    with pytest.raises(Unavailable, match="not a bundle"):
        HttpSource(server.url("/a")).read(0, 1)


def test_encrypted_reads_end_when_closed_or_cut(server, certificate):
    source = HttpSource(server.url("/a"), verify=str(certificate[0]))
    server.misbehave("/a", faults.stall(after_bytes=200_000), requests={1})
    answer = source.read(0, None)
    taken = next(answer.chunks)
    answer.close()
    with pytest.raises(Transient):
        body(answer)
    server.misbehave("/a", faults.cut_body(200_000), requests={2})
    with pytest.raises(Transient):
        body(source.read(0, None))
    assert DATA.startswith(taken)
    assert body(source.read(0, None)) == DATA


def test_a_redirect_out_of_encryption_is_refused(server, certificate):
    with RangeServer({"/a": DATA}) as plain:
        server.misbehave("/a", faults.redirect(plain.url("/a")))
        with pytest.raises(Unavailable, match="without encryption"):
            HttpSource(server.url("/a"), verify=str(certificate[0])).read(0, 1)
        assert plain.requests == []


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_proxies_of_the_environment_are_used(monkeypatch, name):
    with RangeServer({"http://archive.example/a": DATA}) as proxy:
        monkeypatch.setenv(name, f"http://me:S3CRET@127.0.0.1:{proxy.port}")
        source = HttpSource("http://archive.example/a")
        assert body(source.read(0, None)) == DATA
        assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
        assert proxy.requests[0].headers["host"] == "archive.example"
        monkeypatch.setenv("no_proxy", "archive.example")
        with pytest.raises(Unavailable, match="no address"):
            source.read(0, 1)


def test_a_proxy_that_is_not_there(monkeypatch):
    with RangeServer() as gone:
        pass
    monkeypatch.setenv("http_proxy", f"http://me:S3CRET@127.0.0.1:{gone.port}")
    with pytest.raises(Transient, match="proxy") as failed:
        HttpSource("http://archive.example/a").read(0, 1)
    assert "S3CRET" not in str(failed.value)


def test_a_proxy_that_refuses_a_tunnel(monkeypatch):
    with RangeServer() as proxy:
        proxy.misbehave(None, faults.fail(407))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(Unavailable, match="proxy refuses"):
            HttpSource("https://archive.example/a").read(0, 1)
