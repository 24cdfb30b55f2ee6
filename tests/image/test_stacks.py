"""Frames become slices exactly as in highdicom, and where they cannot, a sentence says why."""

import numpy as np
import pytest
from highdicom import VolumeGeometry
from highdicom.spatial import get_volume_positions
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nearline as nl
from nearline.dicom.columns import Columns
from nearline.image.geometry.stack import Planes, planes_of, stack_of

AXIAL = np.array([1.0, 0, 0, 0, 1, 0])


def orientations():
    """Axes along the patient's, and turned by any angles."""
    angles = st.tuples(*[st.sampled_from([0.0, 90, 180, -90]) | st.floats(-180, 180)] * 3)
    return angles.map(turned)


def turned(angles):
    a, b, c = np.radians(angles)
    about_z = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_x = [[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]]
    return (np.array(about_z) @ about_y @ about_x)[:2].ravel()


@st.composite
def stacks(draw):
    """Positions that mostly, but not always, make a volume; and how to look at them."""
    orientation = draw(orientations())
    spacing = draw(st.floats(0.1, 20))
    slices = draw(st.lists(st.integers(0, 12), min_size=1, max_size=16))
    wobble = draw(st.sampled_from([0.0, 0.0, 1e-4, 0.004, 0.02, 0.3]))
    aside = draw(st.sampled_from([0.0, 0.0, 1e-3, 0.5]))
    normal = np.cross(orientation[:3], orientation[3:]) * draw(st.sampled_from([-1, 1]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    steps = np.array(slices) + wobble * random.standard_normal(13)[slices]
    shifts = aside * random.standard_normal(13)[slices]
    origin = np.array(draw(st.tuples(*[st.integers(-300, 300)] * 3)), float)
    positions = origin + np.outer(steps * spacing, normal) + np.outer(shifts, orientation[:3])
    hint = draw(st.sampled_from([None, None, spacing, -spacing, spacing * 1.004, spacing * 2]))
    options = {
        "allow_missing_positions": draw(st.booleans()),
        "allow_duplicate_positions": draw(st.booleans()),
        **draw(st.sampled_from([{}, {"rtol": 0.1}, {"atol": 0.05}, {"perpendicular_tol": 0.2}])),
    }
    return Planes(positions, orientation, np.array([0.5, 0.75]), hint, (4, 6)), options


@given(stacks())
@settings(max_examples=400, deadline=None)
def test_slices_and_affine_are_highdicoms(drawn):
    planes, options = drawn
    spacing, places = get_volume_positions(
        planes.positions, planes.orientation, spacing_hint=planes.slice_spacing, **options
    )
    if places and not options["allow_duplicate_positions"] and len(set(places)) < len(places):
        # Two frames, nearly at one place, are one slice: highdicom says so later.
        places = None
    if places is None:
        with pytest.raises(RuntimeError) as caught:
            stack_of(planes, name="mr.dcm", **options)
        assert isinstance(caught.value, (nl.NoVolume, nl.AmbiguousFrames))
        assert "mr.dcm" in str(caught.value)
        return
    stack = stack_of(planes, name="mr.dcm", frame_of_reference_uid="1.2", **options)
    assert stack.slice_of.tolist() == places
    assert stack.number_of_slices == max(places) + 1
    expected = VolumeGeometry.from_attributes(
        image_position=planes.positions[places.index(0)],
        image_orientation=planes.orientation,
        rows=4,
        columns=6,
        pixel_spacing=planes.pixel_spacing,
        number_of_frames=max(places) + 1,
        spacing_between_slices=spacing,
        coordinate_system="PATIENT",
    )
    np.testing.assert_array_equal(stack.geometry.affine, expected.affine)
    assert stack.geometry.spatial_shape == expected.spatial_shape
    assert stack.geometry.frame_of_reference_uid == "1.2"


def axial(heights, **changed):
    positions = np.array([[0.0, 0, z] for z in heights])
    values = {"orientation": AXIAL, "pixel_spacing": np.ones(2), "slice_spacing": None}
    return Planes(**{**values, "positions": positions, "shape": (4, 6), **changed})


@pytest.mark.parametrize(
    ("planes", "options", "error", "says"),
    [
        (axial([0, 1, 2, 4]), {}, nl.NoVolume, "between 1 and 2 mm apart.*allow_missing_positions"),
        (
            axial([0, 1, 2.4]),
            {"allow_missing_positions": True},
            nl.NoVolume,
            "between 1 and 1.4 mm apart. rtol or atol",
        ),
        (
            axial([0, 1, 2], slice_spacing=5.0),
            {},
            nl.NoVolume,
            "lie 1 mm apart, but SpacingBetweenSlices says 5 mm",
        ),
        (
            axial([0, 1, 0, 0]),
            {"allow_duplicate_positions": False},
            nl.AmbiguousFrames,
            "frames 1, 3, 4 do",
        ),
        (
            Planes(np.array([[0.0, 0, 0], [7, 0, 1]]), AXIAL, np.ones(2), None, (4, 6)),
            {},
            nl.NoVolume,
            "shifted against each other by up to 7 mm",
        ),
        (axial([0, 1]), {"rtol": 0.1, "atol": 0.1}, nl.errors.InvalidOption, "exclude"),
        (axial([0, 1]), {"perpendicular_tol": -1}, nl.errors.InvalidOption, "negative"),
        (
            axial([0, 1], orientation=np.array([1.0, 0, 0, 1, 0, 0])),
            {},
            nl.NoVolume,
            "do not make a volume",
        ),
    ],
)
def test_what_makes_no_volume_is_explained(planes, options, error, says):
    with pytest.raises(error, match=says):
        stack_of(planes, name="ct.dcm", **options)


def test_a_spacing_of_zero_says_nothing():
    assert stack_of(axial([0, 1, 2], slice_spacing=0.0), name="a").number_of_slices == 3


def columns(**changed):
    values = {
        "ImagePositionPatient": np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 2]]),
        "ImageOrientationPatient": np.tile(AXIAL, (3, 1)),
        "PixelSpacing": np.ones((3, 2)),
        "SpacingBetweenSlices": np.ones(3),
        **changed,
    }
    return Columns(3, {key: one for key, one in values.items() if one is not None})


def test_planes_are_those_of_the_frames_asked_for():
    turned = np.array([AXIAL, AXIAL, [0, 1, 0, 1, 0, 0]])
    given = columns(ImageOrientationPatient=turned, SpacingBetweenSlices=np.array([2.0, 2, np.nan]))
    planes = planes_of(given, (4, 6), name="a", frames=np.array([1, 0]))
    np.testing.assert_array_equal(planes.positions, [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(planes.orientation, AXIAL)
    assert planes.slice_spacing == 2
    assert planes.shape == (4, 6)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ImagePositionPatient": None}, "mr.dcm does not say .*: it has no ImagePositionPatient"),
        ({"PixelSpacing": None}, "it has no PixelSpacing"),
        (
            {"ImagePositionPatient": np.array([[0, 0, 0], [0, 0, np.nan], [0, 0, 2]])},
            "1 frames of mr.dcm have no ImagePositionPatient, frame 2 being the first",
        ),
        (
            {"ImageOrientationPatient": np.array([AXIAL, AXIAL, -AXIAL])},
            "differ in ImageOrientationPatient",
        ),
        ({"PixelSpacing": np.array([[1, 1], [1, 2], [1, 1]])}, r"PixelSpacing: 1\\1 and 1\\2"),
        ({"SpacingBetweenSlices": np.array([1.0, 1, 2])}, "SpacingBetweenSlices: 1 and 2"),
    ],
)
def test_frames_that_are_not_alike_are_named(given, says):
    with pytest.raises(nl.NoVolume, match=says):
        planes_of(columns(**given), (4, 6), name="mr.dcm")


@given(
    st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.5, 1e300, -7.25])] * 3), min_size=2),
)
@settings(max_examples=100, deadline=None)
def test_duplicates_are_found_as_numpy_finds_them(rows):
    positions = np.array(rows)
    distinct = len(np.unique(positions, axis=0))
    assume(distinct < len(rows))
    planes = Planes(positions, AXIAL, np.ones(2), None, (4, 6))
    with pytest.raises(nl.AmbiguousFrames):
        stack_of(planes, name="a", allow_duplicate_positions=False)
