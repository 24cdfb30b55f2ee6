"""A file of an XNAT: one download, one session, conditional requests, digests."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import highdicom
import numpy as np
import pydicom
import pytest

import nearline as nl
from nearline.storage.resolve import resolve
from nearline.testing.exchange import Exchange
from nearline.testing.faults import Fault
from nearline.testing.xnat import SimulatedXnat, faults
from nearline.xnat_storage.visits import close_all

NAME = "a slice 3.dcm"


def test_image_equals_that_of_the_file(site) -> None:
    im = nl.imread(site.file(NAME), storage_options=site.options)
    wanted = pydicom.dcmread(pydicom.filebase.DicomBytesIO(site.slices[NAME]))
    np.testing.assert_array_equal(im.get_frame(1), wanted.pixel_array)


def test_other_readers_read_it(site) -> None:
    with nl.open(site.file(NAME), storage_options=site.options) as file:
        theirs = highdicom.imread(file)
        with pydicom.dcmread(pydicom.filebase.DicomBytesIO(site.slices[NAME])) as wanted:
            np.testing.assert_array_equal(theirs.get_frame(1), wanted.pixel_array)


def test_ranges_are_local_after_one_download(site) -> None:
    data = site.slices[NAME]
    with nl.open(site.file(NAME), storage_options=site.options) as file:
        for start in (len(data) - 9, 0, 300):
            file.seek(start)
            assert file.read(9) == data[start : start + 9]
    assert site.server.counts == {"login": 1, "file": 1, "files": 1}


def test_a_large_file_is_downloaded_once_too(site) -> None:
    data = bytes(np.random.default_rng(1).bytes(3_000_000))
    site.archive.put_file(site.session, site.resource(), "large.bin", data)
    with nl.open(site.file("large.bin"), storage_options=site.options) as file:
        file.seek(2_900_000)
        assert file.read(1000) == data[2_900_000:2_901_000]
        file.seek(10)
        assert file.read(2_500_000) == data[10:2_500_010]
    assert site.server.counts["file"] == 1


@pytest.mark.parametrize("honoured", [True, False])
def test_known_file_costs_one_request_without_a_body(site, honoured) -> None:
    site.server.behaviour.not_modified = honoured
    with nl.settings(cache="disk"):
        assert site.read(NAME) == site.slices[NAME]
        site.server.clear_log()
        with nl.traffic() as again:
            assert site.read(NAME) == site.slices[NAME]
        assert site.server.counts == {"file": 1}
        assert again.bytes == 0
        site.server.clear_log()
        with nl.settings(freshness=3600):
            assert site.read(NAME) == site.slices[NAME]
        assert not site.server.requests


def test_one_session_for_all_and_closed_at_the_end(site) -> None:
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(site.read, site.slices))
    assert read == list(site.slices.values())
    assert site.server.counts["login"] == 1
    close_all()
    assert site.server.counts["logout"] == 1


def test_session_ends_with_the_process(site) -> None:
    code = (
        "import nearline as nl; "
        f"nl.open({site.file(NAME)!r}, storage_options={site.options!r}).read()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert site.server.counts["login"] == site.server.counts["logout"] == 1


def test_expired_session_is_renewed(site) -> None:
    site.server.behaviour.session_requests = 3
    for name, data in site.slices.items():
        assert site.read(name) == data
    assert site.server.counts["login"] > 1


@pytest.mark.parametrize("fault", [faults.unauthorised, faults.login_page])
def test_one_refusal_in_the_middle_is_survived(site, fault) -> None:
    with site.server.misbehave("*/files/*", fault(), requests={1}):
        assert site.read(NAME) == site.slices[NAME]


@pytest.mark.parametrize(
    "fault",
    [faults.bad_gateway_page(503, retry_after=0), faults.shorten(100)],
    ids=["503", "cut"],
)
def test_passing_faults_are_repeated(site, fault) -> None:
    with site.server.misbehave("*/files/*", fault, requests={1}):
        assert site.read(NAME) == site.slices[NAME]


def test_replaced_file_is_noticed_and_read_anew(site) -> None:
    with nl.settings(cache="disk"):
        assert site.read(NAME) == site.slices[NAME]
        # As many bytes: nothing but time and digest tell.
        other = site.slices[NAME][:-1] + b"\x07"
        site.archive.replace_file(site.session, site.resource(), NAME, other)
        assert site.read(NAME) == other


# --- digests -------------------------------------------------------------------------------


def notes_of(site, name: str = NAME) -> tuple[str, ...]:
    with nl.open(site.file(name), storage_options=site.options) as file:
        assert file.read() == site.slices[name]
        return file.reader.provenance.notes


def test_digest_is_the_version(site) -> None:
    with nl.open(site.file(NAME), storage_options=site.options) as file:
        digest = site.archive.file(site.session, site.resource(), NAME).digest
        assert file.reader.validator.etag == f'"{digest}"'


def flip(exchange: Exchange) -> None:
    body = bytearray(exchange.reply.body)
    body[700] ^= 0xFF
    exchange.reply.body = memoryview(body)


def test_corrupted_download_is_repeated(site) -> None:
    with site.server.misbehave(f"*/{NAME}", Fault(after=flip), requests={1}) as script:
        assert site.read(NAME) == site.slices[NAME]
    assert script.seen > 1


@pytest.mark.parametrize("digest", ["keep", "blank"])
def test_stale_and_missing_digests_are_noted(site, digest) -> None:
    changed = site.slices[NAME][:-1] + b"\x07"
    site.archive.replace_file(site.session, site.resource(), NAME, changed, digest=digest)
    site.slices[NAME] = changed
    assert any("digest" in note for note in notes_of(site))


def test_server_without_digests(site) -> None:
    site.server.behaviour.digest_column = False
    assert any("digest" in note for note in notes_of(site))
    with nl.settings(cache="disk"):
        site.read(NAME)
        site.server.clear_log()
        assert site.read(NAME) == site.slices[NAME]
        assert site.server.sent == 0


def test_catalogue_that_changes_meanwhile_is_asked_again(site) -> None:
    assert site.read("a slice 0.dcm") == site.slices["a slice 0.dcm"]
    changed = site.slices[NAME][:-1] + b"\x07"
    site.archive.replace_file(site.session, site.resource(), NAME, changed)
    site.slices[NAME] = changed
    assert not any("another file" in note for note in notes_of(site))


# --- who ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"password": "wrong-secret"}, {"user": "stranger", "password": "wrong-secret"}],
)
def test_wrong_logins_are_refused(site, change) -> None:
    with pytest.raises(nl.AccessDenied, match="password") as refused:
        nl.imread(site.file(NAME), storage_options={**site.options, **change})
    assert "wrong-secret" not in str(refused.value)


def test_guests_are_refused_and_told_what_to_do(site) -> None:
    with pytest.raises(nl.AccessDenied, match="XNAT_USER"):
        nl.imread(site.file(NAME))


def test_no_right_to_read_is_not_there(site) -> None:
    site.archive.revoke("ALFA", "admin")
    with pytest.raises((nl.NotFound, nl.AccessDenied), match="admin"):
        nl.imread(site.file(NAME), storage_options=site.options)


def test_guests_read_public_projects(site) -> None:
    site.server.behaviour.require_login = False
    site.archive.projects["ALFA"].access = "public"
    with nl.open(site.file(NAME)) as file:
        assert file.read() == site.slices[NAME]
        assert not file.reader.source.signed


@pytest.mark.parametrize("form", ["url", "environment", "netrc", "token"])
def test_login_comes_from_the_usual_places(site, form, monkeypatch, tmp_path) -> None:
    url, options = site.file(NAME), {}
    if form == "url":
        url = url.replace("://", "://admin:admin@")
    elif form == "environment":
        monkeypatch.setenv("XNAT_USER", "admin")
        monkeypatch.setenv("XNAT_PASS", "admin")
    elif form == "netrc":
        entry = "machine 127.0.0.1 login admin password admin\n"
        (tmp_path / "netrc").write_text(entry)
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    else:
        options = {"token": ("admin", "admin")}
    with nl.open(url, storage_options=options) as file:
        assert file.read() == site.slices[NAME]
        assert "admin" not in file.reader.url
        assert file.reader.source.signed


def test_login_that_the_user_has_is_shared_and_left_open(site) -> None:
    import pyxnat

    with pyxnat.Interface(site.server.address, user="admin", password="admin") as interface:
        assert site.read(NAME, login=interface) == site.slices[NAME]
        close_all()
        assert site.server.counts["logout"] == 0
    with pytest.raises(nl.InvalidOption, match="login"):
        site.read(NAME, login=interface, user="admin")


def test_unknown_option_is_refused(site) -> None:
    with pytest.raises(nl.InvalidOption, match="bogus"):
        site.read(NAME, bogus=1)


def test_password_is_shown_nowhere(site) -> None:
    source = resolve(site.file(NAME).replace("://", "://admin:s3cret@"))
    shown = f"{source!r} {source.url} {source.identity} {source._place!r} {source._options!r}"
    assert "s3cret" not in shown


# --- what is not there -------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["nothing.dcm", "../../../DICOM/files/nothing.dcm"])
def test_missing_file(site, broken) -> None:
    with pytest.raises(nl.NotFound, match=r"nothing\.dcm"):
        site.read(broken)


def test_no_xnat_at_all() -> None:
    with nl.settings(retries=0), pytest.raises(nl.Unavailable, match=r"127\.0\.0\.1"):
        nl.imread("xnat+http://127.0.0.1:9/data/experiments/E/scans/4/resources/D/files/1.dcm")


@pytest.mark.parametrize("url", ["xnat://host", "xnat://host/experiments/E", "xnat:///data/x"])
def test_url_that_names_nothing(url) -> None:
    with pytest.raises(nl.UnsupportedUrl, match="/data"):
        nl.imread(url)


def test_spellings_of_one_file_are_one_object(site) -> None:
    one = resolve(site.file(NAME), storage_options=site.options)
    for other in (
        site.file(NAME.replace(" ", "%20")),
        site.file(NAME).replace("/data/", "/data/archive/"),
        site.file(NAME).replace("/data/", "/REST/"),
    ):
        assert resolve(other, storage_options=site.options).identity == one.identity


def test_application_below_a_path(site) -> None:
    with SimulatedXnat(site.archive, context="/xnat") as server:
        url = site.file(NAME).replace(
            site.server.address.removeprefix("http://"), server.address.removeprefix("http://")
        )
        with nl.open(url, storage_options=site.options) as file:
            assert file.read() == site.slices[NAME]
        close_all()


# --- processes ------------------------------------------------------------------------------------


def test_pickled_and_reopened(site) -> None:
    with nl.open(site.file(NAME), storage_options=site.options) as file:
        copy = pickle.loads(pickle.dumps(file))
        assert copy.read() == site.slices[NAME]


def test_login_object_does_not_pickle(site) -> None:
    import pyxnat

    with pyxnat.Interface(site.server.address, user="admin", password="admin") as interface:
        source = resolve(site.file(NAME), storage_options={"login": interface})
        with pytest.raises(nl.NotPicklable, match="netrc"):
            pickle.dumps(source)


def test_forked_child_has_a_session_of_its_own(site) -> None:
    assert site.read(NAME) == site.slices[NAME]
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=lambda: answers.put(site.read("a slice 0.dcm")))
    child.start()
    assert answers.get(timeout=60) == site.slices["a slice 0.dcm"]
    child.join()
    assert site.server.counts["login"] == 2
    assert site.read("a slice 1.dcm") == site.slices["a slice 1.dcm"]
    assert site.server.counts["login"] == 2


def test_login_object_is_not_used_in_a_forked_child(site) -> None:
    import pyxnat

    with pyxnat.Interface(site.server.address, user="admin", password="admin") as interface:
        source = resolve(site.file(NAME), storage_options={"login": interface})
        source.read(0, None)

        def attempt() -> None:
            try:
                source.read(0, None)
            except nl.UnsafeAfterFork as refusal:
                answers.put(str(refusal))

        fork = multiprocessing.get_context("fork")
        answers = fork.Queue()
        child = fork.Process(target=attempt)
        child.start()
        assert "password" in answers.get(timeout=60)
        child.join()
