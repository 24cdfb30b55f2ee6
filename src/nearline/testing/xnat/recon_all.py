"""Names of what else ``recon-all`` leaves, to fill listings as real ones are filled."""

from __future__ import annotations

from nearline.testing.xnat.regions import BA_EXVIVO, words

__all__ = ["recon_all_paths"]

_VOLUMES = words(
    "T1 T2 orig rawavg nu norm brain brainmask brain.finalsurfs wm wm.asegedit wm.seg filled aseg "
    "aseg.auto aseg.presurf aseg.presurf.hypos aparc+aseg aparc.a2009s+aseg aparc.DKTatlas+aseg "
    "wmparc ribbon lh.ribbon rh.ribbon ctrl_pts orig_nu nu_noneck talairach"
)
_SURFACES = words(
    "area area.mid area.pial avg_curv curv curv.pial defect_borders defect_chull defect_labels "
    "inflated inflated.H inflated.K jacobian_white orig orig.nofix orig_corrected pial qsphere "
    "smoothwm smoothwm.BE.crv smoothwm.C.crv smoothwm.FI.crv smoothwm.H.crv smoothwm.K.crv "
    "smoothwm.K1.crv smoothwm.K2.crv smoothwm.S.crv sphere sphere.reg sulc thickness volume "
    "w-g.pct.mgh white white.H white.K white.preaparc"
)
_LABELS = words(
    "aparc.annot aparc.a2009s.annot aparc.DKTatlas.annot BA_exvivo.annot BA_exvivo.thresh.annot "
    "cortex.label mpm.vpnl.annot nucaparc.annot"
)
_STEPS = words(
    "aparc2aseg apas2aseg asegmerge asegstats autorecon1 brainmask ca_label ca_normalize "
    "ca_register cc cortparc cortparc2 curvHK curvstats fill fix inflate1 inflate2 jacobian "
    "normalization nu pctsurfcon pial skull-strip smoothwm1 sphere sphmorph surfvolume talairach "
    "tessellate white wmaparc wmsegment"
)


def recon_all_paths(subject: str) -> list[str]:
    """Return paths below a resource, of files that hold no tables; more than anybody needs."""
    both = ("lh", "rh")
    areas = [f"{name}{thresh}.label" for name in BA_EXVIVO for thresh in ("", ".thresh")]
    return [
        f"{subject}/{path}"
        for path in (
            *(f"mri/{name}.mgz" for name in _VOLUMES),
            *(f"mri/orig/{number:03d}.mgz" for number in (1, 2)),
            *(f"mri/transforms/{n}" for n in ("talairach.xfm", "talairach.lta", "talairach.m3z")),
            *(f"surf/{side}.{name}" for side in both for name in _SURFACES),
            *(f"label/{side}.{name}" for side in both for name in (*_LABELS, *areas)),
            *(f"touch/{side}.{step}.touch" for side in both for step in _STEPS),
            *(f"scripts/{n}" for n in ("recon-all.log", "recon-all.done", "build-stamp.txt")),
            *(f"stats/{side}.curv.stats" for side in both),
            *(f"tmp/{number:04d}.tmp" for number in range(1000)),
        )
    ]
