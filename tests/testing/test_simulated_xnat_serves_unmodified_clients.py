from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nearline.testing.xnat import SimulatedXnat
from peers.environments import run_peer
from xnat_sites import small_archive

PEERS = Path(__file__).parents[1] / "peers"
SESSIONS = ["XNAT_E00001", "XNAT_E00003", "XNAT_E00005", "XNAT_E00007"]


@pytest.fixture
def server():
    with SimulatedXnat(small_archive()) as server:
        yield server


def run_here(script, given):
    done = subprocess.run(
        [sys.executable, str(PEERS / script)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def aseg_of(server):
    return server.archive.file("XNAT_E00001", "FREESURFER6", "0001/stats/aseg.stats")


def etiv_in(data):
    (line,) = (row for row in data.decode().splitlines() if ", eTIV," in row)
    return float(line.split(", ")[-2])


def check_pyxnat(server, found):
    file = aseg_of(server)
    assert found["experiments"] == [
        [number, f"{n:04d}"] for n, number in enumerate(SESSIONS, start=1)
    ]
    assert found["projects"] == ["ALFA", "BETA", "GAMMA"]
    assert len(found["subjects"]) == 4
    assert found["exists"] == [True, False, False]
    assert found["resource"] == ["101", "FREESURFER6"]
    assert found["resources"] == ["101", "102"]
    held = server.archive.resource("XNAT_E00001", "FREESURFER6").files
    assert found["files"] == found["unzipped"] == len(held)
    assert found["bytes"].encode() == file.data
    assert int(found["size"]) == len(file.data)
    assert found["last_modified"] == f"{file.modified:%a, %d %b %Y %H:%M:%S} GMT"
    assert found["version"] == server.behaviour.version
    assert len(found["aseg"]) == 426
    (etiv,) = (float(v) for m, r, v in found["aseg"] if (m, r) == ("Volume_mm3", "eTIV"))
    assert etiv == etiv_in(file.data)
    assert found["hippoSfVolumes"] == 26
    # Told by the client to end its session, the server has none left.
    assert server.accounts.logins == {"admin": 1}
    assert server.accounts.live_sessions() == 0


def test_pyxnat_connects_lists_reads_downloads_and_leaves(server):
    found = run_here("pyxnat_reads_xnat.py", server.address)
    check_pyxnat(server, found)
    assert (found["aparc"], found["destrieux"]) == (630, 1350)


def test_pyxnat_of_bbrc_does_the_same(server):
    script = PEERS / "pyxnat_reads_xnat.py"
    found = json.loads(run_peer("bx", script, json.dumps(server.address)))
    check_pyxnat(server, found)
    assert (found["aparc"], found["destrieux"]) == (624, 1344)


def check_xnatpy(server, found):
    file = aseg_of(server)
    assert found["version"] == server.behaviour.version
    assert found["projects"] == ["ALFA", "BETA", "GAMMA"]
    assert found["subjects"] == ["0001", "0002", "0003", "0004"]
    assert found["experiments"] == [f"{n}_MR1" for n in found["subjects"]]
    assert found["type"] == "MrSessionData"
    assert found["resources"] == ["FREESURFER6", "ASHS"]
    assert found["assessors"] == ["0001_FS"]
    assert found["digest"] == file.digest == hashlib.md5(file.data).hexdigest()
    assert found["size"] == len(file.data)
    assert found["bytes"].encode() == file.data
    held = server.archive.resource("XNAT_E00001", "FREESURFER6").files
    assert found["files"] == found["zipped"] == len(held)
    assert [row[0] for row in found["table"]] == SESSIONS
    assert server.accounts.live_sessions() == 0


def test_xnatpy_connects_lists_reads_downloads_and_leaves(server):
    found = run_here("xnatpy_reads_xnat.py", [server.address, "admin", "admin"])
    check_xnatpy(server, found)
    assert found["user"] == "admin"


def test_xnatpy_signs_in_with_an_alias_token(server):
    found = run_here(
        "xnatpy_reads_xnat.py", [server.address, *server.accounts.issue_token("admin")]
    )
    check_xnatpy(server, found)
    assert found["user"] == "admin"


def test_xnatpy_reads_below_a_context_path():
    with SimulatedXnat(small_archive(), context="/xnat") as server:
        assert server.address.endswith("/xnat")
        check_xnatpy(server, run_here("xnatpy_reads_xnat.py", [server.address, "admin", "admin"]))


def test_bx_caches_a_project_with_the_requests_it_is_known_for(server):
    script = PEERS / "bx_caches_project.py"
    aseg, aparc, hippo, ashs = json.loads(
        run_peer("bx", script, json.dumps([server.address, "ALFA"]))
    )
    assert aseg["columns"] == ["measurement", "region", "value", "ID", "eTIV"]
    assert len(aseg["rows"]) == 3 * 426
    assert len(aparc["rows"]) == 3 * 624
    assert len(hippo["rows"]) == 3 * 26
    assert len(ashs["rows"]) == 4 * 15
    assert sorted(set(aseg["index"])) == ["0001", "0002", "0003"]
    etivs = {row[3]: float(row[2]) for row in aseg["rows"] if row[1] == "eTIV"}
    for session in SESSIONS[:3]:
        label = f"{SESSIONS.index(session) + 1:04d}"
        file = server.archive.file(session, "FREESURFER6", f"{label}/stats/aseg.stats")
        assert etivs[session] == etiv_in(file.data)
    # 13 N + one for each session without the resource, and 1 + 6 of each session for ASHS.
    counts = server.counts
    assert counts["file"] == 3 * 6 + 4 * 3
    assert counts["files"] == 3 * 4 + 4 * 3
    assert counts["resources"] == 4 + 3 * 2 + 4
    assert counts["experiments"] == 2
    assert server.max_concurrency == 1
