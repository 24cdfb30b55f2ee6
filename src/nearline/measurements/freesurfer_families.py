"""FreeSurfer's families: recon-all, its hires run, and segmentations inside structures."""

from __future__ import annotations

from nearline.measurements.choose import Pattern
from nearline.measurements.family import Family, Measurement, family

__all__ = ["FREESURFER"]


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


_SYNTHSEG = (
    Measurement(
        "synthseg",
        "volumes by SynthSeg",
        (Pattern(r"[^/]*synthseg\.vol\.csv", "synthseg.vol.csv"),),
        "synthseg:parse_synthseg_volumes",
    ),
    Measurement(
        "synthseg.qc",
        "scores of SynthSeg's own quality control",
        (Pattern(r"[^/]*synthseg\.qc\.csv", "synthseg.qc.csv"),),
        "synthseg:parse_synthseg_scores",
    ),
)


FREESURFER: tuple[Family, ...] = (
    family("freesurfer6", "FreeSurfer 6 recon-all", ["FREESURFER6"], _recon_all()),
    family(
        "freesurfer6_hires",
        "FreeSurfer 6 recon-all -hires",
        ["FREESURFER6_HIRES"],
        _recon_all(hires=True),
    ),
    # Before freesurfer7: where no resource is named, bx takes these from FREESURFER7_EXTRAS.
    family(
        "freesurfer7_extras",
        "FreeSurfer 7 segmentations inside structures",
        ["FREESURFER7_EXTRAS"],
        _NUCLEI,
    ),
    family(
        "freesurfer7",
        "FreeSurfer 7 recon-all",
        ["FREESURFER7"],
        (*_recon_all(), *_AMYGDALA, *_NUCLEI, *_SYNTHSEG),
    ),
)
"""In the order in which a measurement is looked for where nothing but its name is given."""
