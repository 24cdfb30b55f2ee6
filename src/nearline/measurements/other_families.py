"""Families of other programs: hippocampus, tissues, lesions, perfusion, diffusion, PET."""

from __future__ import annotations

from nearline.measurements.choose import Pattern
from nearline.measurements.family import Family, Measurement, family

__all__ = ["OTHERS"]


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


def _tissues(*starts: str) -> Measurement:
    title = "volumes of gray matter, white matter and cerebrospinal fluid"
    patterns = tuple(
        Pattern(rf"{start}[^/]*\.nii(?:\.gz)?", f"{start}*.nii.gz") for start in starts
    )
    return Measurement("volumes", title, patterns, "tissue:parse_tissues")


_FAST = _tissues(*(f"T1_fast_pve_{index}" for index in range(3)))


def _donsurf(name: str, metric: str) -> Measurement:
    pattern = Pattern(
        rf"{metric}/stats/(?P<hemi>[lr]h)\.aparc\.stats", f"{metric}/stats/{{hemi}}.aparc.stats"
    )
    title = f"cortex, Desikan-Killiany atlas, {metric}"
    return Measurement(name, title, (pattern,), "donsurf:parse_donsurf")


def _lesions(regex: str) -> Pattern:
    return Pattern(rf"{regex}\.gz", regex.partition("_")[0] + "_*.nii.gz")


_PERFUSION = Measurement(
    "perfusion",
    "mean perfusion and arrival time",
    (Pattern(r"native_space/(?P<folder>(?:[^/]+/)*)(?P<name>[^/]+)\.txt", "native_space/*.txt"),),
    "perfusion:parse_perfusion",
    extra=("pvcorr", "filepath"),
)


def _region_analysis(*parts: str) -> Measurement:
    patterns = tuple(
        Pattern(rf"region_analysis{part}\.csv", f"region_analysis{part}.csv") for part in parts
    )
    title = "perfusion by region of the Harvard-Oxford atlases"
    return Measurement("stats", title, patterns, "perfusion:parse_region_analysis")


def _pet(file: str, *, smoothed: bool) -> Measurement:
    last = "smoothing_type" if smoothed else "optimized_pet"
    return Measurement(
        "quantification",
        "uptake by region, reference region and atlas",
        (Pattern(file.replace(".", r"\."), file),),
        "pet:parse_smoothed" if smoothed else "pet:parse_optimized",
        extra=("reference_region", last),
    )


OTHERS: tuple[Family, ...] = (
    family(
        "ashs",
        "ASHS hippocampal subfields",
        ["ASHS"],
        (
            _ashs("volumes", "corr_nogray"),
            _ashs("volumes.corr_usegray", "corr_usegray"),
            _ashs("volumes.heur", "heur"),
        ),
    ),
    family(
        "spm12",
        "SPM12 segmentation",
        ["SPM12_SEGMENT", "SPM12_SEGMENT_T1T2"],
        (_tissues("c1", "c2", "c3"),),
    ),
    family(
        "cat12",
        "CAT12 segmentation",
        ["CAT12_SEGMENT"],
        (_tissues("mri/p1", "mri/p2", "mri/p3"),),
    ),
    family(
        "fsl_anat",
        "FSL fsl_anat",
        ["FSL_ANAT"],
        (
            _FAST,
            Measurement(
                "subcortical",
                "volumes of subcortical structures",
                (Pattern(r"[^/]*T1_subcort_seg\.nii\.gz", "T1_subcort_seg.nii.gz"),),
                "tissue:parse_subcortical",
            ),
        ),
    ),
    family(
        "donsurf",
        "DONSURF, diffusion on the cortex",
        ["DONSURF"],
        (
            _donsurf("aparc", "GM-MD"),
            _donsurf("aparc.GM-MD-koo", "GM-MD-koo"),
            _donsurf("aparc.SWM-MD", "SWM-MD"),
        ),
    ),
    family(
        "bamos",
        "BaMoS, white matter lesions",
        ["BAMOS"],
        (
            Measurement(
                "volumes",
                "volume of all lesions",
                (_lesions("CorrectLesion_[^/]*nii"),),
                "bamos:parse_lesion_volume",
            ),
            Measurement(
                "stats",
                "number and volume of lesions by layer and lobe",
                tuple(
                    _lesions(name)
                    for name in (
                        *(r"Connect_WS3WT3WC1Lesion_[^/]*_corr\.nii", "CorrectLesion_[^/]*nii"),
                        *(r"Layers_[^/]*\.nii", r"Lobes_[^/]*\.nii"),
                    )
                ),
                "bamos:parse_lesion_stats",
                extra=("depth",),
            ),
        ),
    ),
    family(
        "basil",
        "FSL BASIL, perfusion",
        ["BASIL"],
        (_PERFUSION, _region_analysis("", "_gm", "_wm"), _FAST),
    ),
    family(
        "te_asl",
        "perfusion with several echo times",
        ["TE_ASL"],
        (
            _PERFUSION,
            _region_analysis("", "_gm", "_wm", "_arrival", "_arrival_gm", "_arrival_wm"),
        ),
    ),
    family(
        "alps",
        "diffusivity along the perivascular space",
        ["ALPS"],
        (
            Measurement(
                "stats",
                "ALPS index",
                (Pattern(r"alps\.stat/alps\.csv", "alps.stat/alps.csv"),),
                "alps:parse_alps",
            ),
            Measurement(
                "diffusion",
                "FA and MD in the regions of the ALPS index",
                (Pattern(r"alps\.stat/fa\+md_alps\.csv", "alps.stat/fa+md_alps.csv"),),
                "alps:parse_alps_diffusion",
            ),
        ),
    ),
    family(
        "fdg",
        "FDG PET",
        ["FDG_QUANTIFICATION2", "FDG_QUANTIFICATION"],
        (_pet("quantification_results.csv", smoothed=False),),
    ),
    family(
        "ftm",
        "flutemetamol PET",
        ["FTM_QUANTIFICATION2", "FTM_QUANTIFICATION"],
        (_pet("quantification_results.csv", smoothed=False),),
    ),
    family(
        "tau",
        "tau PET",
        ["TAU_QUANTIFICATION"],
        (_pet("tau_quantification_results.csv", smoothed=True),),
    ),
    family(
        "centaurz",
        "CenTauRz of tau PET",
        ["CENTAURZ"],
        (_pet("centaurz_quantification_results.csv", smoothed=True),),
    ),
    family(
        "qsmxt",
        "QSMxT, susceptibility",
        ["QSMXT"],
        (
            Measurement(
                "stats",
                "susceptibility by region",
                (Pattern(r"region_analysis/[^/]*\.csv", "region_analysis/*.csv"),),
                "qsmxt:parse_qsmxt",
            ),
        ),
    ),
    family(
        "pyment",
        "Pyment, brain age",
        ["PYMENT"],
        (
            Measurement(
                "predictions",
                "predicted age",
                (Pattern(r"[^/]*_prediction\.csv", "*_prediction.csv"),),
                "pyment:parse_pyment",
            ),
        ),
    ),
)
"""All of them, in the order in which they are shown."""
