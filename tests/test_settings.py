"""Settings come from the environment, change for a block, and refuse what they do not know."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest

from nearline.errors import InvalidOption
from nearline.settings import Settings, current, from_environment, settings


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("NEARLINE_CACHE", "memory", "cache", "memory"),
        ("NEARLINE_CACHE_DIR", "/data/cache", "cache_dir", Path("/data/cache")),
        ("NEARLINE_CACHE_SIZE", "20GiB", "cache_size", 20 * 2**30),
        ("NEARLINE_CACHE_SIZE", "1.5 GB", "cache_size", 1_500_000_000),
        ("NEARLINE_MEMORY_SIZE", "1000", "memory_size", 1000),
        ("NEARLINE_TILE_MEMORY", "64MB", "tile_memory", 64_000_000),
        ("NEARLINE_FRESHNESS", "offline", "freshness", "offline"),
        ("NEARLINE_FRESHNESS", "3600", "freshness", 3600.0),
        ("NEARLINE_IMMUTABLE", "s3://a/* gs://b/*", "immutable", ("s3://a/*", "gs://b/*")),
        ("NEARLINE_MAX_REQUESTS", "8", "max_requests", 8),
        ("NEARLINE_MAX_BYTES_IN_FLIGHT", "16MiB", "max_bytes_in_flight", 16 * 2**20),
        ("NEARLINE_TIMEOUT", "2.5", "timeout", 2.5),
        ("NEARLINE_RETRIES", "0", "retries", 0),
        ("NEARLINE_MAX_ARRAY_SIZE", "4GB", "max_array_size", 4_000_000_000),
    ],
)
def test_environment_sets_it(variable: str, text: str, name: str, value: object) -> None:
    assert getattr(from_environment({variable: text}), name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("NEARLINE_CACHE", "floppy"),
        ("NEARLINE_CACHE_SIZE", "many"),
        ("NEARLINE_CACHE_SIZE", "-5"),
        ("NEARLINE_FRESHNESS", "sometimes"),
        ("NEARLINE_FRESHNESS", "-1"),
        ("NEARLINE_TIMEOUT", "0"),
        ("NEARLINE_MAX_REQUESTS", "3 dozen"),
    ],
)
def test_unreadable_environment_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(InvalidOption) as error:
        from_environment({variable: text})
    assert variable.removeprefix("NEARLINE_").lower() in str(error.value).lower()


def test_block_changes_and_restores() -> None:
    before = current()
    with settings(timeout=3, cache="off") as inner:
        assert (inner.timeout, inner.cache) == (3, "off")
        with settings(timeout=4):
            assert (current().timeout, current().cache) == (4, "off")
        assert current() == inner
    assert current() == before


def test_block_restores_after_an_error() -> None:
    before = current()
    with pytest.raises(KeyError), settings(retries=0):
        raise KeyError
    assert current() == before


@pytest.mark.parametrize("wrong", [{"cache_folder": "x"}, {"cache": "ram"}, {"max_requests": 0}])
def test_unknown_and_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    before = current()
    with pytest.raises(InvalidOption), settings(**wrong):
        pytest.fail("must not be entered")
    assert current() == before


def test_text_is_taken_for_a_folder_and_a_pattern() -> None:
    with settings(cache_dir="~/somewhere", immutable="s3://mine/*") as inner:
        assert inner.cache_dir == Path("~/somewhere").expanduser()
        assert inner.is_immutable("s3://mine/a.dcm")
        assert not inner.is_immutable("s3://theirs/a.dcm")


def test_archive_that_never_changes_is_immutable_by_default() -> None:
    default = Settings()
    assert default.is_immutable("s3://idc-open-data/x/y.dcm")
    assert default.is_immutable("gs://idc-open-data-two/x/y.dcm")
    assert not default.is_immutable("s3://idc-open-data-private/x.dcm")


def test_threads_do_not_see_each_others_blocks() -> None:
    entered, seen = threading.Event(), threading.Event()

    def inside() -> float:
        with settings(timeout=99):
            entered.set()
            seen.wait(10)
            return current().timeout

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(inside)
        assert entered.wait(10)
        assert current().timeout != 99
        seen.set()
        assert future.result() == 99


def test_context_carries_a_block_into_a_pool() -> None:
    with settings(timeout=42), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, current).result().timeout == 42


def test_cache_folder_follows_the_desktop_standard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().cache_folder == tmp_path / "nearline"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().cache_folder == tmp_path / ".cache" / "nearline"
