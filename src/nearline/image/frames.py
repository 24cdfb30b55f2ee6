"""From frame indices to decoded frames: fetched side by side, each decoded once, as it lands."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nearline.cache.tiles import TileMemory, tile_memory
from nearline.dicom.codecs import DecoderName, decode
from nearline.dicom.icc import IccTransform
from nearline.errors import NearlineError
from nearline.image.pool import decode_pool, workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.byte_reader import Buffer
    from nearline.dicom.deflated import InflatedReader
    from nearline.dicom.frame_format import FrameFormat
    from nearline.dicom.frame_index import FrameIndex
    from nearline.fetch.reader import Reader
    from nearline.ranges import ByteRange

__all__ = ["Frames", "Part"]

_INLINE = 2
"""So few frames are decoded by the caller: handing them over costs more than it saves."""

Use = Callable[[int, "NDArray[Any]"], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One object that holds frames of an image.

    Attributes
    ----------
    reader : Reader
        The object.
    index : FrameIndex
        Where its frames lie.
    first : int
        0-based index, in the whole image, of its first frame.
    inflated : InflatedReader or None
        What the index's offsets refer to in a deflated object; None for any other.
    """

    reader: Reader
    index: FrameIndex
    first: int = 0
    inflated: InflatedReader | None = None

    def stream(self, ranges: Sequence[ByteRange]) -> Generator[tuple[int, Buffer], None, None]:
        """Yield each range's number and bytes, as they land."""
        if self.inflated is None:
            yield from self.reader.stream(ranges)
        else:
            yield from enumerate(self.inflated.read_many(ranges))

    def payload(self, local: int, data: Buffer) -> Buffer:
        """Return the encoded frame from the bytes of its range, by its index in this part."""
        while (rest := self.index.missing(local, data)) is not None:
            ((_, more),) = self.stream([rest])
            data = b"".join((data, more))
        return self.index.payload(local, data)

    @property
    def stop(self) -> int:
        """One past the index of its last frame."""
        return self.first + self.index.number_of_frames


class Frames:
    """The frames of one image.

    Parameters
    ----------
    parts : sequence of Part
        Ordered, without gaps.
    format_ : FrameFormat
        How each frame is encoded.
    decoder : {"default", "pydicom"}
        See `nearline.dicom.codecs.decode`.
    profiles : sequence of bytes
        ICC profiles that frames may be asked through.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        format_: FrameFormat,
        decoder: DecoderName = "default",
        profiles: Sequence[bytes] = (),
    ) -> None:
        self.parts = tuple(parts)
        self.format = format_
        self.decoder = decoder
        self._profiles = tuple(profiles)
        self._transforms: dict[int, IccTransform] = {}
        # Stands for the version of an object that nothing identifies: equal only to itself.
        self._unversioned = object()

    def __len__(self) -> int:
        return self.parts[-1].stop

    def raw(self, frame: int) -> bytes:
        """Return the encoded bytes of a frame, by its 0-based index."""
        part = next(part for part in self.parts if frame < part.stop)
        local = frame - part.first
        ((_, data),) = part.stream([part.index.range_of(local)])
        return bytes(part.payload(local, data))

    def visit(
        self, frames: Sequence[int], use: Use, *, profiles: Sequence[int | None] | None = None
    ) -> None:
        """Hand each frame to `use`, as soon as it is there.

        Parameters
        ----------
        frames : sequence of int
            0-based indices; repeated ones are visited once.
        use : callable
            Takes the index and the decoded, read-only array. Called in any
            order, by several threads at once.
        profiles : sequence of (int or None), optional
            For each frame, the ICC profile to take it through.

        Raises
        ------
        NearlineError
            The first fault of fetching or decoding; the rest is given up.
        """
        chosen = dict(zip(frames, profiles or (None,) * len(frames), strict=True))
        missing = []
        memory = self._memory
        for frame, profile in chosen.items():
            tile = memory.get(self._key(frame, profile))
            if tile is None:
                missing.append(frame)
            else:
                use(frame, tile)
        for part, some in self._by_part(missing):
            self._fetch(part, some, chosen, use)

    def _fetch(
        self, part: Part, frames: list[int], chosen: dict[int, int | None], use: Use
    ) -> None:
        """Fetch and decode frames of one part, given as indices of the whole image."""
        ranges = part.index.ranges(frame - part.first for frame in frames)

        def finish(landed: tuple[int, Buffer]) -> None:
            which, data = landed
            frame = frames[which]
            use(frame, self._decoded(part, frame, data, chosen[frame]))

        with closing(part.stream(ranges)) as stream:
            if len(frames) <= _INLINE:
                for landed in stream:
                    finish(landed)
            else:
                _run_each(stream, finish)

    def _decoded(self, part: Part, frame: int, data: Buffer, profile: int | None) -> NDArray[Any]:
        """Return the tile, decoded here unless another caller is doing just that."""

        def compute() -> NDArray[Any]:
            local = frame - part.first
            payload = part.payload(local, data)
            try:
                tile = decode(payload, self.format, decoder=self.decoder, index=local)
            except NearlineError as fault:
                raise type(fault)(f"{part.reader.url}: {fault}") from None
            return tile if profile is None else self._transform(profile).apply(tile)

        return self._memory.get_or_compute(self._key(frame, profile), compute)

    @property
    def _memory(self) -> TileMemory:
        return tile_memory(self.parts[0].reader.settings.tile_memory)

    def _transform(self, profile: int) -> IccTransform:
        transform = self._transforms.get(profile)
        if transform is None:
            transform = self._transforms[profile] = IccTransform(self._profiles[profile])
        return transform

    def _key(self, frame: int, profile: int | None) -> tuple[object, ...]:
        part = next(part for part in self.parts if frame < part.stop)
        reader = part.reader
        version = reader.validator.key or self._unversioned
        return (reader.source.identity, version, frame - part.first, self.decoder, profile)

    def _by_part(self, frames: Sequence[int]) -> Iterator[tuple[Part, list[int]]]:
        for part in self.parts:
            some = [frame for frame in frames if part.first <= frame < part.stop]
            if some:
                yield part, some


def _run_each(items: Iterator[Any], work: Callable[[Any], None]) -> None:
    """Run `work` on each item in the decoding pool, while later items are still coming.

    Few items wait at a time, so that what decoding has not caught up with is
    bounded by the fetching, which then waits too.
    """
    pool = decode_pool()
    most = 4 * workers()
    pending: set[Future[None]] = set()
    try:
        for item in items:
            # A context cannot be entered twice at a time; copying one costs next to nothing.
            pending.add(pool.submit(copy_context().run, work, item))
            if len(pending) >= most:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
    except BaseException:
        for future in pending:
            future.cancel()
        raise
