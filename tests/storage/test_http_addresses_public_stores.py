"""The stores' own hosts are played by a proxy that answers for any host."""

import pickle
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearline.errors import InvalidOption, NotFound, Unavailable, UnsupportedUrl
from nearline.storage.http import unsigned_azure, unsigned_gcs, unsigned_s3
from nearline.testing import RangeServer, faults


@pytest.fixture(scope="module")
def endpoint():
    with RangeServer() as server:
        yield server


@pytest.fixture
def internet(monkeypatch):
    with RangeServer() as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
        yield server


def body(answer):
    return b"".join(answer.chunks)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)
    | st.text("/.%+?# &=;~aé", min_size=1, max_size=12)
)
def test_any_key_is_addressed_exactly(endpoint, key):
    endpoint.put(f"/bucket/{key}", key.encode())
    url = f"http://127.0.0.1:{endpoint.port}"
    assert body(unsigned_s3("bucket", key, endpoint=url).read(0, 999)) == key.encode()
    assert body(unsigned_gcs("bucket", key, endpoint=url).read(0, 999)) == key.encode()
    azure = unsigned_azure("bucket", key, account="account", endpoint=url)
    assert body(azure.read(0, 999)) == key.encode()


@pytest.mark.parametrize(
    ("bucket", "region", "style", "url"),
    [
        ("plain-1", None, "auto", "http://plain-1.s3.amazonaws.com/k%20/x"),
        ("plain-2", "eu-west-1", "auto", "http://plain-2.s3.eu-west-1.amazonaws.com/k%20/x"),
        ("dots.1", None, "auto", "http://s3.amazonaws.com/dots.1/k%20/x"),
        ("Capital", "eu-west-1", "auto", "http://s3.eu-west-1.amazonaws.com/Capital/k%20/x"),
        ("plain-3", None, "path", "http://s3.amazonaws.com/plain-3/k%20/x"),
        ("dots.2", None, "virtual", "http://dots.2.s3.amazonaws.com/k%20/x"),
        ("china-1", "cn-north-1", "auto", "http://china-1.s3.cn-north-1.amazonaws.com.cn/k%20/x"),
        ("plain-4", "aws-global", "auto", "http://plain-4.s3.amazonaws.com/k%20/x"),
    ],
)
def test_amazon_hosts(internet, bucket, region, style, url):
    source = unsigned_s3(bucket, "k /x", region=region, addressing_style=style, use_ssl=False)
    with pytest.raises(NotFound):
        source.read(0, 1)
    assert internet.requests[-1].target == url
    assert source.url == f"s3://{bucket}/k /x"
    assert source.identity == f"unsigned s3://{bucket}/k /x"
    assert not source.signed


def test_public_objects_use_tls_unless_told_otherwise():
    for source in (
        unsigned_s3("b-0", "k"),
        unsigned_s3("b-0", "k", endpoint="host:9000"),
        unsigned_gcs("b-0", "k"),
        unsigned_gcs("b-0", "k", endpoint="host"),
        unsigned_azure("c", "k", account="a"),
    ):
        assert source._url.startswith("https://")
    assert unsigned_s3("b-0", "k", endpoint="host", use_ssl=False)._url == "http://host/b-0/k"


def test_an_endpoint_that_is_amazons_own_is_no_stranger(internet):
    source = unsigned_s3("own-1", "k", endpoint="http://s3.eu-west-2.amazonaws.com")
    with pytest.raises(NotFound):
        source.read(0, 1)
    assert internet.requests[-1].target == "http://own-1.s3.eu-west-2.amazonaws.com/k"
    assert source.identity == "unsigned s3://own-1/k"


@pytest.mark.parametrize("status", [301, 307, 400])
@pytest.mark.parametrize("bucket", ["moved-{}", "moved.{}"])
def test_the_region_of_a_bucket_is_learned_once(internet, status, bucket):
    bucket = bucket.format(status)
    dotted = "." in bucket
    wrong = f"http://s3.amazonaws.com/{bucket}" if dotted else f"http://{bucket}.s3.amazonaws.com"
    right = wrong.replace("s3.", "s3.eu-central-1.")
    internet.put(f"{right}/k", b"here")
    internet.put(f"{right}/j", b"there")
    internet.misbehave(f"{wrong}/k", faults.other_region("eu-central-1", status=status))
    source = unsigned_s3(bucket, "k", use_ssl=False)
    assert body(source.read(0, 9)) == b"here"
    assert body(pickle.loads(pickle.dumps(source)).read(0, 9)) == b"here"
    assert body(unsigned_s3(bucket, "j", use_ssl=False, region="us-west-1").read(0, 9)) == b"there"
    targets = [request.target for request in internet.requests]
    assert targets == [f"{wrong}/k", f"{right}/k", f"{right}/k", f"{right}/j"]


def test_parallel_first_reads_learn_the_region_together(internet):
    wrong, right = (
        "http://crowd-1.s3.amazonaws.com/k",
        "http://crowd-1.s3.eu-north-1.amazonaws.com/k",
    )
    internet.put(right, bytes(100))
    internet.misbehave(wrong, faults.other_region("eu-north-1"), faults.stall(0.3))
    source = unsigned_s3("crowd-1", "k", use_ssl=False)
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(body(source.read(0, 50)))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [bytes(50)] * 6


def test_regions_that_point_at_each_other_end(internet):
    here, there = (f"http://pong-1.s3.{r}.amazonaws.com/k" for r in ("eu-west-1", "eu-west-2"))
    internet.misbehave(here, faults.other_region("eu-west-2"))
    internet.misbehave(there, faults.other_region("eu-west-1"))
    with pytest.raises(Unavailable, match="s3://pong-1/k"):
        unsigned_s3("pong-1", "k", region="eu-west-1", use_ssl=False).read(0, 1)


def test_a_region_that_is_no_name_is_not_believed(internet):
    wrong = "http://evil-1.s3.amazonaws.com/k"
    internet.misbehave(wrong, faults.other_region("evil.example/x?"))
    with pytest.raises(Unavailable):
        unsigned_s3("evil-1", "k", use_ssl=False).read(0, 1)
    assert len(internet.requests) == 1


def test_versions_go_into_requests_only_when_named(endpoint):
    url = f"http://127.0.0.1:{endpoint.port}"
    endpoint.put("/bucket/v", b"x", generation="7", headers={"x-amz-version-id": "9"})
    for source, target in (
        (unsigned_s3("bucket", "v", endpoint=url), "/bucket/v"),
        (unsigned_s3("bucket", "v", endpoint=url, version_id="a/b"), "/bucket/v?versionId=a%2Fb"),
        (unsigned_gcs("bucket", "v", endpoint=url), "/bucket/v"),
        (unsigned_gcs("bucket", "v", endpoint=url, generation="7"), "/bucket/v?generation=7"),
    ):
        answer = source.read(0, 1)
        assert body(answer) == b"x"
        assert endpoint.requests[-1].target == target
        assert (answer.version_id, answer.validator.generation) == ("9", "7")
    assert "#7" in source.url
    with pytest.raises(NotFound):
        unsigned_gcs("bucket", "v", endpoint=url, generation="6").read(0, 1)


def test_azure_is_asked_in_a_version_that_knows_ranges(endpoint):
    endpoint.put("/devstoreaccount1/c/x", b"abc")
    url = f"http://127.0.0.1:{endpoint.port}/devstoreaccount1"
    source = unsigned_azure("c", "x", account="devstoreaccount1", endpoint=url)
    assert body(source.read(0, 2)) == b"ab"
    assert endpoint.requests[-1].headers["x-ms-version"] >= "2011-08-18"
    assert not source.signed
    assert unsigned_azure("c", "x", account="acc")._url == "https://acc.blob.core.windows.net/c/x"
    assert unsigned_gcs("b", "x")._url == "https://storage.googleapis.com/b/x"


def test_public_objects_never_take_a_login(endpoint, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    endpoint.put("/bucket/n", b"x")
    url = f"http://127.0.0.1:{endpoint.port}"
    body(unsigned_s3("bucket", "n", endpoint=url).read(0, 1))
    assert "authorization" not in endpoint.requests[-1].headers


def test_what_cannot_be_unsigned_says_so():
    with pytest.raises(InvalidOption, match="who pays"):
        unsigned_s3("b", "k", requester_pays=True)
    for bucket, key in (("", "k"), ("b", "")):
        with pytest.raises(UnsupportedUrl):
            unsigned_s3(bucket, key)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("NoSuchBucket", "no such bucket"),
        ("NoSuchKey", "no object"),
        ("NoSuchVersion", "no object"),
    ],
)
def test_absence_says_of_what(endpoint, code, sentence):
    endpoint.misbehave(f"/bucket/{code}", faults.vanish(code))
    source = unsigned_s3("bucket", code, endpoint=f"http://127.0.0.1:{endpoint.port}")
    with pytest.raises(NotFound, match=sentence) as absent:
        source.read(0, 1)
    assert code in str(absent.value)


@pytest.mark.parametrize("key", ["a/../b", "./a", "a//b/..", "../a", "a/.../b"])
def test_dots_in_a_key_reach_the_store_through_a_proxy_too(internet, key):
    internet.put(f"http://dots-1.s3.amazonaws.com/{key}", key.encode())
    assert body(unsigned_s3("dots-1", key, use_ssl=False).read(0, 99)) == key.encode()
