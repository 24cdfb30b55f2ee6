"""Signed objects over obstore: what is read, what is refused, and in whose words."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nearline.errors import (
    AccessDenied,
    InvalidOption,
    NearlineError,
    NotFound,
    ObjectChanged,
    Unavailable,
    UnsupportedUrl,
)
from nearline.provenance import Validator
from nearline.storage.resolve import resolve
from nearline.storage.source import Answer, Transient
from nearline.testing import RangeServer, faults
from nearline.traffic import traffic

CONTENT = bytes(range(256)) * 16384  # 4 MiB
SECRET = "Zx9secretZx9"


def body(answer: Answer) -> bytes:
    return b"".join(bytes(chunk) for chunk in answer.chunks)


@pytest.fixture(params=["moto_server", "radosgw"])
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def opened(server: Any) -> tuple[Any, Any, str]:
    bucket = server.make_bucket()
    server.put(bucket, "k.dcm", CONTENT)
    options = server.storage_options
    return resolve(server.url(bucket, "k.dcm"), storage_options=options), server, bucket


# --- what is read ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 10), (5, 1 << 20), (7, 3 << 20), (100, None), ((4 << 20) - 3, 5 << 20), (0, 0)],
)
def test_ranges_bring_their_bytes_and_the_size(
    opened: tuple[Any, Any, str], start: int, stop: int | None
) -> None:
    answer = opened[0].read(start, stop)
    assert body(answer) == CONTENT[start:stop]
    assert (answer.kind, answer.start) == ("partial", start)
    assert answer.stop == len(CONTENT[:stop])
    assert answer.validator.size == len(CONTENT)


def test_a_range_behind_the_end_is_empty_and_brings_the_size(
    opened: tuple[Any, Any, str],
) -> None:
    answer = opened[0].read(1 << 30, (1 << 30) + 10)
    assert (body(answer), answer.validator.size) == (b"", len(CONTENT))


def test_an_empty_object_is_no_error(server: Any) -> None:
    bucket = server.make_bucket()
    server.put(bucket, "empty", b"")
    source = resolve(server.url(bucket, "empty"), storage_options=server.storage_options)
    answer = source.read(0, 1000)
    assert (body(answer), answer.validator.size) == (b"", 0)


def test_the_validator_is_the_servers(opened: tuple[Any, Any, str]) -> None:
    source, server, bucket = opened
    head = server.client().head_object(Bucket=bucket, Key="k.dcm")
    told = source.read(0, 1).validator
    assert (told.etag, told.size) == (head["ETag"], head["ContentLength"])
    assert told.last_modified == head["ResponseMetadata"]["HTTPHeaders"]["last-modified"]


def test_an_unchanged_object_costs_no_bytes(opened: tuple[Any, Any, str]) -> None:
    source = opened[0]
    known = source.read(0, 1).validator
    assert source.read(0, 100, unless=known).kind == "unchanged"
    assert source.read(0, 100, unless=Validator(etag='"other"')).kind == "partial"


def test_one_request_per_read_and_no_head(server: Any) -> None:
    bucket = server.make_bucket()
    server.put(bucket, "k.dcm", CONTENT)
    with server.counted() as counted:
        options = counted.storage_options
        source = resolve(server.url(bucket, "k.dcm"), storage_options=options)
        body(source.read(0, 1000))
        body(source.read(1000, 3 << 20))
        assert [one.method for one in counted.proxy.requests] == ["GET", "GET"]


def test_a_replaced_object_is_noticed(opened: tuple[Any, Any, str]) -> None:
    source, server, bucket = opened
    pin = source.read(0, 1).validator
    server.put(bucket, "k.dcm", b"other" * 100)
    with pytest.raises(ObjectChanged):
        source.read(0, 10, pin=pin)
    server.client().delete_object(Bucket=bucket, Key="k.dcm")
    with pytest.raises(ObjectChanged, match="removed"):
        source.read(0, 10, pin=pin)


def test_a_version_is_asked_for_only_when_named(server: Any) -> None:
    bucket = server.make_bucket(versioned=True)
    first = server.put(bucket, "k", b"first")["VersionId"]
    server.put(bucket, "k", b"second!")
    url, options = server.url(bucket, "k"), server.storage_options
    assert body(resolve(url, storage_options=options).read(0, 100)) == b"second!"
    for named in (
        resolve(f"{url}?versionId={first}", storage_options=options),
        resolve(url, storage_options={**options, "version_id": first}),
    ):
        answer = named.read(0, 100)
        assert body(answer) == b"first"
        assert answer.version_id == first
        assert first in named.identity


# --- what is refused --------------------------------------------------------------


def failing(read: Callable[[], object]) -> NearlineError:
    with pytest.raises(NearlineError) as caught:
        read()
    error = caught.value
    text = "".join(traceback.format_exception(error))
    assert error.__cause__ is None
    assert error.__context__ is None
    for word in ("X-Amz-Signature", "Signature=", "obstore.exceptions", SECRET):
        assert word not in text
    return error


def test_a_missing_object_and_a_missing_bucket(opened: tuple[Any, Any, str]) -> None:
    _, server, bucket = opened
    for url, word in ((server.url(bucket, "none"), "object"), (server.url("none-1", "k"), "")):
        source = resolve(url, storage_options=server.storage_options)
        error = failing(lambda source=source: source.read(0, 1))  # type: ignore[misc]
        assert isinstance(error, NotFound)
        assert url in str(error)
        assert word in str(error)


def test_wrong_keys_are_refused_in_a_sentence(radosgw: Any) -> None:
    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "k", b"x")
    for key, secret in (
        (radosgw.access_key, SECRET),
        ("AKIANOBODY", SECRET),
        tuple(radosgw.stranger),
    ):
        options = {**radosgw.storage_options, "key": key, "secret": secret}
        source = resolve(radosgw.url(bucket, "k"), storage_options=options)
        error = failing(lambda source=source: source.read(0, 1))  # type: ignore[misc]
        assert isinstance(error, AccessDenied)
        assert "storage_options" in str(error)


def test_no_such_host_and_nobody_listening() -> None:
    for endpoint, kind in (
        ("http://no-such-host.invalid", Unavailable),
        ("http://127.0.0.1:1", Transient),
    ):
        options = {"key": "k", "secret": SECRET, "endpoint_url": endpoint}
        source = resolve("s3://bucket/k", storage_options=options)
        assert isinstance(failing(lambda source=source: source.read(0, 1)), kind)  # type: ignore[misc]


def certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make an authority and a certificate of its for localhost."""
    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def begun(key: ec.EllipticCurvePrivateKey, subject: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    trusted = (
        begun(authority, "authority")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        begun(server, "localhost")
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bundle, own = folder / "authority.pem", folder / "server.pem"
    bundle.write_bytes(trusted.public_bytes(pem))
    own.write_bytes(key + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return bundle, context


def test_a_certificate_is_trusted_only_with_its_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, context = certified(tmp_path)
    with RangeServer({"/bucket/k": CONTENT}, tls=context) as server:
        endpoint = f"https://localhost:{server.port}"
        options: dict[str, Any] = {"key": "k", "secret": SECRET, "endpoint_url": endpoint}
        source = resolve("s3://bucket/k", storage_options=options)
        error = failing(lambda: source.read(0, 1))
        assert isinstance(error, Unavailable)
        assert "certificate" in str(error)
        for verify in (str(bundle), False):
            told = {**options, "client_kwargs": {"verify": verify}}
            source = resolve("s3://bucket/k", storage_options=told)
            assert body(source.read(0, 9)) == CONTENT[:9]
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        # Another bucket: the process keeps the connections of the first as they were.
        server.put("/other/k", CONTENT)
        assert body(resolve("s3://other/k", storage_options=options).read(0, 9)) == CONTENT[:9]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_faults_are_asked_once_and_left_to_the_engine(status: int) -> None:
    with RangeServer({"/bucket/k": CONTENT}) as server:
        server.misbehave("/bucket/k", faults.fail(status))
        options = {"key": "k", "secret": SECRET, "endpoint_url": server.url("")}
        source = resolve("s3://bucket/k", storage_options=options)
        assert isinstance(failing(lambda: source.read(0, 1)), Transient)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 400])
def test_a_bucket_in_another_region_is_found_there(status: int) -> None:
    with RangeServer({"/bucket/k": CONTENT, "/bucket": b""}) as server:
        elsewhere = faults.other_region("eu-west-3", status=status)
        server.misbehave("/bucket/k", elsewhere, requests={1})
        server.misbehave("/bucket", faults.other_region("eu-west-3", status=301))
        options = {"key": "k", "secret": SECRET, "endpoint_url": server.url("")}
        source = resolve("s3://bucket/k", storage_options=options)
        with traffic() as spent:
            assert body(source.read(0, 9)) == CONTENT[:9]
        # The caller counts the first.
        assert spent.requests == len(server.requests) - 1
        body(source.read(0, 9))
        signed = [one.headers["authorization"] for one in server.requests if one.path != "/bucket"]
        regions = [header.split("/")[2] for header in signed]
        assert regions == ["us-east-1", "eu-west-3", "eu-west-3"]


def test_a_body_that_is_cut_is_transient() -> None:
    with RangeServer({"/bucket/k": CONTENT}) as server:
        options = {"key": "k", "secret": SECRET, "endpoint_url": server.url("")}
        source = resolve("s3://bucket/k", storage_options=options)
        server.misbehave("/bucket/k", faults.cut_body(1 << 20))
        answer = source.read(0, 3 << 20)
        assert isinstance(failing(lambda: body(answer)), Transient)
    with RangeServer({"/bucket/k": CONTENT}) as server:
        options = {"key": "k", "secret": SECRET, "endpoint_url": server.url("")}
        source = resolve("s3://bucket/k", storage_options=options)
        server.misbehave("/bucket/k", faults.cut_body(1000))
        assert isinstance(failing(lambda: body(source.read(0, 1 << 20))), Transient)


def test_a_server_without_ranges_costs_one_whole_download() -> None:
    with RangeServer({"/bucket/k": CONTENT}) as server:
        server.misbehave("/bucket/k", faults.ignore_range())
        options = {"key": "k", "secret": SECRET, "endpoint_url": server.url("")}
        answer = resolve("s3://bucket/k", storage_options=options).read(100, 200)
        assert (answer.kind, answer.start, answer.stop) == ("whole", 0, len(CONTENT))
        assert body(answer) == CONTENT


def test_credentials_that_cannot_be_obtained_are_a_sentence(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, moto_server: Any
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile p]\ncredential_process = /bin/false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    options = {"profile": "p", "endpoint_url": moto_server.endpoint}
    bucket = moto_server.make_bucket()
    moto_server.put(bucket, "k", b"content")
    source = resolve(f"s3://{bucket}/k", storage_options=options)
    error = failing(lambda: source.read(0, 1))
    assert isinstance(error, AccessDenied)
    assert "credential_process" in str(error)


def test_azure_keys_that_obstore_would_change_are_refused() -> None:
    options = {"account_name": "a", "account_key": "a2V5"}
    with pytest.raises(UnsupportedUrl, match="obstore"):
        resolve("az://container/a//b", storage_options=options)


def test_containers_of_two_azure_accounts_are_two_identities() -> None:
    one, two = (
        resolve("az://c/k", storage_options={"account_name": name, "account_key": "a2V5"})
        for name in ("one", "two")
    )
    assert one.identity != two.identity


def test_an_unknown_option_is_an_error_before_any_request() -> None:
    with pytest.raises(InvalidOption, match="endpoint"):
        resolve("s3://bucket/k", storage_options={"endpoint": "x"})


# --- the stores by name -----------------------------------------------------------


def test_google_objects_are_read_signed_through_the_xml_interface(moto_server: Any) -> None:
    bucket = moto_server.make_bucket("googlebucket")  # moto does not decode what obstore encodes
    moto_server.put(bucket, "a b/k.dcm", CONTENT)
    options = {"token": {"access_token": SECRET}, "endpoint_url": moto_server.endpoint}
    source = resolve(f"gs://{bucket}/a b/k.dcm", storage_options=options)
    answer = source.read(3, 30)
    assert body(answer) == CONTENT[3:30]
    assert source.signed
