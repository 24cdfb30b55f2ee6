"""Codes (PS3.3 8.8): compared whatever class holds them, and shown as highdicom's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from nearline.dicom.damage import damage_told

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept

__all__ = ["as_concept", "code_of", "same_code"]


def code_of(code: Any) -> Code:
    """Return the code that an item of a code sequence, or another form of a code, holds."""
    if isinstance(code, Code):
        return code
    if isinstance(code, Dataset):
        keywords = ("CodeValue", "LongCodeValue", "URNCodeValue")
        value = next((code[one].value for one in keywords if one in code), "")
        version = code.get("CodingSchemeVersion")
        scheme, meaning = code.get("CodingSchemeDesignator"), code.get("CodeMeaning")
        return Code(str(value), str(scheme or ""), str(meaning or ""), version)
    return Code(code.value, code.scheme_designator, code.meaning, code.scheme_version)


def same_code(one: Any, other: Any) -> bool:
    """Whether two codes mean the same; SNOMED's retired ones are translated."""
    return bool(code_of(one) == code_of(other))


def as_concept(item: Dataset) -> CodedConcept:
    """Let an item of a code sequence be highdicom's `CodedConcept`; it is the same object.

    Raises
    ------
    InvalidDicom
        The item holds no code.
    """
    from highdicom.sr import CodedConcept

    if isinstance(item, CodedConcept):
        return item
    with damage_told("An item of a code sequence cannot be read"):
        return CodedConcept.from_dataset(item, copy=False)
