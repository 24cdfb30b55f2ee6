"""The command line, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from nearline.cli.main import run


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; return exit code, output and errors."""

    def type_in(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nearline", *map(str, words)])
        code: object = 0
        try:
            run()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        if isinstance(code, str):
            return 1, printed.out, printed.err + code
        return int(code or 0), printed.out, printed.err

    return type_in
