"""Files of one FreeSurfer session, with numbers drawn at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from nearline.testing.xnat import regions
from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.recon_all import recon_all_paths
from nearline.testing.xnat.records import Experiment
from nearline.testing.xnat.stats_text import Brain

__all__ = ["ashs_session", "freesurfer_project", "freesurfer_session", "with_etiv"]


def freesurfer_session(
    seed: int | str,
    version: str = "6.0.0",
    *,
    subject: str = "subject",
    extras: bool = False,
    listing: int = 0,
    voxel_mm3: float = 1.0,
) -> dict[str, bytes]:
    """Return the tables that ``recon-all`` and its modules leave, by path.

    Parameters
    ----------
    seed : int or str
        The same seed, the same bytes.
    version : str
        From ``5.1.0`` to ``7.4.1``: measures, names, the way in which the version is told and
        the modules' analysis versions follow it.
    subject : str
        The folder, and the name in the files.
    extras : bool
        Brainstem, thalamus, hypothalamus and SynthSeg as well.
    listing : int
        Add small dummies under names of a ``recon-all`` until there are so many files;
        a real one has about 350.
    voxel_mm3 : float
        Volume of a voxel, for recons at native resolution.

    Returns
    -------
    dict of str to bytes
        Paths begin with the subject's folder.
    """
    random = Random(f"{seed}/{version}")  # noqa: S311 (no secret)
    brain = Brain(random, version, subject, voxel_mm3=voxel_mm3)
    files = {"stats/aseg.stats": brain.aseg(), "stats/wmparc.stats": brain.wmparc()}
    for side in ("lh", "rh"):
        for name, names in _parcellations(brain.major).items():
            files[f"stats/{side}.{name}.stats"] = brain.aparc(side, name, names)
        files[f"stats/{side}.w-g.pct.stats"] = brain.contrast(side)
    if brain.major >= 6:
        files["stats/brainvol.stats"] = brain.brainvol()
        files.update(_subfields(brain))
    if extras:
        files.update(_extras(brain))
    named = {f"{subject}/{path}": data for path, data in files.items()}
    for path in recon_all_paths(subject):
        if len(named) >= listing:
            break
        named.setdefault(path, b"dummy\n")
    return named


def _parcellations(major: int) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {
        "aparc": regions.DESIKAN_KILLIANY,
        "aparc.a2009s": regions.DESTRIEUX,
    }
    if major >= 6:
        found["aparc.DKTatlas"] = regions.DKT
        found["aparc.pial"] = regions.DESIKAN_KILLIANY
        found["BA_exvivo"] = regions.BA_EXVIVO
    return found


def _subfields(brain: Brain) -> dict[str, bytes]:
    files = {}
    for side in ("lh", "rh"):
        if brain.major == 6:
            names, analysis = regions.HIPPOCAMPUS_V10, "v10"
        else:
            names, analysis = regions.HIPPOCAMPUS_V21, _analysis(brain)
            files[f"mri/{side}.amygNucVolumes-T1.{analysis}.txt"] = _volumes(
                brain.random, regions.AMYGDALA
            )
        files[f"mri/{side}.hippoSfVolumes-T1.{analysis}.txt"] = _volumes(brain.random, names)
    return files


def _analysis(brain: Brain) -> str:
    return "v21" if (brain.major, brain.minor) < (7, 2) else "v22"


def _extras(brain: Brain) -> dict[str, bytes]:
    draw = brain.random
    module = {6: "v10", 7: "v12" if brain.minor < 2 else "v13"}.get(brain.major, "v10")
    return {
        f"mri/brainstemSsVolumes.{module}.txt": _volumes(draw, regions.BRAINSTEM),
        f"mri/ThalamicNuclei.{module}.T1.volumes.txt": _volumes(draw, regions.THALAMUS),
        "mri/hypothalamic_subunits_volumes.v1.csv": _csv(brain, regions.HYPOTHALAMUS, 100.0),
        "stats/synthseg.vol.csv": _csv(brain, regions.SYNTHSEG, 20000.0),
    }


def _volumes(draw: Random, names: Sequence[str]) -> bytes:
    """Return lines of a name and a volume; what is whole is the sum of what came before."""
    lines, total = [], 0.0
    for name in names:
        value = total if "Whole_" in name else draw.lognormvariate(5, 0.8)
        total = 0.0 if name == "Left-Whole_thalamus" else total + value * ("Whole_" not in name)
        lines.append(f"{name} {value:.6f}\n")
    return "".join(lines).encode()


def _csv(brain: Brain, names: Sequence[str], scale: float) -> bytes:
    values = [f"{brain.random.uniform(0.3, 1) * scale:.3f}" for _ in names]
    return f"subject,{','.join(names)}\n{brain.subject},{','.join(values)}\n".encode()


def ashs_session(seed: int | str, *, subject: str = "subject") -> dict[str, bytes]:
    """Return the volumes that ASHS leaves, by path."""
    draw = Random(f"{seed}/ashs")  # noqa: S311 (no secret)
    names = ("CA1", "CA2+3", "DG", "ERC", "PHC", "PRC", "SUB")
    files = {}
    for side in ("left", "right"):
        for mode in ("corr_nogray", "corr_usegray", "heur", "raw"):
            lines = [
                f"{subject} {side} {name} {draw.randrange(15, 30)} {draw.uniform(100, 2000):.3f}\n"
                for name in names
            ]
            files[f"final/{subject}_{side}_{mode}_volumes.txt"] = "".join(lines).encode()
    files[f"final/{subject}_icv.txt"] = f"{subject} {draw.uniform(1.2e6, 1.8e6):.5g}\n".encode()
    return files


def freesurfer_project(
    archive: Archive,
    project: str,
    sessions: int,
    *,
    resource: str = "FREESURFER6",
    version: str = "6.0.0",
    listing: int = 0,
    seed: int = 0,
) -> list[Experiment]:
    """Fill a project with sessions, each of a subject of its own; add it if it is new.

    Parameters
    ----------
    archive : Archive
        Where to.
    project : str
        Its id; subjects are labelled with it and a number.
    sessions : int
        How many.
    resource : str
        Label of the resource.
    version, listing : str, int
        As for `freesurfer_session`.
    seed : int
        The same seed, the same numbers.

    Returns
    -------
    list of Experiment
        The sessions.
    """
    if project not in archive.projects:
        archive.add_project(project)
    made = []
    for number in range(1, sessions + 1):
        subject = f"{project}{number:04d}"
        session = archive.add_session(project, subject=subject, label=f"{subject}_MR1")
        files = freesurfer_session(f"{seed}/{subject}", version, subject=subject, listing=listing)
        archive.put_files(session, resource, files)
        made.append(session)
    return made


def with_etiv(data: bytes, value: float) -> bytes:
    """Return a stats file whose eTIV is another; it has as many bytes as before.

    Parameters
    ----------
    data : bytes
        ``aseg.stats``.
    value : float
        In mm^3; as many digits before the point as the old one.

    Raises
    ------
    ValueError
        There is no eTIV, or the new one needs more room.
    """
    found = re.search(rb"(, eTIV, [^,\n]*, )([0-9.]+)", data)
    if found is None:
        raise ValueError("The file has no eTIV.")
    written = f"{value:.6f}".encode()
    if len(written) != len(found[2]):
        raise ValueError(f"{written.decode()} is not as long as {found[2].decode()}.")
    return data[: found.start(2)] + written + data[found.end(2) :]
