"""Names of what FreeSurfer measures, in the order of its files."""

from __future__ import annotations

__all__ = [
    "AMYGDALA",
    "ASEG",
    "BA_EXVIVO",
    "BRAINSTEM",
    "DESIKAN_KILLIANY",
    "DESTRIEUX",
    "DKT",
    "HIPPOCAMPUS_V10",
    "HIPPOCAMPUS_V21",
    "HYPOTHALAMUS",
    "SYNTHSEG",
    "THALAMUS",
    "aseg_name",
    "words",
]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


_BY_SIDE = {
    4: "Lateral-Ventricle",
    5: "Inf-Lat-Vent",
    7: "Cerebellum-White-Matter",
    8: "Cerebellum-Cortex",
    10: "Thalamus",
    11: "Caudate",
    12: "Putamen",
    13: "Pallidum",
    17: "Hippocampus",
    18: "Amygdala",
    26: "Accumbens-area",
    28: "VentralDC",
    30: "vessel",
    31: "choroid-plexus",
}
_RIGHT = (43, 44, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60, 62, 63)
_MIDDLE = {
    14: "3rd-Ventricle",
    15: "4th-Ventricle",
    16: "Brain-Stem",
    24: "CSF",
    72: "5th-Ventricle",
    77: "WM-hypointensities",
    78: "Left-WM-hypointensities",
    79: "Right-WM-hypointensities",
    80: "non-WM-hypointensities",
    81: "Left-non-WM-hypointensities",
    82: "Right-non-WM-hypointensities",
    85: "Optic-Chiasm",
    251: "CC_Posterior",
    252: "CC_Mid_Posterior",
    253: "CC_Central",
    254: "CC_Mid_Anterior",
    255: "CC_Anterior",
}

ASEG: dict[int, str] = dict(
    sorted(
        {
            **{number: f"Left-{name}" for number, name in _BY_SIDE.items()},
            **{
                number: f"Right-{name}"
                for number, name in zip(_RIGHT, _BY_SIDE.values(), strict=True)
            },
            **_MIDDLE,
        }.items()
    )
)
"""Segments of aseg by number."""


def aseg_name(number: int, major: int) -> str:
    """Return the name of a segment: the thalamus was called otherwise before FreeSurfer 7."""
    name = ASEG[number]
    return f"{name}-Proper" if name.endswith("-Thalamus") and major < 7 else name


DESIKAN_KILLIANY = words(
    "bankssts caudalanteriorcingulate caudalmiddlefrontal cuneus entorhinal fusiform "
    "inferiorparietal inferiortemporal isthmuscingulate lateraloccipital lateralorbitofrontal "
    "lingual medialorbitofrontal middletemporal parahippocampal paracentral parsopercularis "
    "parsorbitalis parstriangularis pericalcarine postcentral posteriorcingulate precentral "
    "precuneus rostralanteriorcingulate rostralmiddlefrontal superiorfrontal superiorparietal "
    "superiortemporal supramarginal frontalpole temporalpole transversetemporal insula"
)
DKT = tuple(
    name for name in DESIKAN_KILLIANY if name not in ("bankssts", "frontalpole", "temporalpole")
)
DESTRIEUX = words(
    "G&S_frontomargin G&S_occipital_inf G&S_paracentral G&S_subcentral G&S_transv_frontopol "
    "G&S_cingul-Ant G&S_cingul-Mid-Ant G&S_cingul-Mid-Post G_cingul-Post-dorsal "
    "G_cingul-Post-ventral G_cuneus G_front_inf-Opercular G_front_inf-Orbital "
    "G_front_inf-Triangul G_front_middle G_front_sup G_Ins_lg&S_cent_ins G_insular_short "
    "G_occipital_middle G_occipital_sup G_oc-temp_lat-fusifor G_oc-temp_med-Lingual "
    "G_oc-temp_med-Parahip G_orbital G_pariet_inf-Angular G_pariet_inf-Supramar "
    "G_parietal_sup G_postcentral G_precentral G_precuneus G_rectus G_subcallosal "
    "G_temp_sup-G_T_transv G_temp_sup-Lateral G_temp_sup-Plan_polar G_temp_sup-Plan_tempo "
    "G_temporal_inf G_temporal_middle Lat_Fis-ant-Horizont Lat_Fis-ant-Vertical Lat_Fis-post "
    "Pole_occipital Pole_temporal S_calcarine S_central S_cingul-Marginalis "
    "S_circular_insula_ant S_circular_insula_inf S_circular_insula_sup S_collat_transv_ant "
    "S_collat_transv_post S_front_inf S_front_middle S_front_sup S_interm_prim-Jensen "
    "S_intrapariet&P_trans S_oc_middle&Lunatus S_oc_sup&transversal S_occipital_ant "
    "S_oc-temp_lat S_oc-temp_med&Lingual S_orbital_lateral S_orbital_med-olfact "
    "S_orbital-H_Shaped S_parieto_occipital S_pericallosal S_postcentral S_precentral-inf-part "
    "S_precentral-sup-part S_suborbital S_subparietal S_temporal_inf S_temporal_sup "
    "S_temporal_transverse"
)
BA_EXVIVO = tuple(
    f"{name}_exvivo"
    for name in words("BA1 BA2 BA3a BA3b BA4a BA4p BA6 BA44 BA45 V1 V2 MT entorhinal perirhinal")
)

HIPPOCAMPUS_V10 = words(
    "Hippocampal_tail subiculum CA1 hippocampal-fissure presubiculum parasubiculum "
    "molecular_layer_HP GC-ML-DG CA3 CA4 fimbria HATA Whole_hippocampus"
)
HIPPOCAMPUS_V21 = words(
    "Hippocampal_tail subiculum-body CA1-body subiculum-head hippocampal-fissure "
    "presubiculum-head CA1-head presubiculum-body parasubiculum molecular_layer_HP-head "
    "molecular_layer_HP-body GC-ML-DG-head CA3-body GC-ML-DG-body CA4-head CA4-body fimbria "
    "CA3-head HATA Whole_hippocampal_body Whole_hippocampal_head Whole_hippocampus"
)
AMYGDALA = words(
    "Lateral-nucleus Basal-nucleus Accessory-Basal-nucleus Anterior-amygdaloid-area-AAA "
    "Central-nucleus Medial-nucleus Cortical-nucleus Corticoamygdaloid-transitio "
    "Paralaminar-nucleus Whole_amygdala"
)
BRAINSTEM = ("Medulla", "Pons", "SCP", "Midbrain", "Whole_brainstem")
_NUCLEI = words(
    "AV CeM CL CM LD LGN LP L-Sg MDl MDm MGN MV(Re) Pc Pf Pt PuA PuI PuL PuM VA VAmc VLa VLp VM "
    "VPL Whole_thalamus"
)
THALAMUS = tuple(f"{side}-{name}" for side in ("Left", "Right") for name in _NUCLEI)
_SUBUNITS = (
    "anterior-inferior",
    "anterior-superior",
    "posterior",
    "tubular inferior",
    "tubular superior",
)
HYPOTHALAMUS = (
    *(f"{side} {name}" for side in ("left", "right") for name in _SUBUNITS),
    "whole left",
    "whole right",
)
_SYNTHSEG_BY_SIDE = (
    "cerebral white matter",
    "cerebral cortex",
    "lateral ventricle",
    "inferior lateral ventricle",
    "cerebellum white matter",
    "cerebellum cortex",
    "thalamus",
    "caudate",
    "putamen",
    "pallidum",
    "hippocampus",
    "amygdala",
    "accumbens area",
    "ventral DC",
)
SYNTHSEG = (
    "total intracranial",
    *(f"left {name}" for name in _SYNTHSEG_BY_SIDE),
    "3rd ventricle",
    "4th ventricle",
    "brain-stem",
    "csf",
    *(f"right {name}" for name in _SYNTHSEG_BY_SIDE),
)
