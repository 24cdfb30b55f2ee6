"""Real world value maps: stored values to measured quantities (PS3.3 C.7.6.16.2.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.errors import InvalidDicom, TransformMissing
from nearline.image.transforms.lookup_table import LookupTable

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code

    from nearline.image.transforms.levels import TransformLevels

__all__ = ["RealWorldMap", "find_real_world_map"]


@dataclass(frozen=True, slots=True, eq=False)
class RealWorldMap:
    """One item of the Real World Value Mapping Sequence: a table, or a line over a range.

    Attributes
    ----------
    table : LookupTable or None
        The table.
    slope, intercept : float
        The line, where there is no table.
    valid_range : (float, float) or None
        Stored values that the line is for.
    shared : bool
        Whether the map holds for all frames.
    """

    table: LookupTable | None
    slope: float
    intercept: float
    valid_range: tuple[float, float] | None
    shared: bool


def find_real_world_map(
    levels: TransformLevels, selector: int | str | Code | Dataset
) -> RealWorldMap | None:
    """Find the map of a frame.

    Returns
    -------
    RealWorldMap or None
        None if the image carries no maps.

    Raises
    ------
    TransformMissing
        It carries maps, but not the one selected.
    InvalidDicom
        The map lacks what it needs.
    """
    for dataset, shared in levels:
        maps = dataset.get("RealWorldValueMappingSequence")
        if maps is None:
            continue
        position = _position(maps, selector)
        if position is None:
            raise TransformMissing(
                f"real_world_value_map_selector={selector!r} selects none of the {len(maps)} real "
                "world value maps of the frame."
            )
        return _read(maps[position], shared)
    return None


def _position(maps: Sequence[Dataset], selector: Any) -> int | None:
    if isinstance(selector, int):
        return selector if -len(maps) <= selector < len(maps) else None
    if isinstance(selector, str):
        found = [i for i, one in enumerate(maps) if one.get("LUTLabel") == selector]
    else:
        wanted = _code(selector)
        found = [i for i, one in enumerate(maps) if _units(one) == wanted]
    return found[0] if found else None


def _units(item: Dataset) -> Code | None:
    units = item.get("MeasurementUnitsCodeSequence")
    return _code(units[0]) if units else None


def _code(item: Any) -> Code:
    """Read a code from a dataset; a Code is taken as it is."""
    from pydicom.sr.coding import Code

    if isinstance(item, Code):
        return item
    value = next(
        (
            item.get(keyword)
            for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue")
            if item.get(keyword)
        ),
        "",
    )
    return Code(
        str(value),
        str(item.get("CodingSchemeDesignator") or ""),
        str(item.get("CodeMeaning") or ""),
        item.get("CodingSchemeVersion"),
    )


def _read(item: Dataset, shared: bool) -> RealWorldMap:
    if "RealWorldValueLUTData" in item:
        values = np.atleast_1d(np.array(item.RealWorldValueLUTData, np.float64))
        first = int(_required(item, "RealWorldValueFirstValueMapped"))
        return RealWorldMap(LookupTable(first, values, clip=False), 1.0, 0.0, None, shared)
    prefix = (
        "DoubleFloat" if "DoubleFloatRealWorldValueFirstValueMapped" in item else ""
    ) + "RealWorldValue"
    return RealWorldMap(
        None,
        float(_required(item, "RealWorldValueSlope")),
        float(_required(item, "RealWorldValueIntercept")),
        (
            _required(item, f"{prefix}FirstValueMapped"),
            _required(item, f"{prefix}LastValueMapped"),
        ),
        shared,
    )


def _required(item: Dataset, keyword: str) -> Any:
    value = item.get(keyword)
    if value is None:
        raise InvalidDicom(f"A real world value map of the image lacks {keyword}.")
    return value
