"""What status and headers of an HTTP answer mean for one read (pure: nothing is fetched here)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from nearline.errors import ObjectChanged, Unavailable
from nearline.provenance import Validator
from nearline.storage.source import Transient

__all__ = ["Asked", "Body", "changed", "conditions", "interpret", "retry_after", "validator"]

_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)", re.IGNORECASE)

_LONGEST_TOLD = 100
"""Characters of a Content-Range that are looked at and quoted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One read, as in `Source.read`; `url` is printable."""

    url: str
    start: int
    stop: int | None
    pin: Validator | None = None
    unless: Validator | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer brings.

    Attributes
    ----------
    kind : {"partial", "whole", "unchanged"}
        As in `Answer`.
    start, stop : int, int or None
        Of the body, in bytes of the object; `stop` is None for a body of unknown length.
    validator : Validator
        Of the object.
    notes : tuple of str
        What was unusual.
    """

    kind: Literal["partial", "whole", "unchanged"]
    start: int
    stop: int | None
    validator: Validator
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int | None:
        """Bytes to come."""
        return None if self.stop is None else self.stop - self.start


def conditions(asked: Asked) -> dict[str, str]:
    """Return the headers for a range, a pin and a version that is held already.

    Only what identifies a version exactly pins it: a date is too coarse to be
    a condition, and the answer is compared with the pin in any case.
    """
    headers = {"Range": f"bytes={asked.start}-{'' if asked.stop is None else asked.stop - 1}"}
    pin, held = asked.pin, asked.unless
    if pin is not None:
        if pin.strong_etag:
            headers["If-Match"] = pin.strong_etag
        if pin.generation:
            headers["x-goog-if-generation-match"] = pin.generation
    if held is not None:
        if held.etag:
            headers["If-None-Match"] = held.etag
        elif held.last_modified:
            headers["If-Modified-Since"] = held.last_modified
    return headers


def validator(headers: Mapping[str, str], size: int | None) -> Validator:
    """Return what an answer says of the object's version."""
    return Validator(
        size=size,
        etag=headers.get("ETag") or None,
        generation=headers.get("x-goog-generation") or None,
        last_modified=headers.get("Last-Modified") or None,
    )


def interpret(asked: Asked, status: int, headers: Mapping[str, str]) -> Body:
    """Tell what the body of a 200, 206, 304 or 416 is.

    Parameters
    ----------
    asked : Asked
        The read.
    status : int
        200, 206, 304 or 416.
    headers : mapping of str to str
        Of the answer, names in any case.

    Raises
    ------
    ObjectChanged
        The object is not the version that the read is pinned to.
    Transient
        Fewer bytes than asked for, although the object goes on.
    Unavailable
        The headers contradict the request or each other.
    """
    if status == 304:
        return _unchanged(asked, headers)
    if status == 416:
        body = _beyond_the_end(asked, headers)
    elif status == 206 or _is_partial(asked, headers):
        body = _partial(asked, headers)
    else:
        size = _content_length(headers)
        body = Body("whole", 0, size, validator(headers, size), _notes(headers))
        if asked.start > 0 or asked.stop is not None:
            body = _noted(body, "The server ignores ranges and sends the whole object.")
    if asked.pin is not None and changed(asked.pin, body.validator, told=status != 416):
        raise ObjectChanged(
            f"{asked.url} changed while it was open ({_difference(asked.pin, body.validator)}). "
            "Open it again to read the new version.",
            current=body.validator,
        )
    return body


def changed(pin: Validator, current: Validator, *, told: bool = True) -> bool:
    """Tell whether an answer is of another version than the pin.

    An ETag that differs over an equal size and date is not taken for a change:
    it may be the habit of a balancer's nodes, which only several answers show.

    Parameters
    ----------
    told : bool
        Whether answers of this kind carry validators at all; if so, one that
        lacks them cannot be trusted to be of the version pinned.
    """
    if pin.size is not None and current.size is not None and pin.size != current.size:
        return True
    if pin.same_version(current):
        return False
    if pin.generation and current.generation:
        return True
    evidence = current.etag or current.last_modified or current.generation
    if not evidence:
        return told and pin.pins
    if pin.last_modified and pin.last_modified == current.last_modified:
        return pin.size is None or current.size is None
    shared = (pin.etag and current.etag) or (pin.last_modified and current.last_modified)
    return bool(shared) or pin.pins


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait, from a number or an HTTP date."""
    told = headers.get("Retry-After", "").strip()
    if not told:
        return None
    try:
        return max(float(told), 0.0) if told.isdecimal() else _seconds_until(told, headers)
    except (TypeError, ValueError):
        return None


def _seconds_until(date: str, headers: Mapping[str, str]) -> float:
    # The server's own clock, where it tells it: ours may be wrong.
    now = headers.get("Date")
    begun = parsedate_to_datetime(now).timestamp() if now else time.time()
    return max(parsedate_to_datetime(date).timestamp() - begun, 0.0)


# --- kinds of answers -------------------------------------------------------------


def _unchanged(asked: Asked, headers: Mapping[str, str]) -> Body:
    held = asked.unless
    if held is None:
        raise Unavailable(f"{asked.url}: the server says 304 (not modified) to a plain request.")
    told = validator(headers, held.size)
    known = Validator(
        size=held.size,
        etag=told.etag or held.etag,
        generation=told.generation or held.generation,
        last_modified=told.last_modified or held.last_modified,
    )
    return Body("unchanged", 0, 0, known)


def _beyond_the_end(asked: Asked, headers: Mapping[str, str]) -> Body:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    size = int(match[3]) if match and match[3] != "*" else None
    if size is not None and asked.start < size:
        raise Unavailable(
            f"{asked.url}: the server says that byte {asked.start} lies behind the end of an "
            f"object of {size} bytes."
        )
    told = validator(headers, size)
    if size is None:
        told = Validator(size=asked.pin.size if asked.pin else None)
    return Body("partial", asked.start, asked.start, told)


def _is_partial(asked: Asked, headers: Mapping[str, str]) -> bool:
    """Tell whether a 200 brings just the range: some servers say 200 for 206."""
    told = headers.get("Content-Range", "").strip()[:_LONGEST_TOLD]
    match = _CONTENT_RANGE.fullmatch(told)
    if match is None or match[1] is None:
        return False
    length = _content_length(headers)
    start, stop = int(match[1]), int(match[2]) + 1
    if start == asked.start and (length == stop - start or (length is None and start == 0)):
        return True
    if length is not None and match[3] == str(length):
        return False
    raise Unavailable(f"{asked.url}: the server does not say which bytes it sends (200, {told}).")


def _partial(asked: Asked, headers: Mapping[str, str]) -> Body:
    told = headers.get("Content-Range", "").strip()[:_LONGEST_TOLD]
    match = _CONTENT_RANGE.fullmatch(told)
    length = _content_length(headers)
    if not told:
        return _partial_without_range(asked, headers, length)
    if match is None or match[1] is None:
        raise Unavailable(f"{asked.url}: the server's Content-Range is not valid ({told}).")
    start, stop = int(match[1]), int(match[2]) + 1
    size = int(match[3]) if match[3] != "*" else None
    wrong_size = size is not None and stop > size
    too_much = asked.stop is not None and stop > asked.stop
    if start != asked.start or stop <= start or too_much or wrong_size:
        raise Unavailable(
            f"{asked.url}: the server answers with other bytes than asked for ({told} in place of "
            f"{asked.start}-{'' if asked.stop is None else asked.stop - 1})."
        )
    if length is not None and length != stop - start:
        raise Unavailable(
            f"{asked.url}: the server's answer contradicts itself ({told}, {length} bytes)."
        )
    if stop != size and stop != asked.stop and not (size is None and asked.stop is None):
        raise Transient(f"{asked.url}: the server sends fewer bytes than asked for ({told}).")
    return Body("partial", start, stop, validator(headers, size), _notes(headers))


def _partial_without_range(asked: Asked, headers: Mapping[str, str], length: int | None) -> Body:
    multipart = headers.get("Content-Type", "").lower().startswith("multipart/")
    too_much = length is not None and asked.stop is not None and length > asked.stop - asked.start
    if length is None or multipart or too_much:
        raise Unavailable(f"{asked.url}: the server does not say which bytes it sends.")
    stop = asked.start + length
    size = stop if asked.stop is None or stop < asked.stop else None
    body = Body("partial", asked.start, stop, validator(headers, size), _notes(headers))
    return _noted(body, "The server does not say which bytes it sends (no Content-Range).")


def _content_length(headers: Mapping[str, str]) -> int | None:
    told = headers.get("Content-Length", "")
    return int(told) if told.isdecimal() else None


def _notes(headers: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    encoding = headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("", "identity", "aws-chunked"):
        notes.append(f"The server says that the object is encoded ({encoding}); read as it is.")
    if headers.get("Content-Type", "").lower().startswith("text/html"):
        notes.append("The server sends an HTML page: perhaps one to log in.")
    return tuple(notes)


def _noted(body: Body, note: str) -> Body:
    return Body(body.kind, body.start, body.stop, body.validator, (*body.notes, note))


def _difference(pin: Validator, current: Validator) -> str:
    for name, was, now in (
        ("size", pin.size, current.size),
        ("ETag", pin.etag, current.etag),
        ("generation", pin.generation, current.generation),
        ("Last-Modified", pin.last_modified, current.last_modified),
    ):
        if was is not None and now is not None and was != now:
            return f"{name} {was} became {now}"
    return "the server no longer says which version it is"
