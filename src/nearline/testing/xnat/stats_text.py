"""Stats files as FreeSurfer's programs lay them out, with numbers drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nearline.testing.xnat.regions import ASEG, DESIKAN_KILLIANY, aseg_name

__all__ = ["Brain"]

# Before FreeSurfer 7 a file tells only the revision of the program that wrote it.
_REVISIONS = {
    (5, 1): ("1.75.2.2 2011/04/26 00:14:15 greve", "1.72 2010/11/04 17:24:18 greve"),
    (5, 3): ("1.75.2.9 2013/02/16 00:09:33 greve", "1.72.2.2 2011/03/24 18:02:03 greve"),
    (6, 0): ("1.121 2016/05/31 17:27:11 greve", "1.79 2016/03/14 15:15:34 greve"),
}

_ASEG_COLUMNS = (
    ("Index", "Index", "NA"),
    ("SegId", "Segmentation Id", "NA"),
    ("NVoxels", "Number of Voxels", "unitless"),
    ("Volume_mm3", "Volume", "mm^3"),
    ("StructName", "Structure Name", "NA"),
    ("normMean", "Intensity normMean", "MR"),
    ("normStdDev", "Itensity normStdDev", "MR"),
    ("normMin", "Intensity normMin", "MR"),
    ("normMax", "Intensity normMax", "MR"),
    ("normRange", "Intensity normRange", "MR"),
)
_CONTRAST_COLUMNS = (
    ("Index", "Index", "NA"),
    ("SegId", "Segmentation Id", "NA"),
    ("NVertices", "Number of Vertices", "unitless"),
    ("Area_mm2", "Area", "mm^2"),
    ("StructName", "Structure Name", "NA"),
    ("Mean", "Intensity Mean", "unknown"),
    ("StdDev", "Itensity StdDev", "unknown"),
    ("Min", "Intensity Min", "unknown"),
    ("Max", "Intensity Max", "unknown"),
    ("Range", "Intensity Range", "unknown"),
    ("SNR", "Intensity SNR", "none"),
)
_APARC_COLUMNS = (
    ("StructName", "Structure Name", "NA"),
    ("NumVert", "Number of Vertices", "unitless"),
    ("SurfArea", "Surface Area", "mm^2"),
    ("GrayVol", "Gray Matter Volume", "mm^3"),
    ("ThickAvg", "Average Thickness", "mm"),
    ("ThickStd", "Thickness StdDev", "mm"),
    ("MeanCurv", "Integrated Rectified Mean Curvature", "mm^-1"),
    ("GausCurv", "Integrated Rectified Gaussian Curvature", "mm^-2"),
    ("FoldInd", "Folding Index", "unitless"),
    ("CurvInd", "Intrinsic Curvature Index", "unitless"),
)

_TITLES = {
    "BrainSegVol": "Brain Segmentation Volume",
    "BrainSegVolNotVent": "Brain Segmentation Volume Without Ventricles",
    "BrainSegVolNotVentSurf": "Brain Segmentation Volume Without Ventricles from Surf",
    "VentricleChoroidVol": "Volume of ventricles and choroid plexus",
    "lhCortexVol": "Left hemisphere cortical gray matter volume",
    "rhCortexVol": "Right hemisphere cortical gray matter volume",
    "CortexVol": "Total cortical gray matter volume",
    "lhCerebralWhiteMatterVol": "Left hemisphere cerebral white matter volume",
    "rhCerebralWhiteMatterVol": "Right hemisphere cerebral white matter volume",
    "CerebralWhiteMatterVol": "Total cerebral white matter volume",
    "lhCorticalWhiteMatterVol": "Left hemisphere cortical white matter volume",
    "rhCorticalWhiteMatterVol": "Right hemisphere cortical white matter volume",
    "CorticalWhiteMatterVol": "Total cortical white matter volume",
    "SubCortGrayVol": "Subcortical gray matter volume",
    "TotalGrayVol": "Total gray matter volume",
    "SupraTentorialVol": "Supratentorial volume",
    "SupraTentorialVolNotVent": "Supratentorial volume",
    "SupraTentorialVolNotVentVox": "Supratentorial volume voxel count",
    "MaskVol": "Mask Volume",
}
_FIELDS = {
    "SupraTentorialVolNotVent": "SupraTentorialNotVent",
    "SupraTentorialVolNotVentVox": "SupraTentorialNotVentVox",
    "BrainSegVolNotVent": "BrainSegNotVent",
    "BrainSegVolNotVentSurf": "BrainSegNotVentSurf",
    "VentricleChoroidVol": "VentricleChoroidVol",
}


class Brain:
    """One subject's brain as one version of FreeSurfer would report it.

    Parameters
    ----------
    random : random.Random
        All numbers come from it.
    version : str
        Such as ``5.3.0``, ``6.0.0``, ``7.4.1``.
    subject : str
        As the files name it.
    voxel_mm3 : float
        Volume of a voxel; other than 1 for recons at native resolution.
    """

    def __init__(
        self, random: Random, version: str, subject: str, *, voxel_mm3: float = 1.0
    ) -> None:
        self.random = random
        self.version = version
        self.major, self.minor = (int(part) for part in version.split(".")[:2])
        self.subject = subject
        self.voxel_mm3 = voxel_mm3
        self.volumes = self._volumes()

    def _volumes(self) -> dict[str, float]:
        draw = self.random
        etiv = draw.gauss(1_500_000, 120_000)
        white = {side: etiv * draw.gauss(0.155, 0.006) for side in "lr"}
        cortex = {side: etiv * draw.gauss(0.158, 0.006) for side in "lr"}
        deep = etiv * draw.gauss(0.040, 0.002)
        cerebellum = etiv * draw.gauss(0.095, 0.004)
        ventricles = etiv * abs(draw.gauss(0.015, 0.006)) + 5000
        supra = sum(white.values()) + sum(cortex.values()) + deep + ventricles
        brain = supra + cerebellum
        kind = "Cerebral" if self.major >= 6 else "Cortical"
        return {
            "BrainSegVol": round(brain),
            "BrainSegVolNotVent": round(brain - ventricles),
            "BrainSegVolNotVentSurf": brain - ventricles,
            "VentricleChoroidVol": round(ventricles),
            "lhCortexVol": cortex["l"],
            "rhCortexVol": cortex["r"],
            "CortexVol": sum(cortex.values()),
            f"lh{kind}WhiteMatterVol": white["l"],
            f"rh{kind}WhiteMatterVol": white["r"],
            f"{kind}WhiteMatterVol": sum(white.values()),
            "SubCortGrayVol": round(deep),
            "TotalGrayVol": sum(cortex.values()) + deep + cerebellum * 0.8,
            "SupraTentorialVol": supra,
            "SupraTentorialVolNotVent": supra - ventricles,
            "SupraTentorialVolNotVentVox": round(supra - ventricles),
            "MaskVol": round(etiv * 1.05),
            "eTIV": etiv,
        }

    # --- files ----------------------------------------------------------------------

    def aseg(self) -> bytes:
        """Return ``aseg.stats``."""
        lines = self._head("mri_segstats", "volume", "Title Segmentation Statistics")
        lines += self._fixed()
        left_out = {"VentricleChoroidVol"} if self.major < 6 else set()
        if self.major >= 7:
            left_out |= {"BrainSegVolNotVentSurf", "SupraTentorialVolNotVentVox"}
        if (self.major, self.minor) < (5, 3):
            left_out |= {"BrainSegVolNotVentSurf", "MaskVol", "SupraTentorialVolNotVentVox"}
        lines += [self._volume(n) for n in self.volumes if n not in left_out | {"eTIV"}]
        if (self.major, self.minor) < (5, 3):
            lines.append(
                "# Measure IntraCranialVol, ICV, Intracranial Volume, "
                f"{self.volumes['eTIV']:f}, mm^3"
            )
        else:
            lines += [*self._ratios(), *self._holes(), self._etiv()]
        lines += [
            "# SegVolFile mri/aseg.mgz ",
            "# ColorTable /opt/freesurfer/ASegStatsLUT.txt ",
            "# InVolFile  mri/norm.mgz ",
            "# PVVolFile  mri/norm.mgz ",
            "# ExcludeSegId 0 2 3 41 42 ",
            f"# VoxelVolume_mm3 {self.voxel_mm3:g} ",
            *_describe(_ASEG_COLUMNS),
            f"# NRows {len(ASEG)} ",
            "# NTableCols 10 ",
            f"# ColHeaders  {' '.join(column for column, _, _ in _ASEG_COLUMNS)}  ",
        ]
        names = [(number, aseg_name(number, self.major)) for number in ASEG]
        return _text(lines + self._segments(names))

    def wmparc(self) -> bytes:
        """Return ``wmparc.stats``."""
        lines = self._head("mri_segstats", "volume", "Title Segmentation Statistics")
        lines += [*self._fixed(), self._volume("BrainSegVol"), self._etiv()]
        names = [
            (base + number, f"wm-{side}-{name}")
            for base, side in ((3001, "lh"), (4001, "rh"))
            for number, name in enumerate(DESIKAN_KILLIANY)
        ]
        names += [(5001, "Left-UnsegmentedWhiteMatter"), (5002, "Right-UnsegmentedWhiteMatter")]
        lines += [
            *_describe(_ASEG_COLUMNS),
            f"# NRows {len(names)} ",
            "# NTableCols 10 ",
            f"# ColHeaders  {' '.join(column for column, _, _ in _ASEG_COLUMNS)}  ",
        ]
        return _text(lines + self._segments(names))

    def brainvol(self) -> bytes:
        """Return ``brainvol.stats``: measures without a table."""
        lines = self._fixed() if self.voxel_mm3 != 1 else []
        return _text(lines + [self._volume(n, 12) for n in self.volumes if n != "eTIV"])

    def aparc(self, side: str, parcellation: str, regions: Sequence[str]) -> bytes:
        """Return a table of cortical regions.

        Parameters
        ----------
        side : str
            ``lh`` or ``rh``.
        parcellation : str
            ``aparc``, ``aparc.a2009s``, ``aparc.DKTatlas``, ``aparc.pial``, ``BA_exvivo``.
        regions : sequence of str
            Its regions.
        """
        draw = self.random
        table, vertices, area, thickness = [], 0, 0, 0.0
        for region in regions:
            count = int(draw.lognormvariate(7.8, 0.8)) + 50
            surface = int(count * draw.uniform(0.62, 0.72))
            mean = min(4.0, max(1.4, draw.gauss(2.5, 0.35)))
            vertices, area, thickness = vertices + count, area + surface, thickness + mean * surface
            table.append(
                f"{region:<40}{count:>5}{surface:>7}{int(surface * mean):>7}{mean:>7.3f}"
                f"{draw.uniform(0.3, 0.9):>6.3f}{draw.uniform(0.08, 0.17):>10.3f}"
                f"{draw.uniform(0.01, 0.05):>10.3f}{int(count / 80):>9}{count / 1100:>8.1f}"
            )
        lines = self._head(
            "mris_anatomical_stats",
            "surface",
            "Table of FreeSurfer cortical parcellation anatomical statistics",
        )
        lines += [
            f"# hemi {side}",
            f"# AnnotationFile ../label/{side}.{parcellation}.annot",
            f"# Measure Cortex, NumVert, Number of Vertices, {vertices}, unitless",
            f"# Measure Cortex, WhiteSurfArea, White Surface Total Area, {area}.5, mm^2",
            f"# Measure Cortex, MeanThickness, Mean Thickness, {thickness / area:.5f}, mm",
        ]
        if self.major >= 6:
            lines += self._fixed()
            lines += [
                self._volume(name)
                for name in ("BrainSegVol", "BrainSegVolNotVent", "BrainSegVolNotVentSurf")
            ]
            lines.append(self._cortex())
            lines += [self._volume(n) for n in ("SupraTentorialVol", "SupraTentorialVolNotVent")]
            lines.append(self._etiv())
        lines += [
            "# NTableCols 10",
            *_describe(_APARC_COLUMNS),
            f"# ColHeaders {' '.join(column for column, _, _ in _APARC_COLUMNS)}",
        ]
        return _text(lines + table)

    def contrast(self, side: str) -> bytes:
        """Return ``?h.w-g.pct.stats``: how much brighter white matter is than grey."""
        draw = self.random
        lines = self._head("mri_segstats", "surface", "Title Segmentation Statistics")
        lines += [
            f"# hemi {side}",
            *_describe(_CONTRAST_COLUMNS),
            f"# NRows {len(DESIKAN_KILLIANY)} ",
            f"# NTableCols {len(_CONTRAST_COLUMNS)} ",
            f"# ColHeaders  {' '.join(column for column, _, _ in _CONTRAST_COLUMNS)}  ",
        ]
        base = 1001 if side == "lh" else 2001
        for row, name in enumerate(DESIKAN_KILLIANY):
            count, mean, spread = draw.randrange(200, 14000), draw.gauss(22, 2), draw.gauss(5, 0.5)
            low, high = mean * 0.2, mean + 3 * spread
            lines.append(
                f"{row + 1:>3}{base + row:>5}{count:>10}{count * 0.66:>11.1f}  {name:<32}"
                f"{mean:>9.4f}{spread:>11.4f}{low:>11.4f}{high:>11.4f}{high - low:>11.4f}"
                f"{mean / spread:>11.4f}"
            )
        return _text(lines)

    # --- lines ------------------------------------------------------------------------

    def _head(self, program: str, anatomy: str, title: str) -> list[str]:
        if self.major >= 7:
            written = self.version
        else:
            close = min(
                _REVISIONS, key=lambda v: abs(v[0] * 10 + v[1] - self.major * 10 - self.minor)
            )
            revision = _REVISIONS[close][program != "mri_segstats"]
            written = f"$Id: {program}.c,v {revision} Exp $"
        lines = [
            f"# {title} ",
            "# ",
            f"# generating_program {program}",
            f"# cvs_version {written}",
        ]
        if program == "mris_anatomical_stats":
            lines.insert(2, "# CreationTime 2022/05/06-07:08:09-GMT")
        return [
            *lines,
            f"# cmdline {program} {self.subject}",
            "# sysname  Linux",
            "# hostname simulated",
            "# machine  x86_64",
            "# user     nobody",
            f"# anatomy_type {anatomy}",
            "# SUBJECTS_DIR /subjects",
            f"# subjectname {self.subject}",
        ]

    def _fixed(self) -> list[str]:
        if self.major < 7:
            return []
        if self.voxel_mm3 == 1:
            return ["# BrainVolStatsFixed-NotNeeded because voxelvolume=1mm3"]
        return ["# BrainVolStatsFixed see surfer.nmr.mgh.harvard.edu/fswiki/BrainVolStatsFixed"]

    def _volume(self, name: str, digits: int = 6) -> str:
        value = self.volumes[name]
        if self.voxel_mm3 != 1 and self.major < 7 and float(value).is_integer():
            # What is counted came out in voxels at other resolutions.
            value = round(value / self.voxel_mm3)
        field = _FIELDS.get(name, name.removesuffix("Vol"))
        return f"# Measure {field}, {name}, {_TITLES[name]}, {value:.{digits}f}, mm^3"

    def _cortex(self) -> str:
        line = self._volume("CortexVol")
        # FreeSurfer 6 forgot a comma here.
        return line.replace("CortexVol,", "CortexVol", 1) if self.major == 6 else line

    def _etiv(self) -> str:
        return (
            "# Measure EstimatedTotalIntraCranialVol, eTIV, Estimated Total Intracranial Volume, "
            f"{self.volumes['eTIV']:f}, mm^3"
        )

    def _ratios(self) -> list[str]:
        etiv = self.volumes["eTIV"]
        return [
            f"# Measure {name}-to-eTIV, {name}-to-eTIV, Ratio of {name} to eTIV, "
            f"{self.volumes[name] / etiv:.6f}, unitless"
            for name in ("BrainSegVol", "MaskVol")
        ]

    def _holes(self) -> list[str]:
        left, right = self.random.randrange(5, 40), self.random.randrange(5, 40)
        text = "Number of defect holes in {} surfaces prior to fixing"
        return [
            f"# Measure lhSurfaceHoles, lhSurfaceHoles, {text.format('lh')}, {left}, unitless",
            f"# Measure rhSurfaceHoles, rhSurfaceHoles, {text.format('rh')}, {right}, unitless",
            "# Measure SurfaceHoles, SurfaceHoles, Total number of defect holes in surfaces prior "
            f"to fixing, {left + right}, unitless",
        ]

    def _segments(self, names: Sequence[tuple[int, str]]) -> list[str]:
        draw, lines = self.random, []
        for row, (number, name) in enumerate(names, 1):
            empty = name.endswith(("vessel", "5th-Ventricle", "t-WM-hypointensities"))
            volume = 0.0 if empty else draw.lognormvariate(7.8, 1.1) + 60
            mean = 0.0 if empty else draw.uniform(30, 100)
            low, high = (0, 0) if empty else (int(mean * 0.4), int(mean * 1.3))
            spread = 0.0 if empty else draw.uniform(4, 16)
            lines.append(
                f"{row:>3}{number:>5}{int(volume / self.voxel_mm3):>10}{volume:>11.1f}  "
                f"{name:<32}{mean:>9.4f}{spread:>11.4f}{low:>11.4f}{high:>11.4f}{high - low:>6}"
            )
        return lines


def _describe(columns: Sequence[tuple[str, str, str]]) -> list[str]:
    return [
        f"# TableCol {number:>2} {what} {value} "
        for number, (name, title, unit) in enumerate(columns, 1)
        for what, value in (("ColHeader", name), ("FieldName", title), ("Units    ", unit))
    ]


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
