"""From frame indices to decoded frames: fetched side by side, each decoded once, as it lands."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.cache.tiles import TileMemory, tile_memory
from nearline.dicom.codecs.decode import DecoderName, make_decoder
from nearline.dicom.codecs.icc import IccTransform
from nearline.errors import NearlineError
from nearline.image.decoding import run_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.byte_reader import Buffer
    from nearline.dicom.codecs.frame_format import FrameFormat
    from nearline.dicom.deflated import InflatedReader
    from nearline.dicom.frame_index import FrameIndex
    from nearline.fetch.reader import Reader
    from nearline.ranges import ByteRange

__all__ = ["Frames", "Part"]

_INLINE = 2
"""So few frames are decoded by the caller: handing them over costs more than it saves."""

_KEPT_SHARE = 8
"""Stored tiles are kept where they fill at most this part of the memory for tiles."""

Use = Callable[[int, "NDArray[Any]"], None]


class _Scratch(threading.local):
    """One array per thread to decode into: fresh memory costs as much as half the decoding."""

    array: NDArray[Any] | None = None


_own = _Scratch()


def _scratch(format_: FrameFormat) -> NDArray[Any]:
    if _own.array is None or (_own.array.shape, _own.array.dtype) != (format_.shape, format_.dtype):
        _own.array = np.empty(format_.shape, format_.dtype)
    return _own.array


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

    def stream(self, frames: Sequence[int]) -> Generator[tuple[int, Buffer], None, None]:
        """Yield frames, by their indices in the whole image, and their bytes, as they land."""
        ranges = self.index.ranges(frame - self.first for frame in frames)
        with closing(self._read(ranges)) as landing:
            for which, data in landing:
                frame, whole = frames[which], data
                # Here and not in the threads that decode, which shall wait for no server.
                while (rest := self.index.missing(frame - self.first, whole)) is not None:
                    ((_, more),) = self._read([rest])
                    whole = b"".join((whole, more))
                yield frame, whole

    def payload(self, frame: int, data: Buffer) -> Buffer:
        """Return an encoded frame from what `stream` yields for it."""
        return self.index.payload(frame - self.first, data)

    def ahead(self, frames: Sequence[int], most: int) -> tuple[Callable[[], None], int]:
        """Begin to fetch frames that will be streamed soon, in order, up to `most` bytes.

        Returns
        -------
        tuple of (callable, int)
            What to call once they have been streamed, and the bytes begun.
        """
        begun: list[ByteRange] = []
        total = 0
        if self.inflated is None:
            for span in self.index.ranges(frame - self.first for frame in frames):
                total += span.length
                if total > most:
                    break
                begun.append(span)
        return self.reader.ahead(begun).release, min(total, most)

    def _read(self, ranges: Sequence[ByteRange]) -> Generator[tuple[int, Buffer], None, None]:
        if self.inflated is None:
            yield from self.reader.stream(ranges)
        else:
            yield from enumerate(self.inflated.read_many(ranges))

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
        See `nearline.dicom.codecs.decode.decode`.
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
        # Asked for once: what is open keeps its name, and spelling it takes as long as a tile.
        self._identities = {part.first: part.reader.source.identity for part in self.parts}
        # Stands for the version of an object that nothing identifies: equal only to itself.
        self._unversioned = object()

    def __len__(self) -> int:
        return self.parts[-1].stop

    def raw(self, frame: int) -> bytes:
        """Return the encoded bytes of a frame, by its 0-based index."""
        part = self._part(frame)
        ((_, data),) = part.stream([frame])
        return bytes(part.payload(frame, data))

    def visit(
        self, frames: Sequence[int], use: Use, *, profiles: Sequence[int | None] | None = None
    ) -> None:
        """Hand each frame to `use`, as soon as it is there.

        Parameters
        ----------
        frames : sequence of int
            0-based indices; repeated ones are visited once.
        use : callable
            Takes the index and the decoded array, which may be overwritten
            as soon as it returns. Called in any order, by several threads at once.
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
        if not missing:
            return

        tile_size = self.format.dtype.itemsize * math.prod(self.format.shape)
        # Tiles of a large region would push out all others, and decoding alone costs little.
        few = tile_size * len(missing) <= memory.bound // _KEPT_SHARE

        def finish(landed: tuple[int, Buffer]) -> None:
            frame, data = landed
            profile = chosen[frame]
            if few or profile is not None:
                use(frame, self._kept(frame, data, profile))
            else:
                use(frame, self._decoded(frame, data, _scratch(self.format)))

        with closing(self._landing(missing)) as stream:
            if len(missing) <= _INLINE:
                for landed in stream:
                    finish(landed)
            else:
                run_each(stream, finish)

    def _landing(self, frames: Sequence[int]) -> Generator[tuple[int, Buffer], None, None]:
        """Yield frames and their bytes as they land, of several parts fetched side by side."""
        groups = list(self._by_part(frames))
        # What is begun ahead holds memory until its turn comes.
        most = self.parts[0].reader.settings.max_bytes_in_flight // 2
        with ExitStack() as begun:
            for part, some in groups[1:]:
                release, taken = part.ahead(some, most)
                begun.callback(release)
                most -= taken
            for part, some in groups:
                with closing(part.stream(some)) as stream:
                    yield from stream

    def _kept(self, frame: int, data: Buffer, profile: int | None) -> NDArray[Any]:
        """Return the tile to be kept, made here unless another caller is doing just that."""

        def compute() -> NDArray[Any]:
            if profile is None:
                return self._decoded(frame, data)
            stored = self._decoded(frame, data, _scratch(self.format))
            return self._transform(profile).apply(stored)

        return self._memory.get_or_compute(self._key(frame, profile), compute)

    def _decoded(self, frame: int, data: Buffer, out: NDArray[Any] | None = None) -> NDArray[Any]:
        part = self._part(frame)
        payload = part.payload(frame, data)
        decoder = make_decoder(self.format, self.decoder)
        try:
            return decoder(payload, frame - part.first, out=out)
        except NearlineError as fault:
            raise type(fault)(f"{part.reader.url}: {fault}") from None

    @property
    def _memory(self) -> TileMemory:
        return tile_memory(self.parts[0].reader.settings.tile_memory)

    def _transform(self, profile: int) -> IccTransform:
        transform = self._transforms.get(profile)
        if transform is None:
            transform = self._transforms[profile] = IccTransform(self._profiles[profile])
        return transform

    def _key(self, frame: int, profile: int | None) -> tuple[object, ...]:
        part = self._part(frame)
        reader = part.reader
        version = reader.validator.key or self._unversioned
        return (self._identities[part.first], version, frame - part.first, self.decoder, profile)

    def _part(self, frame: int) -> Part:
        return next(part for part in self.parts if frame < part.stop)

    def _by_part(self, frames: Sequence[int]) -> Iterator[tuple[Part, list[int]]]:
        for part in self.parts:
            some = [frame for frame in frames if part.first <= frame < part.stop]
            if some:
                yield part, some
