"""Slides that the tests of this folder share."""

from __future__ import annotations

import pytest

from slides import Recipe, write_slide

SMALL = {"rows": 70, "columns": 90, "tile_rows": 32, "tile_columns": 24, "distinct_tiles": 40}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("slides")


@pytest.fixture(scope="session")
def make(folder):
    """Write each recipe once: ``make("full", codec=...)``; 70 x 90 in tiles of 32 x 24."""
    made = {}

    def slide(**recipe):
        key = tuple(sorted(recipe.items()))
        if key not in made:
            path = folder / f"{len(made)}.dcm"
            made[key] = write_slide(path, Recipe(**{**SMALL, **recipe}))
        return made[key]

    return slide
