"""What every command that reads an object takes."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from nearline.errors import InvalidOption

__all__ = ["OptionsOption", "UrlArgument", "parse_options", "parse_span"]

UrlArgument = Annotated[
    str, typer.Argument(help="URL (s3://, gs://, az://, https://, ...) or path of a DICOM object.")
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-O",
        metavar="NAME=VALUE",
        help="A storage option, as in fsspec: endpoint_url=..., profile=..., anon=true. "
        "Secrets are better kept in the environment or a profile.",
    ),
]

_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


def parse_options(given: list[str] | None) -> dict[str, Any]:
    """Read ``NAME=VALUE`` options; ``true``, ``false`` and ``none`` are not text."""
    options = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals:
            # The text may be a secret: it is not repeated.
            raise InvalidOption("A storage option is written NAME=VALUE, such as anon=true.")
        options[name] = _WORDS.get(value.lower(), value)
    return options


def parse_span(text: str | None, option: str) -> tuple[int | None, int | None]:
    """Read ``START:END``; both may be left out."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(-?\d*):(-?\d*)", text)
    if match is None:
        raise InvalidOption(f"{option} {text} is not START:END, such as {option} 15000:15512.")
    start, end = match.groups()
    return (int(start) if start else None), (int(end) if end else None)
