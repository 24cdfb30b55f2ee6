"""What an answer really is: a table, a file, a login page, nothing (pure)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from itertools import chain
from time import time

__all__ = [
    "NotATable",
    "is_login_page",
    "is_page",
    "missing_bytes",
    "retry_after_s",
    "table",
    "words",
]

_LONGEST_WORDS = 200


class NotATable(ValueError):
    """The body is no table; the message says what it is instead."""


def is_page(body: bytes) -> bool:
    """Whether a body is a web page, whatever its Content-Type: XNAT's files may have any."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    start = re.sub(rb"^(<\?xml[^>]*>|<!--.*?-->|\s)+", b"", start, flags=re.DOTALL)
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def is_login_page(body: bytes) -> bool:
    """Whether a web page asks for a password."""
    return is_page(body) and re.search(rb"type=[\"']?password", body, re.IGNORECASE) is not None


def table(body: bytes) -> list[dict[str, str]]:
    """Read one of XNAT's tables.

    Returns
    -------
    list of dict of str to str
        Rows; what is null is an empty text.

    Raises
    ------
    NotATable
        The body is something else, or a part of a table.
    """
    if not body.strip():
        raise NotATable("nothing at all")
    if is_page(body):
        raise NotATable("a web page")
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        raise NotATable("something that is no JSON, or a part of it") from None
    found = held.get("ResultSet") if isinstance(held, dict) else None
    rows = found.get("Result") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NotATable("JSON without a table")
    total = str(found.get("totalRecords") or "") if isinstance(found, dict) else ""
    if total.isdecimal() and int(total) != len(rows):
        raise NotATable(f"a table of {len(rows)} rows that announces {total}")
    if set(map(type, chain.from_iterable(map(dict.values, rows)))) <= {str}:
        return rows
    return [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in rows
    ]


def missing_bytes(headers: Mapping[str, str], received: int) -> int:
    """Return how many bytes of a body were announced and did not come.

    `received` counts bytes of an answer without Content-Encoding; others are not judged.
    """
    announced = headers.get("Content-Length", "")
    if not announced.isdecimal() or headers.get("Content-Encoding", "identity") != "identity":
        return 0
    return max(int(announced) - received, 0)


def words(body: bytes) -> str:
    """Return what a server says in an error: a short text, or the heading of a page."""
    text = body[:8192].decode("utf-8", "replace")
    if is_page(body):
        for pattern in (
            r"<b>Message</b>(.*?)</p>",
            r"<h3[^>]*>(.*?)</h3>",
            r"<h1[^>]*>(.*?)</h1>",
            r"<title[^>]*>(.*?)</title>",
        ):
            if found := re.search(pattern, text, re.IGNORECASE | re.DOTALL):
                text = found[1]
                break
        else:
            return ""
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After asks for; None if there is none."""
    asked = headers.get("Retry-After", "").strip()
    if not asked:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        return float(asked)
    try:
        return max(parsedate_to_datetime(asked).timestamp() - time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
