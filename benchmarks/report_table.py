"""Tabulate the measurements of a report of 500 groups."""

from __future__ import annotations

from functools import partial

from benchmarks.objects import prepare
from benchmarks.stage import Measured, Stage
from benchmarks.table import Row, pairs
from made.reports import write_report

__all__ = ["prepare", "rows"]

_GROUPS = 500


def rows(stage: Stage, repeat: int) -> list[Row]:
    """Measure a local file, read for the first time."""
    stage.made("report.dcm", partial(write_report, groups=_GROUPS))
    stage.made("other-report.dcm", partial(write_report, groups=3))

    def measure(which: str) -> Measured:
        cache = stage.new_cache()
        job = {
            "task": "report",
            "warm": stage.at("other-report.dcm", "srread", cache_dir=cache),
            "object": stage.beside("report.dcm", "srread", cache_dir=cache),
        }
        return stage.measure("report_table", which, job)

    ours, theirs, *_ = pairs(repeat, partial(measure, "ours"), partial(measure, "theirs"))
    return [Row(f"SR, {_GROUPS} groups to a DataFrame, local file", ours, theirs, 20, {})]
