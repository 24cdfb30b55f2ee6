"""The first read of an object: its size and version come with its first bytes, without a HEAD."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue

from nearline.errors import Unavailable
from nearline.fetch.engine import Gate, Lane, engine
from nearline.fetch.halt import Halted, halt_of
from nearline.fetch.pin import Pin, Verdict
from nearline.fetch.request import Request, changed, copy_error
from nearline.fetch.retry import Retries
from nearline.provenance import Validator
from nearline.ranges import ByteRange, merge
from nearline.settings import Settings
from nearline.storage.source import Answer, Buffer, Source, Transient
from nearline.traffic import count

__all__ = ["First", "first_read", "read_unsized", "revalidate"]

_KIB = 1 << 10

FIRST_RANGES = (
    ByteRange(0, 128 * _KIB),
    ByteRange(128 * _KIB, 192 * _KIB),
    ByteRange(192 * _KIB, 256 * _KIB),
)
"""Side by side, so that the connections of the second round trip are open by then."""

_BEYOND = ByteRange(1 << 50, (1 << 50) + 1)


@dataclass(frozen=True, slots=True)
class First:
    """What the first read brought.

    Attributes
    ----------
    pin : Pin
        The version, and what the answers showed of it.
    checked : float
        When the server vouched for it, seconds since the epoch.
    unchanged : bool
        It is the version that was known.
    pieces : tuple of (int, memoryview)
        Offsets and bytes of that version; no two of them touch.
    whole : Answer or None
        The unread answer of a server that ignores ranges.
    version_id : str or None
    notes : tuple of str
    """

    pin: Pin
    checked: float
    unchanged: bool = False
    pieces: tuple[tuple[int, memoryview], ...] = ()
    whole: Answer | None = None
    version_id: str | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def resumed(cls, known: Validator, checked: float) -> First:
        """Return a known version that needs no request."""
        return cls(Pin(known, opened=checked or None), checked, unchanged=True)

    def completed(self, content: memoryview) -> First:
        """Return the same once an object of unknown size has been read to its end."""
        validator = replace(self.pin.validator, size=len(content))
        return replace(self, pin=Pin(validator), whole=None, pieces=((0, content),))


def first_read(source: Source, settings: Settings, beginning: int | None = None) -> First:
    """Read the beginning of an object of which nothing is known.

    Parameters
    ----------
    beginning : int, optional
        Bytes to ask for, in one request; by default 256 KiB in three.

    Raises
    ------
    NotFound, AccessDenied, Unavailable
        As the server says.
    """
    ranges: Sequence[ByteRange] = FIRST_RANGES
    if beginning:
        ranges = [ByteRange(0, beginning)]
    elif not source.concurrent or source.in_place:
        ranges = [ByteRange(0, FIRST_RANGES[-1].stop)]
    return _combine(source, settings, _run(source, settings, ranges))


def revalidate(source: Source, settings: Settings, known: Validator) -> First:
    """Ask, in one conditional request, whether an object is still the version known.

    Unchanged costs no body; a changed object brings its beginning at once.
    """
    (part,) = _run(source, settings, FIRST_RANGES[:1], unless=known)
    answer = part.answer
    if answer is None:
        raise part.raised()
    if answer.kind != "unchanged" and not known.same_version(answer.validator):
        return _combine(source, settings, [part])
    count("revalidations")
    first = First(Pin(known), time.time(), unchanged=True, notes=answer.notes)
    first = replace(first, version_id=answer.version_id)
    if answer.kind == "whole":
        return replace(first, whole=answer)
    return replace(first, pieces=_pieces([part]))


class _Part(Request):
    """One of the first ranges."""

    def __init__(
        self,
        source: Source,
        span: ByteRange,
        buffer: memoryview,
        *,
        lane: Lane,
        over: SimpleQueue[_Part | Halted],
        unless: Validator | None,
        gate: Gate | None,
    ) -> None:
        super().__init__(source, *span, lane=lane, unless=unless, gate=gate)
        self.answer: Answer | None = None
        self.unread: Answer | None = None
        self.error: BaseException | None = None
        self._over = over
        self.buffer = buffer

    def take(self, answer: Answer) -> bool:
        """Remember what was said; only a range is read here."""
        if self.answer is None:
            self.answer = answer
            if answer.kind == "partial" and answer.validator.size is not None:
                # What follows a break must belong to what came before it.
                self.pin = Pin(answer.validator)
                self._unless = None
        if answer.kind == "partial":
            return True
        if answer.kind == "whole":
            with engine().lock:
                if self.cancelled:
                    return False
                self.unread = answer
                self._answer = None
        self._over.put(self)
        return False

    def land(self, chunk: Buffer) -> None:
        """Collect the body."""
        offset = self.position - self.start
        self.buffer[offset : offset + len(chunk)] = chunk
        self.position += len(chunk)

    def landed(self) -> None:
        """Tell the caller."""
        self._over.put(self)

    def failed(self, error: BaseException) -> None:
        """Tell the caller."""
        self.answer = None
        self.error = error
        self._over.put(self)

    def raised(self) -> BaseException:
        """Return the error for the caller to raise."""
        return copy_error(self.error or Unavailable(f"{self.source.url} gave no answer."))


def _run(
    source: Source,
    settings: Settings,
    ranges: Sequence[ByteRange],
    *,
    unless: Validator | None = None,
) -> list[_Part]:
    """Send requests side by side and wait until each is over."""
    lane = Lane(settings)
    over: SimpleQueue[_Part | Halted] = SimpleQueue()
    halt = halt_of()
    gate = None if source.concurrent else Gate()
    parts = [
        _Part(source, span, view, lane=lane, over=over, unless=unless, gate=gate)
        for span, view in zip(ranges, _side_by_side(ranges), strict=True)
    ]
    waiting = set(parts)
    try:
        engine().submit(parts)
        while waiting:
            with halt.watching(over):
                part = over.get()
            if isinstance(part, Halted):
                raise part
            waiting.discard(part)
            with engine().lock:
                # Handed on. Were it held until the others land, callers that open objects side
                # by side could each hold what the next one needs.
                engine().release(part)
            if part is parts[0] and part.answer is None:
                # Without its beginning an object is of no use.
                raise part.raised()
            if part.answer is not None and part.answer.kind == "whole":
                parts = [part]
                break
    finally:
        with engine().lock:
            for part in waiting:
                part.cancelled = True
                engine().release(part)
        for part in waiting:
            part.interrupt()
            if part.unread is not None:
                part.unread.close()
    return parts


def _side_by_side(ranges: Sequence[ByteRange]) -> Iterator[memoryview]:
    """Yield a place for the bytes of each range, in one buffer for them all."""
    base = ranges[0].start
    buffer = memoryview(bytearray(ranges[-1].stop - base))
    for start, stop in ranges:
        yield buffer[start - base : stop - base]


def _combine(source: Source, settings: Settings, parts: list[_Part]) -> First:
    """Judge the answers against that to the first range, and keep what belongs to it."""
    answer = parts[0].answer
    if answer is None:
        raise parts[0].raised()
    now = time.time()
    first = First(Pin(answer.validator), now)
    first = replace(first, version_id=answer.version_id, notes=answer.notes)
    if answer.kind == "whole":
        return replace(first, whole=answer)
    if answer.validator.size is None:
        validator = replace(answer.validator, size=_ask_size(source, settings))
        first = replace(first, pin=Pin(validator))
    others = [part for part in parts[1:] if part.answer is not None]
    verdicts = {}
    # Twice: a balancer shows itself only when all its ETags have been seen.
    for _ in range(2):
        for part in others:
            if part.answer is not None:
                empty = part.answer.stop == part.answer.start
                verdicts[part] = first.pin.observe(part.answer.validator, empty=empty)
    same = [parts[0], *(part for part in others if verdicts[part] is Verdict.SAME)]
    return replace(first, pieces=_pieces(same))


def _pieces(parts: Sequence[_Part]) -> tuple[tuple[int, memoryview], ...]:
    """Return what landed of parts that lie in one buffer, whose first is the first of all."""
    base = parts[0].start
    whole = memoryview(parts[0].buffer.obj).toreadonly()
    landed = merge(ByteRange(part.start, part.position) for part in parts)
    return tuple((start, whole[start - base : stop - base]) for start, stop in landed)


def _ask_size(source: Source, settings: Settings) -> int:
    (part,) = _run(source, settings, [_BEYOND])
    size = part.answer.validator.size if part.answer is not None else None
    if size is None:
        raise Unavailable(
            f"{source.url}: the server does not tell how large the object is. Download it first."
        )
    return size


def read_unsized(source: Source, settings: Settings, answer: Answer) -> memoryview:
    """Read an object whose size shows only at its end, beginning with an answer to it."""
    retries = Retries(settings.retries)
    held = answer.validator
    while True:
        content = bytearray()
        try:
            for chunk in answer.chunks:
                count("bytes", len(chunk))
                content += chunk
            return memoryview(content).toreadonly()
        except Transient as fault:
            delay_s = retries.delay_s(fault, 0)
            if delay_s is None:
                raise Unavailable(str(fault)) from None
        finally:
            answer.close()
        time.sleep(delay_s)
        count("retries")
        count("requests")
        answer = source.read(0, None, timeout=settings.timeout)
        if held.pins and not held.same_version(answer.validator):
            raise changed(source, held, answer.validator)
