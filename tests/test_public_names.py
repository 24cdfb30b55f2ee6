"""The names that users import, and what importing them costs."""

import inspect
import subprocess
import sys

import highdicom
import pytest

import nearline as nl


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    ).stdout


def test_every_public_name_is_there():
    for name in nl.__all__:
        assert getattr(nl, name) is not None
    assert set(nl.__all__) <= set(dir(nl))
    assert nl.__version__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'get_volume_from_nowhere'"):
        _ = nl.get_volume_from_nowhere


def test_every_error_of_the_tree_is_public():
    from nearline import errors

    assert set(errors.__all__) <= set(nl.__all__)


def test_importing_loads_neither_numpy_nor_pydicom():
    loaded = run(
        "import nearline, sys\n"
        "print([name for name in ('numpy', 'pydicom', 'PIL', 'urllib3') if name in sys.modules])"
    )
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("first", ["imread", "settings", "traffic", "Settings", "NearlineError"])
def test_functions_are_not_hidden_by_the_modules_of_their_name(first):
    shown = run(
        f"import nearline as nl\nnl.{first}\nimport nearline.settings, nearline.traffic\n"
        "nl.imread\nwith nl.settings(cache='off'), nl.traffic() as t: print(t.requests)"
    )
    assert shown.strip() == "0"


@pytest.mark.parametrize("name", ["seg", "pm", "sr", "ann"])
def test_readers_take_highdicoms_arguments(name):
    from importlib import import_module

    theirs = getattr(import_module(f"highdicom.{name}.sop"), f"{name}read")
    ours = getattr(getattr(nl, name), f"{name}read")
    assert getattr(nl, f"{name}read") is ours
    wanted = list(inspect.signature(theirs).parameters)
    assert list(inspect.signature(ours).parameters)[: len(wanted)] == wanted


METHODS = [
    "get_total_pixel_matrix",
    "get_frame",
    "get_frames",
    "get_raw_frame",
    "get_stored_frame",
    "get_stored_frames",
    "are_dimension_indices_unique",
    "is_indexable_as_total_pixel_matrix",
    "get_source_image_uids",
]


@pytest.mark.parametrize("method", METHODS)
def test_methods_take_highdicoms_arguments_in_its_order(method):
    theirs = inspect.signature(getattr(highdicom.Image, method)).parameters
    ours = inspect.signature(getattr(nl.Image, method)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, one in theirs.items():
        assert ours[name].default == one.default
        assert ours[name].kind == one.kind
    more = list(ours.values())[len(theirs) :]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in more)


def test_every_public_member_of_highdicoms_image_has_its_place():
    from pydicom import Dataset

    theirs = {name for name in dir(highdicom.Image) if not name.startswith("_")}
    # What highdicom's own encoder and SOP class machinery add is not for reading.
    theirs -= {"copy_patient_and_study_information", "copy_specimen_information"}
    assert theirs - set(dir(Dataset)) <= set(dir(nl.Image))


def test_imread_takes_highdicoms_arguments():
    theirs = inspect.signature(highdicom.imread).parameters
    ours = inspect.signature(nl.imread).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
