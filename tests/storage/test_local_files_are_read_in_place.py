import os
import pickle
import threading

import pytest

from nearline.errors import AccessDenied, NotFound, ObjectChanged
from nearline.storage.local import LocalSource
from nearline.storage.source import Source, Transient

DATA = os.urandom(9_000_000)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a b%20.dcm"
    path.write_bytes(DATA)
    return path


def body(answer):
    return b"".join(answer.chunks)


def test_it_is_a_source_in_place(path):
    source = LocalSource(path)
    assert isinstance(source, Source)
    assert (source.in_place, source.signed, source.concurrent) == (True, False, True)
    assert source.url == str(path)
    assert source.identity == LocalSource(path.as_uri()).identity == f"unsigned {path.as_uri()}"


@pytest.mark.parametrize(
    ("start", "stop", "end"),
    [
        (0, 10, 10),
        (5, None, len(DATA)),
        (0, len(DATA), len(DATA)),
        (len(DATA) - 5, len(DATA) + 5, len(DATA)),
        (4 << 20, (8 << 20) + 1, (8 << 20) + 1),
    ],
)
def test_ranges(path, start, stop, end):
    answer = LocalSource(str(path)).read(start, stop)
    assert (answer.kind, answer.start, answer.stop) == ("partial", start, end)
    assert answer.validator.size == len(DATA)
    assert body(answer) == DATA[start:end]


def test_beyond_the_end_is_empty(path):
    answer = LocalSource(path).read(len(DATA) + 3, len(DATA) + 9)
    assert (answer.kind, answer.start, answer.stop) == ("partial", len(DATA) + 3, len(DATA) + 3)
    assert answer.validator.size == len(DATA)
    assert body(answer) == b""


def test_an_empty_file(tmp_path):
    (tmp_path / "empty").touch()
    answer = LocalSource(tmp_path / "empty").read(0, 100)
    assert (answer.stop, answer.validator.size, body(answer)) == (0, 0, b"")


def test_unchanged_files_are_recognised(path):
    source = LocalSource(path)
    known = source.read(0, 1).validator
    assert known.pins
    assert source.read(0, 9, unless=known).kind == "unchanged"
    os.utime(path, ns=(0, 0))
    answer = source.read(0, 9, unless=known)
    assert answer.kind == "partial"
    assert body(answer) == DATA[:9]


def rewrite(path):
    path.write_bytes(DATA[::-1])


def replace_by_a_twin(path):
    """Put in place a file of the same size and the same time."""
    was = path.stat()
    twin = path.with_suffix(".new")
    twin.write_bytes(DATA[::-1])
    os.utime(twin, ns=(was.st_atime_ns, was.st_mtime_ns))
    twin.replace(path)


def truncate(path):
    os.truncate(path, 100)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("change", [rewrite, replace_by_a_twin, truncate, remove])
def test_a_changed_file_fails_a_pinned_read(path, change):
    source = LocalSource(path)
    pin = source.read(0, 1).validator
    assert body(source.read(0, 9, pin=pin)) == DATA[:9]
    change(path)
    with pytest.raises(ObjectChanged, match=r"a b%20\.dcm"):
        body(source.read(0, 9, pin=pin))


@pytest.mark.parametrize("change", [rewrite, replace_by_a_twin, truncate, remove])
def test_a_change_in_the_middle_of_an_answer_never_mixes_bytes(path, change):
    answer = LocalSource(path).read(0, None)
    first = next(answer.chunks)
    assert first == DATA[: len(first)]
    change(path)
    with pytest.raises(ObjectChanged):
        body(answer)


def test_what_cannot_be_read_says_why(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        LocalSource(tmp_path / "none").read(0, 1)
    with pytest.raises(NotFound, match="directory"):
        LocalSource(tmp_path).read(0, 1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotFound, match="pipe"):
        LocalSource(tmp_path / "pipe").read(0, 1)
    with pytest.raises(NotFound):
        LocalSource("/a\0b").read(0, 1)
    with pytest.raises(NotFound):
        LocalSource("/" + "a" * 5000).read(0, 1)

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "locked").write_bytes(b"x")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(AccessDenied, match="permission"):
        body(LocalSource(tmp_path / "locked").read(0, 1))


def test_a_given_up_answer_does_not_seem_complete(path):
    answer = LocalSource(path).read(0, None)
    next(answer.chunks)
    answer.close()
    answer.close()
    with pytest.raises(Transient):
        body(answer)


def test_reads_by_many_threads_and_pickles(path):
    source = pickle.loads(pickle.dumps(LocalSource(path)))
    wrong = []

    def run(number):
        wrong.extend(
            start
            for start in range(number, 300_000, 17_001)
            if body(source.read(start, start + 5000)) != DATA[start : start + 5000]
        )

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_descriptor_is_kept(path):
    before = len(os.listdir("/proc/self/fd"))
    sources = [LocalSource(path) for _ in range(50)]
    answers = [source.read(0, None) for source in sources]
    for answer in answers:
        next(answer.chunks)
    assert len(os.listdir("/proc/self/fd")) == before
