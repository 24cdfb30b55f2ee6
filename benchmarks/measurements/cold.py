"""A project for the first time, and then again: nothing changed, silent changes, ten changes."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from benchmarks.measurements.site import Measured, Site
from benchmarks.measurements.table import Row, median

__all__ = ["rows"]

_THREE = ["aseg", "aparc", "hippoSfVolumes"]


def rows(site: Site, repeat: int) -> Iterator[Row]:
    """Measure; bx once for each set of measurements, because it takes minutes."""
    few = 3 + ceil(site.count / 100) + ceil(site.count / 25)
    bx_aseg = site.bx("cached", measurements=["aseg"])
    ours = _cold(site, repeat, ["aseg"])
    yield Row(
        f"cold, aseg, {site.count} sessions",
        *(ours, bx_aseg, 15),
        {
            f"at most {few + site.count} requests": ours.about_project <= few + site.count,
            "at most 8 at once": ours.concurrency <= 8,
            "as many rows": ours.facts["rows"] == bx_aseg.facts["rows"],
        },
    )
    yield from _again(site, repeat, few, bx_aseg)
    bx_three = site.bx("cached", measurements=_THREE)
    ours = _cold(site, repeat, _THREE)
    yield Row(
        f"cold, aseg + aparc + hippoSfVolumes, {site.count} sessions",
        *(ours, bx_three, 12),
        {
            f"at most {few + 5 * site.count} requests": ours.about_project <= few + 5 * site.count,
            "at most 8 at once": ours.concurrency <= 8,
            "as many rows": ours.facts["rows"] == bx_three.facts["rows"],
        },
    )


def _cold(site: Site, repeat: int, measurements: list[str]) -> Measured:
    return median(
        [site.ours("cached", measurements=measurements, verify="normal") for _ in range(repeat)]
    )


def _again(site: Site, repeat: int, few: int, bx_aseg: Measured) -> Iterator[Row]:
    """Run again on the cache of an earlier run; bx never finds its own."""
    cache = site.new_cache()
    for work in ("cached", "collected"):
        site.ours(work, measurements=["aseg"], verify="normal", cache=cache)

    def again(level: str, work: str = "cached") -> Measured:
        return site.ours(work, measurements=["aseg"], verify=level, cache=cache)

    fast = median([again("fast") for _ in range(repeat)])
    yield Row(
        "again, nothing changed, `fast`",
        *(fast, bx_aseg, 300),
        {"at most 2 requests": fast.about_project <= 2, "no file": not fast.files},
    )
    changed = range(7, site.count, site.count // 10)
    for number in changed:
        site.overwrite(number, 1_100_000.0 + number, digest="fresh")
    strict = again("strict", "collected")
    yield Row(
        f"again, `strict`, {len(changed)} silent overwrites",
        *(strict, bx_aseg, None),
        {
            f"at most {few} requests and the files": strict.about_project - len(strict.files)
            <= few,
            "finds every one": _found(site, strict, changed),
            "fetches these and no other": len(strict.files) == len(changed),
        },
    )
    for number in changed:
        site.overwrite(number, 1_200_000.0 + number, digest="keep" if number % 2 else "blank")
    full = again("full", "collected")
    yield Row(
        f"again, `full`, {len(changed)} stale or blank digests",
        *(full, bx_aseg, None),
        {"finds every one": _found(site, full, changed)},
    )
    paths = {
        site.overwrite(number, 1_300_000.0 + number, digest="fresh", bump=True)
        for number in changed
    }
    some = again("normal", "collected")
    yield Row(
        f"again, {len(changed)} of {site.count} changed",
        *(some, bx_aseg, None),
        {"fetches those files and no other": sorted(some.files) == sorted(paths)},
    )


def _found(site: Site, one: Measured, changed: range) -> bool:
    expected = {site.sessions[number].id for number in changed}
    return set(one.facts["changed"]) == expected
