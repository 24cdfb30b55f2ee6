"""`Series`: a volume of single-frame objects, whose pixels are fetched when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.errors import NoVolume
from nearline.image.geometry.part import Part, PartArguments, volume_of
from nearline.image.series.arrangement import Place, arrange, in_order
from nearline.image.series.choosing import Skipped
from nearline.image.series.member import Member, format_of
from nearline.image.series.reading import read_slices
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from highdicom import Volume, VolumeGeometry
    from numpy.typing import DTypeLike
    from pydicom.dataset import Dataset

    from nearline.dicom.codecs.decode import DecoderName
    from nearline.dicom.codecs.frame_format import FrameFormat
    from nearline.image.geometry.stack import Stack

__all__ = ["Series"]


class Series:
    """A series of single-frame images; `open_series` makes it.

    Opening reads the headers. Slices are sorted along their normal, so that
    slices, rows and columns make a right-handed system, as in
    `highdicom.get_volume_from_series`, whose checks are made when a volume is
    asked for. Only the objects of the slices asked for are read.

    Safe to use from many threads; pickles where its objects can be opened again.

    Attributes
    ----------
    skipped : list of Skipped
        Objects that were found but do not belong: `url` and `reason` of each.
    """

    def __init__(
        self, members: Sequence[Member], skipped: Sequence[Skipped], decoder: DecoderName
    ) -> None:
        formats: dict[bytes, FrameFormat] = {}
        found = [format_of(one, formats) for one in members]
        places = [_place(one, format_) for one, format_ in zip(members, found, strict=True)]
        order = in_order(places)
        self._members = [members[i] for i in order]
        self._formats = [found[i] for i in order]
        self._places = [places[i] for i in order]
        self._decoder: DecoderName = decoder
        self._stacks: dict[tuple[float | None, ...], Stack] = {}
        self.skipped = list(skipped)

    # --- what it is -------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._members)

    @property
    def number_of_slices(self) -> int:
        """One for each object."""
        return len(self._members)

    @property
    def urls(self) -> list[str]:
        """Of the objects, in the order of the slices; without credentials or signatures."""
        return [one.url for one in self._members]

    @cached_property
    def datasets(self) -> list[Dataset]:
        """The headers, in the order of the slices."""
        return [one.dataset() for one in self._members]

    @property
    def series_instance_uid(self) -> str:
        """Series Instance UID."""
        return self._members[0].series_uid

    @property
    def series_description(self) -> str:
        """Series Description; empty without one."""
        return self._members[0].description

    @property
    def modality(self) -> str:
        """Modality, such as "CT"."""
        return self._members[0].modality

    @property
    def frame_of_reference_uid(self) -> str:
        """Frame of Reference UID."""
        return self._members[0].frame_of_reference

    def __repr__(self) -> str:
        rows, columns = self._places[0].shape
        left_out = f", {len(self.skipped)} objects left out" if self.skipped else ""
        return (
            f"<nearline.Series {self.series_instance_uid}: {self.modality}, {len(self)} slices of "
            f"{rows} x {columns}{left_out}>"
        )

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "datasets"}
        return state | {"_stacks": {}}

    # --- volumes ----------------------------------------------------------

    def get_volume_geometry(
        self,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
        orientation_tol: float | None = None,
    ) -> VolumeGeometry:
        """Return where the volume lies, without reading pixels.

        Parameters
        ----------
        rtol, atol, perpendicular_tol, orientation_tol
            As in `get_volume`.

        Returns
        -------
        highdicom.VolumeGeometry

        Raises
        ------
        NoVolume, AmbiguousFrames
            As `get_volume`.
        """
        return self._stack(rtol, atol, perpendicular_tol, orientation_tol).geometry

    def get_volume(
        self,
        *,
        slice_start: SupportsIndex | None = None,
        slice_end: SupportsIndex | None = None,
        row_start: SupportsIndex | None = None,
        row_end: SupportsIndex | None = None,
        column_start: SupportsIndex | None = None,
        column_end: SupportsIndex | None = None,
        as_indices: bool = False,
        dtype: DTypeLike = np.float64,
        apply_real_world_transform: bool | None = None,
        real_world_value_map_selector: Any = 0,
        apply_modality_transform: bool | None = None,
        apply_voi_transform: bool | None = False,
        voi_transform_selector: Any = 0,
        voi_output_range: tuple[float, float] = (0.0, 1.0),
        apply_presentation_lut: bool = True,
        apply_palette_color_lut: bool | None = None,
        apply_icc_profile: bool | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
        orientation_tol: float | None = None,
    ) -> Volume:
        """Return the series, or a part of it, as a volume.

        Parameters
        ----------
        slice_start, row_start, column_start : int, optional
            First slice, row and column: 1-based, or 0-based with `as_indices`.
            Negative counts from the end: -1 is the last. None: the first.
        slice_end, row_end, column_end : int, optional
            First slice, row and column beyond the part, counted in the same
            way. None: up to the last.
        as_indices : bool
            Count from 0.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `Image.get_frame`; each slice by its own header.
        rtol, atol : float, optional
            By how much spacings may differ from their mean: relatively (0.01
            unless given), or in mm. Only one of them.
        perpendicular_tol : float, optional
            By how much the cosine between the direction of stacking and the
            normal may differ from 1; 0.001 unless given.
        orientation_tol : float, optional
            By how much the cosines between the orientations may differ from 1;
            by default orientations must be equal.

        Returns
        -------
        highdicom.Volume
            Shape (slices, rows, columns), with a last axis of 3 for colour.

        Raises
        ------
        NoVolume
            The objects differ in frame of reference, orientation, spacing or
            size, or are not evenly spaced.
        AmbiguousFrames
            Two lie at one place.
        OutsideMatrix
            There are no such slices, rows or columns.
        InvalidTransform, TransformMissing
            The transforms contradict each other or what the images hold.
        """
        options = TransformOptions(
            apply_real_world_transform=apply_real_world_transform,
            real_world_value_map_selector=real_world_value_map_selector,
            apply_modality_transform=apply_modality_transform,
            apply_voi_transform=apply_voi_transform,
            voi_transform_selector=voi_transform_selector,
            voi_output_range=voi_output_range,
            apply_presentation_lut=apply_presentation_lut,
            apply_palette_color_lut=apply_palette_color_lut,
            apply_icc_profile=apply_icc_profile,
        )
        stack = self._stack(rtol, atol, perpendicular_tol, orientation_tol)
        arguments = PartArguments(
            slice_start, slice_end, row_start, row_end, column_start, column_end, as_indices
        )
        part = Part(
            arguments.slices(stack.number_of_slices),
            arguments.region(*self._places[0].shape, name=f"series {self.series_instance_uid}"),
        )
        member_of = np.argsort(stack.slice_of)[part.slices.as_slice].tolist()
        array = read_slices(
            [self._members[i] for i in member_of],
            [self._formats[i] for i in member_of],
            part.region.rows.as_slice,
            part.region.columns.as_slice,
            np.dtype(dtype),
            options,
            self._decoder,
        )
        return volume_of(array, part.of(stack.geometry))

    def _stack(self, *tolerances: float | None) -> Stack:
        found = self._stacks.get(tolerances)
        if found is None:
            rtol, atol, perpendicular_tol, orientation_tol = tolerances
            found = self._stacks[tolerances] = arrange(
                self._places,
                name=f"series {self.series_instance_uid}",
                rtol=rtol,
                atol=atol,
                perpendicular_tol=perpendicular_tol,
                orientation_tol=orientation_tol,
            )
        return found

    def close(self) -> None:
        """Give up what is under way for these objects, and their connections."""
        for one in self._members:
            one.reader.close()


def _place(member: Member, format_: FrameFormat) -> Place:
    columns = None if member.index is None else member.index.columns

    def numbers(keyword: str) -> tuple[float, ...]:
        values = None if columns is None else columns.get(keyword)
        if values is None or not np.isfinite(values).all():
            raise NoVolume(
                f"{member.url} does not say where it lies: its {keyword} cannot be read. Pass a "
                "list of URLs without it."
            )
        return tuple(np.atleast_1d(values[0]).tolist())

    known = columns is not None and "SpacingBetweenSlices" in columns
    return Place(
        member.url,
        member.frame_of_reference,
        numbers("ImagePositionPatient"),
        numbers("ImageOrientationPatient"),
        numbers("PixelSpacing"),
        (format_.rows, format_.columns),
        numbers("SpacingBetweenSlices")[0] if known else None,
        member.instance_number,
    )
