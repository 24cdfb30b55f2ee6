"""The job that every server must do, and what highdicom says it should give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from numpy.testing import assert_array_equal

import nearline as nl
from nearline.testing import DelayProxy
from nearline.testing.slides import Recipe, write_slide
from servers.counting import CountingProxy

__all__ = ["Job"]

RECIPE = Recipe(
    rows=20_000,
    columns=20_000,
    quality=30,
    offset_table="extended",
    icc_size=4_000,
    distinct_tiles=60,
)


@dataclass(frozen=True)
class Job:
    """A slide as large as the documentation's own, and the region that it reads."""

    path: Path

    @classmethod
    def prepare(cls, folder: Path) -> Job:
        """Write the slide."""
        path = folder / "slide.dcm"
        write_slide(path, RECIPE)
        return cls(path)

    @cached_property
    def region(self) -> np.ndarray:
        """What highdicom, with its default plugins, reads from the file."""
        image = highdicom.imread(self.path, lazy_frame_retrieval=True)
        return image.get_total_pixel_matrix(
            row_start=15000, row_end=15512, column_start=17000, column_end=17512, dtype=np.uint8
        )

    def check(self, region: np.ndarray) -> None:
        """Compare with highdicom: JPEG decoders round a few greens differently, then comes ICC.

        How many depends on the picture; `run` compares bit for bit along pydicom's own path.
        """
        assert region.shape == (512, 512, 3)
        assert region.dtype == np.uint8
        difference = np.abs(region.astype(int) - self.region)
        assert difference.max() <= 2
        assert np.count_nonzero(difference) <= difference.size // 2_000

    def run(self, target: Any, storage_options: dict[str, Any] | None = None) -> None:
        """Open by URL, look at the header, read the region twice, count the cost."""
        with nl.traffic() as opening:
            im = nl.imread(target, storage_options=storage_options)
        assert opening.bytes < 300_000
        header = pydicom.dcmread(self.path, stop_before_pixels=True)
        assert isinstance(im, pydicom.Dataset)
        assert im.Rows == header.Rows
        assert im[0x0028, 0x0010] == header[0x0028, 0x0010]
        assert im.OpticalPathSequence[0] == header.OpticalPathSequence[0]
        assert "PixelData" not in im
        assert im.get("Modality") == "SM"

        with nl.traffic() as reading:
            region = im.get_total_pixel_matrix(
                row_start=15000, row_end=15512, column_start=17000, column_end=17512, dtype=np.uint8
            )
        self.check(region)
        same = im.pixels[14999:15511, 16999:17511]
        assert_array_equal(region, same)
        assert reading.bytes + reading.cached_bytes < 500_000
        exact = nl.imread(target, storage_options=storage_options, decoder="pydicom")
        assert_array_equal(exact.pixels[14999:15511, 16999:17511], self.region)

    def run_in_other_readers(self, target: Any, storage_options: dict[str, Any] | None) -> None:
        """Hand `nearline.open` to pydicom and highdicom."""
        with nl.open(target, storage_options=storage_options) as f:
            ds = pydicom.dcmread(f, stop_before_pixels=True)
            assert ds == pydicom.dcmread(self.path, stop_before_pixels=True)
            im = highdicom.imread(f, lazy_frame_retrieval=True)
            region = im.get_total_pixel_matrix(
                row_start=15000,
                row_end=15512,
                column_start=17000,
                column_end=17512,
                dtype=np.uint8,
            )
        assert_array_equal(region, self.region)

    def run_documented(self, code: str, **names: Any) -> None:
        """Execute a block of the documentation and check the region that it reads."""
        import matplotlib

        matplotlib.use("Agg")
        scope: dict[str, Any] = dict(names)
        exec(compile(code, "documentation", "exec"), scope)
        self.check(scope["region"])

    def check_cost(self, port: int, read_region: Callable[[int], np.ndarray]) -> None:
        """Read the region cold, again, and as fresh, through a line of 20 ms; count at its far end.

        `read_region` opens and reads through a port of this machine. The log lies on the
        client's side of the line: requests that are under way together overlap in it.
        """
        with DelayProxy(port, 0.02) as line, CountingProxy(line.port) as log:
            with nl.traffic() as cost:
                self.check(read_region(log.port))
            assert (cost.requests, cost.bytes) == (len(log.requests), log.sent)
            assert len(log.chain()) == 2
            assert log.sent < 500_000
            log.clear_log()
            self.check(read_region(log.port))
            assert (len(log.requests), log.sent) == (1, 0)
            log.clear_log()
            with nl.settings(freshness=3600):
                self.check(read_region(log.port))
            assert not log.requests
