"""From the bytes of a session's files to its rows and its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from nearline.errors import UnreadableMeasurements

from .choose import Choice
from .families import Measurement
from .held import HeldFile
from .records import Result
from .rows import Rows

__all__ = ["Reading", "no_resource", "parser_of", "read", "unread"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one measurement of one session gave; `rows` is None if there are none."""

    result: Result
    rows: Rows | None


def parser_of(measurement: Measurement) -> str:
    """Return what stands for a parser and its version."""
    return f"{measurement.parser}@{measurement.parser_version}"


def no_resource(experiment: str, measurement: Measurement, label: str) -> Result:
    """Return the result of a session that lacks the resource."""
    return _nothing(experiment, measurement, "no resource", f"it has no resource {label}")


def unread(experiment: str, measurement: Measurement, choice: Choice, label: str) -> Result:
    """Return the result of a session whose resource lacks every file that is wanted."""
    why = f"its resource {label} lacks {', '.join(choice.missing)}"
    return _nothing(experiment, measurement, "file missing", why)


def _nothing(experiment: str, measurement: Measurement, status: str, why: str) -> Result:
    return Result(experiment, parser_of(measurement), "", status, why, "", "", {}, (), 0.0)


def read(
    experiment: str,
    measurement: Measurement,
    choice: Choice,
    files: Mapping[str, HeldFile],
    bytes_of: Callable[[HeldFile], bytes | None],
    *,
    where: str,
    note: str = "",
    known: Result | None = None,
) -> Reading | None:
    """Parse the files of one measurement of one session.

    Parameters
    ----------
    experiment : str
        Experiment id.
    measurement : Measurement
        What to read.
    choice : Choice
        The files of it.
    files : mapping of str to HeldFile
        By path; all of `choice` are among them.
    bytes_of : callable
        Gives the bytes of a held file; None if they are lost.
    where : str
        Names server, project and session in errors.
    note : str, optional
        What is already known to be unusual.
    known : Result, optional
        What reading them came to before: used again, without rows, if they are the same bytes.

    Returns
    -------
    Reading or None
        None if bytes are lost: the file must be fetched again.
    """
    chosen = [files[path] for path in choice.paths]
    parser = parser_of(measurement)
    content_of = [(file.path, file.sha256) for file in chosen]
    key = sha256(json.dumps([parser, content_of]).encode()).hexdigest()[:32]
    uris = tuple((file.uri, file.sha256, file.md5) for file in chosen)
    notes = [note] if note else []
    notes += choice.notes
    notes += [f"digest stale: {file.path}" for file in chosen if file.stale]
    told = "; ".join(notes)
    if known is not None and (known.key, known.files, known.facts.get("told")) == (key, uris, told):
        return Reading(known, None)
    data: dict[str, bytes] = {}
    for file in chosen:
        content = bytes_of(file)
        if content is None:
            return None
        data[file.path] = content
    when = max(file.fetched for file in chosen)
    try:
        rows = measurement.parse(data, where=where)
    except UnreadableMeasurements as error:
        result = Result(
            experiment, parser, "", "unreadable", str(error), "; ".join(notes), "", {}, uris, when
        )
        return Reading(result, None)
    notes += rows.notes
    notes += [f"{file.path}: {sentence}" for file in rows.files for sentence in file.notes]
    versions = sorted({file.freesurfer_version or file.build for file in rows.files} - {""})
    facts = {
        "told": told,
        "versions": versions,
        "etivs": [file.etiv for file in rows.files if file.etiv is not None],
        "sides": sorted({side for side in rows.side if side}),
        "analyses": sorted({analysis for analysis in rows.analysis if analysis}),
    }
    status, why = "ok", ""
    if choice.missing:
        status = "file missing"
        why = f"it lacks {', '.join(choice.missing)}; what there is has been read"
    return Reading(
        Result(
            experiment, parser, key, status, why, "; ".join(notes), ", ".join(versions), facts,
            uris, when,
        ),
        rows,
    )  # fmt: skip
