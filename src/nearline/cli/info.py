"""``nearline info``: what an object is, and what it cost to find out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.cli.output import JsonOption, bytes_text, print_json, print_table
from nearline.cli.target import OptionsOption, UrlArgument, parse_options
from nearline.traffic import Traffic, traffic

if TYPE_CHECKING:
    from nearline.image.image import Image

__all__ = ["info"]


def info(url: UrlArgument, options: OptionsOption = None, json: JsonOption = False) -> None:
    """Say what an image is: kind, size, frames, encoding, where its frames were found.

    Prints nothing that identifies a patient.
    """
    from nearline.image.imread import imread

    with traffic() as cost:
        image = imread(url, storage_options=parse_options(options))
    facts = _facts(image, cost)
    if json:
        print_json(facts)
        return
    matrix, frame = facts["total_pixel_matrix"], facts["frame"]
    rows: dict[str, object] = {"object": facts["url"], "kind": facts["sop_class"]}
    if matrix:
        rows["matrix"] = f"{matrix['rows']} rows x {matrix['columns']} columns"
    rows |= {
        "frames": f"{facts['frames']} of {frame['rows']} x {frame['columns']}, "
        f"{frame['samples_per_pixel']} x {frame['bits_stored']} bits, "
        f"{frame['photometric_interpretation']}",
        "transfer syntax": facts["transfer_syntax"],
        "offsets from": facts["offsets_from"],
        "size": bytes_text(facts["bytes"]),
        "version": facts["version"],
        "cost": f"{cost.requests} requests, {bytes_text(cost.bytes)} received, "
        f"{bytes_text(cost.cached_bytes)} from the cache",
    }
    if facts["notes"]:
        rows["noted"] = "; ".join(facts["notes"])
    print_table(rows)


def _facts(image: Image, cost: Traffic) -> dict[str, Any]:
    provenance = image.provenance
    return {
        "url": image.url,
        "sop_class": image.SOPClassUID.name,
        "sop_class_uid": str(image.SOPClassUID),
        "frames": image.number_of_frames,
        "total_pixel_matrix": {
            "rows": int(image.TotalPixelMatrixRows),
            "columns": int(image.TotalPixelMatrixColumns),
        }
        if image.is_tiled
        else None,
        "frame": {
            "rows": int(image.Rows),
            "columns": int(image.Columns),
            "samples_per_pixel": int(image.SamplesPerPixel),
            "bits_stored": int(image.get("BitsStored", image.BitsAllocated)),
            "photometric_interpretation": str(image.PhotometricInterpretation),
        },
        "optical_paths": list(image.optical_paths),
        "focal_planes": image.number_of_focal_planes,
        "transfer_syntax": image.transfer_syntax_uid.name,
        "transfer_syntax_uid": str(image.transfer_syntax_uid),
        "offsets_from": image.offsets_found_by,
        "bytes": provenance.validator.size,
        "version": provenance.validator.key,
        "notes": list(provenance.notes),
        "requests": cost.requests,
        "bytes_received": cost.bytes,
        "bytes_cached": cost.cached_bytes,
    }
