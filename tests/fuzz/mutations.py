"""Mutations: of bytes, and of the elements of a DICOM object, which leave the rest readable."""

from __future__ import annotations

import random
import warnings
from io import BytesIO

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

__all__ = ["mutated", "mutated_object"]

_HURTS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"SQ\0\0")

_VALUES = (
    *(b"", b"\0", b"\0\0", b"1\\2", b"-1 ", b"NaN ", b"1e400 ", b"99999999999 ", b"\xff\xfe" * 3),
    *(b"\xff\xff\xff\xff", b"\0\0\xc0\x7f", b"\0\0\0\x80", b"\x01\0\0\0" * 9, b"TILED_FULL", b"3D"),
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, insert, remove or repeat a few bytes, with a liking for numbers that hurt."""
    found = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(found) + 1)
        some = chance.choice((*_HURTS, chance.randbytes(3)))
        match chance.randrange(4):
            case 0:
                found[at : at + len(some)] = some
            case 1:
                found[at:at] = some
            case 2:
                del found[at : at + chance.randrange(1, 40)]
            case 3:
                found[at:at] = found[at : at + chance.randrange(200)]
    return bytes(found)


def mutated_object(data: bytes, chance: random.Random) -> bytes:
    """Remove, empty, repeat or replace a few elements or items before the pixels, at any depth.

    What pydicom cannot write then is mutated as bytes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(BytesIO(data))
        places = _inside(dataset)
        for _ in range(chance.randrange(1, 4)):
            _change(chance.choice(places), chance)
        written = BytesIO()
        try:
            dataset.save_as(written)
        except (ArithmeticError, AttributeError, TypeError, ValueError, BytesLengthException):
            return mutated(data, chance)
    return written.getvalue()


def _inside(dataset: Dataset) -> list[Dataset]:
    found = [dataset]
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found += _inside(item)
    return found


def _change(dataset: Dataset, chance: random.Random) -> None:
    tags = [tag for tag in list(dataset._dict) if 2 < tag.group < 0x7FE0]
    if not tags:
        return
    tag = chance.choice(tags)
    element = dataset.get_item(tag)
    if element.VR == "SQ" and chance.random() < 0.6:
        items = list(element.value)
        match chance.randrange(3):
            case 0:
                items = items[1:]
            case 1:
                items += items[:1]
            case 2:
                items = [*items[:1], Dataset(), *items[1:]]
        dataset[tag] = DataElement(tag, "SQ", Sequence(items))
        return
    if element.VR == "SQ" or chance.random() < 0.3:
        del dataset[tag]
        return
    value = chance.choice(_VALUES)
    # Raw: pydicom would refuse to encode most of them. Big endian objects are not mutated so.
    dataset._dict[BaseTag(tag)] = RawDataElement(
        BaseTag(tag), element.VR, len(value), value, 0, dataset.is_implicit_VR or False, True
    )
