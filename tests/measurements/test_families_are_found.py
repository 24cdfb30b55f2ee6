"""The names that users of bx know lead to files, parsers and columns."""

from importlib import import_module

import pytest

from nearline.errors import InvalidOption
from nearline.measurements.families import FAMILIES, family_of, find
from nearline.measurements.rows import COLUMNS

ALL = [(family, one) for family in FAMILIES.values() for one in family.measurements.values()]


@pytest.mark.parametrize(
    "name",
    [
        *("freesurfer6", "freesurfer6_hires", "freesurfer7", "freesurfer7_extras", "ashs"),
        *("spm12", "cat12", "donsurf", "bamos", "basil", "alps", "fdg", "ftm", "tau"),
    ],
)
def test_bx_users_find_their_families(name):
    family = FAMILIES[name]
    assert family.name == name
    assert family.measurements
    for label in family.labels:
        assert family_of(label) is family
        assert family_of(label.lower()) is family


def test_no_label_is_of_two_families():
    labels = [label.casefold() for family in FAMILIES.values() for label in family.labels]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(("family", "measurement"), ALL, ids=lambda one: one.name)
def test_every_measurement_can_be_parsed(family, measurement):
    module, _, function = measurement.parser.partition(":")
    assert callable(getattr(import_module(f"nearline.measurements.{module}"), function))
    assert measurement.columns == COLUMNS + measurement.extra
    assert measurement.parser_version >= 1
    assert measurement.title
    assert all(pattern.label for pattern in measurement.patterns)


@pytest.mark.parametrize(
    ("measurement", "options", "family"),
    [
        ("aseg", {}, "freesurfer6"),
        ("aseg", {"resource": "FREESURFER7"}, "freesurfer7"),
        ("aseg", {"resource": "freesurfer6_hires"}, "freesurfer6_hires"),
        ("aseg", {"resource": "MY_OWN"}, "freesurfer6"),
        ("aseg", {"resource": "FREESURFER7", "family": "freesurfer6"}, "freesurfer6"),
        ("aparc", {}, "freesurfer6"),
        ("aparc", {"resource": "DONSURF"}, "donsurf"),
        ("amygNucVolumes", {}, "freesurfer7"),
        ("brainstem", {}, "freesurfer7_extras"),
        ("thalamus", {"resource": "FREESURFER7"}, "freesurfer7"),
        ("volumes", {"resource": "ASHS"}, "ashs"),
        ("volumes", {"family": "spm12", "resource": "X"}, "spm12"),
        ("predictions", {}, "pyment"),
    ],
)
def test_a_name_is_understood(measurement, options, family):
    found, one = find(measurement, **options)
    assert (found.name, one.name) == (family, measurement)


@pytest.mark.parametrize(
    ("measurement", "options", "why"),
    [
        ("asegg", {}, "no measurement 'asegg': use one of .*'aseg'"),
        ("aseg", {"family": "freesurfer8"}, "no family 'freesurfer8': use one of 'freesurfer6'"),
        ("aseg", {"resource": "ASHS"}, "family ashs has no measurement 'aseg'"),
        ("amygNucVolumes", {"resource": "FREESURFER6"}, "freesurfer6 has no measurement"),
        ("volumes", {}, "Several families have a measurement 'volumes': name one of 'ashs'"),
    ],
)
def test_a_wrong_name_says_what_to_use(measurement, options, why):
    with pytest.raises(InvalidOption, match=why):
        find(measurement, **options)
