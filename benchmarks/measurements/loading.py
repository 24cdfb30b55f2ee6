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
    for call, work in (("cache_freesurfer6", "loaded_as_bx"), ("collect", "loaded")):
        ours = median([site.ours(work, cache=cache) for _ in range(repeat)])
        facts = ours.facts
        # collect() keeps a row per session that pyxnat leaves out, CortexVol.
        more = site.count if work == "loaded" else 0
        memory = facts["peak_bytes"] / facts["frame_bytes"]
        yield Row(
            f"loading {site.count} sessions of aseg, already checked (`{call}`)",
            *(ours, theirs, 100),
            {
                "the same rows": facts["rows"] - more == theirs.facts["rows"],
                f"memory under 3 times the frame's ({memory:.1f})": memory < 3,
            },
        )
