"""fsspec's own tests of file systems, over a file system whose files `nearline.open` opens."""

from __future__ import annotations

import pytest
from fsspec.tests.abstract import AbstractFixtures
from fsspec.tests.abstract.get import AbstractGetTests
from fsspec.tests.abstract.open import AbstractOpenTests

from drop_in.over_nearline import OverNearline
from nearline.testing import RangeServer


class Fixtures(AbstractFixtures):
    @pytest.fixture
    def fs(self):
        with RangeServer() as server:
            yield OverNearline(server)

    @pytest.fixture
    def fs_path(self):
        return "folder"

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(parts)


class TestGet(Fixtures, AbstractGetTests):
    """All of them: files, folders, globs and lists are copied here, through `nearline.open`."""


class TestOpen(Fixtures, AbstractOpenTests):
    """What of opening is for a reader."""

    def test_open_exclusive(self, fs, fs_target):
        # fsspec's own writes by opening; what it then reads and refuses is the same.
        fs.pipe_file(fs_target, b"data")
        with fs.open(fs_target, "rb") as f:
            assert f.read() == b"data"
        with pytest.raises(FileExistsError):
            fs.pipe_file(fs_target, b"data", mode="create")

    def test_text_is_read_by_fsspecs_own_wrapper(self, fs):
        fs.pipe_file("folder/a.txt", "Zeile\r\näöü\n".encode())
        with fs.open("folder/a.txt", "rt", encoding="utf-8") as file:
            assert file.readlines() == ["Zeile\n", "äöü\n"]

    def test_parts_are_read_by_position(self, fs):
        content = bytes(range(256)) * 5000
        fs.pipe_file("folder/a.bin", content)
        assert fs.cat_file("folder/a.bin", start=1000, end=1_000_000) == content[1000:1_000_000]
        assert fs.cat_file("folder/a.bin", start=-70_000) == content[-70_000:]
        assert fs.read_block("folder/a.bin", 300_000, 500) == content[300_000:300_500]
        assert fs.head("folder/a.bin", 10) == content[:10]
        assert fs.tail("folder/a.bin", 10) == content[-10:]

    def test_what_is_missing_is_not_found(self, fs):
        with pytest.raises(FileNotFoundError):
            fs.open("folder/none", "rb")
