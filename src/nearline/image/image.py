"""`Image`: a DICOM image whose frames are fetched when they are asked for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex

import numpy as np

from nearline.errors import MissingFrames, WrongKind
from nearline.image.by_source import SourceMethods
from nearline.image.concatenation import joined_dataset
from nearline.image.frame_methods import FrameMethods
from nearline.image.geometry.region import region_of_matrix
from nearline.image.pixels import Pixels
from nearline.image.reading.assembly import region_array
from nearline.image.transforms.options import TransformOptions
from nearline.image.volumes import VolumeMethods
from nearline.opening import as_highdicom

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened

__all__ = ["Image"]


class Image(FrameMethods, SourceMethods, VolumeMethods):
    """A DICOM image: a pydicom Dataset of its header, and its pixels on request.

    `imread` makes it. Opening reads the header only; the header of an object
    that the cache knows is not even parsed until an attribute is used. Names,
    keywords, index bases and results follow `highdicom.Image`.

    Safe to use from many threads; pickles where its objects can be opened again.
    """

    _highdicom_reader: ClassVar[tuple[str, str]] = ("highdicom", "imread")

    def __init__(self, opened: Opened, dataset: Dataset | None = None) -> None:
        super().__init__()
        self._opened = opened
        self._all_stored = None
        if dataset is not None:
            self._become(dataset)

    # --- how it is made, copied and shown ---------------------------------

    @classmethod
    def from_file(cls, fp: Any, lazy_frame_retrieval: bool = True) -> Self:  # noqa: ARG003
        """Read an image; `imread` under highdicom's other name."""
        from nearline.image.imread import open_as

        return open_as(cls, fp)

    @classmethod
    def from_dataset(cls, dataset: Dataset, copy: bool = True) -> Self:  # noqa: ARG003
        """Make an image of a Dataset in memory, which must hold its pixels.

        Parameters
        ----------
        dataset : pydicom.Dataset
            With file meta information.
        copy : bool
            Accepted for highdicom's sake; the dataset is never altered.
        """
        from nearline.image.imread import encoded, open_as

        return open_as(cls, encoded(dataset))

    def _parse(self) -> Dataset:
        return joined_dataset(self._opened)

    def __copy__(self) -> Self:
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        # Open objects are shared: they cannot be written to.
        memo[id(self._opened)] = self._opened
        for name, value in self.__dict__.items():
            made.__dict__[name] = copy.deepcopy(value, memo)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (type(self), {**self.__dict__, "_all_stored": None})

    def __repr__(self) -> str:
        """Say in short what this is; `str` prints all elements, as pydicom does."""
        facts, format_ = self._opened.facts, self._opened.facts.format
        frames = f"{self.number_of_frames} frame{'s' if self.number_of_frames != 1 else ''}"
        what = f"{frames} of {format_.rows} x {format_.columns}"
        if facts.matrix is not None:
            what = f"{facts.matrix.rows} x {facts.matrix.columns} matrix, {what}"
        return f"<nearline.Image {self.url}: {what}, {self.transfer_syntax_uid.name}>"

    def to_highdicom(self) -> Any:
        """Return highdicom's own object for this image, which reads frames as they are asked for.

        It reads the same bytes through the same cache.

        Returns
        -------
        highdicom.Image
            Of a segmentation that `segread` opened, highdicom.seg.Segmentation;
            of a map that `pmread` opened, highdicom.pm.ParametricMap.

        Raises
        ------
        WrongKind
            The image is a concatenation, which highdicom reads part by part.
        InvalidDicom
            highdicom cannot read the object.
        MissingExtra
            highdicom is not installed.
        """
        if len(self._opened.frames.parts) > 1:
            raise WrongKind(
                f"{self.url} and its companions are a concatenation, which highdicom has no object "
                "for. Open its instances one by one with nearline.imread."
            )
        # highdicom cannot read single frames of an object that is deflated as a whole.
        deflated = self._opened.frames.parts[0].inflated is not None
        module, function = self._highdicom_reader
        return as_highdicom(
            self._opened.reader, module, function, lazy_frame_retrieval=not deflated
        )

    # --- the total pixel matrix ----------------------------------------------

    @property
    def pixels(self) -> Pixels:
        """The pixels with NumPy's index rules: 0-based, read when indexed.

        Rows and columns of the total pixel matrix for a tiled image; frames,
        rows and columns for another image of several frames.
        """
        return Pixels(self._opened, self)

    def get_total_pixel_matrix(
        self,
        row_start: SupportsIndex | None = None,
        row_end: SupportsIndex | None = None,
        column_start: SupportsIndex | None = None,
        column_end: SupportsIndex | None = None,
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
        as_indices: bool = False,
        *,
        optical_path: str | None = None,
        focal_plane: SupportsIndex | None = None,
        allow_missing_positions: bool = False,
    ) -> NDArray[Any]:
        """Return a region of the total pixel matrix.

        Parameters
        ----------
        row_start, column_start : int, optional
            First row and column: 1-based, or 0-based with `as_indices`.
            Negative counts from the end: -1 is the last. None: the first.
        row_end, column_end : int, optional
            First row and column beyond the region, counted in the same way.
            None: up to the last.
        dtype, apply_real_world_transform, ..., apply_icc_profile
            As in `get_frame`.
        as_indices : bool
            Count rows, columns and focal planes from 0.
        optical_path : str, optional
            Optical path identifier (or segment number of a segmentation); needed
            where tiles of several lie at one place. See `optical_paths`.
        focal_plane : int, optional
            1-based, or 0-based with `as_indices`; needed where tiles of several
            lie at one place. See `number_of_focal_planes`.
        allow_missing_positions : bool
            Fill what a sparse image has no tiles for with 0 instead of raising.

        Returns
        -------
        ndarray of `dtype`, shape (rows, columns) or (rows, columns, 3)

        Raises
        ------
        OutsideMatrix
            The region reaches outside the matrix, or is reversed.
        MissingFrames
            A sparse image lacks a tile of the region, or the image is not tiled.
        AmbiguousFrames
            Several tiles lie at one place; the message names the choices.
        InvalidTransform, TransformMissing
            The transforms contradict each other or what the image holds.

        Notes
        -----
        Tile order as in DICOM PS3.3 C.7.6.17.3.
        """
        tiling = self._opened.tiling
        if tiling is None:
            raise self._no_matrix()
        region = region_of_matrix(
            row_start,
            row_end,
            column_start,
            column_end,
            rows=tiling.rows,
            columns=tiling.columns,
            as_indices=as_indices,
        )
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
        plane = None if focal_plane is None else focal_plane.__index__() - (not as_indices)
        return region_array(
            self._opened,
            tiling,
            self,
            region,
            dtype,
            options,
            optical_path=optical_path,
            focal_plane=plane,
            allow_missing=allow_missing_positions,
        )

    def _no_matrix(self) -> MissingFrames:
        if not self.is_tiled:
            return MissingFrames(
                f"{self.url} is not a tiled image and has no total pixel matrix. "
                "Read its frames with get_frames."
            )
        return MissingFrames(
            f"{self.url} is tiled, but does not say where its tiles lie. "
            "Read its frames with get_frames."
        )


def _revived(cls: type[Image], state: dict[str, Any]) -> Image:
    made = cls.__new__(cls)
    made.__dict__.update(state)
    return made
