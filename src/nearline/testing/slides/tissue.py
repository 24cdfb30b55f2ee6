"""A picture that looks like stained tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["tissue"]

_CELL_AREA = 700  # pixels per nucleus
_EOSIN = np.array([0.07, 0.55, 0.28], dtype=np.float32)  # optical densities of red, green, blue
_HAEMATOXYLIN = np.array([0.85, 0.92, 0.38], dtype=np.float32)


def _noise(rng: np.random.Generator, rows: int, columns: int, scale: float) -> NDArray[np.float32]:
    """Return periodic Gaussian noise of mean 0 and deviation 1, smooth over `scale` pixels."""
    white = rng.standard_normal((rows, columns), dtype=np.float32)
    down = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    across = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    blur = np.exp(-2 * (np.pi * scale) ** 2 * (down**2 + across**2))
    smooth = np.fft.irfft2(np.fft.rfft2(white) * blur, s=(rows, columns)).astype(np.float32)
    return smooth / max(float(smooth.std()), 1e-6)


def _nuclei(rng: np.random.Generator, stroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much nucleus there is at each pixel, 0 to 1; fewer where `stroma` is thin."""
    rows, columns = stroma.shape
    count = max(1, rows * columns // _CELL_AREA)
    centres = rng.random((count, 2)) * (rows, columns)
    radii = rng.uniform(3.5, 8.0, size=(count, 2))
    angles = rng.uniform(0, np.pi, size=count)
    depth = rng.uniform(0.55, 1.0, size=count)
    keep = rng.random(count) < stroma[centres[:, 0].astype(int), centres[:, 1].astype(int)] * 1.3
    reach = np.arange(-10, 11)
    density = np.zeros((rows, columns), dtype=np.float32)
    for (y, x), (a, b), angle, dark in zip(
        centres[keep], radii[keep], angles[keep], depth[keep], strict=True
    ):
        below = reach[:, None] - (y % 1)
        right = reach[None, :] - (x % 1)
        along = (right * np.cos(angle) + below * np.sin(angle)) / a
        beside = (below * np.cos(angle) - right * np.sin(angle)) / b
        stamp = dark / (1 + np.exp(6 * (np.sqrt(along**2 + beside**2) - 1)))
        place = np.ix_((int(y) + reach) % rows, (int(x) + reach) % columns)
        density[place] = np.maximum(density[place], stamp)
    return density


def tissue(rows: int, columns: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture like haematoxylin and eosin stain, which repeats without a seam.

    Parameters
    ----------
    rows, columns : int
        Size in pixels.
    seed : int
        The same seed gives the same picture.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
        RGB.
    """
    rng = np.random.default_rng(seed)
    scale = min(rows, columns) / 12
    layers = _noise(rng, rows, columns, scale) + 0.4 * _noise(rng, rows, columns, scale / 4)
    stroma = (1 / (1 + np.exp(-6 * (layers + 0.6)))).astype(
        np.float32
    )  # white gaps where the sum is low
    fibres = _noise(rng, rows, columns, 2.0)
    grain = _noise(rng, rows, columns, 0.6)
    nuclei = _nuclei(rng, stroma)
    eosin = stroma * (0.55 + 0.16 * fibres + 0.14 * np.clip(layers, -1, 1)) * (1 - nuclei)
    haematoxylin = nuclei * (0.85 + 0.15 * fibres) + 0.06 * stroma
    density = eosin[..., None] * _EOSIN + haematoxylin[..., None] * _HAEMATOXYLIN
    density += 0.02 + (0.03 * grain * (0.15 + stroma))[..., None]
    light: NDArray[np.float32] = 245 * np.exp(-np.log(np.float32(10)) * np.clip(density, 0, None))
    picture: NDArray[np.uint8] = np.clip(light + 0.5, 0, 255).astype(np.uint8)
    return picture
