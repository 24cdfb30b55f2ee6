"""A table that has been checked, against bx's own Excel of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nearline as nl
from benchmarks.measurements.site import PROJECT, Site
from benchmarks.measurements.table import Row, median

__all__ = ["rows"]


def rows(site: Site, repeat: int) -> Iterator[Row]:
    """Measure."""
    cache = site.new_cache()
    url = f"http://127.0.0.1:{site.counter.port}"
    site.ours("collected", verify="normal", cache=cache)
    path = Path(site.new_cache()) / "aseg.xlsx"
    with nl.settings(cache_dir=Path(cache)):
        (frame,) = nl.cache_freesurfer6(
            url.replace("://", "://admin:admin@"), PROJECT, measurements=["aseg"]
        )
    frame.to_excel(path)
    theirs = site.bx("read", path=str(path))
    ours = median([site.ours("loaded", cache=cache) for _ in range(repeat)])
    yield Row(
        f"loading {site.count} sessions of aseg, already checked",
        *(ours, theirs, 100),
        {
            "no fewer rows": ours.facts["rows"] >= theirs.facts["rows"],
            "memory under 3 times the frame's": ours.facts["peak_bytes"]
            < 3 * ours.facts["frame_bytes"],
        },
    )
