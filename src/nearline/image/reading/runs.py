"""Many frames at a time: native ones that lie side by side are read and unpacked together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.dicom.codecs.colour import is_full_ybr
from nearline.dicom.codecs.frame_format import EXPLICIT_BIG_ENDIAN
from nearline.image.reading.decoding import run_each
from nearline.image.reading.frames import landing
from nearline.ranges import ByteRange
from nearline.traffic import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.byte_reader import Buffer
    from nearline.dicom.codecs.frame_format import FrameFormat
    from nearline.image.reading.frames import Frames

__all__ = ["Runs", "plan_runs", "visit_runs"]

_PIECE = 1 << 19
"""Bytes of the object that are handed over at once; a larger frame is handed over whole."""

_UNPACKED = 1 << 20
"""Values that bits are unpacked to at once: few enough to stay in a processor's own cache."""

_WORTH_CUTTING = 128 << 10
"""Bytes between the rows wanted of frames side by side that are worth a request for each frame."""

_SMALL = 64 << 10
"""Pieces of so few bytes are unpacked by the caller: handing them over costs more than it saves."""

UseRun = Callable[["NDArray[np.intp]", "NDArray[Any]"], None]


def visit_runs(
    frames: Frames,
    wanted: Sequence[int] | NDArray[np.intp],
    use: UseRun,
    *,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> None:
    """Hand decoded frames to `use`, many at a time.

    Native frames that lie side by side are read as one range and unpacked
    together; all others come one by one from the decoding pool.

    Parameters
    ----------
    frames : Frames
        Those of an image.
    wanted : sequence of int
        0-based indices, in any order; repeated ones are handed over once.
    use : callable
        Takes 0-based indices in the whole image, ascending, shape (n,), and the
        stored values, shape (n, rows, columns) or (n, rows, columns, samples);
        single-bit pixels as uint8. The array may be read-only, and be
        overwritten as soon as `use` returns. Called in any order, by several
        threads at once.
    rows, columns : slice
        What to take of each frame; of step 1.

    Raises
    ------
    NearlineError
        The first fault of fetching or decoding; the rest is given up.
    """
    format_ = frames.format
    chosen = np.unique(np.asarray(wanted, np.intp))
    if not len(chosen):
        return
    top, bottom, _ = rows.indices(format_.rows)
    if not (_in_runs(format_) and frames.decoder == "default"):

        def use_one(frame: int, values: NDArray[Any]) -> None:
            use(np.array([frame], np.intp), values[np.newaxis, rows, columns])

        frames.visit(chosen.tolist(), use_one)
        return

    parts = list(frames.by_part(chosen))
    plans = [
        plan_runs(
            np.asarray(some, np.intp) - part.first,
            frame_bits=format_.native_bits,
            rows=(top, bottom) if bottom > top else (0, 0),
            row_bits=format_.native_bits // format_.rows,
            offset=int(part.index.offsets[0]),
        )
        for part, some in parts
    ]
    unpack = _bits if format_.bits_allocated == 1 else _words

    def finish(piece: tuple[int, int, Buffer]) -> None:
        number, which, data = piece
        plan = plans[number]
        first = parts[number][0].first + int(plan.firsts[which])
        some = int(plan.counts[which])
        count("decoded_frames", some)
        held = bottom - top if plan.cut[which] else format_.rows
        within = slice(None) if plan.cut[which] else rows

        def hand_over(begin: int, values: NDArray[Any]) -> None:
            indices = np.arange(first + begin, first + begin + len(values), dtype=np.intp)
            use(indices, values[:, within, columns])

        unpack(data, int(plan.skipped[which]), some, held, format_, hand_over)

    groups = [(part, plan.ranges) for (part, _), plan in zip(parts, plans, strict=True)]
    with closing(landing(groups)) as stream:
        run_each(_large(stream, finish), finish)


def _large(
    pieces: Iterable[tuple[int, int, Buffer]], finish: Callable[[tuple[int, int, Buffer]], None]
) -> Iterator[tuple[int, int, Buffer]]:
    """Finish small pieces here, and yield the others."""
    for piece in pieces:
        if len(piece[2]) <= _SMALL:
            finish(piece)
        else:
            yield piece


@dataclass(frozen=True, slots=True)
class Runs:
    """Frames that are read together, one row each; in the order of the object.

    Attributes
    ----------
    firsts : ndarray of intp
        0-based index of the first frame.
    counts : ndarray of intp
        Frames, side by side.
    skipped : ndarray of intp
        Bits of the first byte that belong to what lies before.
    cut : ndarray of bool
        Whether only the rows wanted are read, which is so of single frames only.
    ranges : list of ByteRange
        Of the object.
    """

    firsts: NDArray[np.intp]
    counts: NDArray[np.intp]
    skipped: NDArray[np.intp]
    cut: NDArray[np.bool_]
    ranges: list[ByteRange]


def plan_runs(
    frames: NDArray[np.intp],
    *,
    frame_bits: int,
    rows: tuple[int, int],
    row_bits: int,
    offset: int,
    piece: int = _PIECE,
    worth_cutting: int = _WORTH_CUTTING,
) -> Runs:
    """Say which frames to read together, and where they lie.

    Parameters
    ----------
    frames : ndarray of intp
        0-based indices in the object, ascending, none twice.
    frame_bits, row_bits : int
        Bits of a frame and of one of its rows.
    rows : tuple of (int, int)
        First row wanted and the one behind the last.
    offset : int
        Byte at which frame 0 begins.
    piece : int
        Most bytes of a run that holds several frames.
    worth_cutting : int
        Bytes unwanted in each of several frames side by side that make reading
        the rows alone worth while.
    """
    if not len(frames):
        none = np.zeros(0, np.intp)
        return Runs(none, none, none, none.astype(bool), [])
    wanted_bits = (rows[1] - rows[0]) * row_bits
    apart = frame_bits - wanted_bits >= 8 * worth_cutting
    places = np.arange(len(frames))
    begins = np.ones(len(frames), bool)
    if not apart:
        begins[1:] = np.diff(frames) != 1
        heads = np.maximum.accumulate(np.where(begins, places, 0))
        begins |= (places - heads) % max(1, 8 * piece // frame_bits) == 0
    starts = places[begins]
    counts = np.diff(starts, append=len(frames))
    firsts = frames[starts]
    cut = (counts == 1) & (wanted_bits < frame_bits)
    begin = firsts * frame_bits + np.where(cut, rows[0] * row_bits, 0)
    end = begin + np.where(cut, wanted_bits, counts * frame_bits)
    ranges = map(ByteRange, (offset + begin // 8).tolist(), (offset - (-end // 8)).tolist())
    return Runs(firsts, counts, begin % 8, cut, list(ranges))


def _in_runs(format_: FrameFormat) -> bool:
    """Whether frames are native values in the order of the result, and nothing is to be undone."""
    if not format_.is_native or format_.is_in_words:
        return False
    if format_.samples_per_pixel == 1:
        return True
    return (
        format_.bits_allocated > 1
        and format_.planar_configuration == 0
        and not is_full_ybr(format_.photometric_interpretation)
    )


def _words(
    data: Buffer,
    _skipped: int,
    frames: int,
    rows: int,
    format_: FrameFormat,
    hand_over: Callable[[int, NDArray[Any]], None],
) -> None:
    big_endian = format_.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN
    stored = np.frombuffer(data, format_.dtype.newbyteorder(">" if big_endian else "="))
    values = stored.reshape(frames, rows, *format_.shape[1:])
    hand_over(0, values.astype(format_.dtype, copy=False))


def _bits(
    data: Buffer,
    skipped: int,
    frames: int,
    rows: int,
    format_: FrameFormat,
    hand_over: Callable[[int, NDArray[Any]], None],
) -> None:
    packed = np.frombuffer(data, np.uint8)
    bits = rows * format_.columns
    some = max(1, _UNPACKED // max(bits, 1))
    for begin in range(0, frames, some):
        taken = min(some, frames - begin)
        first = skipped + begin * bits
        last = first + taken * bits
        unpacked = np.unpackbits(
            packed[first // 8 : -(-last // 8)], count=first % 8 + taken * bits, bitorder="little"
        )
        hand_over(begin, unpacked[first % 8 :].reshape(taken, rows, format_.columns))
