"""Tables in bx's shape are those of bbrc-pyxnat's own functions, cell by cell."""

import pytest

from measurements import made
from measurements.peer_frames import Job, frames, same_frame, view
from measurements.stats_samples import stats_samples
from nearline.errors import InvalidOption
from nearline.measurements.bx_views import BX_COLUMNS, bx_view
from nearline.measurements.families import find

FUNCTIONS = {
    "aseg": ("freesurfer", "aseg", {}),
    "aparc": ("freesurfer", "aparc", {}),
    "aparc.a2009s": ("freesurfer", "aparc", {"atlas": "destrieux"}),
    "hippoSfVolumes": ("freesurfer", "hippoSfVolumes", {}),
    "amygNucVolumes": ("freesurfer", "amygNucVolumes", {}),
    "brainstem": ("freesurfer7_extras", "brainstem_substructures_volumes", {}),
    "thalamus": ("freesurfer7_extras", "thalamic_nuclei_volumes", {}),
    "hypothalamus": ("freesurfer7_extras", "hypothalamic_subunits_volumes", {}),
    "volumes": ("ashs", "volumes", {}),
}


def made_files(version, seed):
    files = {
        "sub-01/stats/aseg.stats": made.aseg(version, seed=seed),
        "sub-01/stats/wmparc.stats": made.aseg(version, seed=seed + 100),
    }
    for hemi in ("lh", "rh"):
        for name, annotation in (("aparc", "aparc"), ("aparc.a2009s", "aparc.a2009s")):
            text = made.aparc(version, hemi, seed=seed, annotation=annotation)
            files[f"sub-01/stats/{hemi}.{name}.stats"] = text
        for mode in ("T1", "T1-T2", "T1.long"):
            number = seed + len(mode) + len(hemi)
            files[f"sub-01/mri/{hemi}.hippoSfVolumes-{mode}.v21.txt"] = made.subfields(seed=number)
            files[f"sub-01/mri/{hemi}.amygNucVolumes-{mode}.v21.txt"] = made.subfields(seed=-number)
    return {path: text.encode() for path, text in files.items()}


def extras(seed):
    return {
        "mri/brainstemSsVolumes.v12.txt": made.brainstem(seed=seed).encode(),
        "mri/ThalamicNuclei.v12.T1.volumes.txt": made.thalamus(seed=seed).encode(),
        "mri/hypothalamic_subunits_volumes.v1.csv": made.hypothalamus(seed=seed).encode(),
    }


def ashs(seed):
    return {
        f"sub-01_{side}_corr_nogray_volumes.txt": made.ashs_side(side, seed=seed).encode()
        for side in ("left", "right")
    } | {"sub-01_icv.txt": b"sub-01 1.5432e+06\n"}


def cases():
    for version, label in (("6.0", "FREESURFER6"), ("7.4.1", "FREESURFER7")):
        for seed in range(3):
            files = made_files(version, seed)
            names = ["aseg", "aparc", "aparc.a2009s", "hippoSfVolumes"]
            names += ["amygNucVolumes"] if label == "FREESURFER7" else []
            yield from ((label, files, name) for name in names)
    for name in ("brainstem", "thalamus", "hypothalamus"):
        yield "FREESURFER7_EXTRAS", extras(5), name
    yield "ASHS", ashs(7), "volumes"
    one = {"lh": {}, "rh": {}}
    for hemi, files in one.items():
        files[f"stats/{hemi}.aparc.stats"] = made.aparc("7.4.1", hemi).encode()
        yield "FREESURFER7", files, "aparc"


def test_generated_files_give_the_same_tables():
    every = list(cases())
    jobs = [Job(label, files, *FUNCTIONS[name]) for label, files, name in every]
    for (label, files, name), theirs in zip(every, frames(jobs), strict=True):
        assert "error" not in theirs, (label, name)
        same_frame(view(files, name, label), theirs)
        assert tuple(theirs["columns"]) == BX_COLUMNS[name]


def test_samples_give_the_same_tables():
    every = []
    for name, data in stats_samples("fs*").items():
        version, _, file = name.removesuffix(".short").partition("_")
        short = file.partition("_")[2]
        label = "FREESURFER6" if version == "fs6.0" else "FREESURFER7"
        every += [
            (label, {f"s/stats/{short}": data}, wanted)
            for wanted in ("aseg", "aparc", "aparc.a2009s", "hippoSfVolumes")
            if short.endswith(f"{wanted}.stats") or (wanted in short and "-T1.v" in short)
        ]
    jobs = [Job(label, files, *FUNCTIONS[name]) for label, files, name in every]
    for (label, files, name), theirs in zip(every, frames(jobs) if jobs else [], strict=True):
        same_frame(view(files, name, label), theirs)


@pytest.mark.parametrize("version", ["5.1", "7.4.1"])
def test_versions_that_make_pyxnat_fail_are_read(version):
    files = made_files(version, 1)
    (theirs,) = frames([Job("FREESURFER6", files, *FUNCTIONS["aseg"])])
    assert theirs == {"error": "IndexError"}
    ours = view(files, "aseg", "FREESURFER6")
    assert ours["region"].count("Left-Hippocampus") == 9
    assert "lhCortexVol" in ours["region"]


def test_hires_volumes_in_voxels_are_left_out_as_bx_leaves_them_out():
    files = {"stats/aseg.stats": made.aseg("6.0", voxel=0.512).encode()}
    for hemi in ("lh", "rh"):
        files[f"stats/{hemi}.aparc.stats"] = made.aparc("6.0", hemi).encode()
    names = ("aseg", "aparc")
    label = "FREESURFER6_HIRES"
    theirs = frames([Job(label, files, *FUNCTIONS[name], hires=True) for name in names])
    for name, frame in zip(names, theirs, strict=True):
        same_frame(view(files, name, label), frame)
        assert "BrainSegVol" not in [row[-2] for row in frame["rows"]]


def test_a_table_that_pyxnat_has_not_is_refused():
    _, measurement = find("brainvol")
    line = b"# Measure BrainSeg, BrainSegVol, words, 1.0, mm^3\n"
    rows = measurement.parse({"brainvol.stats": line}, where="x")
    with pytest.raises(InvalidOption, match="bx has no table 'brainvol'"):
        bx_view(rows, "brainvol", "FREESURFER6")
