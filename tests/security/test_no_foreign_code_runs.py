"""Nothing that came from a server or from the cache is unpickled or evaluated."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "nearline"

FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "system", "popen"),
    *("pickle.load", "pickle.loads", "Unpickler", "marshal.loads", "marshal.load"),
    *("shelve.open", "read_pickle", "yaml.load", "joblib.load", "torch.load"),
}
MAY_COMPILE = "re.compile"


def called(node: ast.Call) -> str:
    """``pickle.loads`` of a call; only the last two names of a longer chain."""
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}.{name}"
        case ast.Attribute(attr=name):
            return name
    return ""


def offences(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = called(node)
            if name != MAY_COMPILE and {name, name.rpartition(".")[2]} & FORBIDDEN:
                found.append(name)
            if any(one.arg == "allow_pickle" and one.value is not None for one in node.keywords):
                found += [f"{name}(allow_pickle)"] * any(
                    not (isinstance(one.value, ast.Constant) and one.value.value is False)
                    for one in node.keywords
                    if one.arg == "allow_pickle"
                )
            found += [f"{name}(shell)" for one in node.keywords if one.arg == "shell"]
    return found


@pytest.mark.parametrize(
    "text",
    ["eval('1')", "pickle.loads(data)", "np.load(f, allow_pickle=True)", "run('x', shell=True)"],
)
def test_the_search_finds_what_it_is_for(text: str) -> None:
    assert offences(text)


def test_nothing_foreign_is_run() -> None:
    found = {
        str(path.relative_to(SOURCE)): names
        for path in SOURCE.rglob("*.py")
        if (names := offences(path.read_text()))
    }
    assert len(list(SOURCE.rglob("*.py"))) > 100
    assert found == {}
