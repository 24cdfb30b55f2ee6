"""Which pixel transforms a caller asks for, and which requests contradict themselves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from nearline.errors import InvalidTransform

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code

__all__ = ["Color", "TransformKeywords", "TransformOptions", "color_of"]

Color = Literal["monochrome", "palette", "color"]


def color_of(photometric_interpretation: str) -> Color:
    """Sort an image by what its samples stand for."""
    if photometric_interpretation in ("MONOCHROME1", "MONOCHROME2"):
        return "monochrome"
    return "palette" if photometric_interpretation == "PALETTE COLOR" else "color"


class TransformKeywords(TypedDict, total=False):
    """The attributes of `TransformOptions` as keyword arguments."""

    apply_real_world_transform: bool | None
    real_world_value_map_selector: int | str | Code | Dataset
    apply_modality_transform: bool | None
    apply_voi_transform: bool | None
    voi_transform_selector: int | str | Dataset
    voi_output_range: tuple[float, float]
    apply_presentation_lut: bool
    apply_palette_color_lut: bool | None
    apply_icc_profile: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformOptions:
    """Transforms asked for: True requires one, False leaves it out, None applies it if present.

    Attributes
    ----------
    apply_real_world_transform : bool or None
        Real World Value Mapping; goes before the modality and VOI transforms.
    real_world_value_map_selector : int, str or code
        Which mapping: its position, its LUT Label, or the code of its units.
    apply_modality_transform : bool or None
        Rescale Slope and Intercept, or Modality LUT.
    apply_voi_transform : bool or None
        Window or VOI LUT.
    voi_transform_selector : int, str or Dataset
        Which window or table: its position or explanation, or one of the caller's own
        as a dataset with Window Center and Width or a VOI LUT Sequence.
    voi_output_range : (float, float)
        What the window is mapped to.
    apply_presentation_lut : bool
        Whether MONOCHROME1 and Presentation LUT Shape INVERSE are inverted.
    apply_palette_color_lut : bool or None
        Palette colours.
    apply_icc_profile : bool or None
        Correction of colours to sRGB.

    Raises
    ------
    InvalidTransform
        The options exclude each other, whatever the image.
    """

    apply_real_world_transform: bool | None = None
    real_world_value_map_selector: Any = 0
    apply_modality_transform: bool | None = None
    apply_voi_transform: bool | None = False
    voi_transform_selector: Any = 0
    voi_output_range: tuple[float, float] = (0.0, 1.0)
    apply_presentation_lut: bool = True
    apply_palette_color_lut: bool | None = None
    apply_icc_profile: bool | None = None

    def __post_init__(self) -> None:
        selector = self.voi_transform_selector
        if not (isinstance(selector, (int, str)) or hasattr(selector, "WindowCenter")) and (
            not hasattr(selector, "VOILUTSequence")
        ):
            raise InvalidTransform(
                "voi_transform_selector must be a position, an explanation, or a dataset with a "
                f"window or a VOI LUT, not {type(selector).__name__}."
            )
        if self.apply_real_world_transform and self.apply_modality_transform:
            raise InvalidTransform(
                "apply_real_world_transform=True and apply_modality_transform=True exclude each "
                "other: a real world value map replaces the modality transform."
            )
        if self.uses("voi") and not self.uses("modality"):
            raise InvalidTransform(
                "A VOI transform works on the output of the modality transform: with "
                "apply_voi_transform True or None, apply_modality_transform cannot be False and "
                "apply_real_world_transform cannot be True."
            )
        if self.uses("icc") and not self.uses("palette"):
            raise InvalidTransform(
                "The ICC profile of a palette image applies to its palette's colours: with "
                "apply_palette_color_lut=False pass apply_icc_profile=False."
            )
        if not isinstance(self.apply_presentation_lut, bool):
            raise InvalidTransform("apply_presentation_lut must be True or False.")
        low, high = self.voi_output_range
        if low >= high:
            raise InvalidTransform(
                f"voi_output_range=({low}, {high}) must begin with the lower value."
            )

    def uses(self, transform: Literal["real_world", "modality", "voi", "palette", "icc"]) -> bool:
        """Whether to look for a transform in the image at all."""
        match transform:
            case "real_world":
                asked = self.apply_real_world_transform
                return (asked is None or bool(asked)) and not self.apply_modality_transform
            case "modality":
                asked = self.apply_modality_transform
                return (asked is None or bool(asked)) and not self.apply_real_world_transform
            case "voi":
                asked = self.apply_voi_transform
            case "palette":
                asked = self.apply_palette_color_lut
            case "icc":
                asked = self.apply_icc_profile
        return asked is None or bool(asked)

    def check_for(self, color: Color) -> None:
        """Refuse what an image of this kind cannot have.

        Raises
        ------
        InvalidTransform
            A transform is required that only other kinds of image have.
        """
        wanted: list[tuple[str, bool]]
        match color:
            case "monochrome":
                wanted = [
                    ("apply_palette_color_lut", bool(self.apply_palette_color_lut)),
                    ("apply_icc_profile", bool(self.apply_icc_profile)),
                ]
            case _:
                wanted = [
                    ("apply_real_world_transform", bool(self.apply_real_world_transform)),
                    ("apply_modality_transform", bool(self.apply_modality_transform)),
                    ("apply_voi_transform", bool(self.apply_voi_transform)),
                ]
        if color == "color":
            wanted.append(("apply_palette_color_lut", bool(self.apply_palette_color_lut)))
        for name, required in wanted:
            if required:
                raise InvalidTransform(f"{name}=True, but this is a {color} image.")

    def keywords(self) -> dict[str, Any]:
        """All options by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
