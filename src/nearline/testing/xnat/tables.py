"""XNAT's tables as JSON and CSV, and its error pages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from nearline.testing.exchange import Reply

__all__ = ["login_page", "page", "stamp", "status_page", "table", "text", "tomcat_page"]

Row = Mapping[str, str | int | None]


def stamp(moment: datetime) -> str:
    """Return a time as PostgreSQL's JDBC driver prints it: local, without a zone."""
    fraction = f"{moment.microsecond:06d}"[:3].rstrip("0") or "0"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{fraction}"


def table(
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    form: str,
    title: str = "",
    total: bool = True,
) -> Reply:
    """Return a table.

    Parameters
    ----------
    columns : sequence of str
        In order.
    rows : sequence of mapping
        None becomes an empty text in both forms.
    form : str
        ``json`` or ``csv``; anything else is answered as HTML.
    title : str
        Of the JSON form.
    total : bool
        Whether ``totalRecords`` is told: not for pages (QueryOrganizerResource, hasOffset).
    """
    if form == "json":
        # JSONTableRepresentation.java:49-93 and XFTTable.toJSON:915-953: all values are strings.
        result: dict[str, object] = {
            "Result": [{c: _printed(row.get(c)) for c in columns} for row in rows]
        }
        if title:
            result["title"] = title
        if total:
            result["totalRecords"] = str(len(rows))
        return _reply(json.dumps({"ResultSet": result}), "application/json")
    if form == "csv":
        # XFTTable.toCSV:880-907: a header line, escapeCsv, nothing for null, \n.
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        # ExperimentListResource.java:271: a table without rows has no columns.
        writer.writerow(columns)
        writer.writerows([_printed(row.get(c)) for c in columns] for row in rows)
        return _reply(out.getvalue(), "text/csv")
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(_printed(row.get(c)))}</td>" for c in columns) + "</tr>"
        for row in rows
    )
    heads = "".join(f"<th>{escape(c)}</th>" for c in columns)
    return page(f"<html><body><table><tr>{heads}</tr>{cells}</table></body></html>")


def _printed(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _reply(body: str, kind: str, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": f"{kind};charset=UTF-8"}, memoryview(body.encode()))


def text(body: str, *, kind: str = "text/plain", status: int = 200) -> Reply:
    """Return a text."""
    return _reply(body, kind, status)


def page(body: str, *, status: int = 200) -> Reply:
    """Return a page."""
    return _reply(body, "text/html", status)


def status_page(status: int, message: str) -> Reply:
    """Return an error as Restlet 1.1 shows it: a page with a break that is never closed."""
    body = (
        "<html>\n<head>\n   <title>Status page</title>\n</head>\n<body>\n"
        f"<h3>{escape(message, quote=False)}</h3><p>Technical details are "
        f'<a href="http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html">here</a>.<br>\n'
        'The visit goes on at the <a href="/">home page</a>.\n</p>\n</body>\n</html>\n'
    )
    return page(body, status=status)


def tomcat_page(status: int, message: str) -> Reply:
    """Return an error as Tomcat shows it, for what never reaches Restlet."""
    body = (
        '<!doctype html><html lang="en"><head><title>HTTP Status '
        f"{status}</title></head><body><h1>HTTP Status {status}</h1><p><b>Message</b> "
        f"{escape(message, quote=False)}</p></body></html>"
    )
    return page(body, status=status)


def login_page() -> Reply:
    """Return the page to which browsers are sent when their session has ended."""
    body = (
        "<!DOCTYPE html>\n<html>\n<head><title>XNAT</title></head>\n<body>\n"
        '<form name="form1" method="post" action="/xnat/login" class="friendlyForm">\n'
        '<input type="text" name="username"/><input type="password" name="password"/>\n'
        '<button type="submit">Login</button>\n</form>\n</body>\n</html>\n'
    )
    return page(body)
