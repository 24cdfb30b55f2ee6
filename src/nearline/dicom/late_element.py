"""An element of a Dataset whose value is read from the object when somebody asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataelem import RawDataElement

if TYPE_CHECKING:
    from nearline.dicom.byte_reader import ByteReader

__all__ = ["LateElement"]


class LateElement(RawDataElement):
    """A raw element as pydicom knows it; copies and pickles carry its value.

    Parameters
    ----------
    reader : ByteReader
        The object, which can be read again without a request.
    *fields : tuple
        Those of `RawDataElement`; `value_tell` is where the value begins.
    """

    def __new__(cls, reader: ByteReader, *fields: Any) -> LateElement:
        """Make an element without its value."""
        found = super().__new__(cls, *fields)
        found._reader = reader
        return found

    _reader: ByteReader

    @property
    def value(self) -> bytes:
        """The encoded value."""
        return bytes(self._reader.read(self.value_tell, self.value_tell + self.length))

    def __reduce__(self) -> tuple[Any, ...]:
        fields = tuple(self)
        return RawDataElement, (*fields[:3], self.value, *fields[4:])
