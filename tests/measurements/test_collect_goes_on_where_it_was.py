"""What one run leaves and the next one makes of it, on a server in memory."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measurements import made
from measurements.model_origin import ModelOrigin, ModelSession, unavailable
from nearline.errors import AccessDenied, NotFound
from nearline.measurements.families import FAMILIES
from nearline.measurements.gather import Gathering
from nearline.measurements.records import Scope
from nearline.measurements.session_work import Gathered
from nearline.measurements.store import MeasurementStore

ASEG = "s/stats/aseg.stats"
LEFT, RIGHT = "s/stats/lh.aparc.stats", "s/stats/rh.aparc.stats"
KNOWN = FAMILIES["freesurfer6"].measurements


def aseg(seed: int) -> bytes:
    return made.aseg("6.0", seed=seed).encode()


def session(seed: int) -> ModelSession:
    files = {ASEG: aseg(seed)}
    files |= {
        path: made.aparc("6.0", hemi, seed=seed).encode()
        for path, hemi in ((LEFT, "lh"), (RIGHT, "rh"))
    }
    return ModelSession(files | {"s/mri/aseg.mgz": b"voxels"})


def project(count: int = 5, **options: Any) -> ModelOrigin:
    return ModelOrigin({f"E{n}": session(n) for n in range(count)}, **options)


def run(
    origin: ModelOrigin,
    folder: Path | None,
    level: str = "normal",
    names: tuple[str, ...] = ("aseg",),
    store: MeasurementStore | None = None,
    **options: Any,
) -> Gathered:
    origin.asked.clear()
    origin.fetched.clear()
    scope = Scope(origin.server, origin.user, "P", "FREESURFER6", "session")
    with store or MeasurementStore(folder) as opened:
        gathering = Gathering(origin, opened, scope, [KNOWN[n] for n in names], level, **options)
        experiments = origin.experiments()
        return gathering.run(experiments, [one.id for one in experiments], shared=False)


def shas(gathered: Gathered, name: str = "aseg") -> dict[str, tuple[str, ...]]:
    return {
        one: tuple(sha for _, sha, _ in result.files)
        for one, result in gathered.results[name].items()
        if result.key
    }


def truth(origin: ModelOrigin) -> dict[str, tuple[str, ...]]:
    return {
        one: (sha256(session.files[ASEG]).hexdigest(),)
        for one, session in origin.sessions.items()
        if ASEG in session.files
    }


def test_a_cold_run_asks_for_each_file_once_and_a_second_one_for_none(tmp_path: Path) -> None:
    origin = project()
    assert shas(run(origin, tmp_path)) == truth(origin)
    assert sorted(origin.fetched) == [f"E{n}/{ASEG}" for n in range(5)]
    for level, asked in (
        ("fast", {"experiments": 1}),
        ("normal", {"experiments": 1, "resources": 5}),
        ("strict", {"experiments": 1, "resources": 5, "files": 5}),
        ("full", {"experiments": 1, "resources": 5, "files": 5, "not modified": 5}),
    ):
        assert shas(run(origin, tmp_path, level)) == truth(origin)
        assert origin.fetched == []
        assert dict(origin.asked) == asked


def test_full_takes_the_bytes_where_the_server_does_not_answer_conditions(tmp_path: Path) -> None:
    origin = project(not_modified=False)
    run(origin, tmp_path)
    run(origin, tmp_path, "full")
    assert len(origin.fetched) == 5


@pytest.mark.parametrize("level", ["fast", "normal", "strict", "full"])
def test_what_changed_is_fetched_and_nothing_else(tmp_path: Path, level: str) -> None:
    origin = project()
    run(origin, tmp_path)
    origin.write("E1", ASEG, aseg(77))
    origin.write("E3", "s/mri/aseg.mgz", b"other voxels")
    assert shas(run(origin, tmp_path, level)) == truth(origin)
    assert origin.fetched == [f"E1/{ASEG}"]


@pytest.mark.parametrize(
    ("digest", "found_by"), [("new", "strict"), ("blank", "strict"), ("old", "full")]
)
def test_a_silent_overwrite_is_found_at_the_level_that_promises_it(
    tmp_path: Path, digest: str, found_by: str
) -> None:
    origin = project()
    run(origin, tmp_path)
    before = truth(origin)
    origin.write("E2", ASEG, aseg(2).replace(b"Left-", b"Neft-"), digest=digest, bump=False)
    levels = ["fast", "normal", "strict", "full"]
    for level in levels:
        found = shas(run(origin, tmp_path, level))
        if levels.index(level) < levels.index(found_by):
            assert found == before
        else:
            assert found == truth(origin)


def test_a_stale_digest_is_noted_and_costs_its_file_twice_once(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path)
    origin.write("E2", ASEG, aseg(88), digest="old", bump=False)
    found = run(origin, tmp_path, "full")
    assert found.results["aseg"]["E2"].status == "ok"
    assert found.results["aseg"]["E2"].note == f"digest stale: {ASEG}"
    assert origin.fetched == [f"E2/{ASEG}"] * 2
    found = run(origin, tmp_path, "strict")
    assert (origin.fetched, origin.asked["not modified"]) == ([], 1)
    assert found.vouched["aseg"] == {"digest": 4, "not modified": 1}
    assert found.results["aseg"]["E2"].note == f"digest stale: {ASEG}"
    # The server mends its catalogue.
    del origin.sessions["E2"].digests[ASEG]
    found = run(origin, tmp_path, "strict")
    assert (origin.fetched, origin.asked["not modified"]) == ([], 0)
    assert found.results["aseg"]["E2"].note == ""


def test_a_cut_body_that_differs_each_time_is_no_result(tmp_path: Path) -> None:
    origin = project()
    data = origin.sessions["E1"].files[ASEG]
    cuts = iter((300, 200))

    def cut(one: str, path: str) -> None:
        if one == "E1":
            origin.sessions["E1"].files[path] = data[: next(cuts)]
            origin.sessions["E1"].digests[path] = "0" * 32

    origin.before_file = cut
    found = run(origin, tmp_path)
    assert found.failures["aseg", "E1"].status == "failed"
    assert "E1" not in shas(found)
    origin.before_file = None
    origin.sessions["E1"].files[ASEG] = data
    origin.sessions["E1"].digests.clear()
    assert shas(run(origin, tmp_path, "fast")) == truth(origin)
    assert origin.fetched == [f"E1/{ASEG}"]


def test_measurements_share_what_they_share(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path, names=("aseg",))
    found = run(origin, tmp_path, "fast", names=("aseg", "aparc"))
    assert sorted(origin.fetched) == sorted(
        f"E{n}/{path}" for n in range(5) for path in (LEFT, RIGHT)
    )
    assert origin.asked["files"] == 0  # they had been listed
    assert len(found.results["aparc"]) == 5
    # A change that came while only one was collected is not lost to the other.
    origin.write("E0", LEFT, made.aparc("6.0", "lh", seed=55).encode())
    run(origin, tmp_path, "fast", names=("aseg",))
    assert origin.fetched == []
    run(origin, tmp_path, "fast", names=("aparc",))
    assert origin.fetched == [f"E0/{LEFT}"]


@pytest.mark.parametrize("where", ["resources", "files", ASEG])
@pytest.mark.parametrize("error", [unavailable(), AccessDenied("403")])
def test_what_failed_is_not_cached_and_the_others_are(
    tmp_path: Path, where: str, error: Exception
) -> None:
    origin = project()
    origin.faults[f"E3/{where}"] = error
    found = run(origin, tmp_path)
    status = "forbidden" if isinstance(error, AccessDenied) else "failed"
    assert {key: failure.status for key, failure in found.failures.items()} == {
        ("aseg", "E3"): status
    }
    assert set(shas(found)) == {"E0", "E1", "E2", "E4"}
    origin.faults.clear()
    assert shas(run(origin, tmp_path, "fast")) == truth(origin)
    assert origin.fetched == [f"E3/{ASEG}"]


def test_a_session_that_fails_after_it_was_held_is_not_shown_and_not_lost(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path)
    origin.faults["E3/files"] = unavailable()
    found = run(origin, tmp_path, "strict")
    assert set(shas(found)) == {"E0", "E1", "E2", "E4"}
    origin.faults.clear()
    assert shas(run(origin, tmp_path, "strict")) == truth(origin)
    assert origin.fetched == []


def test_bytes_known_to_be_outdated_are_never_vouched_for_again(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path)
    origin.write("E1", ASEG, aseg(66), bump=False)
    origin.faults[f"E1/{ASEG}"] = unavailable()
    assert "E1" not in shas(run(origin, tmp_path, "strict"))
    origin.faults.clear()
    # `fast` sees no difference in the inventory, yet the bytes held were found wrong.
    assert shas(run(origin, tmp_path, "fast")) == truth(origin)


def test_a_file_gone_from_the_disk_is_asked_for_again(tmp_path: Path) -> None:
    origin = project()
    origin.faults[f"E1/{ASEG}"] = NotFound("Unable to find file.")
    found = run(origin, tmp_path)
    assert found.failures["aseg", "E1"].status == "file missing"
    origin.faults.clear()
    assert shas(run(origin, tmp_path, "fast")) == truth(origin)


def test_sessions_without_resource_or_file_are_results(tmp_path: Path) -> None:
    origin = project()
    origin.sessions["E0"].files.clear()
    del origin.sessions["E1"].files[ASEG]
    del origin.sessions["E2"].files[RIGHT]
    for level in ("normal", "fast"):
        found = run(origin, tmp_path, level, names=("aseg", "aparc"))
        assert found.results["aseg"]["E0"].status == "no resource"
        assert found.results["aseg"]["E1"].status == "file missing"
        assert found.results["aparc"]["E2"].status == "file missing"
        assert found.results["aparc"]["E2"].key, "the other hemisphere is read"
        assert not found.failures
    assert origin.asked == {"experiments": 1}
    # The resource appears.
    origin.sessions["E0"].files[ASEG] = aseg(5)
    assert shas(run(origin, tmp_path, "normal")) == truth(origin)


def test_sessions_that_vanish_are_told_and_dropped(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path)
    del origin.sessions["E4"]
    found = run(origin, tmp_path, "fast")
    assert found.vanished == ("E4",)
    assert shas(found) == truth(origin)
    assert run(origin, tmp_path, "fast").vanished == ()


def test_garbled_bytes_without_a_digest_are_asked_for_again(tmp_path: Path) -> None:
    origin = project()
    good = origin.sessions["E1"].files[ASEG]
    origin.write("E1", ASEG, b"x" * len(good), digest="blank")
    found = run(origin, tmp_path)
    assert found.results["aseg"]["E1"].status == "unreadable"
    origin.sessions["E1"].files[ASEG] = good
    assert shas(run(origin, tmp_path, "fast")) == truth(origin)
    # With a digest that fits them, they are what the server has.
    origin.write("E2", ASEG, b"nonsense")
    assert run(origin, tmp_path).results["aseg"]["E2"].status == "unreadable"
    assert run(origin, tmp_path, "fast").results["aseg"]["E2"].status == "unreadable"
    assert origin.fetched == []


def test_a_file_that_moves_while_it_is_read_is_kept_as_it_is_now(tmp_path: Path) -> None:
    origin = project()

    def once(one: str, path: str) -> None:
        if one == "E2" and origin.sessions[one].last_modified == 1:
            origin.write(one, path, aseg(44))

    origin.before_file = once
    assert shas(run(origin, tmp_path)) == truth(origin)
    # The inventory kept is the one from before the fetch: the next run looks again.
    origin.before_file = None
    run(origin, tmp_path, "fast")
    assert origin.asked == {"experiments": 1, "resources": 1, "files": 1}
    run(origin, tmp_path, "fast")
    assert origin.asked == {"experiments": 1}


@pytest.mark.parametrize("stop", range(0, 15, 2))
@pytest.mark.parametrize("blank", [False, True])
def test_an_interrupted_run_costs_nothing_that_was_fetched(
    tmp_path: Path, stop: int, blank: bool
) -> None:
    origin = project()
    if blank:
        for one in origin.sessions.values():
            one.digests |= dict.fromkeys(one.files, "")
    origin.stop_after = stop
    with pytest.raises(KeyboardInterrupt):
        run(origin, tmp_path, names=("aseg", "aparc"))
    first = list(origin.fetched)
    assert len(first) == stop
    origin.stop_after = None
    found = run(origin, tmp_path, names=("aseg", "aparc"))
    assert shas(found) == truth(origin)
    assert len(found.results["aparc"]) == 5
    assert not set(first) & set(origin.fetched)
    assert len(first) + len(origin.fetched) == 15


def test_force_fetches_everything_and_keeps_its_results(tmp_path: Path) -> None:
    origin = project()
    run(origin, tmp_path)
    assert shas(run(origin, tmp_path, "fast", force=True)) == truth(origin)
    assert len(origin.fetched) == 5
    run(origin, tmp_path, "fast")
    assert origin.asked == {"experiments": 1}


changes = st.lists(
    st.tuples(
        st.sampled_from(["E0", "E1", "E2"]),
        st.sampled_from([ASEG, LEFT]),
        st.integers(0, 3),
        st.sampled_from(["new", "blank", "old"]),
        st.booleans(),
        st.sampled_from(["fast", "normal", "strict", "full"]),
        st.sampled_from([("aseg",), ("aparc",), ("aseg", "aparc")]),
        st.none() | st.integers(0, 2),
        st.sampled_from(["", "E0/files", f"E1/{ASEG}", "E2/resources"]),
    ),
    max_size=6,
)


@settings(max_examples=120, deadline=None)
@given(changes, st.booleans())
def test_whatever_happened_full_gives_what_the_server_has(history: Any, not_modified: bool) -> None:
    origin = project(3, not_modified=not_modified)
    store = MeasurementStore(None)
    store.close = lambda: None  # type: ignore[method-assign]
    for one, path, seed, digest, bump, level, names, stop, fault in history:
        text = made.aseg("6.0", seed=seed) if path == ASEG else made.aparc("6.0", "lh", seed=seed)
        origin.write(one, path, text.encode(), digest=digest, bump=bump)
        origin.stop_after = stop
        origin.faults = {fault: unavailable()} if fault else {}
        with suppress(KeyboardInterrupt):
            run(origin, None, level, names, store)
    origin.stop_after, origin.faults = None, {}
    found = run(origin, None, "full", ("aseg", "aparc"), store)
    assert not found.failures
    assert shas(found) == truth(origin)
    halves = {one: len(files) for one, files in shas(found, "aparc").items()}
    assert halves == dict.fromkeys(origin.sessions, 2)
