"""pydicom, highdicom and wsidicom give of every sample what they give of the local file."""

from __future__ import annotations

import io
import warnings

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.io import ImageFileReader
from pydicom.pixels import iter_pixels
from upath import UPath
from upath.registry import register_implementation
from wsidicom import WsiDicom

from drop_in.over_nearline import OverNearline
from made.phantom import Phantom
from made.segmentation import write_segmentation
from oracles.samples import sample, samples, tiled_samples
from slides import Recipe, write_slide

register_implementation(OverNearline.protocol, UPath, clobber=True)

LARGEST = 30_000_000
SAMPLES = [path for path in samples() if path.stat().st_size < LARGEST]

SPECIAL = {
    "1.2.840.10008.5.1.4.1.1.66.4": highdicom.seg.segread,
    "1.2.840.10008.5.1.4.1.1.66.7": highdicom.seg.segread,
    "1.2.840.10008.5.1.4.1.1.30": highdicom.pm.sop.pmread,
    "1.2.840.10008.5.1.4.1.1.91.1": highdicom.ann.annread,
    "1.2.840.10008.5.1.4.1.1.88.22": highdicom.sr.srread,
    "1.2.840.10008.5.1.4.1.1.88.33": highdicom.sr.srread,
    "1.2.840.10008.5.1.4.1.1.88.34": highdicom.sr.srread,
}


@pytest.fixture(autouse=True)
def quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def dataset(file):
    return pydicom.dcmread(file)


def dataset_without_pixels(file):
    return pydicom.dcmread(file, stop_before_pixels=True)


def pixels(file):
    return pydicom.dcmread(file).pixel_array


def pixels_frame_by_frame(file):
    return list(iter_pixels(file))


def lazy_frames(file):
    image = highdicom.imread(file, lazy_frame_retrieval=True)
    return [image.get_stored_frame(number + 1) for number in range(min(image.number_of_frames, 5))]


def eager_image(file):
    image = highdicom.imread(file)
    return image.get_frames(range(1, min(image.number_of_frames, 4) + 1))


def frames_of_the_file_reader(file):
    with ImageFileReader(pydicom.filebase.DicomFileLike(file)) as reader:
        return [reader.read_frame_raw(index) for index in range(min(reader.number_of_frames, 5))]


def special(file):
    kind = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    read = SPECIAL[str(kind.SOPClassUID)]
    file.seek(0)
    return read(file)


READERS = [
    dataset,
    dataset_without_pixels,
    pixels,
    pixels_frame_by_frame,
    lazy_frames,
    eager_image,
    frames_of_the_file_reader,
    special,
]


def outcome(read, file):
    """What a reader gives: a value, or the kind of its error."""
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 - of other libraries
        return type(error)


def same(one, other):
    """Whether two outcomes are equal, arrays and NaN included."""
    if isinstance(one, pydicom.Dataset):
        return type(one) is type(other) and (one == other or str(one) == str(other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


DECODE_ALL = {pixels, pixels_frame_by_frame, eager_image}
MOST_PIXELS = 300_000


def decoded_in_a_moment(content):
    """Whether all pixels may be decoded twice by three readers: pydicom takes its time."""
    header = outcome(dataset_without_pixels, io.BytesIO(content))
    try:
        sizes = [header[name].value for name in ("Rows", "Columns", "SamplesPerPixel")]
        return np.prod(sizes) * int(header.get("NumberOfFrames") or 1) <= MOST_PIXELS
    except (KeyError, TypeError, ValueError):
        return True


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_readers_give_what_they_give_of_the_local_file(path, opened):
    content = path.read_bytes()
    remote = opened(content)
    readers = READERS if decoded_in_a_moment(content) else set(READERS) - DECODE_ALL
    for read in readers:
        local = outcome(read, io.BytesIO(content))
        remote.seek(0)
        found = outcome(read, remote)
        assert same(local, found), f"{read.__name__}: {local!r}, over nearline {found!r}"


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_every_reader_reads_something(read, opened, tmp_path):
    """The comparison above is not one of errors only."""
    if read is special:
        path = write_segmentation(tmp_path / "seg.dcm", Phantom(16, 48, 40)).path
    else:
        path = sample("emri_small.dcm")
    assert not isinstance(outcome(read, opened(path)), type)


def by_series():
    found = {}
    for path in tiled_samples():
        header = pydicom.dcmread(path, stop_before_pixels=True)
        found.setdefault(header.SeriesInstanceUID, []).append(path)
    return list(found.values())


def region_by_wsidicom(paths, options=None):
    with WsiDicom.open(paths, file_options=options) as slide:
        level = slide.pyramid[0]
        size = (min(300, level.size.width), min(200, level.size.height))
        return np.asarray(slide.read_region((0, 0), level.level, size))


def over_nearline(paths, web):
    """Put files up; return their URLs, and the options of their file system."""
    names = {f"{number}.dcm": path for number, path in enumerate(paths)}
    for name, path in names.items():
        web.put(f"/{name}", path)
    sizes = {name: path.stat().st_size for name, path in names.items()}
    return [f"overnearline://{name}" for name in names], {"server": web, "sizes": sizes}


@pytest.mark.parametrize("paths", by_series(), ids=lambda paths: paths[0].parent.name)
def test_wsidicom_gives_what_it_gives_of_local_files(paths, web):
    local = outcome(region_by_wsidicom, paths)
    urls, options = over_nearline(paths, web)
    found = outcome(lambda given: region_by_wsidicom(given, options), urls)
    assert same(local, found), f"{local!r} of the files, {found!r} over nearline"


def test_wsidicom_reads_a_slide(tmp_path, web):
    slide = write_slide(tmp_path / "slide.dcm", Recipe(rows=500, columns=600, icc_size=3000))
    urls, options = over_nearline([slide.path], web)
    found = region_by_wsidicom(urls, options)
    np.testing.assert_array_equal(found, region_by_wsidicom([slide.path]))
