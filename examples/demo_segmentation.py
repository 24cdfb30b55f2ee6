"""Read one organ of a remote segmentation, beside highdicom, and lay it over its CT.

Starts an S3 server on this machine, puts 20 ms in each direction before it, makes a CT series and a
segmentation of it, reads the liver with highdicom over s3fs and with nearline, and writes the
picture to ``demo/segment.png``. Requests and bytes are counted at the server's side of the readers.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import highdicom
import matplotlib
import numpy as np
import s3fs
from demo import ONE_WAY_S, OUTPUT, ROOT, Line, distant, measure

import nearline as nl

matplotlib.use("Agg")
sys.path.insert(0, str(ROOT / "tests"))  # the servers and the made-up body of the tests

import matplotlib.pyplot as plt
from matplotlib import patheffects

from made import ORGANS, Phantom, write_segmentation, write_series
from made.segmentation import MadeSegmentation
from servers.counting import CountingProxy
from servers.moto import moto

BODY = Phantom(rows=384, columns=384, slices=120, spacing=(3.0, 1.0, 1.0))
ORGAN = "Liver"
BUCKET = "scans"
COLOURS = ("#ff5d5d", "#5dd39e", "#ffd166", "#4ea8de", "#b388eb", "#ff9f1c", "#e0e0e0")

_REST = ((1, 2), (0, 2), (0, 1))
"""The other axes of each."""


def organ(seg: Any, label: str = ORGAN) -> Any:
    """Read one organ; the calls are the same for both."""
    numbers = seg.get_segment_numbers(segment_label=label)
    return seg.get_volume(segment_numbers=numbers, combine_segments=True, relabel=True)


def main() -> None:
    """Run the demonstration."""
    OUTPUT.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="nearline-demo-"))
        # At the very end: the cache in it is written to until the process is over.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        print(f"\nMaking a CT of {BODY.slices} slices and its segmentation ...", flush=True)
        slices = write_series(folder / "ct", BODY)
        made = write_segmentation(folder / "seg.dcm", BODY)
        small = write_segmentation(folder / "small.dcm", Phantom(64, 64, 10))

        print("Starting an S3 server (moto) ...", flush=True)
        s3 = stack.enter_context(moto(folder))
        s3.make_bucket(BUCKET, public=True)
        s3.put(BUCKET, "seg.dcm", made.path)
        for path in slices:
            s3.put(BUCKET, f"ct/{path.name}", path)
        counter = stack.enter_context(distant(s3.port))
        stack.enter_context(nl.settings(cache_dir=folder / "cache"))
        lines, ct, liver, theirs = read(counter, small)
        segmentation = nl.segread(folder / "seg.dcm")
        draw(ct, segmentation)
    report(made, lines, liver, theirs)


def read(counter: CountingProxy, small: MadeSegmentation) -> tuple[list[Line], Any, Any, Any]:
    """Read with both; return what each cost, the CT, and the organ as each read it."""
    options = {"anon": True, "endpoint_url": f"http://127.0.0.1:{counter.port}"}
    url = f"s3://{BUCKET}/seg.dcm"
    lines = []

    print("Reading with highdicom over s3fs ...", flush=True)
    organ(highdicom.seg.segread(small.path, lazy_frame_retrieval=True))
    fs = s3fs.S3FileSystem(**options, default_block_size=500_000)
    fs.connect()

    def by_highdicom() -> Any:
        with fs.open(url, mode="rb") as reader:
            return organ(highdicom.seg.segread(reader, lazy_frame_retrieval=True))

    line, theirs = measure("highdicom + s3fs, every time", counter, by_highdicom)
    lines.append(line)

    print("Reading with nearline ...", flush=True)
    organ(nl.segread(small.path))  # as highdicom before: another object

    def by_nearline() -> Any:
        return organ(nl.segread(url, storage_options=options))

    line, liver = measure("nearline, cold", counter, by_nearline)
    lines.append(line)
    line, again = measure("nearline, opened and read again", counter, by_nearline)
    lines.append(line)
    if not np.array_equal(liver.array, again.array):
        raise SystemExit("Two readings of the same segment differ: this must never happen.")

    def series() -> Any:
        ct = nl.open_series(f"s3://{BUCKET}/ct/", storage_options=options)
        return ct.get_volume(dtype=np.int16)

    line, ct = measure(f"nearline, the CT: {BODY.slices} objects", counter, series)
    lines.append(line)
    line, _ = measure("nearline, the CT again", counter, series)
    lines.append(line)
    return lines, ct, liver, theirs


def draw(ct: Any, segmentation: Any) -> None:
    """Lay the organs over the CT: across, from the front, from the side."""
    liver = organ(segmentation).match_geometry(ct).array > 0
    everything = segmentation.get_volume(combine_segments=True).match_geometry(ct).array
    # Only the body, not the air around it.
    box = [slice(*np.flatnonzero((ct.array > -300).any(axis=rest))[[0, -1]]) for rest in _REST]
    ct, liver, everything = ct.array[*box], liver[*box], everything[*box]
    z, y, x = (round(place) for place in np.argwhere(liver).mean(axis=0))
    views = {"axial": np.s_[z, :, :], "coronal": np.s_[:, y, :], "sagittal": np.s_[:, :, x]}
    outlined = [patheffects.withStroke(linewidth=2.5, foreground="black")]
    figure, axes = plt.subplots(
        1, 3, figsize=(13, 4.4), facecolor="black", layout="constrained", width_ratios=[33, 33, 23]
    )
    for axis, (name, plane) in zip(axes, views.items(), strict=True):
        aspect = 1.0 if name == "axial" else BODY.spacing[0] / BODY.spacing[1]
        axis.imshow(ct[plane], cmap="gray", vmin=-160, vmax=240, aspect=aspect)
        mask = liver[plane]
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = matplotlib.colors.to_rgba(COLOURS[0], 0.42)
        axis.imshow(tint, aspect=aspect, interpolation="nearest")
        for number, (label, colour) in enumerate(zip(ORGANS, COLOURS, strict=True), 1):
            there = everything[plane] == number
            if there.any():
                width = 2.0 if label == ORGAN else 1.0
                axis.contour(there, levels=[0.5], colors=[colour], linewidths=width)
                if name == "axial":
                    row, column = np.argwhere(there).mean(axis=0)
                    text = {"color": "white", "ha": "center", "va": "center", "fontsize": 10}
                    axis.text(column, row, label, path_effects=outlined, **text)
        axis.set_title(name, color="white")
        axis.set_axis_off()
    figure.savefig(OUTPUT / "segment.png", dpi=110, facecolor="black")


def report(made: MadeSegmentation, lines: list[Line], liver: Any, theirs: Any) -> None:
    """Print what was read and what it cost."""
    same = np.array_equal(liver.array, theirs.array) and np.array_equal(liver.affine, theirs.affine)
    if not same:
        raise SystemExit("Other pixels, or another place, than highdicom's.")
    volume = liver.array.sum() * np.prod(BODY.spacing) / 1e6
    print(
        f"\nThe {ORGAN.lower()} of a segmentation of {len(ORGANS)} organs in {len(made.segments)} "
        f"frames and {made.size / 1e6:.1f} MB: {volume:.2f} l;\n"
        f"the server is {ONE_WAY_S * 1000:.0f} ms away in each direction.\n\n"
        f"  {'':<49}{'time':>10}{'requests':>10}{'round trips':>13}{'received':>13}"
    )
    for line in lines:
        print(line)
    print(f"\nEvery voxel and its place are highdicom's.\nThe picture: {OUTPUT / 'segment.png'}")


if __name__ == "__main__":
    main()
