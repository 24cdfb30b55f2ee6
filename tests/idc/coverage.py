"""Which pairs are read from whose files, and the page that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pydicom

from idc.making import class_uid
from idc.pairs import PAIRS, SYNTAXES
from oracles.samples import samples

__all__ = ["PAGE", "Row", "foreign_files", "page", "rows"]

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"

_TITLES = {
    "origin": "files of foreign origin",
    "encoder": "files that a foreign encoder wrote",
    "own": "our own files only",
}


@cache
def foreign_files() -> Mapping[tuple[str, str], tuple[Path, ...]]:
    """Return samples by SOP class and transfer syntax (UIDs), smallest first."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in samples():
        if "truncated" in path.name:
            continue
        try:
            ds = pydicom.dcmread(path)
            if "PixelData" in ds:
                ds.pixel_array  # noqa: B018 - broken ones are no witness
            found[str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)].append(path)
        except Exception:  # noqa: BLE001 - some are broken on purpose
            continue
    return {key: tuple(sorted(paths, key=_size)) for key, paths in found.items()}


def _size(path: Path) -> int:
    return path.stat().st_size


@dataclass(frozen=True)
class Row:
    """One pair of the archive: a SOP class and the syntaxes of its series."""

    name: str
    syntaxes: tuple[str, ...]
    series: int

    def foreign(self, syntax: str) -> tuple[Path, ...]:
        """Return samples of it in one of its syntaxes."""
        uid = class_uid(self.name)
        return tuple(
            path for one in SYNTAXES[syntax] for path in foreign_files().get((uid, one), ())
        )

    @property
    def kind(self) -> str:
        """Whose files it is read from: "origin" or "encoder"."""
        return "origin" if all(self.foreign(one) for one in self.syntaxes) else "encoder"


def rows() -> list[Row]:
    """Return all pairs."""
    return [Row(*pair) for pair in PAIRS]


def page() -> str:
    """Return the page."""
    whole = sum(row.series for row in rows())
    share = dict.fromkeys(_TITLES, 0)
    for row in rows():
        share[row.kind] += row.series
    numbers = "\n".join(
        f"| {_TITLES[kind]} | {100 * count / whole:.2f} % |" for kind, count in share.items()
    )
    table = "\n".join(
        f"| {row.name} | {', '.join(row.syntaxes)} | {row.series:,} | {_TITLES[row.kind]} |"
        for row in rows()
    )
    return f"""# What is covered

The Imaging Data Commons holds {whole:,} series in the pairs of SOP class and transfer syntax below
(version 25, counted from the catalogue of the package idc-index-data). For each pair a file is read
and compared with a second reader: images by `imread`, `open_series`, `segread` or `pmread` against
highdicom, pydicom or DCMTK, annotations and reports against highdicom, everything by `dcmread`
against pydicom (`tests/idc`).

| share of the archive's series read from | |
|---|---|
{numbers}

*Foreign origin*: samples of pydicom, pydicom-data, highdicom, libdicom, dcmqi and others. *Foreign
encoder*: headers and pixels made by the tests, three frames or instances of 37 x 53 pixels, so that
frames have an odd number of bytes, and then written in that transfer syntax by DCMTK, or by
OpenJPEG for JPEG 2000. Nothing of the archive itself was read: the tests need no internet.

| SOP class | transfer syntaxes | series | read from |
|---|---|---|---|
{table}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
