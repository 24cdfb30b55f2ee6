from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.testing.xnat import tables
from nearline.xnat import answers

LOGIN = bytes(tables.login_page().body)
TABLE = json.dumps({"ResultSet": {"Result": [{"a": "1", "b": None, "c": 3}], "totalRecords": "1"}})


def test_tables_are_read_as_texts():
    assert answers.table(TABLE.encode()) == [{"a": "1", "b": "", "c": "3"}]
    assert answers.table(b'{"ResultSet":{"Result":[]}}') == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "nothing at all"),
        (b" \n", "nothing at all"),
        (LOGIN, "a web page"),
        (b"<!-- x -->\n<HTML>", "a web page"),
        (b"ID,label\n", "no JSON"),
        (TABLE.encode()[:-3], "a part of it"),
        (b"[1]", "JSON without a table"),
        (b'{"items": []}', "JSON without a table"),
        (b'{"ResultSet": {"Result": [1]}}', "JSON without a table"),
        (b'{"ResultSet": {"Result": {}}}', "JSON without a table"),
        (b'{"ResultSet": {"Result": [{"a":"1"}], "totalRecords": "2"}}', "1 rows that announces 2"),
    ],
)
def test_everything_else_is_no_table(body, what):
    with pytest.raises(answers.NotATable, match=what):
        answers.table(body)


@given(st.integers(0, len(TABLE) - 1))
def test_no_part_of_a_table_is_a_table(length):
    with pytest.raises(answers.NotATable):
        answers.table(TABLE.encode()[:length])


@given(st.binary(max_size=60))
def test_no_body_surprises(body):
    answers.is_page(body)
    answers.is_login_page(body)
    answers.words(body)
    with pytest.raises(answers.NotATable):
        answers.table(body)


def test_pages_are_told_from_files():
    assert answers.is_login_page(LOGIN)
    assert answers.is_page(b"\xef\xbb\xbf \r\n<!DOCTYPE HTML PUBLIC>")
    assert answers.is_page(b"<html><body>502</body></html>")
    assert not answers.is_login_page(b"<html><body>502</body></html>")
    for file in (b"# Title Segmentation\n", b"<?xml version='1.0'?><cat:Catalog/>", b"1,2\n", b""):
        assert not answers.is_page(file)


@pytest.mark.parametrize(
    ("headers", "received", "missing"),
    [
        ({"Content-Length": "10"}, 4, 6),
        ({"Content-Length": "10"}, 10, 0),
        ({}, 4, 0),
        ({"Content-Length": "4", "Content-Encoding": "gzip"}, 2, 0),
        ({"Content-Length": "x"}, 2, 0),
    ],
)
def test_missing_bytes_are_counted(headers, received, missing):
    assert answers.missing_bytes(headers, received) == missing


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (bytes(tables.status_page(404, "Unable to find file.").body), "Unable to find file."),
        (bytes(tables.tomcat_page(401, "Bad <credentials>").body), "Bad <credentials>"),
        (b"Forbidden\x07 by\n law", "Forbidden by law"),
        (b"<html></html>", ""),
        (b"", ""),
    ],
)
def test_errors_are_quoted_as_people_read_them(body, words):
    assert answers.words(body) == words


def test_long_errors_are_cut():
    assert len(answers.words(b"x" * 5000)) == 201


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("7", 7), ("0.5", 0.5), ("Thu, 01 Jan 1970 00:00:01 GMT", 0), ("soon", None)],
)
def test_retry_after(text, seconds):
    assert answers.retry_after_s({"Retry-After": text}) == seconds
