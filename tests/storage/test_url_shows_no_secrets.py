import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.errors import UnsupportedUrl
from nearline.storage.url import canonical, expires, is_signed, printable, secrets

SIGNED = {
    "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAS3CRET%2F"
    "20240102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20240102T030405Z&X-Amz-Expires=60"
    "&X-Amz-SignedHeaders=host&X-Amz-Security-Token=S3CRET&X-Amz-Signature=S3CRET&versionId=v1": (
        "https://b.s3.amazonaws.com/k?versionId=v1",
        calendar.timegm((2024, 1, 2, 3, 5, 5)),
    ),
    "https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIAS3CRET&Signature=S3CRET%3D"
    "&Expires=1700000000": (
        "https://b.s3.amazonaws.com/k",
        1700000000,
    ),
    "https://storage.googleapis.com/b/k?X-Goog-Algorithm=GOOG4&X-Goog-Credential=S3CRET"
    "&X-Goog-Date=20240102T030405Z&X-Goog-Expires=5&X-Goog-SignedHeaders=host"
    "&X-Goog-Signature=S3CRET&generation=5": (
        "https://storage.googleapis.com/b/k?generation=5",
        calendar.timegm((2024, 1, 2, 3, 4, 10)),
    ),
    "https://storage.googleapis.com/b/k?GoogleAccessId=me%40S3CRET&Expires=1700000000"
    "&Signature=S3CRET": (
        "https://storage.googleapis.com/b/k",
        1700000000,
    ),
    "https://a.blob.core.windows.net/c/b?sv=2022-11-02&se=2024-01-02T03%3A04%3A05Z&sr=b&sp=r"
    "&snapshot=s1&sig=S3CRET%3D": (
        "https://a.blob.core.windows.net/c/b?snapshot=s1",
        calendar.timegm((2024, 1, 2, 3, 4, 5)),
    ),
    "https://d111.cloudfront.net/k?Policy=S3CRET&Signature=S3CRET&Key-Pair-Id=S3CRET": (
        "https://d111.cloudfront.net/k",
        None,
    ),
    "https://me:S3CRET@example.org/a?access_token=S3CRET&x=1&TOKEN=S3CRET#S3CRET": (
        "https://example.org/a?x=1",
        None,
    ),
}


@pytest.mark.parametrize("url", SIGNED)
def test_signatures_and_credentials_are_left_out(url):
    shown, ends = SIGNED[url]
    assert printable(url) == shown
    assert canonical(url) == shown
    assert "S3CRET" not in printable(url)
    assert expires(url) == ends
    assert is_signed(url)
    assert any("S3CRET" in secret for secret in secrets(url))
    assert not is_signed(shown)
    assert secrets(shown) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a?se=1&sp=2&sv=3&expires=4&policy=5",
        "https://example.org/a?b=%26token%3D1&c",
        "s3://bucket/a?token=1",
        "gs://bucket/a@b#12",
        "abfs://container@account.dfs.core.windows.net/blob",
        "/a/path?token=1",
    ],
)
def test_what_is_no_secret_stays(url):
    assert printable(url) == url
    assert not is_signed(url)


def test_other_schemes_lose_their_login():
    assert printable("sftp://me:word@host/path") == "sftp://host/path"
    assert canonical("SFTP://me:word@host/path") == "sftp://host/path"


@pytest.mark.parametrize(
    "url", ["https://me:S3CRET@host:port/a?token=S3CRET", "https://me:S3CRET@/a"]
)
def test_invalid_urls_are_refused_without_their_secrets(url):
    with pytest.raises(UnsupportedUrl) as refused:
        canonical(url)
    assert "S3CRET" not in str(refused.value) + printable(url)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["token", "a", "X-Amz-Signature", "Sig", "b", "%74oken"]),
            st.text("0123456789", min_size=1, max_size=3),
        )
    ),
    st.text("abc/%20+._", max_size=8),
)
def test_hiding_is_complete_and_final(query, path):
    url = f"https://u:p@example.org/{path}?" + "&".join(f"{k}=q{v}" for k, v in query)
    shown = printable(url)
    assert printable(shown) == shown
    assert not is_signed(shown)
    assert "@" not in shown
    kept = [f"{k}=q{v}" for k, v in query if k in ("a", "b")]
    assert shown == f"https://example.org/{path}" + ("?" + "&".join(kept) if kept else "")
