"""Columns are read from the encoded groups where they lie, not from copies of them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from dicom.memory_reader import MemoryReader
from nearline.dicom.functional_groups import read_columns
from nearline.dicom.header_reading import read_header
from slides import write_slide


def test_reading_columns_takes_less_than_another_copy_of_the_groups(tmp_path: Path) -> None:
    slide = write_slide(
        tmp_path / "slide.dcm",
        rows=64 * 80,
        columns=64 * 50,
        tile_rows=64,
        tile_columns=64,
        organisation="TILED_SPARSE",
    )
    header = read_header(MemoryReader(slide.path.read_bytes()))
    raw = header.functional_groups
    assert raw is not None
    how = {"implicit_vr": header.implicit_vr, "little_endian": header.little_endian}
    read_columns(raw, **how, number_of_frames=4000, name="warm")
    tracemalloc.start()
    try:
        columns = read_columns(raw, **how, number_of_frames=4000, name="slide")
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert columns.number_of_frames == 4000
    assert peak - held < len(raw)
