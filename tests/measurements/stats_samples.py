"""FreeSurfer's own output, where it lies beside the checkout; never copied."""

from __future__ import annotations

from pathlib import Path

__all__ = ["stats_samples"]

_FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "freesurfer"


def stats_samples(pattern: str) -> dict[str, bytes]:
    """Return the samples whose names match, by name; none where the folder is not there."""
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.glob(pattern))}
