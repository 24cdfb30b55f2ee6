"""nibabel, tifffile, zipfile, pandas and pyarrow read open files as local ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import nibabel
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import tifffile

from slides import Recipe, write_slide

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz"])
def test_nibabel(opened, tmp_path, name):
    values = RNG.normal(size=(40, 50, 30)).astype(np.float32)
    kind = nibabel.MGHImage if name.endswith("mgz") else nibabel.Nifti1Image
    path = tmp_path / name
    kind(values, np.diag([2, 3, 4, 1]).astype(np.float32)).to_filename(path)
    file = opened(path)
    stream = file if name == "a.nii" else gzip.GzipFile(fileobj=file)
    image = kind.from_stream(stream)
    local = nibabel.load(path)
    np.testing.assert_array_equal(image.affine, local.affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(local.dataobj))


def test_nibabel_reads_slices_only(opened, tmp_path, web):
    values = RNG.integers(0, 1000, (64, 64, 200)).astype(np.int16)
    path = tmp_path / "b.nii"
    nibabel.Nifti1Image(values, np.eye(4)).to_filename(path)
    web.clear_log()
    image = nibabel.Nifti1Image.from_stream(opened(path))
    np.testing.assert_array_equal(image.dataobj[..., 150], values[..., 150])
    assert web.sent < path.stat().st_size / 2


@pytest.mark.parametrize("tile", [None, (64, 48)])
def test_tifffile(opened, tmp_path, tile):
    values = RNG.integers(0, 255, (300, 400, 3)).astype(np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, tile=tile, compression="zlib", photometric="rgb")
    with tifffile.TiffFile(opened(path)) as tiff:
        np.testing.assert_array_equal(tiff.asarray(), values)


def test_tifffile_reads_a_slide_that_is_both(opened, tmp_path):
    path = tmp_path / "both.dcm"
    recipe = Recipe(rows=300, columns=200, tile_rows=64, tile_columns=48, offset_table="tiff")
    write_slide(path, recipe)
    with tifffile.TiffFile(opened(path)) as ours, tifffile.TiffFile(path) as theirs:
        np.testing.assert_array_equal(ours.pages[0].asarray(), theirs.pages[0].asarray())


@pytest.fixture
def members():
    return {f"folder/{n}.bin": RNG.bytes(50_000 * n) for n in range(1, 8)} | {"empty": b""}


def test_zipfile(opened, members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with zipfile.ZipFile(opened(buffer.getvalue())) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members


@pytest.mark.parametrize("mode", ["r:", "r:gz", "r|gz"])
def test_tarfile(opened, members, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:" + mode[2:]) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with tarfile.open(fileobj=opened(buffer.getvalue()), mode=mode) as archive:
        assert {one.name: archive.extractfile(one).read() for one in archive} == members


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "subject": [f"S{n:05}" for n in range(20_000)],
            "volume": RNG.normal(size=20_000),
            "group": RNG.choice(["a", "b", None], 20_000),
        }
    )


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_pandas_reads_csv(opened, frame, compression):
    buffer = io.BytesIO()
    frame.to_csv(buffer, index=False, compression=compression)
    expected = pd.read_csv(io.BytesIO(buffer.getvalue()), compression=compression)
    found = pd.read_csv(opened(buffer.getvalue()), compression=compression)
    pd.testing.assert_frame_equal(found, expected)


def test_pandas_reads_excel(opened, frame):
    buffer = io.BytesIO()
    frame[:200].to_excel(buffer, index=False)
    expected = pd.read_excel(io.BytesIO(buffer.getvalue()))
    pd.testing.assert_frame_equal(pd.read_excel(opened(buffer.getvalue())), expected)


def test_pandas_and_pyarrow_read_parquet(opened, frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=2000)
    content = buffer.getvalue()
    pd.testing.assert_frame_equal(
        pd.read_parquet(opened(content)), pd.read_parquet(io.BytesIO(content))
    )
    table = pyarrow.parquet.ParquetFile(opened(content)).read_row_group(3, columns=["volume"])
    assert table["volume"].to_pylist() == frame["volume"][6000:8000].tolist()
