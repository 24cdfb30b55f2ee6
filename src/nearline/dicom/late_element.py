"""An element of a Dataset whose value is read from the object when somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from nearline.dicom.elements import UNDEFINED, Encoding, Incomplete, Malformed, skip_sequence
from nearline.errors import InvalidDicom, TruncatedObject

if TYPE_CHECKING:
    from nearline.dicom.byte_reader import ByteReader

__all__ = ["LateElement", "late_element"]


class LateElement(RawDataElement):
    """A raw element as pydicom knows it; copies and pickles carry its value.

    The value is read at its first use. A Dataset uses it once, to put an
    element with the decoded value in the place of this one.

    Parameters
    ----------
    reader : ByteReader
        The object.
    *fields : tuple
        Those of `RawDataElement`; `value_tell` is where the value begins.
    """

    def __new__(cls, reader: ByteReader, *fields: Any) -> LateElement:
        """Make an element without its value."""
        found = super().__new__(cls, *fields)
        found._reader = reader
        found._value = None
        return found

    _reader: ByteReader
    _value: bytes | None

    @property
    def value(self) -> bytes:
        """The encoded value."""
        if self._value is None:
            if self.length == UNDEFINED:
                self._value = self._to_delimiter()
            else:
                stop = self.value_tell + self.length
                self._value = bytes(self._reader.read(self.value_tell, stop))
        return self._value

    def _to_delimiter(self) -> bytes:
        """Read a value of undefined length: fragments up to the delimiter behind them."""
        reader = self._reader
        rest = reader.read(self.value_tell, reader.size)
        encoding = Encoding(self.is_implicit_VR, self.is_little_endian)
        try:
            return bytes(rest[: skip_sequence(rest, 0, encoding) - 8])
        except Malformed as fault:
            raise InvalidDicom(
                f"{reader.url} is not valid DICOM: {fault.reason} at byte "
                f"{fault.position + self.value_tell}."
            ) from None
        except Incomplete:
            raise TruncatedObject(
                f"{reader.url} ends at byte {reader.size}, within the value of {self.tag}. "
                "Transfer the object again."
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        fields = tuple(self)
        return RawDataElement, (*fields[:3], self.value, *fields[4:])


def late_element(
    reader: ByteReader, encoding: Encoding, tag: int, vr: str, offset: int, length: int | None
) -> LateElement:
    """Make the element whose value lies at `offset` of the object.

    Parameters
    ----------
    encoding : Encoding
        Of the dataset that it belongs to.
    vr : str
        Empty where none is written.
    length : int or None
        Bytes; None: up to a delimiter.
    """
    return LateElement(
        reader,
        BaseTag(tag),
        vr or None,
        UNDEFINED if length is None else length,
        None,
        offset,
        encoding.implicit_vr,
        encoding.little_endian,
    )
