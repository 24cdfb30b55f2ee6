"""What pydicom and highdicom raise on elements that are not what they should be, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nearline.errors import InvalidDicom, NearlineError

__all__ = ["damage_told"]

_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@contextmanager
def damage_told(what: str) -> Iterator[None]:
    """Raise `InvalidDicom` where the block meets a damaged element.

    Only the kind of the error is told: its text may quote a patient's data.

    Parameters
    ----------
    what : str
        The sentence without its end: which part of which object cannot be read.

    Raises
    ------
    InvalidDicom
        pydicom or highdicom cannot make sense of an element.
    """
    try:
        yield
    except NearlineError:
        raise
    except Exception as error:
        if not isinstance(error, _DAMAGE) and type(error).__module__ != "pydicom.errors":
            raise
        raise InvalidDicom(
            f"{what}: it is damaged or was written wrongly ({type(error).__name__})."
        ) from None
