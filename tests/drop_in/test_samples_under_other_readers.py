"""pydicom, highdicom and wsidicom give of every sample what they give of the local file."""

from __future__ import annotations

import io
import warnings
from collections import Counter

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
from oracles.samples import samples, tiled_samples

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
MOST_PIXELS = 600_000

READ: Counter[str] = Counter()


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
        READ[read.__name__] += not isinstance(local, type)


def test_every_reader_read_something():
    """The comparison above is not of errors only; pydicom's own samples are enough for these."""
    if READ:  # under xdist the samples were read by others
        for read in (dataset, pixels, pixels_frame_by_frame, lazy_frames, eager_image):
            assert READ[read.__name__] > 20
        assert READ["frames_of_the_file_reader"] > 5


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


@pytest.mark.parametrize("paths", by_series(), ids=lambda paths: paths[0].parent.name)
def test_wsidicom_gives_what_it_gives_of_local_files(paths, web):
    names = {f"{number}.dcm": path for number, path in enumerate(paths)}
    for name, path in names.items():
        web.put(f"/{name}", path)
    sizes = {name: path.stat().st_size for name, path in names.items()}
    local = outcome(region_by_wsidicom, paths)
    urls = [f"overnearline://{name}" for name in names]
    found = outcome(lambda given: region_by_wsidicom(given, {"server": web, "sizes": sizes}), urls)
    assert same(local, found), f"{local!r} of the files, {found!r} over nearline"
    WSI_READ.append(not isinstance(local, type))


WSI_READ: list[bool] = []


def test_wsidicom_read_something():
    assert not WSI_READ or any(WSI_READ)
