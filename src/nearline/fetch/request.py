"""One ranged GET, repeated and resumed until its bytes are there."""

from __future__ import annotations

from typing import Final

from nearline.errors import NearlineError, NotFound, ObjectChanged, Unavailable
from nearline.fetch.engine import Gate, Lane, engine
from nearline.fetch.pin import Pin, Verdict
from nearline.fetch.retry import Retries
from nearline.provenance import Validator
from nearline.storage.source import Answer, Buffer, Source, Transient
from nearline.traffic import count, counters, using

__all__ = ["Request", "changed", "copy_error"]

_REASKS: Final = 4


class Request:
    """A job of the engine that asks a source for bytes `start` to `stop`.

    Subclasses say what becomes of answers, bytes and errors.

    Parameters
    ----------
    source : Source
    start, stop : int
        Bytes of the object.
    lane : Lane
        Of the caller who waits; its settings give timeout and retries.
    pin : Pin or None
        The version to hold to; None while none is known.
    gate : Gate or None
        For sources that are read one request at a time.
    """

    def __init__(
        self,
        source: Source,
        start: int,
        stop: int,
        *,
        lane: Lane,
        pin: Pin | None = None,
        unless: Validator | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.source = source
        self.start = start
        self.stop = stop
        self.lane = lane
        self.pin = pin
        self.gate = gate
        self.weight = stop - start
        self.position = start
        self.cancelled = False
        self.running = False
        self.charged = 0
        self._unless = unless
        self._answer: Answer | None = None
        self._counters = counters()
        self._retries = Retries(lane.settings.retries)
        self._doubts = 0

    # --- for subclasses ---------------------------------------------------

    def take(self, answer: Answer) -> bool:
        """Decide on an answer of the right version before its body; False: do not read it.

        Whoever keeps the answer for later takes it out of `_answer`.
        """
        raise NotImplementedError

    def land(self, chunk: Buffer) -> None:
        """Accept the next bytes, those at `position`, and move `position` on."""
        raise NotImplementedError

    def landed(self) -> None:
        """Everything is there, or the answer said that nothing more comes."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> None:
        """Nothing more will come."""
        raise NotImplementedError

    # --- life -------------------------------------------------------------

    def run(self) -> None:
        """Send the request once and take what comes of it."""
        try:
            with using(self._counters):
                self._attempt()
        except Transient as fault:
            delay_s = self._retries.delay_s(fault, self.position - self.start)
            if self.cancelled:
                self.failed(fault)
            elif delay_s is None:
                self.failed(Unavailable(str(fault)))
            else:
                with using(self._counters):
                    count("retries")
                engine().later(self, delay_s)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            self.failed(error)

    def interrupt(self) -> None:
        """Cut the answer under way, from any thread; `cancelled` was set before."""
        answer = self._answer
        if answer is not None:
            answer.close()

    def _attempt(self) -> None:
        answer = self._ask()
        if answer is None:
            return
        self._answer = answer
        try:
            if self.cancelled:
                raise Transient("Cancelled.")
            if self._is_right(answer) and self.take(answer):
                self._receive(answer)
        finally:
            if self._answer is not None:
                self._answer = None
                answer.close()

    def _ask(self) -> Answer | None:
        pin = self.pin
        condition = pin.condition if pin else None
        count("requests")
        try:
            return self.source.read(
                self.position,
                self.stop,
                pin=condition,
                unless=self._unless,
                timeout=self.lane.settings.timeout,
            )
        except ObjectChanged as error:
            if pin is None or condition is None:
                raise
            # A balancer's nodes differ in their ETags: ask what there is now, and compare.
            current: Validator | None = getattr(error, "current", None)
            with engine().lock:
                if current is not None and pin.observe(current) is Verdict.CHANGED:
                    raise changed(self.source, pin.validator, current) from None
                pin.refused()
            self._doubt(current)
        except NotFound:
            if pin is not None:
                raise ObjectChanged(f"{self.source.url} was removed after it was opened.") from None
            raise
        return None

    def _is_right(self, answer: Answer) -> bool:
        """Compare the version of an answer with the one held to."""
        empty = answer.kind == "partial" and answer.stop == answer.start
        if answer.kind == "partial" and answer.start != self.position and not empty:
            raise Transient(
                f"{self.source.url}: the server sent bytes from {answer.start} on when asked "
                f"for those from {self.position} on."
            )
        if self.pin is None:
            return True
        with engine().lock:
            verdict = self.pin.observe(answer.validator, empty=empty)
        if verdict is Verdict.CHANGED:
            raise changed(self.source, self.pin.validator, answer.validator)
        if verdict is Verdict.UNSURE:
            self._doubt(answer.validator)
            return False
        return True

    def _doubt(self, found: Validator | None) -> None:
        """Ask again, or give up when asking again has not settled which version it is."""
        self._doubts += 1
        if self._doubts > _REASKS:
            held = self.pin.validator if self.pin else Validator()
            raise changed(self.source, held, found)
        engine().later(self, 0.0)

    def _receive(self, answer: Answer) -> None:
        # What a server that ignores ranges sends begins before the place to go on from.
        excess = self.position - answer.start
        expected = self.stop if answer.stop is None else min(answer.stop, self.stop)
        for chunk in answer.chunks:
            if self.cancelled:
                raise Transient("Cancelled.")
            count("bytes", len(chunk))
            if excess >= len(chunk):
                excess -= len(chunk)
                continue
            useful = memoryview(chunk)[excess : excess + expected - self.position]
            excess = 0
            self.land(useful)
            if self.position >= expected:
                break
        if self.position < expected:
            raise Transient(
                f"{self.source.url}: the answer broke off at byte {self.position} of {expected}."
            )
        self.landed()


def changed(source: Source, held: Validator, found: Validator | None) -> ObjectChanged:
    """Say that an object was replaced."""
    became = f"{_name(held)} became {_name(found)}" if found else f"it was {_name(held)}"
    return ObjectChanged(
        f"{source.url} changed while it was being read ({became}). "
        "Open it again to read the new version."
    )


def _name(validator: Validator) -> str:
    if validator.etag:
        return f"ETag {validator.etag}"
    if validator.generation:
        return f"generation {validator.generation}"
    size = "of unknown size" if validator.size is None else f"{validator.size} bytes"
    return f"{size}, modified {validator.last_modified}" if validator.last_modified else size


def copy_error(error: BaseException) -> BaseException:
    """Return an equal error for another thread to raise with a traceback of its own."""
    if not isinstance(error, NearlineError):
        return error
    return type(error)(*error.args)
