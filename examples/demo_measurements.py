"""Collect FreeSurfer measurements of a small project twice; one session changes in between.

Starts a simulated XNAT on this machine with 20 ms in each direction before it, prints both reports,
and draws the eTIV of all sessions to ``demo/etiv.png``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import matplotlib

import nearline as nl
from nearline.measurements.table import Collection
from nearline.testing import DelayProxy
from nearline.testing.xnat import Archive, SimulatedXnat
from nearline.testing.xnat.freesurfer import freesurfer_project, with_etiv

matplotlib.use("Agg")

import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "demo"
ONE_WAY_S = 0.020
SESSIONS = 60
CHANGED = 17


def main() -> None:
    """Collect, change, collect, draw."""
    archive = Archive()
    sessions = freesurfer_project(archive, "DEMO", SESSIONS, listing=350)
    with (
        tempfile.TemporaryDirectory(prefix="nearline-demo-") as folder,
        SimulatedXnat(archive) as server,
        DelayProxy(server.port, ONE_WAY_S) as line,
        nl.settings(cache_dir=folder),
    ):
        url = f"http://admin:admin@127.0.0.1:{line.port}"
        print(f"\nA project of {SESSIONS} sessions on a simulated XNAT, 20 ms each way\n")
        first = collect(server, url, "for the first time")
        path = f"DEMO{CHANGED + 1:04d}/stats/aseg.stats"
        data = archive.file(sessions[CHANGED], "FREESURFER6", path).data or b""
        # As many bytes as before: only the digest tells.
        archive.replace_file(sessions[CHANGED], "FREESURFER6", path, with_etiv(data, 2_100_000.0))
        print(f"\nSession {sessions[CHANGED].label} is overwritten by as many bytes.\n")
        second = collect(server, url, "again, digests compared", verify="strict")
        draw(first, second)


def collect(server: SimulatedXnat, url: str, what: str, **options: str) -> Collection:
    """Collect, and print the report and what the server was asked."""
    server.clear_log()
    began = time.perf_counter()
    found: Collection = nl.collect(url, "DEMO", "aseg", **options)
    rows = len(found.frame)
    seconds = time.perf_counter() - began
    print(f"{what}: {rows} rows in {seconds:.2f} s")
    print(found.report)
    asked = Counter(request.kind for request in server.requests)
    print(f"  asked at the server: {', '.join(f'{n} {kind}' for kind, n in asked.items())}")
    return found


def draw(first: Collection, second: Collection) -> None:
    """Draw the eTIV of all sessions, before and after."""
    before, after = (
        one.frame.query('measurement == "Volume_mm3" & region == "eTIV"')
        .set_index("session")["value"]
        .div(1e6)
        for one in (first, second)
    )
    changed = after[after != before]
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    axes.scatter(range(len(after)), after, s=14, color="#3b6ea5", label="eTIV")
    places = [after.index.get_loc(label) for label in changed.index]
    axes.scatter(places, before[changed.index], s=30, facecolors="none", edgecolors="#b3332b")
    axes.scatter(places, changed, s=30, color="#b3332b", label="changed between the two runs")
    axes.set(
        xlabel="session", ylabel="eTIV (litres)", title=f"{len(after)} sessions of project DEMO"
    )
    axes.legend(frameon=False)
    OUTPUT.mkdir(exist_ok=True)
    figure.savefig(OUTPUT / "etiv.png", dpi=130)
    print(f"\nWrote {(OUTPUT / 'etiv.png').relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
