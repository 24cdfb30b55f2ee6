"""The pixels are right, or there is an error, whatever a server does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import nearline as nl
from nearline.fetch.pin import Pin, Verdict
from nearline.testing import RangeServer, faults
from nearline.testing.faults import Fault
from nearline.testing.slides import Recipe, Slide, write_slide

PATH = "/slide.dcm"
REGION = (200, 900, 100, 800)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Slide:
    # Larger than what the first read brings, so that the region needs requests of its own.
    path = tmp_path_factory.mktemp("bad") / "slide.dcm"
    return write_slide(path, Recipe(rows=2048, columns=2048, codec="jpegls"))


@pytest.fixture(scope="module")
def expected(slide: Slide) -> np.ndarray:
    image = highdicom.imread(slide.path, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(*REGION, dtype=np.uint8)


@pytest.fixture
def server(slide: Slide) -> Iterator[RangeServer]:
    with RangeServer({PATH: slide.path}) as server:
        yield server


def region(url: str) -> np.ndarray:
    return nl.imread(url).get_total_pixel_matrix(*REGION, dtype=np.uint8)


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (faults.ignore_range(), None),
        (faults.ok_with_content_range(), None),
        (faults.chunked(), None),
        (faults.cut_body(20_000), range(1, 9)),
        (faults.cut_body(20_000, reset=True), range(4, 12)),
        (faults.fail(503, retry_after=0.05), range(1, 7)),
        (faults.fail(500), range(4, 9)),
        (faults.slow_down(retry_after=0.05), {2, 5}),
        (faults.without_validators(), None),
        (faults.with_etag('W/"weak"'), None),
        (faults.per_node_etag(2), None),
        (faults.ignore_conditions(), None),
        (faults.drip(2_000_000), None),
    ],
    ids=lambda value: None,
)
def test_region_is_right(
    server: RangeServer,
    expected: np.ndarray,
    fault: Fault,
    requests: range | set[int] | None,
) -> None:
    server.misbehave(PATH, fault, requests=requests)
    assert_array_equal(region(server.url(PATH)), expected)
    # Once more from what is known by now, cache and server both asked.
    assert_array_equal(region(server.url(PATH)), expected)


def test_redirect_to_another_host_is_followed(
    server: RangeServer, slide: Slide, expected: np.ndarray
) -> None:
    with RangeServer() as front:
        front.put(PATH, b"")
        front.misbehave(PATH, faults.redirect(server.url(PATH)))
        assert_array_equal(region(front.url(PATH)), expected)


@pytest.mark.parametrize("after", [3, 4, 6])
def test_replaced_object_never_gives_mixed_tiles(
    server: RangeServer, slide: Slide, expected: np.ndarray, after: int
) -> None:
    other = bytearray(slide.path.read_bytes())
    other[len(other) // 3 :] = bytes(len(other) - len(other) // 3)
    server.misbehave(PATH, faults.replace_object(bytes(other), after_requests=after))
    try:
        found = region(server.url(PATH))
    except nl.ObjectChanged as error:
        assert PATH in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert_array_equal(found, expected)


def test_without_the_pin_a_replaced_object_would_pass(
    server: RangeServer, slide: Slide, expected: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bytearray(slide.path.read_bytes())
    other[len(other) // 3 :] = bytes(len(other) - len(other) // 3)
    server.misbehave(PATH, faults.replace_object(bytes(other), after_requests=3))
    server.misbehave(PATH, faults.ignore_conditions())
    with pytest.raises(nl.ObjectChanged):
        region(server.url(PATH))
    monkeypatch.setattr(Pin, "observe", lambda self, found, *, empty=False: Verdict.SAME)
    with RangeServer({PATH: slide.path}) as again:
        again.misbehave(PATH, faults.replace_object(bytes(other), after_requests=3))
        again.misbehave(PATH, faults.ignore_conditions())
        with pytest.raises((nl.InvalidDicom, AssertionError)):
            assert_array_equal(region(again.url(PATH)), expected)


def test_silence_ends_in_a_sentence(server: RangeServer) -> None:
    server.misbehave(PATH, faults.stall())
    with nl.settings(timeout=0.2, retries=1), pytest.raises(nl.Unavailable, match=PATH):
        region(server.url(PATH))


def test_login_page_is_not_taken_for_an_object(server: RangeServer) -> None:
    server.misbehave(PATH, faults.login_page())
    with pytest.raises(nl.NearlineError, match=PATH):
        region(server.url(PATH))


def test_refusal_names_the_reason(server: RangeServer) -> None:
    server.misbehave(PATH, faults.deny("ExpiredToken", "The provided token has expired."))
    with pytest.raises(nl.AccessDenied, match="expired") as refused:
        region(f"{server.url(PATH)}?X-Amz-Signature=abcdef0123")
    assert isinstance(refused.value, PermissionError)
    assert "abcdef0123" not in str(refused.value)


def test_no_server_at_all(tmp_path: Path) -> None:
    with RangeServer() as server:
        url = server.url(PATH)
    with nl.settings(retries=0), pytest.raises(nl.Unavailable, match=PATH):
        nl.imread(url)
