"""Decisions about one inventory, on servers that tell all and on servers that lie."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5, sha256

from hypothesis import given
from hypothesis import strategies as st

from nearline.measurements import sync
from nearline.measurements.held import HeldFile, HeldSession, Listed, rows_stamp, stamp

LEVELS = ("fast", "normal", "strict", "full")
PATH = "s/stats/aseg.stats"


@dataclass(frozen=True)
class Row:
    """As a resource row of the inventory."""

    id: str
    label: str = "FREESURFER6"
    file_count: int | None = 1
    file_size: int | None = 9
    experiment_id: str = "E"
    assessor_id: str | None = None


@dataclass(frozen=True)
class Now:
    """One session on the server."""

    last_modified: str
    rows: tuple[Row, ...]
    data: bytes
    digest: str
    size: int | None

    @property
    def stamp(self) -> str:
        return stamp(self.last_modified, rows_stamp(self.rows))

    @property
    def listed(self) -> Listed:
        return Listed(self.rows[0].id, PATH, "/data/f", self.size, self.digest)


def digest(data: bytes) -> str:
    return md5(data).hexdigest()


def hold(now: Now) -> tuple[HeldSession, HeldFile]:
    """What is held after a run that saw `now`, with the stale digest that such a run notices."""
    stale = now.digest if now.digest and now.digest != digest(now.data) else ""
    return (
        HeldSession(now.last_modified, rows_stamp(now.rows), bool(now.rows)),
        HeldFile(
            PATH, now.rows[0].id if now.rows else "1", "/data/f", sha256(now.data).hexdigest(),
            digest(now.data), len(now.data), stale, "Mon, 01 Jan 2024 00:00:00 GMT", now.stamp, 0.0,
        ),
    )  # fmt: skip


def run(
    level: str, now: Now, session: HeldSession, file: HeldFile, **options: bool
) -> sync.Step | None:
    """Go through the layers as a run does; None where the session has nothing to read."""
    modified = {"E": now.last_modified}
    asked = sync.to_look_up(level, modified, {"E": session})
    if asked:
        rows = {"E": rows_stamp(now.rows)}
        if not now.rows:
            return None
        renewed = bool(sync.to_list(level, modified, rows, {"E": session}))
    else:
        renewed = False
        if not session.has_resource:
            return None
    return sync.file_step(level, now.listed, file, renewed=renewed, stamp=now.stamp, **options)


contents = st.binary(min_size=1, max_size=3)
digests = st.sampled_from(["true", "blank", "old"])
rows = st.lists(
    st.builds(
        Row,
        st.sampled_from("12"),
        file_count=st.sampled_from([None, 1, 2]),
        file_size=st.sampled_from([None, 1, 2]),
    ),
    min_size=1,
    max_size=2,
).map(tuple)


@st.composite
def servers(draw: st.DrawFn) -> Now:
    data = draw(contents)
    kind = draw(digests)
    listed = {"true": digest(data), "blank": "", "old": digest(draw(contents))}[kind]
    size = draw(st.sampled_from([None, len(data)]))
    return Now(draw(st.sampled_from("ab")), draw(rows), data, listed, size)


@given(servers(), servers(), st.booleans())
def test_full_asks_about_every_file(before: Now, now: Now, not_modified: bool) -> None:
    step = run("full", now, *hold(before), not_modified=not_modified)
    assert step is not None
    assert step.action in ("ask", "fetch")
    assert step.action == "fetch" or not_modified


@given(servers(), servers())
def test_strict_finds_every_change_that_a_digest_shows_and_asks_where_none_does(
    before: Now, now: Now
) -> None:
    session, file = hold(before)
    step = run("strict", now, session, file)
    assert step is not None
    if step.action == "keep":
        # Nothing but a digest equal to that of our own bytes lets a file be kept.
        assert step.voucher == "digest"
        assert now.digest == file.md5


@given(servers(), servers(), st.sampled_from(["fast", "normal"]))
def test_a_session_that_moved_is_never_kept_without_a_digest(
    before: Now, now: Now, level: str
) -> None:
    session, file = hold(before)
    step = run(level, now, session, file)
    assert step is not None
    if before.last_modified != now.last_modified and step.action == "keep":
        assert step.voucher == "digest"
        assert now.digest == file.md5


@given(servers(), servers())
def test_normal_finds_every_change_of_the_rows(before: Now, now: Now) -> None:
    session, file = hold(before)
    step = run("normal", now, session, file)
    assert step is not None
    if rows_stamp(before.rows) != rows_stamp(now.rows) and step.action == "keep":
        assert step.voucher == "digest"
        assert now.digest == file.md5


@given(servers(), st.sampled_from(["fast", "normal"]))
def test_what_did_not_move_costs_nothing(now: Now, level: str) -> None:
    session, file = hold(now)
    step = run(level, now, session, file)
    assert step is not None
    assert step.action == "keep"
    assert sync.to_look_up("fast", {"E": now.last_modified}, {"E": session}) == ()


@given(servers(), servers())
def test_bytes_are_called_outdated_only_when_they_are(before: Now, now: Now) -> None:
    session, file = hold(before)
    for level in LEVELS:
        step = run(level, now, session, file)
        assert step is not None
        if step.outdated and now.digest == digest(now.data):
            assert before.data != now.data


@given(servers(), st.sampled_from(LEVELS))
def test_force_keeps_nothing(now: Now, level: str) -> None:
    session, file = hold(now)
    assert sync.to_look_up(level, {"E": now.last_modified}, {"E": session}, force=True) == ("E",)
    stamps = {"E": rows_stamp(now.rows)}
    assert sync.to_list(level, {"E": now.last_modified}, stamps, {"E": session}, force=True)
    step = sync.file_step(level, now.listed, file, renewed=True, stamp=now.stamp, force=True)
    assert step.action == "fetch"


@given(servers(), servers())
def test_a_file_that_nobody_wants_now_stays_only_with_proof(before: Now, now: Now) -> None:
    _, file = hold(before)
    if sync.still_good(now.listed, file, now.stamp):
        assert now.digest == file.md5 or now.stamp == before.stamp
    assert not sync.still_good(None, file, file.stamp)


def test_a_stale_digest_decides_nothing_until_it_changes() -> None:
    old, new = b"old", b"new"
    lying = Now("a", (Row("1"),), new, digest(old), 3)
    session, file = hold(lying)
    assert file.stale == digest(old)
    assert run("strict", lying, session, file) == sync.Step("fetch", "fetched")
    assert run("strict", lying, session, file, not_modified=True) == sync.Step(
        "ask", "not modified"
    )
    mended = Now("a", (Row("1"),), new, digest(new), 3)
    assert run("strict", mended, session, file) == sync.Step("keep", "digest")
    moved = Now("a", (Row("1"),), b"xyz", digest(b"xyz"), 3)
    assert run("strict", moved, session, file) == sync.Step("fetch", "fetched", outdated=True)


def test_a_blank_last_modified_vouches_for_nothing() -> None:
    held = {"E": HeldSession("", "rows", True)}
    assert sync.to_look_up("fast", {"E": ""}, held) == ("E",)


def test_a_session_without_the_resource_is_not_asked_again_by_fast() -> None:
    held = {"E": HeldSession("a", "", False)}
    assert sync.to_look_up("fast", {"E": "a"}, held) == ()
    assert sync.to_look_up("normal", {"E": "a"}, held) == ("E",)
    assert sync.to_list("normal", {"E": "a"}, {"E": ""}, held) == ()
    # It has appeared.
    assert sync.to_list("normal", {"E": "a"}, {"E": "/7/F/1/2"}, held) == ("E",)


def test_vanished_is_what_a_complete_list_lacks() -> None:
    assert sync.vanished(["a", "b"], ["c", "b", "d"]) == ("c", "d")


def test_the_youngest_of_equal_labels_is_read_and_said() -> None:
    rows = [Row("9"), Row("10"), Row("8", label="freesurfer6"), Row("99", label="OTHER")]
    chosen, candidates, note = sync.pick_resource(rows, "FREESURFER6", "session")
    assert chosen is not None
    assert chosen.id == "10"
    assert {row.id for row in candidates} == {"9", "10"}
    assert note == "2 resources are called FREESURFER6: 10 is used, not 9"


def test_a_label_of_another_case_serves_if_there_is_no_other() -> None:
    chosen, _, note = sync.pick_resource([Row("8", label="FreeSurfer6")], "FREESURFER6", "session")
    assert chosen is not None
    assert note == "the resource is called FreeSurfer6"


def test_places() -> None:
    own, assessed = Row("1"), Row("2", assessor_id="A")
    for place, wanted in (("session", "1"), ("assessor", "2"), ("any", "1")):
        chosen, _, note = sync.pick_resource([own, assessed], "FREESURFER6", place)
        assert chosen is not None
        assert (chosen.id, note) == (wanted, "")
    assert sync.pick_resource([own], "FREESURFER6", "assessor")[0] is None
    chosen = sync.pick_resource([assessed], "FREESURFER6", "any")[0]
    assert chosen is assessed
