"""What to ask of the server, and what to fetch: decided without asking anybody.

An inventory is taken from the outside in: the experiments of a project, their resource rows, the
files in these. Each function here looks at one layer, at what is held and at the level of
verification, and says for which sessions the next layer is needed, or what becomes of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from nearline.errors import InvalidOption

from .held import HeldFile, HeldSession, Listed

if TYPE_CHECKING:
    from nearline.xnat.inventory import Resource

__all__ = [
    "Action",
    "Level",
    "Place",
    "Step",
    "Voucher",
    "check_level",
    "check_place",
    "file_step",
    "pick_resource",
    "still_good",
    "to_list",
    "to_look_up",
    "vanished",
]

Level = Literal["fast", "normal", "strict", "full"]
"""How hard to look: at `last_modified`, resource rows as well, digests, every file."""

Place = Literal["session", "assessor", "any"]
"""Where results lie: resources of sessions, of their assessors, or of either (sessions first)."""

Action = Literal["keep", "ask", "fetch"]

Voucher = Literal["last_modified", "resources", "digest", "not modified", "fetched"]
"""What says that a file is the one on the server."""


def check_level(level: str) -> Level:
    """Return `level` if it is one.

    Raises
    ------
    InvalidOption
        It is not.
    """
    if level not in get_args(Level):
        raise InvalidOption(
            f"verify={level!r} is not a level: use 'fast', 'normal', 'strict' or 'full', or "
            "offline=True to ask no server at all."
        )
    return level  # type: ignore[return-value]


def check_place(place: str) -> Place:
    """Return `place` if it is one.

    Raises
    ------
    InvalidOption
        It is not.
    """
    if place not in get_args(Place):
        raise InvalidOption(f"where={place!r} is not known: use 'session', 'assessor' or 'any'.")
    return place  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one file.

    Attributes
    ----------
    action : {"keep", "ask", "fetch"}
        Use the bytes held; ask the server whether they are still its own and take new ones if
        not; take the bytes.
    voucher : str
        What vouches for the file if nothing goes wrong.
    outdated : bool
        Whether the bytes held, if any, are known to be others than the server's.
    """

    action: Action
    voucher: Voucher
    outdated: bool = False


def vanished(now: Iterable[str], held: Iterable[str]) -> tuple[str, ...]:
    """Return sessions that are held and that a complete list of the project lacks."""
    return tuple(sorted(set(held) - set(now)))


def to_look_up(
    level: Level,
    last_modified: Mapping[str, str],
    held: Mapping[str, HeldSession],
    *,
    force: bool = False,
) -> tuple[str, ...]:
    """Return the sessions whose resource rows must be asked for.

    Parameters
    ----------
    level : str
        Level of verification.
    last_modified : mapping of str to str
        By experiment id, as the server lists it now.
    held : mapping of str to HeldSession
        By experiment id.
    force : bool, optional
        Trust nothing that is held.
    """
    return tuple(
        one
        for one, modified in last_modified.items()
        if force
        or level != "fast"
        or one not in held
        or not modified
        or held[one].last_modified != modified
    )


def to_list(
    level: Level,
    last_modified: Mapping[str, str],
    rows: Mapping[str, str],
    held: Mapping[str, HeldSession],
    *,
    force: bool = False,
) -> tuple[str, ...]:
    """Return the sessions whose files must be listed, of those that were looked up.

    Parameters
    ----------
    level, last_modified, held, force
        As for `to_look_up`.
    rows : mapping of str to str
        Stamp of the wanted resource's rows, by experiment id; empty for a session without it.
    """
    return tuple(
        one
        for one, found in rows.items()
        if found
        and (
            force
            or level in ("strict", "full")
            or one not in held
            or held[one].last_modified != last_modified[one]
            or held[one].rows != found
        )
    )


def file_step(
    level: Level,
    listed: Listed,
    held: HeldFile | None,
    *,
    renewed: bool,
    stamp: str,
    force: bool = False,
    not_modified: bool = False,
) -> Step:
    """Decide about one file that is wanted.

    Parameters
    ----------
    level : str
        Level of verification.
    listed : Listed
        The file as it is listed.
    held : HeldFile or None
        What is held of it.
    renewed : bool
        Whether it was listed in this run; else the session was found unchanged.
    stamp : str
        What the inventory of this run says about the session.
    force : bool, optional
        Fetch whatever is held.
    not_modified : bool, optional
        Whether the server answers conditional requests.
    """
    fetch = Step("fetch", "fetched")
    if held is None or force:
        return fetch
    if not renewed:
        return Step("keep", "last_modified" if level == "fast" else "resources")
    telling = bool(listed.digest) and listed.digest != held.stale
    if telling and listed.digest != held.md5:
        return Step("fetch", "fetched", outdated=True)
    if telling and level != "full":
        return Step("keep", "digest")
    if not telling:
        if listed.size is not None and listed.size != held.size and not held.stale:
            return Step("fetch", "fetched", outdated=True)
        if level in ("fast", "normal") and held.stamp == stamp:
            return Step("keep", "resources")
    if not_modified and held.http_modified:
        return Step("ask", "not modified")
    return fetch


def still_good(listed: Listed | None, held: HeldFile, stamp: str) -> bool:
    """Whether a held file that nobody wants now may be used again under a new listing."""
    if listed is None:
        return False
    if listed.digest and listed.digest != held.stale:
        return listed.digest == held.md5
    return held.stamp == stamp


def pick_resource(
    rows: Iterable[Resource], label: str, place: Place
) -> tuple[Resource | None, tuple[Resource, ...], str]:
    """Choose among the resource rows of one session.

    An exact label goes before one that differs in case; a session's own resource before an
    assessor's where both may serve; then the highest id, which is the youngest.

    Parameters
    ----------
    rows : iterable of Resource
        Of one session and its assessors.
    label : str
        Of the resource wanted.
    place : {"session", "assessor", "any"}
        Where it may lie.

    Returns
    -------
    chosen : Resource or None
        The one to read.
    candidates : tuple of Resource
        All that were chosen from: their rows together stand for the session.
    note : str
        What was ambiguous; empty if nothing was.
    """
    candidates = [
        row
        for row in rows
        if place == "any" or (row.assessor_id is not None) == (place == "assessor")
    ]
    exact = [row for row in candidates if row.label == label]
    candidates = exact or [row for row in candidates if row.label.lower() == label.lower()]
    own = [row for row in candidates if row.assessor_id is None]
    candidates = own or candidates
    if not candidates:
        return None, (), ""
    chosen = max(candidates, key=lambda row: (_number(row.id), row.id))
    note = ""
    if len(candidates) > 1:
        others = ", ".join(row.id for row in candidates if row is not chosen)
        note = f"{len(candidates)} resources are called {label}: {chosen.id} is used, not {others}"
    elif chosen.label != label:
        note = f"the resource is called {chosen.label}"
    return chosen, tuple(candidates), note


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1
