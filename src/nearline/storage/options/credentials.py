"""What was found to sign requests with, and where it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Credentials", "machine", "read_text"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of one store.

    Attributes
    ----------
    where : str
        For messages: "storage_options", "the environment", "profile 'x'", ...
    config : tuple of (str, str)
        What the signing store is configured with.
    provider : callable or None
        Returns fresh credentials in the store's own form whenever asked.
    trouble : str
        A sentence saying why these cannot be used here, and what to do; empty
        when they can.
    insisted : bool
        The user asked for exactly these: trouble is an error at once, whereas
        what merely lies around is passed over as long as the object is public.
    """

    where: str
    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    provider: Callable[[], Any] | None = field(default=None, repr=False)
    trouble: str = ""
    insisted: bool = False


def read_text(path: Path) -> str | None:
    """Return a small file's text, or None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


_DMI = Path("/sys/class/dmi/id")


def machine(environ: Mapping[str, str], dmi: Path = _DMI) -> str | None:
    """Say which cloud this machine belongs to, without asking the network.

    Returns
    -------
    {"aws", "gce", "azure"} or None
        From what the firmware says; None on an ordinary machine.
    """
    vendor, board, product, chassis = (
        (read_text(dmi / name) or "").strip()
        for name in ("sys_vendor", "board_asset_tag", "product_name", "chassis_asset_tag")
    )
    if vendor == "Amazon EC2" or board.startswith("i-"):
        disabled = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        return None if disabled else "aws"
    if product.startswith("Google"):
        return None if environ.get("NO_GCE_CHECK", "").lower() == "true" else "gce"
    # The tag that Azure gives to each of its virtual machines.
    if chassis == "7783-7084-3265-9085-8269-3286-77":
        return "azure"
    return None
