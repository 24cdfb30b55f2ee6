"""``nearline segments``: what a segmentation shows, and how much it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nearline.cli.output import JsonOption, bytes_text, print_json, print_rows
from nearline.cli.target import OptionsOption, UrlArgument, parse_options
from nearline.traffic import traffic

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["segments"]

_TITLES = ("number", "label", "category", "type", "algorithm", "frames", "bytes")


def segments(url: UrlArgument, options: OptionsOption = None, json: JsonOption = False) -> None:
    """List the segments of a segmentation: number, label, category, type, algorithm, size."""
    from nearline.image.segmentation.extent import extents
    from nearline.seg import segread

    with traffic() as cost:
        segmentation = segread(url, storage_options=parse_options(options))
        sizes = extents(segmentation)
    found: list[dict[str, Any]] = []
    for number in segmentation.segment_numbers:
        item = segmentation.get_segment_description(number)
        size = sizes.get(number)
        found.append(
            {
                "number": number,
                "label": item.segment_label,
                "category": _meaning(item, "SegmentedPropertyCategoryCodeSequence"),
                "type": _meaning(item, "SegmentedPropertyTypeCodeSequence"),
                "algorithm": _algorithm(item),
                "frames": None if size is None else size.frames,
                "bytes": None if size is None else size.bytes,
            }
        )
    if json:
        print_json(
            {
                "url": segmentation.url,
                "segmentation_type": str(segmentation.SegmentationType),
                "frames": segmentation.number_of_frames,
                "segments": found,
                "requests": cost.requests,
                "bytes_received": cost.bytes,
            }
        )
        return
    shown = [
        {**one, "bytes": "" if one["bytes"] is None else bytes_text(one["bytes"])} for one in found
    ]
    print_rows(_TITLES, [[one[title] for title in _TITLES] for one in shown])


def _meaning(item: Dataset, keyword: str) -> str:
    codes: Any = item.get(keyword)
    return str(codes[0].get("CodeMeaning", "")) if codes else ""


def _algorithm(item: Dataset) -> str:
    kind = str(item.get("SegmentAlgorithmType", ""))
    name = str(item.get("SegmentAlgorithmName", "") or "")
    return f"{kind} ({name})" if name else kind
