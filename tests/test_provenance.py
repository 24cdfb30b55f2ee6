"""Validators tell versions apart by the strongest evidence that both carry."""

import pytest

from nearline.provenance import Validator


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (Validator(5, etag='"x"'), Validator(5, etag='"x"'), True),
        (Validator(5, etag='"x"'), Validator(6, etag='"x"'), False),
        (Validator(None, etag='"x"'), Validator(6, etag='"x"'), True),
        (Validator(5, etag='"x"'), Validator(5, etag='"y"'), False),
        (Validator(5, etag='"x"', last_modified="m"), Validator(5, last_modified="m"), True),
        (Validator(5, generation="1"), Validator(5, generation="2"), False),
        (Validator(5, etag='W/"x"'), Validator(5, etag='W/"x"'), True),
        (Validator(5, etag='W/"x"', last_modified="m"), Validator(5, last_modified="n"), False),
        (Validator(5), Validator(5), False),
    ],
)
def test_same_version(a: Validator, b: Validator, same: bool) -> None:
    assert a.same_version(b) is same
    assert b.same_version(a) is same


@pytest.mark.parametrize(
    ("validator", "key"),
    [
        (Validator(5, etag='"x"', generation="3"), 'etag:"x"'),
        (Validator(5, etag='W/"x"', generation="3"), "generation:3"),
        (Validator(5, etag='W/"x"', last_modified="m"), "modified:m;size:5"),
        (Validator(None, last_modified="m"), ""),
        (Validator(5), ""),
    ],
)
def test_key_prefers_the_strongest_evidence(validator: Validator, key: str) -> None:
    assert validator.key == key
    assert validator.pins is bool(key)
