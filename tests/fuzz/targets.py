"""What is fuzzed: from bytes to whatever a parser makes of them, or one of our errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nearline as nl
from dicom.memory_reader import MemoryReader
from nearline.dicom import frame_index, functional_groups
from nearline.dicom.deflated import InflatedReader
from nearline.dicom.header_reading import read_header
from nearline.errors import NearlineError
from nearline.measurements.stats_file import StatsFile
from nearline.storage.listing import answers as listings
from nearline.storage.listing.answers import MalformedListing
from nearline.xnat import answers, rows

__all__ = ["CORPUS", "TARGETS", "run"]

CORPUS = Path(__file__).parent / "corpus"
"""A folder per target."""


def image(data: bytes) -> None:
    """Header, offset tables, TIFF tags, fragments and frames of a DICOM object."""
    reader = MemoryReader(data, first=400)
    header = read_header(reader)
    header.dataset()
    index = frame_index.build(reader, header)
    source = InflatedReader(reader, header) if header.deflated else reader
    for number in range(min(index.number_of_frames, 20)):
        stored = bytes(source.read(*index.range_of(number)))
        while more := index.missing(number, stored):
            stored += bytes(source.read(*more))
        index.payload(number, stored)
    type(index).from_bytes(index.to_bytes())


def groups(data: bytes) -> None:
    """Per-frame functional groups; the first byte chooses the encoding."""
    chosen = data[:1] or b"\0"
    functional_groups.read_columns(
        data[1:],
        implicit_vr=bool(chosen[0] & 1),
        little_endian=not chosen[0] & 2,
        number_of_frames=chosen[0] >> 2,
        name="fuzzed",
    )


def annotations(data: bytes) -> None:
    """Bulk annotations: outline, coordinates, measurements."""
    read = nl.annread(data)
    for group in read.get_annotation_groups()[:5]:
        group.get_graphic_data(read.annotation_coordinate_type)
        group.get_measurements()
        group.to_frame()


def report(data: bytes) -> None:
    """Measurements of a structured report."""
    nl.sr.measurements(data)


def segmentation(data: bytes) -> None:
    """A segmentation, and the volume of all its segments."""
    seg = nl.segread(data)
    for number in seg.segment_numbers[:5]:
        seg.get_segment_description(number)
    seg.get_volume(combine_segments=True, skip_overlap_checks=True)


def stats(data: bytes) -> None:
    """A FreeSurfer stats file."""
    StatsFile.parse(data, where="fuzzed")


def xnat(data: bytes) -> None:
    """A table of an XNAT answer, and what its rows say."""
    answers.is_login_page(data)
    with suppress(answers.NotATable):
        _rows(data)


def _rows(data: bytes) -> None:
    for row in answers.table(data):
        rows.experiment(row, shared=False)
        held = rows.resource(row, "S", None)
        rows.files([row], {} if held is None else {held.id: held})


def listing(data: bytes) -> None:
    """A listing of a store."""
    for read in (listings.read_s3, listings.read_azure, listings.read_google):
        with suppress(MalformedListing):
            read(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (image, groups, annotations, report, segmentation, stats, xnat, listing)
}


def run(target: str, data: bytes) -> None:
    """Run a target; one of our errors is a right answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(NearlineError), nl.settings(cache="off", max_array_size=1 << 20):
            TARGETS[target](data)
