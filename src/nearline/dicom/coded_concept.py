"""Codes (PS3.3 8.8) as Datasets that compare like codes, under highdicom's names."""

from __future__ import annotations

from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

__all__ = ["CodedConcept", "as_concept", "code_of", "same_code"]


class CodedConcept(Dataset):
    """An item of a code sequence; it equals pydicom's and highdicom's codes of its value."""

    @property
    def value(self) -> str:
        """Code value, whichever of its three attributes holds it."""
        for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue"):
            if keyword in self:
                return str(self[keyword].value)
        return ""

    @property
    def meaning(self) -> str:
        """Code meaning."""
        return str(self.get("CodeMeaning") or "")

    @property
    def scheme_designator(self) -> str:
        """Designator of the coding scheme, such as "SCT"."""
        return str(self.get("CodingSchemeDesignator") or "")

    @property
    def scheme_version(self) -> str | None:
        """Version of the coding scheme, if given."""
        found = self.get("CodingSchemeVersion")
        return None if found is None else str(found)

    def __eq__(self, other: object) -> bool:
        """Whether two codes mean the same; SNOMED's retired ones are translated."""
        if other is self:
            return True
        if isinstance(other, Code) or hasattr(other, "scheme_designator"):
            return same_code(self, other)
        return bool(super().__eq__(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.scheme_designator + self.value)


def code_of(item: Any) -> Code:
    """Return the code that an item of a code sequence, or another form of a code, holds."""
    if isinstance(item, Code):
        return item
    if isinstance(item, Dataset):
        item = item if hasattr(item, "scheme_designator") else as_concept(item)
    return Code(item.value, item.scheme_designator, item.meaning, item.scheme_version)


def same_code(one: Any, other: Any) -> bool:
    """Whether two codes, of whatever class, mean the same."""
    return bool(code_of(one) == code_of(other))


def as_concept(item: Dataset) -> CodedConcept:
    """Let an item of a code sequence be a `CodedConcept`; it is the same object."""
    item.__class__ = CodedConcept
    return cast("CodedConcept", item)
