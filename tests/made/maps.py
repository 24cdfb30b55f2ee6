"""Parametric maps, written by highdicom."""

from __future__ import annotations

from typing import Any

import highdicom
import numpy as np
from highdicom.sr.coding import CodedConcept
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from made.ct import ct_series
from made.phantom import Phantom

__all__ = ["parametric_map"]


def parametric_map(
    phantom: Phantom,
    values: NDArray[Any] | None = None,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    transfer_syntax_uid: str = ExplicitVRLittleEndian,
    **source: Any,
) -> highdicom.pm.ParametricMap:
    """Return a map of the phantom.

    Parameters
    ----------
    values : ndarray, shape (slices, rows, columns)
        float32, float64, uint8 or uint16. Default: float32 diffusion, larger in the organs.
    slope, intercept : float
        Of the real world values.
    **source
        Options of `ct_series` for the images it is derived from.
    """
    if values is None:
        stack = np.stack([phantom.hounsfield(index) for index in range(phantom.slices)])
        values = ((stack + 1024) / 1e6).astype(np.float32)
    integers = values.dtype.kind in "iu"
    limits = np.iinfo(values.dtype) if integers else None
    mapping = highdicom.pm.RealWorldValueMapping(
        lut_label="ADC",
        lut_explanation="made up",
        unit=CodedConcept("mm2/s", "UCUM", "mm2/s"),
        value_range=(int(limits.min), int(limits.max)) if limits else (-1e30, 1e30),
        slope=slope,
        intercept=intercept,
    )
    return highdicom.pm.ParametricMap(
        source_images=list(ct_series(phantom, **source)),
        pixel_array=values,
        series_instance_uid=generate_uid(),
        series_number=5,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="nearline",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[highdicom.VOILUTTransformation(0.001, 0.002)],
        transfer_syntax_uid=transfer_syntax_uid,
    )
