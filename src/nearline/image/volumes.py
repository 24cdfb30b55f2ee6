"""Frames arranged in space, under highdicom's names."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from nearline.errors import NoVolume
from nearline.image.geometry.coordinate_system import CoordinateSystemNames
from nearline.image.geometry.matrix import matrix_geometry
from nearline.image.geometry.part import Part, PartArguments, volume_of
from nearline.image.geometry.stack import Stack, planes_of, stack_of
from nearline.image.metadata import ImageMetadata
from nearline.image.reading.assembly import paste_frames, region_array
from nearline.image.reading.rendering import render
from nearline.image.transforms.options import TransformOptions

if TYPE_CHECKING:
    from highdicom import Volume, VolumeGeometry
    from numpy.typing import DTypeLike, NDArray

    from nearline.image.geometry.region import Region

__all__ = ["VolumeMethods"]

_log = logging.getLogger("nearline")


class VolumeMethods(ImageMetadata):
    """Reading an image as a volume."""

    def get_volume_geometry(
        self,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
        allow_missing_positions: bool = False,
        allow_duplicate_positions: bool = True,
    ) -> VolumeGeometry | None:
        """Return where the volume lies, without reading any pixels.

        Parameters
        ----------
        rtol, atol : float, optional
            By how much the spacings between slices may differ from their mean:
            relatively (0.01 unless given), or in mm. Only one of them.
        perpendicular_tol : float, optional
            By how much the cosine between the direction of stacking and the
            normal of the frames may differ from 1; 0.001 unless given.
        allow_missing_positions : bool
            Let there be slices that no frame shows.
        allow_duplicate_positions : bool
            Let several frames lie at one place.

        Returns
        -------
        highdicom.VolumeGeometry or None
            Of (slices, rows, columns) in the patient's or slide's coordinates,
            in mm; a tiled image is one slice. None where the frames make no
            volume; the log says why, and so does `get_volume`.

        Raises
        ------
        InvalidOption
            `rtol` and `atol` together, or a negative tolerance.
        """
        try:
            return self._geometry(
                rtol=rtol,
                atol=atol,
                perpendicular_tol=perpendicular_tol,
                allow_missing_positions=allow_missing_positions,
                allow_duplicate_positions=allow_duplicate_positions,
            )
        except RuntimeError as error:
            _log.info("%s", error)
            return None

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
        allow_missing_positions: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
        perpendicular_tol: float | None = None,
    ) -> Volume:
        """Return the frames as a volume, sorted along their normal.

        Only the frames of the slices asked for are fetched, in a few ranges, in
        the order in which the file holds them; of uncompressed frames only the
        rows asked for, where that saves much.

        Parameters
        ----------
        slice_start, row_start, column_start : int, optional
            First slice, row and column: 1-based, or 0-based with `as_indices`.
            Negative counts from the end: -1 is the last. None: the first.
        slice_end, row_end, column_end : int, optional
            First slice, row and column beyond, counted in the same way. None:
            up to the last.
        as_indices : bool
            Count slices, rows and columns from 0.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `get_frame`.
        allow_missing_positions : bool
            Fill slices that no frame shows with 0 instead of raising.
        rtol, atol, perpendicular_tol : float, optional
            As in `get_volume_geometry`; a tiled image ignores them.

        Returns
        -------
        highdicom.Volume
            Its array has `dtype` and the shape (slices, rows, columns), with an
            axis of 3 behind for colour. A tiled image is one slice.

        Raises
        ------
        NoVolume
            The frames have no positions, are not parallel, or not evenly spaced.
        AmbiguousFrames
            Several frames lie at one place.
        OutsideMatrix
            There are no such slices, rows or columns, or none between start and end.
        MissingFrames
            A sparse tiled image lacks a tile of the region.
        InvalidTransform, TransformMissing
            The transforms contradict each other or what the image holds.
        InvalidOption
            `rtol` and `atol` together, or a negative tolerance.

        Notes
        -----
        Coordinates as in DICOM PS3.3 C.7.6.2.1.1 and C.7.6.16.2.3.
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
        part, stack, geometry = self._part(
            PartArguments(
                slice_start, slice_end, row_start, row_end, column_start, column_end, as_indices
            ),
            rtol=rtol,
            atol=atol,
            perpendicular_tol=perpendicular_tol,
            allow_missing_positions=allow_missing_positions,
            allow_duplicate_positions=False,
        )
        if stack is None:
            array = self._matrix_array(part.region, dtype, options)[np.newaxis]
        else:
            array = self._stacked(stack, part, dtype, options)
        return volume_of(array, part.of(geometry))

    def _part(
        self, arguments: PartArguments, **tolerances: Any
    ) -> tuple[Part, Stack | None, VolumeGeometry]:
        """Find the part asked for, the stack of the frames, and where all of it lies.

        There is no stack where the total pixel matrix is the one slice.
        """
        matrix, format_ = self._opened.facts.matrix, self._opened.facts.format
        size = format_ if matrix is None else matrix
        region = arguments.region(size.rows, size.columns, name=self.url)
        stack = self._stack(**tolerances) if matrix is None else None
        geometry = self._geometry_of_matrix() if stack is None else stack.geometry
        return Part(arguments.slices(geometry.spatial_shape[0]), region), stack, geometry

    def _stacked(
        self, stack: Stack, part: Part, dtype: DTypeLike, options: TransformOptions
    ) -> NDArray[Any]:
        frames, places = stack.within(part.slices)
        rendering = render(self._opened, self, frames.tolist(), dtype, options)
        shape = (part.slices.count, *part.region.shape, *rendering.samples)
        complete = len(frames) == part.slices.count
        array = np.empty(shape, rendering.dtype) if complete else np.zeros(shape, rendering.dtype)
        paste_frames(self._opened, frames, places, rendering, part.region, array)
        return array

    def _matrix_array(
        self, region: Region, dtype: DTypeLike, options: TransformOptions
    ) -> NDArray[Any]:
        tiling = self._opened.tiling
        if tiling is None:
            raise NoVolume(
                f"{self.url} is tiled, but does not say where its tiles lie. "
                "Read its frames with get_frames."
            )
        return region_array(
            self._opened,
            tiling,
            self,
            region,
            dtype,
            options,
            optical_path=None,
            focal_plane=None,
            allow_missing=False,
        )

    def _geometry(self, **tolerances: Any) -> VolumeGeometry:
        if self.is_tiled and self._coordinates() == CoordinateSystemNames.SLIDE:
            return self._geometry_of_matrix()
        return self._stack(**tolerances).geometry

    def _geometry_of_matrix(self) -> VolumeGeometry:
        """Where the total pixel matrix lies, as a volume of one slice."""
        if self._coordinates() == CoordinateSystemNames.SLIDE:
            return matrix_geometry(self._opened, self)
        return self._stack().geometry

    def _stack(self, **tolerances: Any) -> Stack:
        if self._coordinates() == CoordinateSystemNames.SLIDE:
            raise NoVolume(
                f"{self.url} lies on a slide, but is not tiled: it makes no volume. "
                "Read its frames with get_frames."
            )
        format_ = self._opened.facts.format
        planes = planes_of(self._opened.columns, (format_.rows, format_.columns), name=self.url)
        uid = str(self.FrameOfReferenceUID)
        return stack_of(planes, name=self.url, frame_of_reference_uid=uid, **tolerances)

    def _coordinates(self) -> CoordinateSystemNames:
        """Return the coordinate system; there must be one."""
        found = self.coordinate_system
        if found is not None:
            return found
        lacks = (
            "(0020,0052) Frame of Reference UID"
            if "FrameOfReferenceUID" not in self
            else "(0020,0032) Image Position (Patient)"
        )
        raise NoVolume(
            f"{self.url} lies nowhere in space: it has no {lacks}. Read its frames with get_frames."
        )
