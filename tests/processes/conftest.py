"""Objects of every kind, on servers, each opened and read from by the parent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nearline as nl
from made.annotations import annotations, encoded, group, points
from made.ct import write_series
from made.maps import parametric_map
from made.phantom import Phantom
from made.segmentation import write_segmentation
from nearline.testing import RangeServer
from slides import Recipe, write_slide

SMALL = Phantom(16, 48, 40)


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("objects")
    recipe = Recipe(rows=900, columns=700, tile_rows=128, tile_columns=128, codec="native")
    write_slide(folder / "image.dcm", recipe)
    write_segmentation(folder / "segmentation.dcm", SMALL)
    shape = SMALL.slices, SMALL.rows, SMALL.columns
    values = np.random.default_rng(2).integers(0, 9000, shape).astype(np.uint16)
    parametric_map(SMALL, values).save_as(folder / "map.dcm")
    places = np.random.default_rng(1).uniform(1, 100, (5000, 2)).astype(np.float32)
    content = encoded(annotations([group(1, "POINT", points(places))]))
    (folder / "annotations.dcm").write_bytes(content)
    (folder / "series").mkdir()
    write_series(folder / "series", SMALL)
    return {path.stem: path for path in sorted(folder.iterdir())}


def open_kind(kind: str, url: Any, **options: Any) -> Any:
    """Open one of `objects` at a URL."""
    openers = {
        "image": nl.imread,
        "segmentation": nl.segread,
        "map": nl.pmread,
        "annotations": nl.annread,
        "series": nl.open_series,
        "file": nl.open,
        "reader": lambda *given, **more: nl.open(*given, **more).reader,
    }
    return openers[kind](url, **options)


@pytest.fixture
def web(objects: dict[str, Path]) -> Any:
    """A server of plain HTTP."""
    with RangeServer() as server:
        for name, path in objects.items():
            for file in sorted(path.rglob("*.dcm")) if path.is_dir() else [path]:
                server.put(f"/{file.relative_to(path.parent).as_posix()}", file)
            if path.is_dir():
                server.folders = {name: [f"/{name}/{one.name}" for one in sorted(path.iterdir())]}
        yield server


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Any:
    with nl.settings(cache_dir=tmp_path / "cache"):
        yield


@pytest.fixture
def at(web: Any) -> Any:
    """Return the URL of a kind of object, or those of a series."""

    def url(kind: str) -> Any:
        if kind == "series":
            return [web.url(path) for path in web.folders["series"]]
        return web.url(f"/{'image' if kind in ('file', 'reader') else kind}.dcm")

    return url
