"""Which answers belong to the version that was opened."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

import pytest

from nearline.fetch.pin import Pin, Verdict
from nearline.provenance import Validator

NOW = 1_800_000_000.0
LONG_AGO = formatdate(NOW - 86_400, usegmt=True)
JUST_NOW = formatdate(NOW - 1, usegmt=True)


def version(etag: str | None, modified: str | None = LONG_AGO, size: int = 10) -> Validator:
    return Validator(size=size, etag=etag, last_modified=modified)


def test_equal_validators_are_the_same_version() -> None:
    assert Pin(version('"a"'), opened=NOW).observe(version('"a"')) is Verdict.SAME


@pytest.mark.parametrize(
    "found",
    [
        version('"a"', size=11),
        version('"b"', JUST_NOW),
        version('"b"', None),
        replace(version('"b"'), generation="2"),
    ],
)
def test_another_size_date_or_generation_is_a_change(found: Validator) -> None:
    pin = Pin(replace(version('"a"'), generation="1"), opened=NOW)
    if found.generation is None and found.size == 10:
        pin = Pin(version('"a"'), opened=NOW)
    assert pin.observe(found) is Verdict.CHANGED


def test_two_mismatches_over_an_old_object_show_a_balancer() -> None:
    pin = Pin(version('"a"'), opened=NOW)
    assert pin.observe(version('"b"')) is Verdict.UNSURE
    assert pin.observe(version('"b"')) is Verdict.SAME
    assert pin.validator.etag is None
    assert pin.note is not None
    assert pin.observe(version('"c"')) is Verdict.SAME


def test_an_object_replaced_within_the_second_is_not_taken_for_a_balancer() -> None:
    # Last-Modified has whole seconds: a second version of equal size shows in its ETag alone.
    pin = Pin(version('"a"', JUST_NOW), opened=NOW)
    for _ in range(20):
        assert pin.observe(version('"b"', JUST_NOW)) is Verdict.UNSURE
    assert pin.validator.etag == '"a"'


@pytest.mark.parametrize("third", ['"a"', '"c"'])
def test_a_returning_or_a_third_etag_shows_a_balancer_over_a_new_object(third: str) -> None:
    pin = Pin(version('"a"', JUST_NOW), opened=NOW)
    assert pin.observe(version('"b"', JUST_NOW)) is Verdict.UNSURE
    assert pin.observe(version(third, JUST_NOW)) is Verdict.SAME
    assert pin.validator.etag is None


def test_once_distrusted_size_and_date_still_tell_versions_apart() -> None:
    pin = Pin(version('"a"'), opened=NOW)
    pin.observe(version('"b"'))
    pin.observe(version('"b"'))
    assert pin.observe(version('"a"', JUST_NOW)) is Verdict.CHANGED
    assert pin.observe(version('"a"', size=11)) is Verdict.CHANGED


def test_a_weak_etag_is_no_condition() -> None:
    pin = Pin(version('W/"a"', None), opened=NOW)
    assert pin.condition is None
    assert pin.observe(version('W/"a"', None)) is Verdict.SAME
    assert pin.observe(version('W/"b"', None)) is Verdict.CHANGED


def test_without_validators_the_size_is_still_compared() -> None:
    pin = Pin(version(None, None), opened=NOW)
    assert pin.condition is None
    assert pin.observe(version(None, None)) is Verdict.SAME
    assert pin.observe(version(None, None, size=11)) is Verdict.CHANGED


def test_an_answer_beyond_the_end_needs_no_etag() -> None:
    pin = Pin(version('"a"'), opened=NOW)
    assert pin.observe(Validator(size=10), empty=True) is Verdict.SAME
    assert pin.observe(Validator(size=11), empty=True) is Verdict.CHANGED


def test_an_answer_without_any_evidence_does_not_pass_for_the_version() -> None:
    assert Pin(version('"a"'), opened=NOW).observe(Validator(size=10)) is Verdict.CHANGED
