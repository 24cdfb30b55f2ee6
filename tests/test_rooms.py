"""Each room uses only rooms below it, and importing the package loads none of the heavy ones."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

LEVELS = {
    # footing: importable by everybody, each other included
    "errors": 0,
    "ranges": 0,
    "provenance": 0,
    "traffic": 0,
    "settings": 0,
    # rooms
    "storage": 1,
    "cache": 1,
    "fetch": 2,
    "dicom": 2,
    "xnat": 2,
    "opening": 3,
    "xnat_storage": 3,
    "image": 4,
    "datasets": 4,
    "annotations": 4,
    "reports": 4,
    "measurements": 4,
    "seg": 5,
    "pm": 5,
    "sr": 5,
    "ann": 5,
    "cli": 6,
}

FRONT = "nearline"
"""The package itself: only the command line may import from it, and it may import any room."""

# Rooms that may not know each other although their levels would allow it.
STRANGERS = {
    "dicom": {"storage", "cache", "fetch"},
    "xnat": {"storage", "cache"},
    "opening": {"xnat", "cache"},
    "measurements": {"storage", "fetch", "dicom", "opening", "xnat_storage"},
    "xnat_storage": {"cache", "fetch", "dicom"},
    **{name: {"xnat", "xnat_storage"} for name in ("image", "datasets", "annotations", "reports")},
}

HEAVY = (
    *("pandas", "pyarrow", "highdicom", "pydicom", "obstore", "fsspec", "s3fs", "gcsfs"),
    *("imagecodecs", "numpy", "PIL", "urllib3", "typer", "rich", "sqlite3"),
)


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted((SOURCE / "nearline").rglob("*.py"))


def module_name(path: Path) -> str:
    """``nearline.fetch.plan`` of its file."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """Which room a dotted name belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FRONT


def names_in(node: ast.AST, package: str) -> list[str]:
    """Dotted names of the package's modules that one node imports or names in a string."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=module, level=0):
            if module == FRONT:  # `from nearline import errors` is the module, if there is one
                return [f"{FRONT}.{alias.name}" for alias in node.names]
            return [module or ""]
        case ast.ImportFrom(module=module, level=level):
            base = package.split(".")[: -level + 1 or None]
            return [".".join([*base, module] if module else base)]
        case ast.Call(args=[ast.Constant(value=str(text)), *_]) if _imports(node.func):
            return [text]
    return []


def _imports(function: ast.expr) -> bool:
    """Whether a called function imports what its first argument names.

    Names that a registry keeps for later ("nearline.room.module:function") are no imports: that
    is how a lower room reaches a scheme of a higher one.
    """
    return ast.unparse(function).split(".")[-1] in ("import_module", "__import__")


def imports(path: Path) -> set[tuple[str, int]]:
    """Modules of the package that a file imports, at the top or inside functions, with lines."""
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return {
        (target, node.lineno)
        for node in ast.walk(ast.parse(path.read_text()))
        for target in names_in(node, package)
        if target.split(".")[0] == FRONT
    }


def may_import(importer: str, imported: str) -> bool:
    """Whether one room may import another."""
    if importer in (imported, "testing"):
        return True
    if importer == FRONT:
        return imported != "testing"
    if imported in (FRONT, "testing"):
        return imported == FRONT and importer == "cli"
    if LEVELS[importer] == LEVELS[imported] == 0:
        return True
    if imported in STRANGERS.get(importer, ()):
        return False
    return LEVELS[imported] < LEVELS[importer]


def test_every_room_is_on_the_map():
    found = {room(module_name(path)) for path in modules()}
    assert found - {FRONT, "testing"} <= set(LEVELS)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_room_imports_only_rooms_below_it(path):
    importer = room(module_name(path))
    wrong = [
        f"line {line}: {target}"
        for target, line in sorted(imports(path), key=lambda found: found[1])
        if not may_import(importer, room(target))
    ]
    assert not wrong, f"{importer} imports {'; '.join(wrong)}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import nearline.fetch.plan", "nearline.fetch.plan"),
        ("def f():\n    from nearline.cache import store", "nearline.cache"),
        ("from nearline import errors", "nearline.errors"),
        ("from ..storage import http", "nearline.storage"),
        ("from . import header", "nearline.dicom"),
        ("import_module('nearline.image.image')", "nearline.image.image"),
        ("importlib.import_module('nearline.image.image')", "nearline.image.image"),
    ],
)
def test_imports_are_found_wherever_they_hide(code, found):
    names = [n for node in ast.walk(ast.parse(code)) for n in names_in(node, "nearline.dicom")]
    assert names == [found]


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("storage", "errors", True),
        ("errors", "ranges", True),
        ("errors", "storage", False),
        ("storage", "cache", False),
        ("cache", "storage", False),
        ("fetch", "cache", True),
        ("dicom", "fetch", False),
        ("dicom", "storage", False),
        ("fetch", "dicom", False),
        ("image", "dicom", True),
        ("image", "opening", True),
        ("opening", "image", False),
        ("image", "xnat_storage", False),
        ("measurements", "opening", False),
        ("image", "testing", False),
        ("image", FRONT, False),
        ("cli", FRONT, True),
        ("seg", "image", True),
    ],
)
def test_the_map_says(importer, imported, allowed):
    assert may_import(importer, imported) is allowed


def loaded_by(statement: str) -> set[str]:
    """Top-level packages that a fresh process has loaded after a statement, and not before."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import nearline").isdisjoint(HEAVY)


def test_help_of_the_command_line_loads_no_pixels():
    loaded = loaded_by("import nearline.cli.main")
    assert loaded.isdisjoint({"highdicom", "pydicom", "imagecodecs", "obstore", "numpy"})
