"""Which files of a resource a measurement reads: decided by rule, and said where it was a choice.

A resource can hold several subjects' folders, longitudinal runs beside cross-sectional ones,
templates, and two analyses of one structure. All files of a measurement are taken from one folder
of a subject, so that a left hemisphere is never joined to another subject's right one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Choice", "Pattern", "choose_files"]

TEMPLATES = re.compile(r"fsaverage\w*|[lr]h\.EC_average|cvs_avg35\w*|V1_average")
"""Names of folders with FreeSurfer's own subjects."""

_INNER = re.compile(r"(?:^|/)(?:stats|mri|surf|label|final)$")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which files a measurement reads.

    Parameters
    ----------
    regex : str
        Matches the end of a path from a folder on (``/`` is put before). Its named groups tell
        files apart that belong together: ``hemi`` (``lh``, ``rh``, ``left``, ``right``),
        ``analysis`` and any other. Files with the same groups exclude each other.
    label : str
        Names a missing file for people.
    required : bool
        Whether a session without it is incomplete.
    """

    regex: str
    label: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """Files chosen for one measurement of one session.

    Parameters
    ----------
    paths : tuple of str
        In the order in which they are read: by pattern, analysis, left before right.
    notes : tuple of str
        Sentences on what was ambiguous.
    missing : tuple of str
        What the measurement wants and the resource lacks, such as ``rh.aparc.stats``; with
        nothing chosen, everything.
    """

    paths: tuple[str, ...]
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.paths)


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: str
    root: str
    pattern: int
    groups: tuple[tuple[str, str], ...]


def choose_files(paths: Iterable[str], patterns: Iterable[Pattern]) -> Choice:
    """Choose the files of one measurement.

    Of several folders that hold some, the one is taken that is no template of FreeSurfer, then
    no longitudinal run (``<session>.long.<base>``), then the one with the most of the wanted
    files, then the one nearest to the top, then the first by name. In a folder, of two files for
    one purpose the one nearest to the top, then the first by name, is taken.

    Parameters
    ----------
    paths : iterable of str
        Paths of all files of the resource, in any order; the same path twice counts once.
    patterns : iterable of Pattern
        What the measurement reads.

    Returns
    -------
    Choice
        The same for any order of `paths`.
    """
    wanted = tuple(patterns)
    found = _candidates(sorted(set(paths)), wanted)
    if not found:
        return Choice((), (), tuple(_described(pattern) for pattern in wanted))
    roots: defaultdict[str, list[_Candidate]] = defaultdict(list)
    for candidate in found:
        roots[candidate.root].append(candidate)
    best = min(roots, key=lambda root: _rank(root, roots[root]))
    notes = []
    if len(roots) > 1:
        others = sorted(roots.keys() - {best})
        shown = ", ".join(repr(other or ".") for other in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        notes.append(
            f"files are in {len(roots)} folders: {best or '.'!r} is read, not {shown}{more}"
        )
    if ".long." in _last(best):
        notes.append(f"{best!r} is a longitudinal run")
    slots: defaultdict[tuple[int, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for candidate in roots[best]:
        slots[candidate.pattern, candidate.groups].append(candidate.path)
    chosen = []
    for slot in sorted(slots):
        first, *rest = sorted(slots[slot], key=lambda path: (path.count("/"), path))
        chosen.append(first)
        if rest:
            notes.append(f"{first!r} is read, not {', '.join(map(repr, rest[:3]))}")
    return Choice(tuple(chosen), tuple(notes), _missing(wanted, slots))


def _candidates(paths: list[str], patterns: tuple[Pattern, ...]) -> list[_Candidate]:
    found = []
    compiled = [re.compile(f"/(?:{pattern.regex})$") for pattern in patterns]
    for path in paths:
        rooted = "/" + path.lstrip("/")
        for index, expression in enumerate(compiled):
            match = expression.search(rooted)
            if match is None:
                continue
            root = _INNER.sub("", rooted[: match.start()]).lstrip("/")
            groups = tuple(sorted((k, v) for k, v in match.groupdict().items() if v is not None))
            found.append(_Candidate(path, root, index, groups))
            break
    return found


def _last(root: str) -> str:
    return root.rpartition("/")[2]


def _rank(root: str, candidates: list[_Candidate]) -> tuple[bool, bool, int, int, str]:
    slots = {(candidate.pattern, candidate.groups) for candidate in candidates}
    name = _last(root)
    return (
        TEMPLATES.fullmatch(name) is not None,
        ".long." in name,
        -len(slots),
        root.count("/") + bool(root),
        root,
    )


def _described(pattern: Pattern) -> str:
    return pattern.label.format(hemi="?h", side="?")


_OTHER = {"lh": "rh", "rh": "lh", "left": "right", "right": "left"}
_LONG = {"lh": "left", "rh": "right"}


def _missing(
    patterns: tuple[Pattern, ...], slots: Iterable[tuple[int, tuple[tuple[str, str], ...]]]
) -> tuple[str, ...]:
    present = set(slots)
    missing = []
    for index, pattern in enumerate(patterns):
        mine = sorted(groups for at, groups in present if at == index)
        if not mine and pattern.required:
            missing.append(_described(pattern))
        for groups in mine:
            facts = dict(groups)
            hemi = facts.get("hemi")
            if hemi is None:
                continue
            other = tuple(sorted({**facts, "hemi": _OTHER[hemi]}.items()))
            if (index, other) not in present:
                named = {"hemi": _OTHER[hemi], "side": _LONG.get(_OTHER[hemi], _OTHER[hemi])}
                analysis = facts.get("analysis")
                text = pattern.label.format(**named)
                missing.append(f"{text} ({analysis})" if analysis else text)
    return tuple(missing)
