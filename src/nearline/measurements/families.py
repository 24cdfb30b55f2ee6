"""The families of measurements that can be collected, under the names that users of bx know.

A family is a pipeline whose results lie in a resource of a known label. Adding one is a parser
and a row here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Protocol

from nearline.errors import InvalidOption
from nearline.measurements.choose import Choice, Pattern, choose_files
from nearline.measurements.rows import COLUMNS, Rows

__all__ = ["FAMILIES", "Family", "Measurement", "Parser", "choose", "family_of", "find"]


class Parser(Protocol):
    """Reads the files of one measurement of one session."""

    def __call__(self, files: Mapping[str, bytes], *, where: str) -> Rows:
        """Return the rows of `files` (path inside the resource to bytes)."""
        ...


@dataclass(frozen=True, slots=True)
class Measurement:
    """One table that a family offers.

    Parameters
    ----------
    name : str
        As users and bx call it, such as ``aseg``.
    title : str
        What it is, for people.
    patterns : tuple of Pattern
        Files that it reads.
    parser : str
        ``module:function`` in this package, imported on use.
    parser_version : int
        Raised whenever the same bytes give other rows.
    extra : tuple of str
        Columns beside `COLUMNS`.
    """

    name: str
    title: str
    patterns: tuple[Pattern, ...]
    parser: str
    parser_version: int = 1
    extra: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of its rows, in order."""
        return COLUMNS + self.extra

    def parse(self, files: Mapping[str, bytes], *, where: str) -> Rows:
        """Read its files.

        Parameters
        ----------
        files : mapping of str to bytes
            Path inside the resource to the whole file, in the order of `choose`.
        where : str
            Names server, project and session in errors.

        Returns
        -------
        Rows
            All that the files hold.

        Raises
        ------
        UnreadableMeasurements
            A file is empty, cut, of another kind or contradicts itself.
        """
        module, _, function = self.parser.partition(":")
        parse: Parser = getattr(import_module(f"nearline.measurements.{module}"), function)
        return parse(files, where=where)


@dataclass(frozen=True, slots=True)
class Family:
    """A pipeline and its measurements.

    Parameters
    ----------
    name : str
        As bx calls it, such as ``freesurfer6``.
    title : str
        What it is, for people.
    labels : tuple of str
        Labels of its resources; the first is the one meant unless another is named.
    measurements : mapping of str to Measurement
        By name.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    measurements: Mapping[str, Measurement]


def choose(paths: Iterable[str], measurement: Measurement) -> Choice:
    """Choose the files that a measurement reads; see `choose_files`."""
    return choose_files(paths, measurement.patterns)


def _hemispheres(name: str) -> tuple[Pattern, ...]:
    escaped = name.replace(".", r"\.")
    return (Pattern(rf"(?P<hemi>[lr]h)\.{escaped}\.stats", f"{{hemi}}.{name}.stats"),)


def _parcellation(name: str, title: str, *, file: str = "", hires: bool = False) -> Measurement:
    parser = "freesurfer:parse_parcellation" + ("_hires" if hires else "")
    patterns = _hemispheres(file or name)
    return Measurement(name, title, patterns, parser)


def _segmentation(name: str, title: str, *, hires: bool = False) -> Measurement:
    parser = "freesurfer:parse_segmentation" + ("_hires" if hires else "")
    patterns = (Pattern(rf"{name}\.stats", f"{name}.stats"),)
    return Measurement(name, title, patterns, parser)


_T1 = r"(?:-(?P<mode>T1))?(?P<long>\.long)?(?:\.(?P<analysis>v\d+))?\.txt"
_OTHER_MODE = r"-(?P<mode>(?!T1(?:\.|$))[^/]+?)(?P<long>\.long)?\.(?P<analysis>v\d+)\.txt"


def _subfields(name: str, title: str, *, t2: bool = False) -> Measurement:
    ending = _OTHER_MODE if t2 else _T1
    pattern = Pattern(rf"(?P<hemi>[lr]h)\.{name}{ending}", f"{{hemi}}.{name}*.txt")
    shown = f"{name}-T1-T2" if t2 else name
    return Measurement(shown, title, (pattern,), "subfields:parse_subfields")


def _recon_all(*, hires: bool = False) -> tuple[Measurement, ...]:
    return (
        _segmentation("aseg", "volumes of subcortical structures", hires=hires),
        _parcellation("aparc", "cortex, Desikan-Killiany atlas", hires=hires),
        _parcellation("aparc.a2009s", "cortex, Destrieux atlas", hires=hires),
        Measurement(
            "aparc.DKTatlas",
            "cortex, DKT atlas",
            (
                Pattern(
                    r"(?P<hemi>[lr]h)\.aparc\.(?P<analysis>DKTatlas(?:40)?)\.stats",
                    "{hemi}.aparc.DKTatlas.stats",
                ),
            ),
            "freesurfer:parse_parcellation" + ("_hires" if hires else ""),
        ),
        _parcellation("aparc.pial", "cortex on the pial surface", hires=hires),
        _parcellation("BA_exvivo", "Brodmann areas, ex-vivo labels", hires=hires),
        _parcellation("BA_exvivo.thresh", "Brodmann areas, thresholded", hires=hires),
        _parcellation("w-g.pct", "contrast of white and gray matter", hires=hires),
        _segmentation("wmparc", "volumes of white matter regions", hires=hires),
        _segmentation("brainvol", "global volumes", hires=hires),
        _subfields("hippoSfVolumes", "hippocampal subfields, from T1"),
        _subfields("hippoSfVolumes", "hippocampal subfields, from T2 or another image", t2=True),
    )


_AMYGDALA = (
    _subfields("amygNucVolumes", "nuclei of the amygdala, from T1"),
    _subfields("amygNucVolumes", "nuclei of the amygdala, from T2 or another image", t2=True),
)

_NUCLEI = (
    Measurement(
        "brainstem",
        "parts of the brainstem",
        (
            Pattern(
                r"brainstemSs(?:Volumes(?P<long>\.long)?(?:\.(?P<analysis>v\d+))?"
                r"|Labels(?P<suffix>[^/]*)\.volumes)\.txt",
                "brainstemSsVolumes.v*.txt",
            ),
        ),
        "subfields:parse_brainstem",
    ),
    Measurement(
        "thalamus",
        "nuclei of the thalamus",
        (
            Pattern(
                r"ThalamicNuclei(?P<long>\.long)?(?:\.(?P<analysis>v\d+))?(?:\.(?P<input>[^./]+))?"
                r"\.volumes\.txt",
                "ThalamicNuclei.v*.T1.volumes.txt",
            ),
        ),
        "subfields:parse_thalamus",
    ),
    Measurement(
        "hypothalamus",
        "subunits of the hypothalamus",
        (
            Pattern(
                r"hypothalamic_subunits_volumes(?:\.(?P<analysis>v\d+))?\.csv",
                "hypothalamic_subunits_volumes.v1.csv",
            ),
        ),
        "subfields:parse_hypothalamus",
    ),
)


def _ashs(name: str, mode: str) -> Measurement:
    volumes = Pattern(
        rf"[^/]*_(?P<hemi>left|right)_{mode}_volumes\.txt", f"*_{{side}}_{mode}_volumes.txt"
    )
    icv = Pattern(r"[^/]*icv\.txt", "*icv.txt")
    return Measurement(
        name,
        f"hippocampal subfields ({mode}), intracranial volume",
        (volumes, icv),
        "ashs:parse_ashs",
    )


def _family(
    name: str, title: str, labels: Iterable[str], measurements: Iterable[Measurement]
) -> Family:
    table = MappingProxyType({one.name: one for one in measurements})
    return Family(name, title, tuple(labels), table)


_ALL = (
    _family("freesurfer6", "FreeSurfer 6 recon-all", ["FREESURFER6"], _recon_all()),
    _family(
        "freesurfer6_hires",
        "FreeSurfer 6 recon-all -hires",
        ["FREESURFER6_HIRES"],
        _recon_all(hires=True),
    ),
    # Before freesurfer7: where no resource is named, bx takes these from FREESURFER7_EXTRAS.
    _family(
        "freesurfer7_extras",
        "FreeSurfer 7 segmentations inside structures",
        ["FREESURFER7_EXTRAS"],
        _NUCLEI,
    ),
    _family(
        "freesurfer7",
        "FreeSurfer 7 recon-all",
        ["FREESURFER7"],
        (*_recon_all(), *_AMYGDALA, *_NUCLEI),
    ),
    _family(
        "ashs",
        "ASHS hippocampal subfields",
        ["ASHS"],
        (
            _ashs("volumes", "corr_nogray"),
            _ashs("volumes.corr_usegray", "corr_usegray"),
            _ashs("volumes.heur", "heur"),
        ),
    ),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})
"""All families by name."""


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
