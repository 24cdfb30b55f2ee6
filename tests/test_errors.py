"""Every error is one tree, prints as its sentence, and survives pickling."""

import pickle

import pytest

from nearline import errors


def every_error() -> list[type[errors.NearlineError]]:
    return [getattr(errors, name) for name in errors.__all__]


def test_all_errors_of_the_module_are_listed() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.NearlineError)
    }
    assert defined == set(errors.__all__)


@pytest.mark.parametrize("error", every_error())
def test_error_prints_its_sentence_and_pickles(error: type[errors.NearlineError]) -> None:
    sentence = "s3://bucket/a.dcm is gone. Ask its owner."
    raised = error(sentence)
    assert str(raised) == sentence
    copy = pickle.loads(pickle.dumps(raised))
    assert type(copy) is error
    assert str(copy) == sentence


@pytest.mark.parametrize("error", every_error())
def test_error_travels_between_workers_of_dask(error: type[errors.NearlineError]) -> None:
    """dask.distributed brings tblib, which makes errors anew in a way of its own."""
    from tblib.pickling_support import pickle_exception

    make, given, *_ = pickle_exception(error("a sentence"))
    assert type(make(*given)) is error


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.NotFound, FileNotFoundError),
        (errors.AccessDenied, PermissionError),
        (errors.Unavailable, ConnectionError),
        (errors.Offline, ConnectionError),
        (errors.InvalidDicom, ValueError),
        (errors.TruncatedObject, EOFError),
        (errors.MissingExtra, ImportError),
        (errors.UnknownFrame, IndexError),
        (errors.UnknownSource, KeyError),
        (errors.NoSourceReferences, RuntimeError),
        (errors.NoVolume, RuntimeError),
        (errors.OutsideMatrix, ValueError),
        (errors.MissingFrames, RuntimeError),
        (errors.AmbiguousFrames, RuntimeError),
        (errors.TransformMissing, RuntimeError),
    ],
)
def test_callers_of_local_files_catch_it(
    error: type[errors.NearlineError], builtin: type[Exception]
) -> None:
    assert issubclass(error, builtin)
