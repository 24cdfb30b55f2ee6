"""Answers about the site itself: sessions, tokens, version, data types."""

from __future__ import annotations

import json
import re
from time import time
from urllib.parse import parse_qs

from nearline.testing.exchange import Reply
from nearline.testing.xnat.call import Call
from nearline.testing.xnat.contents import GUEST
from nearline.testing.xnat.schema import ELEMENTS, SCHEMAS
from nearline.testing.xnat.tables import login_page, page, status_page, table, text

__all__ = ["answer_site"]


def front_page(call: Call) -> Reply:
    """Return the page at ``/``, from which xnatpy learns who is signed in."""
    user = call.visit.user
    if user == GUEST and call.behaviour.require_login:
        return login_page()
    who = (
        'Logged in as: <span style="color:red;">Guest</span>'
        if user == GUEST
        else f'Logged in as: &nbsp;<a id="user" href="/app/template/XDATScreen.vm">{user}</a>'
    )
    return page(f'<html><body><span id="user_info">{who}</span></body></html>')


def session(call: Call) -> Reply:
    """``/data/JSESSION`` (UserSession.java): GET and POST tell the id, DELETE ends the session."""
    if call.method == "DELETE":
        call.accounts.sign_out(call.visit.session)
        return text("")
    csrf = f"; XNAT_CSRF={call.visit.session.lower()}" if call.true("CSRF") else ""
    return text(call.visit.session + csrf)


def sign_in(call: Call) -> Reply:
    """``PUT /data/services/auth`` with a form of username and password."""
    form = parse_qs(call.body.decode("utf-8", "replace"))
    opened = call.accounts.sign_in(
        form.get("username", form.get("j_username", [""]))[0],
        form.get("password", form.get("j_password", [""]))[0],
    )
    if isinstance(opened, Reply):
        return opened
    if call.visit.new:
        call.accounts.sign_out(call.visit.session)
    call.visit = opened
    return text(opened.session)


def who(call: Call) -> Reply:
    """``/data/auth``."""
    return text(f"User '{call.visit.user}' is logged in")


def tokens(call: Call, operation: str, rest: str) -> Reply:
    """``/data/services/tokens/...`` (AliasTokenRestlet.java)."""
    user = call.visit.user
    if user == GUEST:
        return status_page(403, "The guest user can't request alias tokens")
    if operation == "issue":
        alias, secret = call.accounts.issue_token(user)
        now = int(time() * 1000)
        made = {
            "alias": alias,
            "secret": secret,
            "xdatUserId": user,
            "singleUse": False,
            "estimatedExpirationTime": now + 48 * 3600 * 1000,
            "timestamp": now,
            "enabled": True,
            "created": now,
            "id": 1,
        }
        return text(json.dumps(made), kind="application/json")
    if operation == "validate":
        alias, _, secret = rest.strip("/").partition("/")
        found = call.accounts.sign_in(alias, secret)
        valid = {} if isinstance(found, Reply) else {"valid": found.user}
        if not isinstance(found, Reply):
            call.accounts.sign_out(found.session)
        return text(json.dumps(valid), kind="application/json")
    return status_page(400, f"Unknown operation: {operation}")


def elements(call: Call) -> Reply:
    """``/data/search/elements``: the data types that can be searched."""
    columns = ["ELEMENT_NAME", "SINGULAR", "PLURAL", "SECURED", "COUNT"]
    held: dict[str, int] = {}
    for experiment in call.archive.experiments.values():
        held[experiment.xsi_type] = held.get(experiment.xsi_type, 0) + 1
    rows: list[dict[str, str | int | None]] = [
        {
            "ELEMENT_NAME": name,
            "SINGULAR": name.split(":")[1],
            "PLURAL": name.split(":")[1] + "s",
            "SECURED": "true",
            "COUNT": held.get(name, 0),
        }
        for name in ELEMENTS
    ]
    return table(columns, rows, form=call.form, title="Searchable data-types")


def element(call: Call, name: str) -> Reply:
    """``/data/search/elements/xnat:mrSessionData``: the fields of one."""
    if name not in ELEMENTS:
        return status_page(404, f"Unable to identify data-type {name}")
    columns = ["FIELD_ID", "HEADER", "SUMMARY", "TYPE", "REQUIRES_VALUE", "ELEMENT_NAME", "SRC"]
    root = name.upper().replace(":", "_").removesuffix("DATA")
    rows: list[dict[str, str | int | None]] = [
        {
            "FIELD_ID": f"{root}_ID",
            "HEADER": "ID",
            "SUMMARY": f"{name}/ID",
            "TYPE": "string",
            "REQUIRES_VALUE": "false",
            "ELEMENT_NAME": name,
            "SRC": "0",
        }
    ]
    return table(columns, rows, form=call.form)


_SCHEMA = re.compile(rf"/(?:xapi/)?schemas/({'|'.join(SCHEMAS)})(?:/.*)?$")
_TOKENS = re.compile(r"/data/services/tokens/(\w+)(/.*)?$")


def answer_site(call: Call, path: str) -> tuple[str, Reply] | None:
    """Answer a request about the site: its kind and the answer; None if it is about data."""
    if path in ("", "/"):
        return "site", front_page(call)
    if path == "/data/JSESSION":
        return "logout" if call.method == "DELETE" else "login", session(call)
    if path == "/data/services/auth" and call.method in ("PUT", "POST"):
        return "login", sign_in(call)
    if path == "/data/auth":
        return "login", who(call)
    if found := _TOKENS.match(path):
        return "token", tokens(call, found[1], found[2] or "")
    if path == "/data/version":
        # Gone since 1.7; both clients ask for it first.
        return "site", status_page(404, "Not Found")
    if path == "/xapi/siteConfig/buildInfo":
        known = {"version": call.behaviour.version, "buildNumber": "1", "buildDate": "2024-01-01"}
        return "site", text(json.dumps(known), kind="application/json")
    if path == "/xapi/schemas":
        return "site", text(json.dumps(list(SCHEMAS)), kind="application/json")
    if found := _SCHEMA.match(path):
        return "site", text(SCHEMAS[found[1]], kind="application/xml")
    if path == "/data/search/elements":
        return "site", elements(call)
    if path.startswith("/data/search/elements/"):
        return "site", element(call, path.rpartition("/")[2])
    return None
