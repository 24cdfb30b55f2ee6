"""Reading a header: what the first read brought, then what the parser finds it needs."""

from __future__ import annotations

from collections.abc import Callable

from nearline.dicom.byte_reader import Buffer, ByteReader
from nearline.dicom.deflated import InflatedReader, Inflater
from nearline.dicom.elements import ITEM_END, Element, Encoding, Malformed
from nearline.dicom.header import PER_FRAME_GROUPS, PIXEL_KEYWORDS, Header
from nearline.dicom.item_chain import ItemChain
from nearline.dicom.window import LIMIT, Ended, Oversized, Window
from nearline.errors import InvalidDicom, NotDicom, TooLarge, TruncatedObject

__all__ = ["Later", "read_header"]

Later = Callable[[ByteReader, Window, Element, Encoding], int | None]
"""Returns the offset behind an element whose value is left in the object, else None.

It gets the object (a deflated one inflated), what of it is at hand, the element, and how the
dataset is written.
"""

_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"

_TRANSFER_SYNTAX = 0x00020010
_NUMBER_OF_FRAMES = 0x00280008
_EXTENDED_OFFSETS = 0x7FE00001

_SPECIAL = frozenset(
    (_NUMBER_OF_FRAMES, _EXTENDED_OFFSETS, PER_FRAME_GROUPS, ITEM_END, *PIXEL_KEYWORDS)
)

_AHEAD = 64 * 1024
_FIRST = 256 * 1024

_TELLING = 16
_TRUSTED = 256
"""So many items tell how long the others are, and at most how many others, for each of them."""

_META = Encoding(implicit_vr=False, little_endian=True)
_COMMAND = Encoding(implicit_vr=True, little_endian=True)


def read_header(reader: ByteReader, *, later: Later | None = None, force: bool = False) -> Header:
    """Read everything before the pixels.

    A header that the reader's prefix holds costs no read; one with a large
    sequence of known length costs one more.

    Parameters
    ----------
    reader : ByteReader
    later : callable, optional
        Decides which values are not read: `Header.left` says where they lie.
        Elements behind native pixels are read then too.
    force : bool
        Accept an object without ``DICM``, as ``pydicom.dcmread(force=True)`` does.

    Raises
    ------
    NotDicom
        No ``DICM`` behind the preamble.
    TruncatedObject
        The object ends within its header.
    InvalidDicom
        The header cannot be followed; the message names the byte offset.
    TooLarge
        A header beyond 1 GiB.
    """
    prefix = reader.prefix
    window = Window(prefix, _Stored(reader, len(prefix)), end=reader.size)
    try:
        return _Reading(reader, window, later, force=force).header()
    except Malformed as fault:
        raise InvalidDicom(
            f"{reader.url} is not valid DICOM: {fault.reason} at byte {fault.position}."
        ) from None
    except Oversized:
        raise TooLarge(
            f"The header of {reader.url} is larger than {LIMIT} bytes: it is no image that can "
            "be read this way."
        ) from None
    except Ended as end:
        if end.size < 132 and not force:
            raise _not_dicom(reader) from None
        raise TruncatedObject(
            f"{reader.url} ends at byte {end.size}, within its header, which needs "
            f"{end.needed} bytes. Transfer the object again."
        ) from None


class _Stored:
    """The bytes of an object behind its prefix, in order."""

    def __init__(self, reader: ByteReader, position: int) -> None:
        self._reader = reader
        self._position = position

    def __call__(self, count: int) -> Buffer:
        start = self._position
        self._position = min(start + count, self._reader.size)
        return self._reader.read(start, self._position) if self._position > start else b""


def _not_dicom(reader: ByteReader) -> NotDicom:
    return NotDicom(
        f"{reader.url} is not a DICOM file: 'DICM' is missing at byte 128. "
        "Check that the URL names the object that you mean."
    )


class _Reading:
    """One pass over a header."""

    def __init__(
        self, reader: ByteReader, window: Window, later: Later | None, *, force: bool
    ) -> None:
        self._reader = reader
        self._window = window
        self._later = later
        self._force = force
        self._pieces: list[bytes] = []
        self._mark = 0
        self._shift = 0
        self._places: dict[int, tuple[int, int]] = {}
        self._frames = 0

    def header(self) -> Header:
        window = self._window
        start = 132
        try:
            window.reach(start, generously=_FIRST)
            known = window.copy(128, start) == b"DICM"
        except Ended:
            if not self._force:
                raise
            known = False
        if not known:
            if not self._force:
                raise _not_dicom(self._reader)
            start = 0
        syntax, position = self._file_meta(start)
        found = Header(
            url=self._reader.url,
            transfer_syntax_uid=syntax,
            implicit_vr=syntax == _IMPLICIT_LITTLE,
            little_endian=syntax != _EXPLICIT_BIG,
            deflated=syntax == _DEFLATED,
            preamble=window.copy(0, max(0, start - 4)),
            file_meta=window.copy(start, position),
            dataset_offset=position,
            elements=b"",
            _reader=self._reader,
        )
        if found.deflated and self._later is not None:
            inflated = InflatedReader.whole(self._reader, position)
            found._reader = self._reader = inflated
            stored = _Stored(inflated, position)
            self._window = Window(b"", stored, base=position, end=inflated.size)
        elif found.deflated:
            self._window = Window(b"", Inflater(self._reader, position).following, base=position)
        found.implicit_vr, found.little_endian = self._as_written(found)
        self._mark = self._shift = position
        self._dataset(found)
        found.elements, found._places = b"".join(self._pieces), self._places
        return found

    def _file_meta(self, position: int) -> tuple[str, int]:
        """Walk groups 0002 and 0000; return the transfer syntax and the dataset's offset."""
        syntax = ""
        for group, encoding in ((2, _META), (0, _COMMAND)):
            while not self._window.at_end(position):
                element = self._window.element(position, encoding)
                if element.tag >> 16 != group:
                    break
                position = self._window.behind(element, encoding)
                if element.tag == _TRANSFER_SYNTAX:
                    value = self._window.copy(element.value, position)
                    syntax = value.strip(b" \0").decode("latin-1")
        return syntax, position

    def _as_written(self, header: Header) -> Encoding:
        """Correct what the transfer syntax says by what the first element shows."""
        said, position = header.encoding, header.dataset_offset
        if self._window.at_end(position):
            return said
        first = self._window.copy(position, position + 6)
        if not header.transfer_syntax_uid:
            # Big endian shows in a group number (0008) that reads as 0x0800.
            said = Encoding(
                implicit_vr=False, little_endian=int.from_bytes(first[:2], "little") < 1024
            )
        explicit = first[4:].isalpha() and first[4:].isupper()
        if not explicit and not header.transfer_syntax_uid:
            return Encoding(implicit_vr=True, little_endian=True)
        return Encoding(not explicit, said.little_endian)

    def _dataset(self, found: Header) -> None:
        window, position, encoding = self._window, found.dataset_offset, found.encoding
        while not window.at_end(position := self._follow_plain(position, encoding)):
            element = window.element(position, encoding)
            if element.tag in PIXEL_KEYWORDS:
                found.pixel_keyword = PIXEL_KEYWORDS[element.tag]
                found.pixel_vr = element.vr.decode("latin-1")
                found.pixel_offset, found.pixel_length = element.value, element.length
                table = element.value + 8 + 4 * self._frames
                found.behind = window.copy(element.value, table)
                behind = element.value + (element.length or 0)
                # Where they are cut, whoever asks for pixels will be told.
                if self._later is None or element.length is None or behind > self._reader.size:
                    break
                position = self._leave(position, behind)
                continue
            if element.tag == ITEM_END:
                break
            if self._later is not None:
                left = self._later(self._reader, window, element, encoding)
                if left is not None:
                    vr, value = element.vr.decode("latin-1"), element.value
                    length = left - value - 8 * (element.length is None)
                    found.left.append((element.tag, vr, value, length))
                    position = self._leave(position, left)
                    continue
            if element.tag == PER_FRAME_GROUPS:
                self._take(position)
                position = self._functional_groups(found, element)
                self._go_on(position)
                continue
            stop = window.behind(element, encoding, generously=self._ahead(element))
            if element.tag == _NUMBER_OF_FRAMES:
                self._frames = _count(window.copy(element.value, stop))
            behind = stop - 8 * (element.length is None)
            self._places[element.tag] = (element.value - self._shift, behind - self._shift)
            position = stop
        else:
            rest = window.copy(position, window.stop)
            if rest.strip(b"\0"):
                raise Ended(position + 8, window.stop)
        self._take(position)

    def _follow_plain(self, position: int, encoding: Encoding) -> int:
        """Go over elements that are at hand and whose values are nothing special."""
        if self._later is not None:
            return position
        return self._window.follow_plain(
            position, encoding, self._places, stopping=_SPECIAL, shift=self._shift
        )

    def _take(self, stop: int) -> None:
        self._pieces.append(self._window.copy(self._mark, stop))

    def _go_on(self, position: int) -> None:
        """Let the next piece begin at `position`."""
        self._mark = position
        self._shift = position - sum(map(len, self._pieces))

    def _leave(self, position: int, behind: int) -> int:
        """Leave what lies between two offsets in the object; return the second."""
        window = self._window
        self._take(position)
        if behind > self._reader.size:
            raise Ended(behind, self._reader.size)
        window.jump(behind, _Stored(self._reader, max(behind, window.stop)))
        self._go_on(behind)
        return behind

    def _functional_groups(self, found: Header, element: Element) -> int:
        """Cut the sequence's value out; return the offset behind it."""
        window = self._window
        found.groups_offset = element.value
        if element.length is not None:
            found.groups_length = element.length
            stop = element.value + element.length
            found._groups = window.cut(element.value, stop, generously=self._ahead(element))
            return stop
        chain = ItemChain(found.encoding, undefined=True)
        guesses = [self._expected, self._expected]
        try:
            while not chain.follow(window.data[element.value - window.base :]):
                # A third guess would not be better.
                expected = element.value + guesses.pop()(chain) if guesses else 0
                window.double(element.value + chain.needed, expected)
        except Malformed as fault:
            raise Malformed(fault.reason, fault.position + element.value) from None
        found.groups_length = chain.end
        found._items = chain
        found._groups = window.cut(element.value, element.value + chain.end)
        return element.value + chain.end + 8

    def _expected(self, chain: ItemChain) -> int:
        """Guess where items end that are as long, on the average, as those followed so far."""
        some = len(chain.starts)
        if some < _TELLING:
            return 0
        rest = min(self._frames - some, _TRUSTED * some)
        return chain.end + chain.end // some * rest * 33 // 32 + _AHEAD

    def _ahead(self, element: Element) -> int:
        """How much to read behind a value that must be fetched anyway.

        Behind the functional groups lie, as a rule, offset tables: 8 + 8 bytes
        a frame in the extended one, 4 in the basic one.
        """
        if element.tag == _EXTENDED_OFFSETS:
            return (element.length or 0) + 1024
        if element.tag == PER_FRAME_GROUPS and element.length is not None:
            return _AHEAD + min(20 * self._frames, element.length // 4)
        return _AHEAD


def _count(value: bytes) -> int:
    try:
        return max(0, int(value.split(b"\\")[0].strip(b" \0") or 0))
    except ValueError:
        return 0
