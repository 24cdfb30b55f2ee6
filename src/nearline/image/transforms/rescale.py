"""Linear rescaling, and which types can hold its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearline.errors import InvalidTransform

__all__ = ["Rescale"]


@dataclass(frozen=True, slots=True)
class Rescale:
    """slope * x + intercept.

    Attributes
    ----------
    slope, intercept : numpy scalar
        Both of the output's type, in which the product and the sum are computed.
    """

    slope: Any
    intercept: Any

    @classmethod
    def checked(
        cls,
        slope: float,
        intercept: float,
        *,
        input_dtype: np.dtype[Any],
        output_dtype: np.dtype[Any],
        input_range: tuple[int, int] | None,
    ) -> Rescale | None:
        """Prepare a rescale whose result `output_dtype` can hold.

        Parameters
        ----------
        slope, intercept : float
            Of the rescale.
        input_dtype, output_dtype : dtype
            Of the stored values and of the result.
        input_range : (int, int) or None
            Least and greatest stored value; None for floating point.

        Returns
        -------
        Rescale or None
            None if it changes nothing.

        Raises
        ------
        InvalidTransform
            `output_dtype` cannot hold every result.
        """
        slope, intercept = float(slope), float(intercept)
        if (slope, intercept) == (1.0, 0.0):
            return None
        if output_dtype.kind not in "uif":
            raise InvalidTransform(f"dtype {output_dtype} cannot hold rescaled pixels.")
        if output_dtype.kind == "f":
            return cls(output_dtype.type(slope), output_dtype.type(intercept))
        if not (slope.is_integer() and intercept.is_integer()):
            raise InvalidTransform(
                f"dtype {output_dtype} cannot hold pixels rescaled by slope {slope:g} and "
                f"intercept {intercept:g}: pass a floating point dtype."
            )
        if input_dtype.kind not in "ui" or input_range is None:
            raise InvalidTransform(
                f"dtype {output_dtype} cannot hold floating point pixels: pass a floating point "
                "dtype."
            )
        ends = [value * slope + intercept for value in input_range]
        limits = np.iinfo(output_dtype)
        if min(ends) < limits.min or max(ends) > limits.max:
            raise InvalidTransform(
                f"dtype {output_dtype} cannot hold pixels rescaled by slope {slope:g} and "
                f"intercept {intercept:g}, which reach from {min(ends):g} to {max(ends):g}."
            )
        # Modulo the type's range: a negative slope of unsigned pixels comes out right, since
        # the sum lies within the range.
        whole = np.array([int(slope), int(intercept)], np.int64).astype(output_dtype)
        return cls(whole[0], whole[1])

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        """Rescale stored values."""
        if self.slope != 1:
            array = array * self.slope
        if self.intercept != 0:
            array = array + self.intercept
        return array

    def fits(self, stored: np.dtype[Any], result: np.dtype[Any]) -> bool:
        """Whether each step of `__call__` on `stored` values has the type of the result."""
        return bool(np.result_type(stored, self.slope) == result)

    def into(self, array: NDArray[Any], out: NDArray[Any]) -> None:
        """Rescale stored values into an array whose type `fits`; the bits are those of a call."""
        if self.slope == 1:
            np.add(array, self.intercept, out=out)
            return
        np.multiply(array, self.slope, out=out)
        if self.intercept != 0:
            np.add(out, self.intercept, out=out)
