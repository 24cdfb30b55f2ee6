"""The servers of the tests behave as the tests rely on, and count rightly."""

from __future__ import annotations

import base64
import os
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from nearline.testing import RangeServer
from servers.counting import CountingProxy
from servers.daemon import Daemon, free_port, missing

DATA = bytes(range(256)) * 40


def get(url, **headers):
    """Status, headers and body of a GET."""
    context = headers.pop("context", None)
    request = Request(url, headers={name.replace("_", "-"): v for name, v in headers.items()})
    try:
        with urlopen(request, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


S3 = ["moto_server", "radosgw"]


@pytest.fixture
def s3(request):
    """The S3 server that the test is parametrised with."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("s3", S3, indirect=True)
def test_s3_gives_ranges_of_public_objects_and_hides_private_ones(s3):
    public, private = s3.make_bucket(public=True), s3.make_bucket()
    etag = s3.put(public, "a b/c", DATA)["ETag"]
    s3.put(private, "k", DATA)
    status, headers, body = get(s3.http_url(public, "a b/c"), Range="bytes=5-9")
    assert (status, headers["ETag"], body) == (206, etag, DATA[5:10])
    assert get(s3.http_url(public, "a b/c"), If_None_Match=etag)[0] == 304
    assert get(s3.http_url(public, "a b/c"), If_Match='"other"')[0] == 412
    with urlopen(Request(s3.http_url(public, "a b/c"), method="HEAD")) as answer:
        assert answer.headers["Content-Length"] == str(len(DATA))
    assert get(s3.http_url(private, "k"))[0] == 403
    assert get(s3.presigned_url(private, "k"))[2] == DATA


@pytest.mark.parametrize("s3", ["moto_auth", "radosgw"], indirect=True)
def test_s3_with_keys_refuses_strangers(s3):
    bucket = s3.make_bucket()
    s3.put(bucket, "k", DATA)
    assert s3.client().get_object(Bucket=bucket, Key="k")["Body"].read() == DATA
    with pytest.raises(Exception, match="AccessDenied"):
        s3.client(stranger=True).get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("s3", S3, indirect=True)
def test_s3_keeps_versions(s3):
    bucket = s3.make_bucket(versioned=True)
    first, second = s3.put(bucket, "k", b"1"), s3.put(bucket, "k", b"2")
    assert first["VersionId"] != second["VersionId"]
    old = s3.client().get_object(Bucket=bucket, Key="k", VersionId=first["VersionId"])
    assert old["Body"].read() == b"1"


@pytest.mark.parametrize("s3", S3, indirect=True)
def test_s3_can_be_counted_and_uploads_pass_the_counter(s3):
    bucket = s3.make_bucket(public=True)
    s3.put(bucket, "k", DATA)
    with s3.counted() as front:
        front.put(bucket, "k2", DATA)
        get(front.http_url(bucket, "k"), Range="bytes=0-99")
        get(front.http_url(bucket, "k"))
        seen = [(r.method, r.path, r.range, r.status, r.sent) for r in front.proxy.requests]
        assert front.storage_options["endpoint_url"] == f"http://127.0.0.1:{front.proxy.port}"
    assert seen == [
        ("GET", f"/{bucket}/k", "bytes=0-99", 206, 100),
        ("GET", f"/{bucket}/k", None, 200, len(DATA)),
    ]


def test_s3_signatures_hold_through_the_counter(radosgw):
    import s3fs

    bucket = radosgw.make_bucket()
    radosgw.put(bucket, "k", DATA)
    with radosgw.counted() as front:
        fs = s3fs.S3FileSystem(**front.storage_options, skip_instance_cache=True)
        assert fs.cat_file(f"{bucket}/k", start=3, end=11) == DATA[3:11]
        assert front.proxy.sent == 8


def test_the_counter_sees_chains_and_what_is_side_by_side():
    with RangeServer({"/a": DATA}) as server, CountingProxy(server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/a"
        for start in range(3):
            get(url, Range=f"bytes={start}-{start}")
        assert len(proxy.chain()) == 3
        assert proxy.max_concurrency == 1
        proxy.clear_log()

        def slow(_):
            with urlopen(url) as answer:
                answer.read(1)
                time.sleep(0.2)
                answer.read()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(slow, range(4)))
        assert len(proxy.requests) == len(server.requests) - 3 == 4
        assert proxy.sent == 4 * len(DATA)


def test_the_counter_carries_chunked_and_unframed_bodies():
    bodies = {
        b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n": 5,
        b"Connection: close\r\n\r\nabcd": 4,
        b"Content-Length: 0\r\n\r\n": 0,
    }
    import socket
    import threading

    for answer, length in bodies.items():
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve(answer=answer, listener=listener):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" + answer)

            threading.Thread(target=serve, daemon=True).start()
            with CountingProxy(listener.getsockname()[1]) as proxy:
                assert len(get(f"http://127.0.0.1:{proxy.port}/")[2]) == length
                assert proxy.sent == length


def test_nginx_serves_well_and_worse(nginx):
    nginx.put("d/f.bin", DATA)
    part = "bytes=10-19"
    status, headers, body = get(nginx.url("d/f.bin"), Range=part)
    assert (status, body) == (206, DATA[10:20])
    assert headers["ETag"]
    assert get(nginx.url("d/f.bin"), If_Match='"x"')[0] == 412
    assert get(nginx.url("d/f.bin", "norange"), Range=part)[0] == 200
    assert get(nginx.url("d/f.bin", "noetag"), Range=part)[1]["ETag"] is None
    assert get(nginx.url("d/f.bin", "auth"), Range=part)[0] == 401
    basic = "Basic " + base64.b64encode(f"{nginx.user}:{nginx.password}".encode()).decode()
    assert get(nginx.url("d/f.bin", "auth"), Range=part, Authorization=basic)[0] == 206
    assert get(nginx.url("d/f.bin", "redirect"), Range=part)[2] == DATA[10:20]
    zipped = get(nginx.url("d/f.bin", "gzip"), Accept_Encoding="gzip")
    assert zipped[1]["Content-Encoding"] == "gzip"
    assert get(nginx.url("d/f.bin", "broken"))[0] == 503


def test_nginx_speaks_tls_to_those_who_trust_it(nginx):
    nginx.put("f.bin", DATA)
    trusting = ssl.create_default_context(cafile=str(nginx.certificate))
    assert get(nginx.url("f.bin", tls=True), context=trusting)[2] == DATA
    with pytest.raises(OSError, match="CERTIFICATE"):
        get(nginx.url("f.bin", tls=True))


def test_nginx_counts_from_its_access_log(nginx):
    nginx.put("f.bin", DATA)
    get(nginx.url("f.bin"))
    nginx.clear_log()
    get(nginx.url("f.bin"), Range="bytes=1-2")
    time.sleep(0.01)
    get(nginx.url("f.bin", "norange"))
    first, second = nginx.requests
    assert (first.path, first.range, first.status, first.sent) == (
        "/plain/f.bin",
        "bytes=1-2",
        206,
        2,
    )
    assert second.sent == len(DATA)
    assert nginx.sent == 2 + len(DATA)
    assert len(nginx.chain()) == 2


def test_the_gcs_emulator_serves_blobs(gcs_emulator):
    import gcsfs

    bucket = gcs_emulator.make_bucket()
    blob = gcs_emulator.put(bucket, "a/b.bin", DATA)
    with blob.open("rb", chunk_size=500_000) as reader:
        reader.seek(7)
        assert reader.read(5) == DATA[7:12]
    fs = gcsfs.GCSFileSystem(**gcs_emulator.storage_options, skip_instance_cache=True)
    assert fs.cat_file(f"{bucket}/a/b.bin", start=3, end=9) == DATA[3:9]


def test_daemons_die_with_the_process_that_started_them(tmp_path):
    port = free_port()
    script = f"""
import sys; sys.path[:0] = {[p for p in sys.path if p]!r}
from pathlib import Path
from servers.daemon import Daemon
command = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
daemon = Daemon(command, Path({str(tmp_path / "log")!r})).wait_for_port({port})
print(daemon.process.pid, flush=True)
input()
"""
    started = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    daemon = int(started.stdout.readline())
    started.send_signal(signal.SIGKILL)
    started.communicate()
    deadline = time.monotonic() + 20
    while _alive(daemon):
        assert time.monotonic() < deadline, "the daemon outlived its starter"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_daemon_that_fails_to_start_shows_its_log(tmp_path):
    command = [sys.executable, "-c", "print('no such luck')"]
    with pytest.raises(RuntimeError, match="no such luck"), Daemon(command, tmp_path / "l") as d:
        d.wait_for_port(free_port())


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_missing_server_fails_where_ci_is_set_and_skips_elsewhere(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    expected = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(expected, match="frobd"):
        missing("frobd")


def test_no_credentials_or_settings_reach_the_tests():
    left = [name for name in os.environ if name.startswith(("NEARLINE_", "AWS_"))]
    assert left == ["AWS_EC2_METADATA_DISABLED"]
    assert "home" in os.environ["HOME"]
