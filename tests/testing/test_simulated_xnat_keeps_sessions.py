from __future__ import annotations

import pytest
import requests

from nearline.testing.xnat import Behaviour, SimulatedXnat
from xnat_sites import client, rows, small_archive

PROJECTS = "/data/projects"


@pytest.fixture
def server():
    with SimulatedXnat(small_archive()) as server:
        yield server


def test_a_cookie_keeps_one_session_and_basic_alone_opens_one_each_time(server):
    kept = client(server)
    for _ in range(3):
        assert kept(PROJECTS).status_code == 200
    assert server.accounts.live_sessions("admin") == 1
    for _ in range(3):
        requests.get(server.address + PROJECTS, auth=("admin", "admin"), timeout=20)
    assert server.accounts.live_sessions("admin") == 4
    assert server.accounts.logins["admin"] == 4


def test_the_id_of_a_session_signs_in_until_it_is_deleted(server):
    key = client(server)("/data/JSESSION").text
    other = client(server, "")
    other.session.cookies["JSESSIONID"] = key
    assert len(rows(other(PROJECTS))) == 3
    assert other("/data/JSESSION").text == key
    assert other("/data/JSESSION", "DELETE").status_code == 200
    assert other(PROJECTS).status_code == 401
    assert server.counts["logout"] == 1
    assert server.accounts.live_sessions() == 0


def test_signing_in_by_form(server):
    send = client(server, "")
    wrong = send("/data/services/auth", "PUT", data={"username": "admin", "password": "no"})
    assert wrong.status_code == 401
    key = send("/data/services/auth", "PUT", data={"username": "admin", "password": "admin"}).text
    assert send.session.cookies["JSESSIONID"] == key
    assert send("/data/auth").text == "User 'admin' is logged in"


def test_wrong_passwords_and_unknown_users_are_401(server):
    for user, password in (("admin", "no"), ("nobody", "admin"), ("", "x")):
        answer = client(server)(PROJECTS, auth=(user, password))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert server.accounts.live_sessions() == 0


def test_more_sessions_than_the_limit_are_refused():
    with SimulatedXnat(small_archive(), behaviour=Behaviour(session_limit=2)) as server:
        first, second, third = (client(server) for _ in range(3))
        assert [send(PROJECTS).status_code for send in (first, second, third)] == [200, 200, 401]
        assert "Maximum sessions of 2" in third(PROJECTS).text
        first("/data/JSESSION", "DELETE")
        assert third(PROJECTS).status_code == 200


def test_sessions_end_after_so_many_requests():
    with SimulatedXnat(small_archive(), behaviour=Behaviour(session_requests=3)) as server:
        key = client(server)("/data/JSESSION").text
        cookie = client(server, "")
        cookie.session.cookies["JSESSIONID"] = key
        assert [cookie(PROJECTS).status_code for _ in range(4)] == [200, 200, 401, 401]
        again = client(server)
        assert [again(PROJECTS).status_code for _ in range(4)] == [200] * 4
        assert server.accounts.logins["admin"] == 3


def test_sessions_end_on_command_for_programs_with_401_and_for_browsers_with_a_page(server):
    send = client(server, "")
    send("/data/services/auth", "PUT", data={"username": "admin", "password": "admin"})
    assert send(PROJECTS).status_code == 200
    server.accounts.end_sessions()
    assert send(PROJECTS).status_code == 401
    page = send(PROJECTS, headers={"User-Agent": "Mozilla/5.0"})
    assert (page.status_code, page.text[:9]) == (200, "<!DOCTYPE")


def test_alias_tokens_sign_in_until_revoked(server):
    token = client(server)("/data/services/tokens/issue").json()
    assert token["xdatUserId"] == "admin"
    send = client(server, token["alias"], token["secret"])
    assert send("/data/auth").text == "User 'admin' is logged in"
    valid = f"/data/services/tokens/validate/{token['alias']}/{token['secret']}"
    assert send(valid).json() == {"valid": "admin"}
    server.accounts.revoke_tokens()
    assert client(server, token["alias"], token["secret"])(PROJECTS).status_code == 401


def test_guests_see_public_projects_where_guests_are_let_in(server):
    guest = client(server, "")
    assert guest(PROJECTS).status_code == 401
    server.behaviour.require_login = False
    assert [row["ID"] for row in rows(guest(PROJECTS))] == ["GAMMA"]
    assert guest("/data/projects/ALFA/experiments").status_code == 403
    assert guest("/data/services/tokens/issue").status_code == 403
    # A session that ended makes a guest of its user, without a word.
    member = client(server, "")
    member.session.cookies["JSESSIONID"] = client(server)("/data/JSESSION").text
    assert len(rows(member(PROJECTS))) == 3
    server.accounts.end_sessions("admin")
    assert [row["ID"] for row in rows(member(PROJECTS))] == ["GAMMA"]


def test_the_log_tells_who_asked_for_what(server):
    send = client(server)
    send("/data/projects/ALFA/experiments")
    send("/data/experiments/XNAT_E00001/resources")
    send("/data/experiments/XNAT_E00001/resources/ASHS/files")
    answer = send("/data/experiments/XNAT_E00001/resources/ASHS/files/final/0001_icv.txt")
    assert [request.kind for request in server.requests] == [
        "experiments",
        "resources",
        "files",
        "file",
    ]
    assert {request.user for request in server.requests} == {"admin"}
    last = server.requests[-1]
    assert (last.status, last.sent, last.concurrent) == (200, len(answer.content), 1)
    assert last.last_byte >= last.arrived
    assert server.connections == 1
