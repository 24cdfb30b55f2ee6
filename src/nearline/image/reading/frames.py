"""From frame indices to decoded frames: fetched side by side, each decoded once, as it lands."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nearline.cache.tiles import TileMemory, tile_memory
from nearline.dicom.codecs.decode import DecoderName, make_decoder
from nearline.dicom.codecs.icc import IccTransform
from nearline.errors import NearlineError
from nearline.image.reading.decoding import run_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nearline.dicom.byte_reader import Buffer
    from nearline.dicom.codecs.frame_format import FrameFormat
    from nearline.dicom.deflated import InflatedReader
    from nearline.dicom.frame_index import FrameIndex
    from nearline.fetch.reader import Reader
    from nearline.ranges import ByteRange

__all__ = ["Frames", "Part", "landing"]

_INLINE = 2
"""So few frames are decoded by the caller: handing them over costs more than it saves."""

_KEPT_SHARE = 8
"""Stored tiles are kept where they fill at most this part of the memory for tiles."""

Cut = tuple[slice, slice]
"""Rows and columns of a frame."""

Use = Callable[..., None]
"""Takes the 0-based index of a frame, and one array per cut."""


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
        with closing(self.read(self.ranges(frames))) as landing:
            for which, data in landing:
                yield frames[which], self.whole(frames[which], data)

    def ranges(self, frames: Iterable[int]) -> list[ByteRange]:
        """Return where frames lie, by their indices in the whole image."""
        return self.index.ranges(frame - self.first for frame in frames)

    def whole(self, frame: int, data: Buffer) -> Buffer:
        """Append to the bytes of a frame what its range lacks, which is mostly nothing."""
        # For the thread that fetches, and not for those that decode: they shall wait for no server.
        while (rest := self.index.missing(frame - self.first, data)) is not None:
            ((_, more),) = self.read([rest])
            data = b"".join((data, more))
        return data

    def payload(self, frame: int, data: Buffer) -> Buffer:
        """Return an encoded frame from what `stream` yields for it."""
        return self.index.payload(frame - self.first, data)

    def ahead(self, ranges: Sequence[ByteRange], most: int) -> tuple[Callable[[], None], int]:
        """Begin to fetch ranges that will be read soon, in order, up to `most` bytes.

        Returns
        -------
        tuple of (callable, int)
            What to call once they have been read, and the bytes begun.
        """
        begun: list[ByteRange] = []
        total = 0
        if self.inflated is None:
            for span in ranges:
                if total + span.length > most:
                    break
                total += span.length
                begun.append(span)
        return self.reader.ahead(begun).release, total

    def read(self, ranges: Sequence[ByteRange]) -> Generator[tuple[int, Buffer], None, None]:
        """Yield the number of each range and its bytes, as they land."""
        if self.inflated is None:
            yield from self.reader.stream(ranges)
        else:
            yield from enumerate(self.inflated.read_many(ranges))

    @property
    def stop(self) -> int:
        """One past the index of its last frame."""
        return self.first + self.index.number_of_frames


def landing(
    groups: Sequence[tuple[Part, Sequence[ByteRange]]],
) -> Generator[tuple[int, int, Buffer], None, None]:
    """Read ranges of several parts, in the order of the parts, later ones fetched meanwhile.

    Parameters
    ----------
    groups : sequence of (Part, sequence of ByteRange)

    Yields
    ------
    tuple of (int, int, bytes-like)
        Number of the group, of the range within it, and the bytes.
    """
    begun: deque[tuple[int, Callable[[], None], int]] = deque()
    # What is begun ahead holds memory until its turn comes.
    room = groups[0][0].reader.settings.max_bytes_in_flight // 2 if groups else 0
    following = 1
    try:
        for number, (part, ranges) in enumerate(groups):
            following = max(following, number + 1)
            while following < len(groups) and room > 0:
                later, its_ranges = groups[following]
                release, taken = later.ahead(its_ranges, room)
                begun.append((following, release, taken))
                room -= taken
                following += 1
                if taken == 0:
                    break
            with closing(part.read(ranges)) as stream:
                for which, data in stream:
                    yield number, which, data
            while begun and begun[0][0] <= number:
                _, release, taken = begun.popleft()
                release()
                room += taken
    finally:
        for _, release, _ in begun:
            release()


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
        self._firsts = [part.first for part in self.parts]
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
        self,
        frames: Sequence[int],
        use: Use,
        *,
        profiles: Sequence[int | None] | None = None,
        cuts: Mapping[int, Sequence[Cut]] | None = None,
    ) -> None:
        """Hand each frame to `use`, as soon as it is there.

        Parameters
        ----------
        frames : sequence of int
            0-based indices; repeated ones are visited once.
        use : callable
            Takes the index and an array per cut, which may be overwritten
            as soon as it returns. Called in any order, by several threads at once.
        profiles : sequence of (int or None), optional
            For each frame, the ICC profile to take it through.
        cuts : mapping of int to sequence of (slice, slice), optional
            For each frame, the rows and columns to hand over; by default one cut with all.

        Raises
        ------
        NearlineError
            The first fault of fetching or decoding; the rest is given up.
        """
        chosen = dict(zip(frames, profiles or (None,) * len(frames), strict=True))

        def hand(frame: int, tile: NDArray[Any], profile: int | None) -> None:
            parts = [tile] if cuts is None else [tile[cut] for cut in cuts[frame]]
            if profile is not None:
                parts = [self._transform(profile).apply(part) for part in parts]
            use(frame, *parts)

        missing = []
        late = set()
        memory = self._memory
        for frame, profile in chosen.items():
            tile = memory.get(self._key(frame, profile))
            if profile is not None and cuts is not None and self._is_little(cuts[frame]):
                late.add(frame)
                if tile is None and (tile := memory.get(self._key(frame, None))) is not None:
                    hand(frame, tile, profile)
                    continue
            if tile is None:
                missing.append(frame)
            else:
                hand(frame, tile, None)
        if not missing:
            return

        tile_size = self.format.dtype.itemsize * math.prod(self.format.shape)
        # Tiles of a large region would push out all others, and decoding alone costs little.
        few = tile_size * len(missing) <= memory.bound // _KEPT_SHARE

        def finish(landed: tuple[int, Buffer]) -> None:
            frame, data = landed
            profile = chosen[frame]
            if profile is not None and frame not in late:
                hand(frame, self._kept(frame, data, profile), None)
            elif few:
                hand(frame, self._kept(frame, data, None), profile)
            else:
                hand(frame, self._decoded(frame, data, _scratch(self.format)), profile)

        with closing(self._landing(missing)) as stream:
            if len(missing) <= _INLINE:
                for landed in stream:
                    finish(landed)
            else:
                run_each(stream, finish)

    def _is_little(self, cuts: Sequence[Cut]) -> bool:
        """Whether less is cut out of a frame than would be worth taking all of it through ICC."""
        size = self.format.shape[:2]
        areas = (
            math.prod(len(range(*one.indices(n))) for one, n in zip(cut, size, strict=True))
            for cut in cuts
        )
        return 2 * sum(areas) <= math.prod(size)

    def _landing(self, frames: Sequence[int]) -> Generator[tuple[int, Buffer], None, None]:
        """Yield frames and their bytes as they land, of several parts fetched side by side."""
        chosen = list(self.by_part(np.asarray(frames, np.intp)))
        groups = [(part, part.ranges(some)) for part, some in chosen]
        with closing(landing(groups)) as stream:
            for number, which, data in stream:
                part, some = chosen[number]
                yield some[which], part.whole(some[which], data)

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
        return self.parts[bisect_right(self._firsts, frame) - 1]

    def by_part(self, frames: NDArray[np.intp]) -> Iterator[tuple[Part, list[int]]]:
        """Yield the parts that hold any of `frames`, in order, and which."""
        owners = np.searchsorted(self._firsts, frames, side="right") - 1
        for owner in np.unique(owners).tolist():
            yield self.parts[owner], frames[owners == owner].tolist()
