"""Voxels are those that nibabel reads, and what is no whole image is refused."""

import gzip
import io
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from measurements.images import nifti
from nearline.errors import UnreadableMeasurements
from nearline.measurements.nifti import Nifti

KINDS = ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def by_nibabel(data):
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return nibabel.Nifti1Image.from_bytes(data)


@given(
    array=st.sampled_from(KINDS).flatmap(
        lambda kind: arrays.arrays(
            kind,
            arrays.array_shapes(min_dims=3, max_dims=4, max_side=4),
            elements={"allow_nan": False, "allow_infinity": False}
            if kind.startswith("f")
            else None,
        )
    ),
    packed=st.booleans(),
    big=st.booleans(),
)
def test_every_type_is_read(array, packed, big):
    sizes = (0.5, 2.0, 1.25, 3.0)[: array.ndim]
    data = nifti(array, sizes=sizes, packed=packed, big=big)
    image = Nifti.parse(data, where="x")
    theirs = by_nibabel(data)
    assert image.shape == theirs.shape
    assert image.voxel_volume == np.prod(theirs.header["pixdim"].tolist()[1:4])
    np.testing.assert_array_equal(
        image.values(), np.asarray(theirs.dataobj, np.float64).ravel(order="F")
    )


def test_the_scale_of_the_header_is_applied():
    data = bytearray(nifti(np.arange(24, dtype=np.int16).reshape(2, 3, 4), packed=False))
    struct.pack_into("<2f", data, 112, 0.125, -3.0)
    values = Nifti.parse(bytes(data), where="x").values()
    np.testing.assert_allclose(
        values, by_nibabel(bytes(data)).get_fdata().ravel(order="F"), rtol=1e-12
    )


PLAIN = nifti(np.arange(60, dtype=np.float32).reshape(3, 4, 5), packed=False)
PACKED = gzip.compress(PLAIN, mtime=0)


def changed(place, form, *values):
    data = bytearray(PLAIN)
    struct.pack_into(form, data, place, *values)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "too short"),
        (b"<html>" * 100, "not a NIfTI-1"),
        (PLAIN[:-1], "voxels are missing"),
        (PLAIN[:340], "too short"),
        (PACKED[:-20], "cut"),
        (PACKED[:-1], "cut"),
        (PACKED[:60] + b"\0\0\0\0" + PACKED[64:], "damaged|cut|not a NIfTI"),
        (changed(344, "4s", b"ni1\0"), "not a NIfTI-1"),
        (changed(70, "<h", 128), "number type 128"),
        (changed(40, "<h", 9), "dimensions"),
        (changed(42, "<h", -5), "dimensions"),
        (changed(42, "<3h", 32767, 32767, 32767), "bytes of voxels"),
        (changed(80, "<f", float("nan")), "no size of a voxel"),
        (changed(108, "<f", 1e30), "wild offset"),
        (changed(352, "<f", float("nan")), "not finite"),
    ],
)
def test_what_is_no_image_is_refused(data, why):
    with pytest.raises(UnreadableMeasurements, match=why):
        Nifti.parse(data, where="session, c1.nii").values()


def test_a_small_file_that_unpacks_to_much_is_not_unpacked():
    bomb = gzip.compress(PLAIN[:352] + bytes(300_000_000), compresslevel=1)
    assert len(Nifti.parse(bomb, where="x").stored) == 60


def test_members_of_gzip_are_joined():
    packed = gzip.compress(PLAIN[:400]) + gzip.compress(PLAIN[400:])
    assert Nifti.parse(packed, where="x").stored.tolist() == list(np.frombuffer(PLAIN[352:], "<f4"))
    assert io.BytesIO(packed).read(2) == b"\x1f\x8b"


@settings(max_examples=300)
@given(data=st.data())
def test_bytes_changed_at_random_give_an_error_or_an_image(data):
    broken = bytearray(data.draw(st.sampled_from([PLAIN, PACKED])))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(broken), 360) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    del broken[data.draw(st.integers(200, len(broken))) :]
    try:
        image = Nifti.parse(bytes(broken), where="x")
        values = image.values()
    except UnreadableMeasurements:
        return
    assert values.size == np.prod(image.shape)
