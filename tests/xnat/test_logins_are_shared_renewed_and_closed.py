from __future__ import annotations

import pickle

import certifi
import pytest
import pyxnat

import xnat
from nearline.errors import (
    AccessDenied,
    InvalidOption,
    NotFound,
    NotPicklable,
    Unavailable,
    UnsupportedUrl,
)
from nearline.settings import Settings
from nearline.testing.faults import fail, redirect
from nearline.testing.range_server import RangeServer
from nearline.testing.xnat import Behaviour, SimulatedXnat, faults
from nearline.traffic import traffic
from nearline.xnat import address, inventory
from nearline.xnat.client import Client
from nearline.xnat.sessions import Login, connect, identity
from tls_authority import authority
from xnat_sites import small_archive

QUICK = Settings(timeout=5, retries=3)
ADMIN = {"user": "admin", "password": "admin"}


def all_files(client):
    """Every file of ALFA's FREESURFER6, in eight threads."""
    sessions = inventory.experiments(client, "ALFA")
    rows, errors = inventory.resources(client, [one.id for one in sessions])
    assert not errors
    chosen = {one: r for one, held in rows.items() for r in held if r.label == "FREESURFER6"}
    files, errors = inventory.files(client, chosen, projects={one.id: "ALFA" for one in sessions})
    assert not errors
    uris = [file.uri for held in files.values() for file in held]
    got = dict(client.each(client.file, uris))
    assert len(uris) == len(got) == 51
    return got


def assert_all_there(got):
    assert all(not isinstance(answer, Exception) for answer in got.values()), got
    assert all(answer.data.startswith(b"#") or answer.data for answer in got.values())


# --- a login of ours ----------------------------------------------------------------


def test_eight_threads_share_one_session_that_ends_with_the_block(server):
    with traffic() as cost, connect(server.address, **ADMIN) as login:
        assert_all_there(all_files(Client(login)))
        assert server.accounts.live_sessions() == 1
    assert server.accounts.logins == {"admin": 1}
    assert server.accounts.live_sessions() == 0
    assert server.counts["login"] == server.counts["logout"] == 1
    assert cost.requests == len(server.requests) == 56
    login.close()
    assert server.counts["logout"] == 1


def test_the_password_is_sent_once(server):
    with connect(server.address, **ADMIN) as login:
        all_files(Client(login))
    signed = [r for r in server.requests if "authorization" in r.headers]
    assert [r.method for r in signed] == ["POST"]
    assert {r.headers["user-agent"] for r in server.requests} == {"nearline"}


def test_netrc_is_not_mixed_into_another_login(server, tmp_path, monkeypatch):
    place = tmp_path / "netrc"
    place.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(place))
    with connect(server.address, **ADMIN) as login:
        all_files(Client(login))
    assert {r.user for r in server.requests} == {"admin"}
    assert sum("authorization" in r.headers for r in server.requests) == 1


@pytest.mark.parametrize("agent", ["401", "login page"])
def test_an_expired_login_is_renewed_once_for_all_threads(server, agent):
    with connect(server.address, **ADMIN) as login:
        client = Client(login)
        page = faults.login_page() if agent == "login page" else faults.unauthorised()
        end = faults.act(server.accounts.end_sessions)
        with server.misbehave("GET */files/*", end, requests={20}):
            if agent == "login page":
                login._http.headers["User-Agent"] = "Mozilla/5.0"
            assert_all_there(all_files(client))
        assert server.accounts.logins == {"admin": 2}
        with server.misbehave("GET */files/*", page, requests={3}):
            assert_all_there(all_files(client))
    assert server.counts["login"] == 3
    assert server.accounts.live_sessions() == 1, "the one that had not expired"


def test_a_guest_is_not_taken_for_the_user_whose_session_expired():
    behaviour = Behaviour(require_login=False)
    archive = small_archive()
    with SimulatedXnat(archive, behaviour=behaviour) as server:
        with connect(server.address, **ADMIN) as login:
            client = Client(login)
            server.accounts.end_sessions()
            assert len(inventory.experiments(client, "ALFA")) == 4
            server.misbehave(
                "GET */files/*", faults.act(server.accounts.end_sessions), requests={9}
            )
            assert_all_there(all_files(client))
        assert server.accounts.logins["admin"] == 3


def test_a_session_that_never_lasts_is_an_error_and_no_loop(log_in):
    with SimulatedXnat(small_archive(), behaviour=Behaviour(session_requests=1)) as server:
        client = log_in(server)
        with pytest.raises(AccessDenied, match="no longer accepts the login of admin"):
            inventory.experiments(client, "ALFA")
        assert server.counts["login"] == 3


def test_a_password_that_was_changed_meanwhile_is_an_error(server, client):
    server.accounts.users["admin"] = "other"
    server.accounts.end_sessions()
    with pytest.raises(AccessDenied, match="refuses admin with the password"):
        inventory.experiments(client, "ALFA")


@pytest.mark.parametrize(
    "credentials",
    [{"user": "admin", "password": "geheim"}, {"user": "nobody", "password": "geheim"}],
)
def test_a_wrong_password_is_a_sentence_without_the_password(server, credentials):
    with pytest.raises(AccessDenied, match="Bad credentials") as refusal:
        connect(server.address, **credentials)
    assert server.address in str(refusal.value)
    assert credentials["user"] in str(refusal.value)
    assert "geheim" not in str(refusal.value)
    assert server.counts["refused"] == 1


def test_guests_are_told_what_to_do(server):
    with pytest.raises(AccessDenied, match=r"lets in no guests.*XNAT_USER"):
        connect(server.address)


def test_a_guest_sees_what_is_public():
    behaviour = Behaviour(require_login=False)
    with (
        SimulatedXnat(small_archive(), behaviour=behaviour) as server,
        connect(server.address) as login,
    ):
        assert login.user == ""
        client = Client(login)
        assert len(inventory.experiments(client, "GAMMA")) == 1
        with pytest.raises(AccessDenied, match="A guest may not see"):
            inventory.experiments(client, "ALFA")


def test_too_many_sessions_are_told(log_in):
    with SimulatedXnat(small_archive(), behaviour=Behaviour(session_limit=1)) as server:
        log_in(server)
        with pytest.raises(AccessDenied, match="Maximum sessions of 1"):
            log_in(server)


def test_an_alias_token_acts_for_its_user(server):
    alias, secret = server.accounts.issue_token("admin")
    with connect(server.address, token=(alias, secret)) as login:
        assert login.user == "admin"
        assert len(inventory.experiments(Client(login), "ALFA")) == 4


def test_umlauts_in_passwords():
    with (
        SimulatedXnat(small_archive(), users={"jörg": "päßwörd:x"}) as server,
        connect(server.address, user="jörg", password="päßwörd:x") as login,
    ):
        assert len(inventory.experiments(Client(login), "ALFA")) == 4


def test_servers_below_a_context_path():
    with SimulatedXnat(small_archive(), context="/xnat") as server:
        with connect(server.address + "/", **ADMIN) as login:
            assert login.server == server.address
            assert_all_there(all_files(Client(login)))
        assert server.accounts.live_sessions() == 0


def test_a_server_that_moved_to_https_is_followed(tmp_path, monkeypatch):
    trusted, context = authority(tmp_path)
    with SimulatedXnat(small_archive(), tls=context) as safe, RangeServer() as plain:
        host = f"127.0.0.1:{safe.port}"
        plain.put("/xnat/data/JSESSION", b"")
        plain.misbehave("/xnat/data/JSESSION", redirect(f"https://{host}/data/JSESSION"))
        with connect(f"http://127.0.0.1:{plain.port}/xnat", **ADMIN, verify=trusted) as login:
            assert login.server == f"https://{host}"
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
            assert len(inventory.experiments(Client(login), "ALFA")) == 4


def test_where_passwords_can_be_overheard_https_is_asked_for_first(tmp_path, monkeypatch):
    trusted, context = authority(tmp_path)
    monkeypatch.setattr(address, "can_be_overheard", lambda server: server.startswith("http:"))
    with (
        SimulatedXnat(small_archive(), tls=context) as safe,
        SimulatedXnat(small_archive()) as plain,
    ):
        plain.misbehave("GET /", redirect(f"{safe.address}/app/template/Login.vm"))
        with connect(plain.address, **ADMIN, verify=trusted) as login:
            assert login.server == safe.address
        (asked,) = plain.requests
        assert "authorization" not in asked.headers


def test_a_certificate_that_cannot_be_verified_is_refused(tmp_path):
    _, context = authority(tmp_path)
    with SimulatedXnat(small_archive(), tls=context) as server:
        with pytest.raises(Unavailable, match=r"certificate of https://127.*verify="):
            connect(server.address, **ADMIN)
        assert not server.requests


def test_another_host_gets_no_password(server):
    with RangeServer() as other:
        other.put("/data/JSESSION", b"")
        other.misbehave("/data/JSESSION", redirect(f"http://localhost:{server.port}/data/JSESSION"))
        with pytest.raises(UnsupportedUrl, match="sends its visitors to localhost"):
            connect(f"http://127.0.0.1:{other.port}", **ADMIN)
    assert not server.requests


def test_the_session_does_not_follow_a_redirect_to_another_host(server, client):
    with RangeServer() as other:
        other.put("/stolen", b"not the file")
        target = f"http://localhost:{other.port}/stolen"
        server.misbehave("*/files/*", redirect(target))
        answer = client.file("/experiments/XNAT_E00001/resources/101/files/0001/stats/aseg.stats")
        assert answer.data == b"not the file"
        (asked,) = other.requests
        assert "cookie" not in asked.headers
        assert "authorization" not in asked.headers


def test_something_that_is_no_xnat_is_told():
    with RangeServer() as other, pytest.raises(NotFound, match="There is no XNAT server at http"):
        connect(f"http://127.0.0.1:{other.port}", **ADMIN)


def test_nobody_at_home_is_unavailable():
    with pytest.raises(Unavailable, match=r"http://127.0.0.1:9 cannot be reached"):
        connect("http://127.0.0.1:9", **ADMIN, settings=Settings(retries=1))


def test_a_login_is_tried_again_after_a_passing_fault(server):
    server.misbehave("POST *", fail(503), requests={1})
    with connect(server.address, **ADMIN):
        assert server.counts["login"] == 2


def test_a_config_file_logs_in(server, tmp_path):
    place = tmp_path / "x.cfg"
    place.write_text(f'{{"server": "{server.address}", "user": "admin", "password": "admin"}}')
    for target, more in ((place, {}), (str(place), {}), (server.address, {"config": place})):
        with connect(target, **more) as login:
            assert (login.server, login.user) == (server.address, "admin")


# --- a session of the user's ------------------------------------------------------------


@pytest.fixture(params=["pyxnat", "used pyxnat", "xnatpy"])
def theirs(request, server):
    if request.param == "xnatpy":
        session = xnat.connect(server.address, **ADMIN, extension_types=False)
        yield session
        session.disconnect()
    else:
        interface = pyxnat.Interface(server.address, **ADMIN)
        if request.param == "used pyxnat":
            interface.select.projects().get()
        yield interface
        interface.disconnect()


def still_works(theirs):
    if isinstance(theirs, pyxnat.Interface):
        return len(theirs.select.project("ALFA").subjects().get()) == 4
    return len(theirs.projects["ALFA"].subjects) == 4


def test_a_session_handed_over_is_used_and_left_open(server, theirs):
    known = dict(server.accounts.logins)
    assert identity(theirs) == (server.address, "admin")
    with connect(theirs) as login:
        assert isinstance(login, Login)
        assert not login.own
        assert (login.server, login.user) == (server.address, "admin")
        assert_all_there(all_files(Client(login)))
    assert server.counts["logout"] == 0
    assert server.accounts.logins == known or server.accounts.logins == {"admin": 1}
    assert still_works(theirs)
    assert server.accounts.live_sessions() == 1
    assert connect(login) is login


def test_a_session_handed_over_keeps_its_agent_and_certificates(server, theirs):
    http = theirs._http if isinstance(theirs, pyxnat.Interface) else theirs.interface
    http.headers["User-Agent"] = "theirs"
    http.verify = "/nowhere.pem"
    with connect(theirs) as login:
        all_files(Client(login))
    assert server.requests[-1].headers["user-agent"] == "theirs"
    assert http.verify == "/nowhere.pem"


def test_pyxnat_that_expired_goes_on(server):
    interface = pyxnat.Interface(server.address, **ADMIN)
    with connect(interface) as login:
        client = Client(login)
        server.misbehave("*/files/*", faults.act(server.accounts.end_sessions), requests={20})
        server.misbehave("*/files/*", faults.unauthorised(), requests={30})
        assert_all_there(all_files(client))


def test_pyxnat_with_a_wrong_password_is_told(server):
    interface = pyxnat.Interface(server.address, "admin", "geheim")
    with pytest.raises(AccessDenied, match=r"refuses admin.*pyxnat Interface") as refusal:
        connect(interface)
    assert "geheim" not in str(refusal.value)


def test_pyxnat_without_a_server_is_told():
    interface = pyxnat.Interface("http://127.0.0.1:9", "admin", "admin")
    with pytest.raises(Unavailable, match="cannot be reached by pyxnat"):
        connect(interface)


def test_pyxnat_as_a_guest():
    with SimulatedXnat(small_archive(), behaviour=Behaviour(require_login=False)) as server:
        interface = pyxnat.Interface(server.address, anonymous=True)
        with connect(interface) as login:
            assert login.user == ""
            assert len(inventory.experiments(Client(login), "GAMMA")) == 1


@pytest.mark.parametrize("guests", [True, False])
def test_xnatpy_that_expired_says_so(guests):
    behaviour = Behaviour(require_login=not guests)
    with SimulatedXnat(small_archive(), behaviour=behaviour) as server:
        session = xnat.connect(server.address, **ADMIN, extension_types=False)
        with connect(session) as login:
            client = Client(login)
            assert len(inventory.experiments(client, "ALFA")) == 4
            server.misbehave("*/experiments*", faults.unauthorised(), requests={1})
            assert len(inventory.experiments(client, "ALFA")) == 4, "it had not expired"
            server.accounts.end_sessions()
            with pytest.raises(AccessDenied, match="no longer accepts the login of admin"):
                inventory.experiments(client, "ALFA")


def test_xnatpy_that_was_disconnected_says_so(server):
    session = xnat.connect(server.address, **ADMIN, extension_types=False)
    login = connect(session)
    session.disconnect()
    with pytest.raises(AccessDenied, match="was disconnected meanwhile"):
        inventory.experiments(Client(login), "ALFA")
    with pytest.raises(AccessDenied, match="is disconnected"):
        connect(session)


def test_who_is_logged_in_needs_no_password(server, theirs):
    with pytest.raises(InvalidOption, match="needs no password"):
        connect(theirs, password="x")
    with pytest.raises(InvalidOption, match="keeps its own verify"):
        connect(theirs, verify=False)


def test_logins_and_clients_are_not_pickled(server, theirs):
    with connect(theirs) as login:
        for one in (login, Client(login)):
            with pytest.raises(NotPicklable):
                pickle.dumps(one)
            assert "admin" in repr(one)


def test_the_cookie_of_a_balancer_is_kept(server):
    sticky = faults.set_headers(Set_Cookie="ROUTE=node7; Path=/")
    server.misbehave("*/experiments*", sticky, requests={1})
    with connect(server.address, **ADMIN) as login:
        client = Client(login)
        inventory.experiments(client, "ALFA")
        inventory.experiments(client, "ALFA")
    assert "ROUTE=node7" in server.requests[-2].headers["cookie"]
    assert "JSESSIONID=" in server.requests[-2].headers["cookie"]
