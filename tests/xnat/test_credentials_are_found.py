from __future__ import annotations

import json
import pickle

import pytest

from nearline.errors import InvalidOption, NotPicklable, UnsupportedUrl
from nearline.settings import Settings
from nearline.xnat import address
from nearline.xnat.credentials import find, read_config
from nearline.xnat.login import UrlLogin
from nearline.xnat.sessions import connect, identity

SERVER = "https://xnat.example.org"


def found(tmp_path, *, server=SERVER, environ=None, **given):
    environ = {"HOME": str(tmp_path), **(environ or {})}
    held = find(address.parse(server), environ=environ, **given)
    return held.user, held.password


def write_netrc(tmp_path, text):
    (tmp_path / ".netrc").write_text(text)
    (tmp_path / ".netrc").chmod(0o600)


def write_config(path, **changes):
    held = {"server": SERVER, "user": "cfg", "password": "from cfg"} | changes
    path.write_text(json.dumps(held))
    return path


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://XNAT.example.org/", "https://xnat.example.org"),
        ("https://xnat.example.org:443/xnat/", "https://xnat.example.org/xnat"),
        ("http://xnat.example.org:8080", "http://xnat.example.org:8080"),
        ("https://u:p%40ss@xnat.example.org/xnat", "https://xnat.example.org/xnat"),
        ("https://xnat.example.org/xnat/data/projects/A", "https://xnat.example.org/xnat"),
        ("https://xnat.example.org/data", "https://xnat.example.org"),
        ("http://[::1]:80/x//", "http://[::1]/x"),
    ],
)
def test_urls_of_a_server_are_one(url, server):
    assert address.parse(url).server == server


@pytest.mark.parametrize("url", ["xnat.example.org", "ftp://h", "https://", "https://h:x", ""])
def test_other_texts_are_refused(url):
    with pytest.raises(UnsupportedUrl, match="https://host"):
        address.parse(url)


def test_refused_urls_keep_their_password_to_themselves():
    with pytest.raises(UnsupportedUrl) as refusal:
        address.parse("ftp://me:geheim@h/x?y=z")
    assert "geheim" not in str(refusal.value)


def test_the_order_is_arguments_url_config_environment_netrc_home(tmp_path):
    write_netrc(tmp_path, "machine xnat.example.org login net password fromnetrc\n")
    write_config(tmp_path / ".xnat.cfg", user="home")
    named = write_config(tmp_path / "named.cfg")
    environ = {"XNAT_USER": "env", "XNAT_PASS": "from env"}
    url = "https://inurl:secret@xnat.example.org"
    every = {"server": url, "environ": environ, "config": named}
    assert found(tmp_path, **every, user="arg", password="x") == ("arg", "x")
    assert found(tmp_path, **every) == ("inurl", "secret")
    assert found(tmp_path, environ=environ, config=named) == ("cfg", "from cfg")
    assert found(tmp_path, environ=environ) == ("env", "from env")
    xnatpy = {"XNATPY_USER": "py", "XNATPY_PASS": "from py"}
    assert found(tmp_path, environ=environ | xnatpy) == ("py", "from py")
    assert found(tmp_path) == ("net", "fromnetrc")
    (tmp_path / ".netrc").unlink()
    assert found(tmp_path) == ("home", "from cfg")
    (tmp_path / ".xnat.cfg").unlink()
    assert found(tmp_path) == ("", "")


def test_a_user_gets_the_password_of_that_user(tmp_path):
    write_netrc(tmp_path, "machine xnat.example.org login net password fromnetrc\n")
    environ = {"XNAT_USER": "env", "XNAT_PASS": "from env"}
    assert found(tmp_path, environ=environ, user="net") == ("net", "fromnetrc")
    assert found(tmp_path, environ={"XNAT_PASS": "p"}, user="me") == ("me", "p")
    assert found(tmp_path, environ={"XNAT_PASS": "p"}) == ("net", "fromnetrc")
    with pytest.raises(InvalidOption, match="No password for nobody at https://xnat"):
        found(tmp_path, environ=environ, user="nobody")


def test_passwords_are_not_shown_to_other_servers(tmp_path):
    write_netrc(tmp_path, "default login d password anywhere\nmachine other login o password x\n")
    write_config(tmp_path / ".xnat.cfg", server="https://other.example.org")
    environ = {"XNAT_USER": "e", "XNAT_PASS": "p", "XNAT_HOST": "https://other.example.org"}
    assert found(tmp_path, environ=environ) == ("", "")
    with pytest.raises(InvalidOption, match="is about https://other"):
        found(tmp_path, config=tmp_path / ".xnat.cfg")


def test_netrc_with_a_port_goes_before_one_without(tmp_path):
    write_netrc(
        tmp_path, "machine h login plain password a\nmachine h:8443 login ported password b\n"
    )
    assert found(tmp_path, server="https://h:8443") == ("ported", "b")
    assert found(tmp_path, server="https://h") == ("plain", "a")


def test_netrc_elsewhere(tmp_path):
    (tmp_path / "mine").write_text("machine h login u password p\n")
    assert found(tmp_path, server="https://h", environ={"NETRC": str(tmp_path / "mine")}) == (
        "u",
        "p",
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"server": "https://h", "password": "geheim"}'])
def test_broken_files_are_named_and_not_quoted(tmp_path, text):
    place = tmp_path / "x.cfg"
    place.write_text(text)
    with pytest.raises(InvalidOption, match=r"x\.cfg") as refusal:
        read_config(place)
    assert "geheim" not in str(refusal.value)
    write_netrc(tmp_path, "machine h login u geheim password\n")
    with pytest.raises(InvalidOption, match=r"\.netrc") as refusal:
        found(tmp_path)
    assert "geheim" not in str(refusal.value)


def test_a_config_names_server_proxy_and_verify(tmp_path):
    place = write_config(tmp_path / "a.cfg", proxy="http://proxy:3128", verify=False)
    held = read_config(place)
    assert (held.server, held.proxy, held.verify) == (SERVER, "http://proxy:3128", False)
    assert identity(place) == identity(str(place)) == (SERVER, "cfg")
    assert identity(None, config=place) == (SERVER, "cfg")


def test_passwords_are_in_no_repr_and_no_pickle(tmp_path):
    held = find(address.parse("https://me:geheim@h"), environ={"HOME": str(tmp_path)})
    login = UrlLogin("https://h", held, settings=Settings())
    for one in (held, login, address.parse("https://me:geheim@h")):
        assert "geheim" not in repr(one)
    with pytest.raises(NotPicklable, match="connect again"):
        pickle.dumps(login)


@pytest.mark.parametrize(
    "given",
    [{"token": ("a", "b"), "user": "c"}, {"password": "x"}, {"token": ("a", "b"), "config": "d"}],
)
def test_contradictions_are_refused(given):
    with pytest.raises(InvalidOption):
        connect(SERVER, **given)


@pytest.mark.parametrize("target", [None, 3, object()])
def test_what_is_no_way_to_a_server_is_refused(target):
    with pytest.raises(InvalidOption, match="is no way to an XNAT server"):
        connect(target)


@pytest.mark.parametrize(
    ("server", "asked", "location", "moved"),
    [
        ("http://h", "/data/JSESSION", "https://h/data/JSESSION", "https://h"),
        ("http://h", "/data/JSESSION", "https://h:8443/xnat/data/JSESSION", "https://h:8443/xnat"),
        ("https://h", "/", "https://h/xnat/app/template/Login.vm#!", "https://h/xnat"),
        ("http://h", "/", "https://h/", "https://h"),
        ("http://h", "/", "https://h/xnat;jsessionid=1?x", "https://h/xnat"),
        ("http://h", "/", "http://h/app/template/Login.vm", None),
        ("http://h", "/data/JSESSION", "https://other/data/JSESSION", None),
        ("https://h", "/data/JSESSION", "http://h/data/JSESSION", None),
    ],
)
def test_servers_that_moved_are_followed_on_their_host(server, asked, location, moved):
    assert address.upgraded(server, asked, location) == moved


@pytest.mark.parametrize(
    ("server", "overheard"),
    [
        ("http://xnat.example.org", True),
        ("http://10.0.0.1:8080", True),
        ("http://127.0.0.1:80", False),
        ("http://localhost", False),
        ("https://xnat.example.org", False),
        ("http://127.0.0.1.example.org", True),
    ],
)
def test_passwords_in_the_clear_are_noticed(server, overheard):
    assert address.can_be_overheard(server) is overheard


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/data/experiments", "https://h/x/data/experiments"),
        (
            "/experiments/E/resources/1/files/a",
            "https://h/x/data/experiments/E/resources/1/files/a",
        ),
        ("/x/data/experiments", "https://h/x/data/experiments"),
        ("experiments", "https://h/x/data/experiments"),
        ("/xapi/siteConfig", "https://h/x/xapi/siteConfig"),
        ("/", "https://h/x/"),
        ("https://h/x/data/a", "https://h/x/data/a"),
    ],
)
def test_paths_lie_below_data_whether_they_say_so_or_not(path, url):
    assert address.absolute("https://h/x", path) == url


@pytest.mark.parametrize("url", ["https://other/data/a", "https://h/xy/data", "http://h/x/data"])
def test_urls_of_other_servers_are_refused(url):
    with pytest.raises(UnsupportedUrl, match="does not lie on"):
        address.absolute("https://h/x", url)
