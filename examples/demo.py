"""Read a region of a remote slide, beside highdicom: ``make demo``.

Starts an S3 server and an HTTP server on this machine, puts 20 ms in each direction before them,
makes a slide, reads one region with highdicom over s3fs and with nearline, and writes the picture
to ``demo/region.png``. What was asked of the servers is counted there, not by the readers.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import s3fs
from numpy.typing import NDArray
from PIL import Image

import nearline as nl
from nearline.testing import DelayProxy, RangeServer, longest_chain
from nearline.testing.slides import Slide, write_slide

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the servers of the tests

from oracles.default_plugins import use_default_plugins  # noqa: E402
from servers.counting import CountingProxy  # noqa: E402
from servers.moto import moto  # noqa: E402

OUTPUT = ROOT / "demo"
ONE_WAY_S = 0.020
ROWS, COLUMNS = (8181, 8949), (4997, 6021)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Line:
    """A row of what is printed in the end."""

    what: str
    seconds: float
    requests: int
    trips: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"  {self.what:<49}{self.seconds * 1000:7.0f} ms{self.requests:10}{self.trips:13}"
            f"{self.bytes / 1e6:10.2f} MB"
        )


def region(image: Any) -> Pixels:
    """Read the region; the call is the same for both."""
    pixels: Pixels = image.get_total_pixel_matrix(
        row_start=ROWS[0],
        row_end=ROWS[1],
        column_start=COLUMNS[0],
        column_end=COLUMNS[1],
        dtype=np.uint8,
    )
    return pixels


def measure(what: str, counter: CountingProxy, work: Callable[[], Any]) -> tuple[Line, Any]:
    """Do some work and ask the counter what it cost."""
    counter.clear_log()
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    log = counter.requests
    cost = len(log), len(longest_chain(log)), sum(request.sent for request in log)
    return Line(what, seconds, *cost), result


@contextmanager
def distant(port: int) -> Iterator[CountingProxy]:
    """Put a slow line before a server, and a counter before that."""
    with DelayProxy(port, ONE_WAY_S) as line, CountingProxy(line.port) as counter:
        yield counter


def in_new_process(url: str, options: dict[str, Any], cache: Path) -> float:
    """Read the region in another process that has only the cache; return its seconds."""
    code = f"""
import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})
import demo, nearline as nl
with nl.settings(cache_dir={str(cache)!r}):
    demo.region(nl.imread({options["other"]!r}))
    began = time.perf_counter()
    demo.region(nl.imread({url!r}, storage_options={options["options"]!r}))
    print(time.perf_counter() - began)
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Run the demonstration."""
    OUTPUT.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="nearline-demo-"))
        # At the very end: the cache in it is written to until the process is over.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        print("Making a slide of 16,384 x 16,384 pixels ...", flush=True)
        size = {"rows": 16_384, "columns": 16_384}
        slide = write_slide(folder / "slide.dcm", **size, icc_size=150_000)
        other = write_slide(folder / "other.dcm", **size, distinct_tiles=4, quality=10)

        print("Starting an S3 server (moto) and an HTTP server ...", flush=True)
        s3 = stack.enter_context(moto(folder))
        bucket = s3.make_bucket("slides", public=True)
        s3.put(bucket, "slide.dcm", slide.path)
        web = stack.enter_context(RangeServer({"/slide.dcm": slide.path, "/o.dcm": other.path}))
        s3_counter = stack.enter_context(distant(s3.port))
        web_counter = stack.enter_context(distant(web.port))
        lines, pictures = read(web.url("/o.dcm"), s3_counter, web_counter, folder)

    Image.fromarray(pictures[0]).save(OUTPUT / "region.png")
    report(slide, lines, pictures)


def read(
    other: str, s3_counter: CountingProxy, web_counter: CountingProxy, folder: Path
) -> tuple[list[Line], list[Pixels]]:
    """Read the region in every way; return what each cost and the pictures."""
    endpoint = f"http://127.0.0.1:{s3_counter.port}"
    url, options = "s3://slides/slide.dcm", {"anon": True, "endpoint_url": endpoint}
    web_url = f"http://127.0.0.1:{web_counter.port}/slide.dcm"
    cache = folder / "cache"
    lines, pictures = [], []

    print("Reading with highdicom over s3fs ...", flush=True)
    use_default_plugins()
    highdicom.imread(folder / "other.dcm", lazy_frame_retrieval=True).get_frame(1)
    fs = s3fs.S3FileSystem(**options, default_block_size=500_000)
    fs.connect()

    def theirs() -> Pixels:
        with fs.open(url, mode="rb") as reader:
            return region(highdicom.imread(reader, lazy_frame_retrieval=True))

    line, picture = measure("highdicom + s3fs, S3, every time", s3_counter, theirs)
    lines.append(line)

    print("Reading with nearline ...", flush=True)
    with nl.settings(cache_dir=cache):
        region(nl.imread(other))  # as highdicom before: another object, another server

        def ours() -> tuple[Any, Pixels]:
            image = nl.imread(url, storage_options=options)
            return image, region(image)

        line, (image, cold) = measure("nearline, S3, cold", s3_counter, ours)
        lines.append(line)
        line, again = measure("nearline, S3, again", s3_counter, lambda: region(image))
        lines.append(line)
        found = {"other": other, "options": options}
        line, seconds = measure(
            "nearline, S3, new process",
            s3_counter,
            lambda: in_new_process(url, found, cache),
        )
        lines.append(Line(line.what, seconds, line.requests, line.trips, line.bytes))
        line, web = measure("nearline, HTTP, cold", web_counter, lambda: region(nl.imread(web_url)))
        lines.append(line)
        line, _ = measure("nearline, HTTP, warm", web_counter, lambda: region(nl.imread(web_url)))
        lines.append(line)
    pictures = [cold, again, web, picture]
    return lines, pictures


def report(slide: Slide, lines: list[Line], pictures: list[Pixels]) -> None:
    """Print what was read and what it cost."""
    ours, *same, theirs = pictures
    if not all(np.array_equal(ours, one) for one in same):
        raise SystemExit("Two readings of the same region differ: this must never happen.")
    difference = np.abs(ours.astype(int) - theirs)
    recipe = slide.recipe
    print(
        f"\nA region of {ours.shape[0]} x {ours.shape[1]} pixels of a slide of {recipe.rows:,} x "
        f"{recipe.columns:,}, its colour profile applied;\n"
        f"the servers are {ONE_WAY_S * 1000:.0f} ms away in each direction.\n\n"
        f"  {'':<49}{'time':>10}{'requests':>10}{'round trips':>13}{'received':>13}"
    )
    for line in lines:
        print(line)
    print(
        f"\nSamples that differ from highdicom's: {(difference > 0).mean():.2e}, "
        f"by at most {difference.max()}.\nThe picture: {OUTPUT / 'region.png'}"
    )


if __name__ == "__main__":
    main()
