"""A fresh process in which nearline does one piece of work, once; see `site.Site.ours`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import nearline as nl

Work = Callable[[], dict[str, Any]]


def _login(job: dict[str, Any]) -> str:
    url: str = job["url"]
    return url.replace("://", "://admin:admin@")


def cached(job: dict[str, Any]) -> Work:
    """`cache_freesurfer6`, as its users call it."""

    def work() -> dict[str, Any]:
        frames = nl.cache_freesurfer6(
            _login(job), job["project"], measurements=job["measurements"], verify=job["verify"]
        )
        return {"rows": sum(len(frame) for frame in frames)}

    return work


def collected(job: dict[str, Any]) -> Work:
    """`collect`, with its report."""

    def work() -> dict[str, Any]:
        found = nl.collect(_login(job), job["project"], "aseg", verify=job["verify"])
        report = found.report
        return {
            "rows": len(found.frame),
            "changed": list(report.changed),
            "etivs": found.frame.groupby("ID", observed=True)["eTIV"].first().to_dict(),
        }

    return work


def loaded(job: dict[str, Any]) -> Work:
    """Load what was checked before, asking no server."""

    def load() -> Any:
        return nl.collect(_login(job), job["project"], "aseg", offline=True).frame

    return lambda: _loading(load)


def loaded_as_bx(job: dict[str, Any]) -> Work:
    """Load it in bx's shape."""

    def load() -> Any:
        url = _login(job)
        (frame,) = nl.cache_freesurfer6(url, job["project"], measurements=["aseg"], offline=True)
        return frame

    return lambda: _loading(load)


def _loading(load: Callable[[], Any]) -> dict[str, Any]:
    before = _memory("VmRSS")
    frame = load()
    return {
        "rows": len(frame),
        "peak_bytes": _memory("VmHWM") - before,
        "frame_bytes": int(frame.memory_usage(deep=True).sum()),
    }


def _memory(which: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(which))


WORKS = {
    "cached": cached,
    "collected": collected,
    "loaded": loaded,
    "loaded_as_bx": loaded_as_bx,
}


def main() -> None:
    """Read the job, warm up, wait, work, tell."""
    job = json.loads(sys.stdin.readline())
    warm = dict(job, project=job["warm"], verify="normal")
    with nl.settings(cache_dir=job["cache"] + "-warm"):
        if job["work"].startswith("loaded"):
            nl.collect(_login(job), job["warm"], "aseg")
        WORKS[job["work"]](warm)()
    with nl.settings(cache_dir=job["cache"]):
        work = WORKS[job["work"]](job)
        print("ready", flush=True)
        sys.stdin.readline()
        began, cpu = time.perf_counter(), time.process_time()
        facts = work()
        facts["seconds"] = time.perf_counter() - began
        facts["cpu_seconds"] = time.process_time() - cpu
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
