"""The families of measurements that can be collected, under the names that users of bx know.

A family is a pipeline whose results lie in a resource of a known label. Adding one is a parser,
and a row in `freesurfer_families` or `other_families`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from nearline.errors import InvalidOption
from nearline.measurements.choose import Choice, choose_files
from nearline.measurements.family import Family, Measurement
from nearline.measurements.freesurfer_families import FREESURFER
from nearline.measurements.other_families import OTHERS

__all__ = ["FAMILIES", "Family", "Measurement", "choose", "family_of", "find"]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in (*FREESURFER, *OTHERS)}
)
"""All families by name."""


def choose(paths: Iterable[str], measurement: Measurement) -> Choice:
    """Choose the files that a measurement reads; see `choose_files`."""
    return choose_files(paths, measurement.patterns)


def family_of(label: str) -> Family | None:
    """Return the family whose resources have a label, whatever its case; None if there is none.

    Parameters
    ----------
    label : str
        Label of an XNAT resource.
    """
    wanted = label.casefold()
    for family in FAMILIES.values():
        if wanted in {known.casefold() for known in family.labels}:
            return family
    return None


def find(
    measurement: str, *, resource: str | None = None, family: str | None = None
) -> tuple[Family, Measurement]:
    """Return what a user means by the name of a measurement.

    Parameters
    ----------
    measurement : str
        Such as ``aseg``.
    resource : str, optional
        Label of the resource. Of a known label, its family is meant; any other label may hold
        any family's files.
    family : str, optional
        Such as ``freesurfer7``; goes before `resource`.

    Returns
    -------
    family : Family
        Its first label is the resource to read if none is named.
    measurement : Measurement
        Of that family.

    Raises
    ------
    InvalidOption
        No such family, or no such measurement in it, or several families that are no
        FreeSurfer ones offer one of that name.
    """
    if family is not None:
        if family not in FAMILIES:
            raise InvalidOption(f"There is no family {family!r}: use one of {_listed(FAMILIES)}.")
        return _of_family(FAMILIES[family], measurement)
    labelled = family_of(resource) if resource is not None else None
    if labelled is not None:
        return _of_family(labelled, measurement)
    offering = [one for one in FAMILIES.values() if measurement in one.measurements]
    if not offering:
        names = {name for one in FAMILIES.values() for name in one.measurements}
        raise InvalidOption(
            f"There is no measurement {measurement!r}: use one of {_listed(sorted(names))}."
        )
    first = offering[0]
    if len(offering) > 1 and not first.name.startswith("freesurfer"):
        raise InvalidOption(
            f"Several families have a measurement {measurement!r}: name one of "
            f"{_listed(one.name for one in offering)} by family=, or its resource."
        )
    return first, first.measurements[measurement]


def _of_family(family: Family, measurement: str) -> tuple[Family, Measurement]:
    if measurement not in family.measurements:
        raise InvalidOption(
            f"The family {family.name} has no measurement {measurement!r}: "
            f"use one of {_listed(family.measurements)}."
        )
    return family, family.measurements[measurement]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
