"""Files as FreeSurfer and ASHS write them, with numbers that tests choose.

Formats after the programs' own print statements; the numbers are nobody's brain.
"""

from __future__ import annotations

import random

__all__ = [
    "ASEG_REGIONS",
    "DK_REGIONS",
    "aparc",
    "aseg",
    "ashs_side",
    "brainstem",
    "hypothalamus",
    "subfields",
    "thalamus",
]

ASEG_REGIONS = ("Left-Lateral-Ventricle", "Left-Hippocampus", "3rd-Ventricle", "CC_Anterior")
DK_REGIONS = ("bankssts", "entorhinal", "insula")
SUBFIELDS = ("Hippocampal_tail", "subiculum", "CA1", "hippocampal-fissure", "Whole_hippocampus")

REVISIONS = {
    "5.1": "$Id: {program}.c,v 1.75.2.2 2011/04/27 22:18:58 nicks Exp $",
    "6.0": "$Id: {program}.c,v 1.121 2016/05/31 17:27:11 greve Exp $",
}

_VOLUMES = {
    "5.1": ["BrainSegVol", "CortexVol", "lhCortexVol", "rhCortexVol", "SubCortGrayVol"],
    "6.0": [
        *("BrainSegVol", "BrainSegVolNotVent", "BrainSegVolNotVentSurf", "VentricleChoroidVol"),
        *("lhCortexVol", "rhCortexVol", "CortexVol"),
        *("lhCerebralWhiteMatterVol", "rhCerebralWhiteMatterVol", "CerebralWhiteMatterVol"),
        *("SubCortGrayVol", "TotalGrayVol", "SupraTentorialVol", "SupraTentorialVolNotVent"),
        *("SupraTentorialVolNotVentVox", "MaskVol"),
    ],
}
_VOLUMES["7"] = [
    name
    for name in _VOLUMES["6.0"]
    if name not in ("BrainSegVolNotVentSurf", "SupraTentorialVolNotVentVox")
]


def _measure(name: str, value: float, unit: str = "mm^3", structure: str = "") -> str:
    short = structure or name.removesuffix("Vol")
    return f"# Measure {short}, {name}, Volume of {name}, with a comma, {value:f}, {unit}"


def _build(version: str, program: str) -> str:
    return REVISIONS.get(version, version).format(program=program)


def aseg(
    version: str = "7.4.1",
    *,
    seed: int = 0,
    subject: str = "sub-01",
    voxel: float = 1.0,
    regions: tuple[str, ...] = ASEG_REGIONS,
) -> str:
    """Return an aseg.stats of FreeSurfer 5.1, 6.0 or any 7."""
    draw = random.Random(f"aseg{version}{seed}")
    lines = [
        "# Title Segmentation Statistics ",
        "# ",
        "# generating_program mri_segstats",
        f"# cvs_version {_build(version, 'mri_segstats')}",
        "# cmdline mri_segstats --seg mri/aseg.mgz --sum stats/aseg.stats ",
        "# user     user1",
        "# anatomy_type volume",
        "# ",
        f"# subjectname {subject}",
    ]
    if version.startswith("7"):
        if voxel == 1:
            lines.append("# BrainVolStatsFixed-NotNeeded because voxelvolume=1mm3")
        else:
            lines.append(
                "# BrainVolStatsFixed see surfer.nmr.mgh.harvard.edu/fswiki/BrainVolStatsFixed"
            )
    names = _VOLUMES["7" if version.startswith("7") else version]
    lines += [_measure(name, draw.uniform(1e3, 2e6)) for name in names]
    if version == "5.1":
        lines.append(_measure("ICV", draw.uniform(1e6, 2e6), structure="IntraCranialVol"))
    else:
        ratios = ("BrainSegVol-to-eTIV", "MaskVol-to-eTIV")
        lines += [_measure(name, draw.uniform(0.5, 1.5), "unitless") for name in ratios]
        holes = ("lhSurfaceHoles", "rhSurfaceHoles", "SurfaceHoles")
        lines += [f"# Measure {n}, {n}, Holes, {draw.randrange(90)}, unitless" for n in holes]
        name = "EstimatedTotalIntraCranialVol"
        lines.append(_measure("eTIV", draw.uniform(1e6, 2e6), structure=name))
    columns = [("Index", "NA"), ("SegId", "NA"), ("NVoxels", "unitless"), ("Volume_mm3", "mm^3")]
    columns += [("StructName", "NA")]
    columns += [(f"norm{name}", "MR") for name in ("Mean", "StdDev", "Min", "Max", "Range")]
    lines.append(f"# VoxelVolume_mm3 {voxel:g} ")
    for index, (name, unit) in enumerate(columns, 1):
        lines.append(f"# TableCol {index:2d} ColHeader {name} ")
        lines.append(f"# TableCol {index:2d} FieldName {name} in words")
        lines.append(f"# TableCol {index:2d} Units     {unit} ")
    lines += [f"# NRows {len(regions)} ", f"# NTableCols {len(columns)} "]
    lines.append("# ColHeaders  " + " ".join(name for name, _ in columns) + "  ")
    for index, region in enumerate(regions, 1):
        numbers = [draw.uniform(0, 130) for _ in range(5)]
        count, volume = draw.randrange(60000), draw.uniform(0, 6e4)
        lines.append(
            f"{index:3d} {index * 3:3d}  {count:8d} {volume:10.1f}  {region:<30s} "
            + " ".join(f"{number:10.4f}" for number in numbers)
            + " "
        )
    return "\n".join(lines) + "\n"


def aparc(
    version: str = "7.4.1",
    hemi: str = "lh",
    *,
    seed: int = 0,
    subject: str = "sub-01",
    annotation: str = "aparc",
    regions: tuple[str, ...] = DK_REGIONS,
) -> str:
    """Return a parcellation of FreeSurfer 5.1, 6.0 or any 7; global volumes by `seed` alone."""
    draw = random.Random(f"aparc{version}{seed}{hemi}")
    whole = random.Random(f"whole{version}{seed}")
    lines = [
        "# Table of FreeSurfer cortical parcellation anatomical statistics ",
        "# ",
        "# CreationTime 2020/05/04-22:20:26-GMT",
        "# generating_program mris_anatomical_stats",
        f"# cvs_version {_build(version, 'mris_anatomical_stats')}",
        f"# mrisurf.c-cvs_version {_build(version, 'mrisurf')}",
        "# anatomy_type surface",
        f"# subjectname {subject}",
        f"# hemi {hemi}",
        f"# AnnotationFile ../label/{hemi}.{annotation}.annot",
        f"# Measure Cortex, NumVert, Number of Vertices, {draw.randrange(2 * 10**5)}, unitless",
        f"# Measure Cortex, WhiteSurfArea, White Surface Area, {draw.uniform(7e4, 9e4):g}, mm^2",
    ]
    if version != "5.1":
        thickness = draw.uniform(2, 3)
        lines.append(f"# Measure Cortex, MeanThickness, Mean Thickness, {thickness:g}, mm")
        first = ("BrainSegVol", "BrainSegVolNotVent", "BrainSegVolNotVentSurf")
        lines += [_measure(name, whole.uniform(1e6, 2e6)) for name in first]
        comma = "" if version == "6.0" else ","
        volume = whole.uniform(4e5, 6e5)
        lines.append(f"# Measure Cortex, CortexVol{comma} Total cortical volume, {volume:f}, mm^3")
        last = ("SupraTentorialVol", "SupraTentorialVolNotVent", "eTIV")
        lines += [_measure(name, whole.uniform(1e6, 2e6)) for name in last]
    columns = [("StructName", "NA"), ("NumVert", "unitless"), ("SurfArea", "mm^2")]
    columns += [("GrayVol", "mm^3"), ("ThickAvg", "mm"), ("ThickStd", "mm"), ("MeanCurv", "mm^-1")]
    columns += [("GausCurv", "mm^-2"), ("FoldInd", "unitless"), ("CurvInd", "unitless")]
    lines.append(f"# NTableCols {len(columns)}")
    for index, (name, unit) in enumerate(columns, 1):
        words = "Structure Name" if name == "StructName" else f"{name} in words"
        lines.append(f"# TableCol {index:2d} ColHeader {name}")
        lines.append(f"# TableCol {index:2d} FieldName {words}")
        lines.append(f"# TableCol {index:2d} Units     {unit}")
    lines.append("# ColHeaders " + " ".join(name for name, _ in columns))
    lines += [
        f"{region:<40s} {draw.randrange(9999):5d}  {draw.randrange(9999):5d}  "
        f"{draw.randrange(30000):5d}  {draw.uniform(1, 4):5.3f} {draw.uniform(0, 1):5.3f}  "
        f"{draw.uniform(0, 0.2):8.3f}  {draw.uniform(-0.1, 0.1):8.3f} "
        f"{draw.randrange(200):7d}  {draw.uniform(0, 20):6.1f}"
        for region in regions
    ]
    return "\n".join(lines) + "\n"


def subfields(*, seed: int = 0, names: tuple[str, ...] = SUBFIELDS) -> str:
    """Return a hippoSfVolumes or amygNucVolumes file."""
    draw = random.Random(f"subfields{seed}")
    return "".join(f"{name} {draw.uniform(10, 3000):.6f}\n" for name in names)


def brainstem(*, seed: int = 0) -> str:
    """Return a brainstemSsVolumes file."""
    names = ("Medulla", "Pons", "SCP", "Midbrain", "Whole_brainstem")
    return subfields(seed=seed, names=names)


def thalamus(*, seed: int = 0) -> str:
    """Return a ThalamicNuclei volumes file."""
    nuclei = ("L-Sg", "MV(Re)", "Whole_thalamus")
    return subfields(seed=seed, names=tuple(f"{s}-{n}" for s in ("Left", "Right") for n in nuclei))


def hypothalamus(*, seed: int = 0, subject: str = "sub-01") -> str:
    """Return a hypothalamic_subunits_volumes file."""
    draw = random.Random(f"hypothalamus{seed}")
    parts = ("anterior-inferior", "posterior", "tubular superior")
    names = [f"{side} {part}" for side in ("left", "right") for part in parts]
    names += ["whole left", "whole right"]
    values = [f"{draw.uniform(10, 500):.3f}" for _ in names]
    return ",".join(["subject", *names]) + "\r\n" + ",".join([subject, *values]) + "\r\n"


def ashs_side(side: str, *, seed: int = 0, subject: str = "sub-01") -> str:
    """Return ASHS's volumes of one side."""
    draw = random.Random(f"ashs{side}{seed}")
    return "".join(
        f"{subject} {side} {name} {draw.randrange(40)} {draw.uniform(50, 3000):.3f}\n"
        for name in ("CA1", "CA2+3", "DG", "SUB")
    )
