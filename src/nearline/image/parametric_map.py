"""`ParametricMap`: an image whose pixels are measured quantities, floating point among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nearline.errors import WrongKind
from nearline.image.image import Image

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from nearline.image.opened import Opened

__all__ = ["ParametricMap"]

_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.30"


class ParametricMap(Image):
    """A DICOM parametric map: a pydicom Dataset of its header, and its pixels on request.

    `pmread` makes it. Pixels are float32, float64 or integers as they are
    stored (PS3.3 A.75); `get_frame`, `get_volume` and the like give real world
    values, which the map says how to compute (PS3.3 C.7.6.16.2.11).

    Safe to use from many threads; pickles where its objects can be opened again.

    Raises
    ------
    WrongKind
        The object is no parametric map.
    """

    _highdicom_reader = ("highdicom.pm.sop", "pmread")

    def __init__(self, opened: Opened, dataset: Dataset | None = None) -> None:
        if opened.facts.sop_class_uid != _SOP_CLASS:
            from pydicom.uid import UID

            raise WrongKind(
                f"{opened.reader.url} is no parametric map, but: "
                f"{UID(opened.facts.sop_class_uid).name or 'an unnamed kind of image'}. "
                "Open it with nearline.imread."
            )
        super().__init__(opened, dataset)

    def __repr__(self) -> str:
        """Say in short what this is; `str` prints all elements, as pydicom does."""
        format_ = self._opened.facts.format
        return (
            f"<nearline.pm.ParametricMap {self.url}: {self.number_of_frames} frame"
            f"{'s' if self.number_of_frames != 1 else ''} of {format_.rows} x {format_.columns}, "
            f"{format_.dtype}>"
        )
