"""A remote file reads as a local one, for anyone's reader."""

from __future__ import annotations

import io
import pickle
import random
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from fetch.conftest import CONTENT, Open
from fetch.sources import MemorySource
from nearline.fetch.engine import engine
from nearline.fetch.file import RemoteFile
from nearline.fetch.reader import Reader
from nearline.settings import Settings
from nearline.testing import RangeServer

MIB = 1 << 20


@pytest.fixture
def file(open_reader: Open) -> Iterator[RemoteFile]:
    with RemoteFile(open_reader()) as opened:
        yield opened


steps = st.lists(
    st.one_of(
        st.tuples(st.just("seek"), st.integers(0, 3_100_000), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-5000, 5000), st.just(1)),
        st.tuples(st.just("seek"), st.integers(-5000, 10), st.just(2)),
        st.tuples(st.just("read"), st.sampled_from([-1, 0, 1, 100, 70_000, 900_000])),
        st.tuples(st.just("readinto"), st.sampled_from([0, 1, 5000, 400_000])),
        st.tuples(st.just("readline"), st.just(200)),
        st.tuples(st.just("tell")),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_calls_equals_a_local_file(calls: list[tuple[object, ...]]) -> None:
    ours: io.BufferedIOBase = RemoteFile(Reader(MemorySource(CONTENT), Settings(cache="memory")))
    theirs = io.BytesIO(CONTENT)
    for name, *arguments in calls:
        results = []
        for one in (ours, theirs):
            if name == "readinto":
                target = bytearray(arguments[0])  # type: ignore[call-overload]
                results.append((one.readinto(target), bytes(target)))
                continue
            try:
                results.append(getattr(one, str(name))(*arguments))
            except ValueError:
                results.append(ValueError)
        if arguments and arguments[-1] == 1 and results[1] == 0:
            # BytesIO stops at 0 where files refuse to move before their start.
            theirs.seek(ours.tell())
            continue
        assert results[0] == results[1]


def test_line_is_no_longer_than_asked_where_windows_meet() -> None:
    content = b"x" * (1 << 20) + b"\n"
    reader = Reader(MemorySource(content), Settings(cache="memory"))
    file = RemoteFile(reader)
    file.read(100)
    window = len(file.peek())
    file.seek(window - 9, 1)
    assert file.readline(20) == b"x" * 20
    assert file.readline() == content[100 + window + 11 :]
    assert file.readline() == b""


def test_it_says_what_it_is(file: RemoteFile) -> None:
    assert file.readable()
    assert file.seekable()
    assert not file.writable()
    assert file.name.endswith("/a")
    assert file.size == len(CONTENT)
    assert not file.closed
    file.close()
    assert file.closed
    with pytest.raises(ValueError, match="open it again"):
        file.read(1)


def test_small_reads_in_a_row_cost_few_requests(server: RangeServer, file: RemoteFile) -> None:
    server.clear_log()
    found = b"".join(iter(lambda: file.read(1000), b""))
    assert found == CONTENT
    assert len(server.requests) <= 12
    assert server.sent == len(CONTENT) - (256 << 10)


def test_small_reads_here_and_there_stay_small(server: RangeServer, file: RemoteFile) -> None:
    server.clear_log()
    places = random.Random(1).sample(range(300_000, 2_900_000), 20)
    for place in places:
        file.seek(place)
        assert file.read(10) == CONTENT[place : place + 10]
    assert server.sent <= 20 * (64 << 10)


def test_large_reads_bring_what_they_ask_for(server: RangeServer, file: RemoteFile) -> None:
    server.clear_log()
    file.seek(1_000_000)
    file.read(1_500_000)
    assert server.sent == 1_500_000


def test_hint_fetches_what_comes_next(server: RangeServer, file: RemoteFile) -> None:
    file.hint([(1_000_000, 1_100_000), (2_000_000, 2_100_000)])
    file.seek(2_000_000)
    assert file.read(100_000) == CONTENT[2_000_000:2_100_000]
    file.seek(1_000_000)
    assert file.read(100_000) == CONTENT[1_000_000:1_100_000]
    assert server.sent == (256 << 10) + 200_000


def test_threads_may_share_it(file: RemoteFile) -> None:
    def read(_: int) -> bytes:
        return file.read(10_000)

    with ThreadPoolExecutor(8) as pool:
        pieces = list(pool.map(read, range(300)))
    assert sorted(pieces) == sorted(CONTENT[n : n + 10_000] for n in range(0, 3_000_000, 10_000))


def test_copy_from_a_pickle_stands_at_the_same_place(file: RemoteFile) -> None:
    file.seek(1_000_000)
    copy = pickle.loads(pickle.dumps(file))
    assert copy.read(10) == CONTENT[1_000_000:1_000_010]
    assert copy.reader.validator == file.reader.validator


def test_pydicom_and_highdicom_read_it(server: RangeServer, open_reader: Open) -> None:
    path = get_testdata_file("emri_small.dcm")
    assert isinstance(path, str)
    with open(path, "rb") as local:
        server.put("/emri.dcm", local.read())
    with RemoteFile(open_reader("/emri.dcm")) as file:
        dataset = pydicom.dcmread(file)
        expected = pydicom.dcmread(path)
        assert dataset == expected
        assert np.array_equal(dataset.pixel_array, expected.pixel_array)
        file.seek(0)
        image = highdicom.imread(file, lazy_frame_retrieval=True)
        assert np.array_equal(image.get_stored_frame(3), expected.pixel_array[2])


def test_zipfile_and_pillow_read_it(server: RangeServer, open_reader: Open) -> None:
    archive, picture = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("one", CONTENT)
        written.writestr("two", b"2")
    Image.fromarray(np.arange(3 * 64 * 64, dtype=np.uint8).reshape(64, 64, 3)).save(picture, "png")
    server.put("/zip", archive.getvalue())
    server.put("/png", picture.getvalue())
    with zipfile.ZipFile(RemoteFile(open_reader("/zip"))) as read:
        assert read.read("two") == b"2"
        assert read.read("one") == CONTENT
    image = np.asarray(Image.open(RemoteFile(open_reader("/png"))))
    assert np.array_equal(image, np.asarray(Image.open(picture)))


def test_wrapped_in_a_buffered_reader_it_still_works(open_reader: Open) -> None:
    with io.BufferedReader(RemoteFile(open_reader())) as file:  # type: ignore[arg-type]
        file.seek(1_000_000)
        assert file.read(10) == CONTENT[1_000_000:1_000_010]


def test_file_is_collected_amid_the_work_of_the_engine(open_reader: Open) -> None:
    file = RemoteFile(open_reader())
    file.read(10)

    def collected() -> None:
        # The garbage collector comes at any allocation, in whichever thread that is.
        with engine().lock:
            file.close()

    thread = threading.Thread(target=collected, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert file.closed
