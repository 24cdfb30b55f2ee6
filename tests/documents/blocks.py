"""Code blocks of the project's documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes
    ----------
    language : str
        Empty for plain text and commands.
    text : str
        What it holds.
    line : int
        1-based line of its fence.
    """

    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    """Return the blocks of a document, in order."""
    text = path.read_text()
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def pages() -> list[Path]:
    """Return the documents that users read."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
