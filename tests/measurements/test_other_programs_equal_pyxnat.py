"""What other programs left is read as bbrc-pyxnat's own functions read it."""

import contextlib
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measurements import made
from measurements.images import nifti
from measurements.peer_frames import Job, frames
from nearline.errors import UnreadableMeasurements
from nearline.measurements.families import FAMILIES, choose

RNG = np.random.default_rng(7)
SHAPE = (6, 5, 4)


def parse(family, measurement, files):
    wanted = FAMILIES[family].measurements[measurement]
    choice = choose(files, wanted)
    rows = wanted.parse({path: files[path] for path in choice.paths}, where="session")
    assert set(rows.extra) == set(wanted.extra)
    return rows


def theirs(label, files, module, function, **arguments):
    (found,) = frames([Job(label, files, module, function, arguments)])
    assert "error" not in found, found
    return found


def records(frame):
    return [dict(zip(frame["columns"], row, strict=True)) for row in frame["rows"]]


def maps(names):
    kinds = (np.float32, np.uint8, np.int16)
    return {
        name: nifti(
            (RNG.random(SHAPE) * 100).astype(kind), sizes=(0.5, 1.2, 2.0), packed="gz" in name
        )
        for name, kind in zip(names, kinds, strict=True)
    }


@pytest.mark.parametrize(
    ("family", "module", "names", "function"),
    [
        ("spm12", "spm12", ("c1T1.nii.gz", "c2T1.nii.gz", "c3T1.nii.gz"), "volumes"),
        ("cat12", "cat12", ("mri/p1a.nii.gz", "mri/p2a.nii.gz", "mri/p3a.nii.gz"), "volumes"),
        *(
            (name, name, tuple(f"T1.anat/T1_fast_pve_{i}.nii.gz" for i in range(3)), "volumes")
            for name in ("basil", "fsl_anat")
        ),
    ],
)
def test_volumes_of_tissues(family, module, names, function):
    files = maps(names)
    rows = parse(family, "volumes", files)
    (expected,) = records(theirs("X", files, module, function))
    start = "mri/" if family == "cat12" else ""
    found = {start + r: v for r, v in zip(rows.region, rows.value, strict=True)}
    # pyxnat sums float32 maps in float32.
    assert found == pytest.approx(expected, rel=1e-6)


def test_volumes_of_subcortical_structures():
    labels = RNG.choice([0, 10, 11, 12, 13, 16, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58], SHAPE)
    files = {"T1.anat/T1_subcort_seg.nii.gz": nifti(labels.astype(np.int16), sizes=(1, 1, 0.9))}
    rows = parse("fsl_anat", "subcortical", files)
    expected = records(theirs("FSL_ANAT", files, "fsl_anat", "subcortical_volumes"))
    found = zip(rows.region, rows.value, strict=True)
    assert [{"region": region, "volume": volume} for region, volume in found] == expected


def lesions():
    numbers = RNG.integers(0, 4, SHAPE).astype(np.float32)
    return {
        "CorrectLesion_x.nii.gz": nifti(RNG.random(SHAPE), sizes=(1, 1, 3)),
        "Connect_WS3WT3WC1Lesion_x_corr.nii.gz": nifti(numbers),
        "Layers_x.nii.gz": nifti(RNG.integers(0, 6, SHAPE).astype(np.uint8)),
        "Lobes_x.nii.gz": nifti(RNG.integers(0, 11, SHAPE).astype(np.uint8)),
    }


def test_lesions_by_layer_and_lobe():
    files = lesions()
    rows = parse("bamos", "stats", files)
    found = {}
    for depth, row in zip(rows.extra["depth"], rows, strict=True):
        found.setdefault((depth, row[4]), {})[row[3]] = row[5]
    expected = {
        (one["depth"], one["region"]): {"n": one["n"], "volume": one["volume"]}
        for one in records(theirs("BAMOS", files, "bamos", "stats"))
    }
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-12)


def test_volume_of_all_lesions():
    files = lesions()
    (value,) = parse("bamos", "volumes", files).value
    (expected,) = records(theirs("BAMOS", files, "bamos", "volume"))
    assert value == pytest.approx(expected["value"], rel=1e-12)


def perfusion():
    return {
        "native_space/perfusion_gm_mean.txt": b"51.5 \n",
        "native_space/perfusion_wm_wm_mean.txt": b"22.25\n",
        "native_space/pvcorr/arrival_wm_wm_mean.txt": b"1.5e0\n",
    }


@pytest.mark.parametrize("family", ["basil", "te_asl"])
def test_mean_perfusion(family):
    files = perfusion()
    rows = parse(family, "perfusion", files)
    found = {
        (path, pvcorr): (row[3], row[5])
        for path, pvcorr, row in zip(
            rows.extra["filepath"], rows.extra["pvcorr"], rows, strict=True
        )
    }
    assert found == {
        (one["filepath"], one["pvcorr"]): (one["measurement"], one["value"])
        for one in records(theirs("X", files, family, "perfusion"))
    }


def regions(parts):
    names = ("Nvoxels", "Mean", "Std", "Median", "IQR", "Precision-weighted mean", "I2")
    return {
        f"native_space/region_analysis/region_analysis{part}.csv": (
            ",".join(("name", *names))
            + "\r\n"
            + "".join(
                ",".join((f'"{region}"', *(f"{RNG.random() * 50:.4f}" for _ in names))) + "\r\n"
                for region in ("Left Thalamus", "Lobe, frontal")
            )
            + "\r\n".join(["Empty,0,,,,,,", ""])
        ).encode()
        for part in parts
    }


@pytest.mark.parametrize(
    ("family", "parts"),
    [
        ("basil", ("", "_gm", "_wm")),
        ("te_asl", ("", "_gm", "_wm", "_arrival", "_arrival_gm", "_arrival_wm")),
    ],
)
def test_perfusion_by_region(family, parts):
    files = regions(parts)
    rows = parse(family, "stats", files)
    suffix = "_perfusion" if family == "te_asl" else ""
    found = {
        (analysis if "arrival" in analysis else analysis + suffix, region, measurement): value
        for _, _, analysis, measurement, region, value, _ in rows
    }
    expected = {
        (one["region_analysis"], one["name"], name): math.nan if value is None else value
        for one in records(theirs("X", files, family, "stats"))
        for name, value in one.items()
        if name not in ("region_analysis", "name")
    }
    assert found == pytest.approx(expected, nan_ok=True)


def test_nan_is_a_missing_value_where_python_writes_the_table():
    files = {path: data.replace(b",,", b",nan,") for path, data in regions(("",)).items()}
    values = parse("basil", "stats", files).value
    assert np.isnan(values).sum() == 6


def test_alps():
    header = "id,scanner,x_proj_L,x_assoc_L,alps_L,alps_R,alps"
    files = {"alps.stat/alps.csv": f"{header}\ns1,,0.1,0.2,1.5,1.25,1.375\n".encode()}
    rows = parse("alps", "stats", files)
    (expected,) = records(theirs("ALPS", files, "alps", "alps"))
    assert dict(zip(rows.region, rows.value, strict=True)) == expected
    assert rows.files[0].subject == "s1"


def test_diffusion_in_the_regions_of_alps():
    text = "id,scanner,diffusion_metric,proj_L,assoc_L\ns1,X,FA,0.5,0.25\ns1,X,MD,0.1,0.2\n"
    files = {"alps.stat/fa+md_alps.csv": text.encode()}
    rows = parse("alps", "diffusion", files)
    found = {(row[3], row[4]): row[5] for row in rows}
    assert found == {
        (one["diffusion_metric"], name): value
        for one in records(theirs("ALPS", files, "alps", "fa_md_alps"))
        for name, value in one.items()
        if name != "diffusion_metric"
    }


FDG = """,region,atlas,reference_region,optimized_pet,measurement,value
0,landau_Composite,,vermis,False,suvr,1.25
1,landau_Composite,,vermis,True,suvr,1.5
2,cortex,,whole_cerebellum,False,centiloid,-3.75
3,Hip_L,HAMMERS,vermis,True,suvr,0.875
4,Hip_R,HAMMERS,vermis,True,suvr,
"""


@pytest.mark.parametrize(("family", "module"), [("fdg", "pet_fdg"), ("ftm", "pet_ftm")])
def test_uptake(family, module):
    files = {"quantification_results.csv": FDG.encode()}
    rows = parse(family, "quantification", files)
    found = [
        {
            "region": row[4],
            "atlas": row[1],
            "reference_region": reference,
            "optimized_pet": optimized,
            "measurement": row[3],
            "value": None if math.isnan(row[5]) else row[5],
        }
        for reference, optimized, row in zip(*rows.extra.values(), rows, strict=True)
    ]
    expected = records(theirs("X", files, module, "quantification_results"))
    assert found == [{k: v for k, v in one.items() if "Unnamed" not in k} for one in expected]


TAU = """region,atlas,reference_region,smoothing_type,measurement,value,tracer
Universal,,infcereb,harmonized,centaurz,1.5,RO948
Hip_L,hammers,infcereb,,suvr,0.875,RO948
"""


@pytest.mark.parametrize(
    ("family", "module", "name"),
    [
        ("tau", "tau_quantification", "tau_quantification_results.csv"),
        ("centaurz", "centaurz", "centaurz_quantification_results.csv"),
    ],
)
def test_uptake_of_tau(family, module, name):
    files = {name: TAU.encode()}
    rows = parse(family, "quantification", files)
    found = [
        {
            "region": row[4],
            "atlas": row[1],
            "reference_region": reference,
            "smoothing_type": smoothing,
            "measurement": row[3],
            "value": row[5],
        }
        for reference, smoothing, row in zip(*rows.extra.values(), rows, strict=True)
    ]
    expected = records(theirs("X", files, module, "quantification_results"))
    assert found == [{k: v for k, v in one.items() if k != "tracer"} for one in expected]
    assert rows.files[0].notes == ("columns left out: tracer",)


def test_susceptibility():
    text = "subject,roi,num_voxels,min,max,median,mean,std\n" + "".join(
        f"sub-1_ses-2,{roi},{5 + i},-0.5,0.5,0.{i},0.125,0.25\n"
        for i, roi in enumerate(("Left-Caudate", "Right-Caudate"))
    )
    files = {"region_analysis/a.csv": text.encode()}
    rows = parse("qsmxt", "stats", files)
    found = {(row[4], row[3]): row[5] for row in rows}
    names = ("num_voxels", "min", "max", "median", "mean", "std")
    assert found == {
        (one["roi"], name): one[name]
        for one in records(theirs("QSMXT", files, "qsxmt", "stats"))
        for name in names
    }


def test_diffusivity_on_the_cortex():
    files = {
        f"GM-MD/stats/{hemi}.aparc.stats": made.aparc("6.0", hemi).encode() for hemi in ("lh", "rh")
    }
    rows = parse("donsurf", "aparc", files)
    found = {
        (row[0], row[3].replace("Diffu", "Thick"), row[4]): row[5]
        for file in rows.files
        for row in list(rows)[file.start + file.measures : file.stop]
    }
    expected = {
        (one["side"], one["measurement"], one["region"]): float(one["value"])
        for one in records(theirs("DONSURF", files, "donsurf", "aparc"))
        if one["side"] is not None
    }
    assert found == expected
    assert set(rows.analysis) == {"GM-MD"}
    assert {row[6] for row in rows if "Diffu" in row[3]} == {None}


def test_brain_age():
    text = "id,prediction,chronological_age\nE1,61.5,63.25\n"
    rows = parse("pyment", "predictions", {"E1_prediction.csv": text.encode()})
    assert dict(zip(rows.measurement, rows.value, strict=True)) == {
        "prediction": 61.5,
        "chronological_age": 63.25,
    }


@pytest.mark.parametrize("kind", ["vol", "qc"])
def test_synthseg(kind):
    text = "subject,total intracranial,left thalamus,ctx-lh-insula\nT1,1.5e6,7000.125,0.5\n"
    measurement = "synthseg" if kind == "vol" else "synthseg.qc"
    rows = parse("freesurfer7", measurement, {f"s/stats/synthseg.{kind}.csv": text.encode()})
    assert dict(zip(rows.region, rows.value, strict=True)) == {
        "total intracranial": 1.5e6,
        "left thalamus": 7000.125,
        "ctx-lh-insula": 0.5,
    }
    assert set(rows.unit) == {"mm^3" if kind == "vol" else "unitless"}


GOOD = {
    ("alps", "stats"): {"alps.stat/alps.csv": b"id,scanner,alps\ns1,,1.5\n"},
    ("fdg", "quantification"): {
        "quantification_results.csv": FDG.encode().rpartition(b"4,Hip_R")[0]
    },
    ("tau", "quantification"): {
        "tau_quantification_results.csv": TAU.replace(",RO948", "").replace(",tracer", "").encode()
    },
    ("qsmxt", "stats"): {
        "region_analysis/a.csv": b"roi,num_voxels,min,max,median,mean,std\nA,1,2,3,4,5,6\n"
    },
    ("pyment", "predictions"): {
        "a_prediction.csv": b"id,prediction,chronological_age\na,61.5,63.25\n"
    },
    ("freesurfer7", "synthseg"): {"stats/synthseg.vol.csv": b"subject,left thalamus\na,7.5\n"},
    ("basil", "perfusion"): {"native_space/perfusion_gm_mean.txt": b"51.5 \n"},
    ("basil", "stats"): {
        "region_analysis.csv": b"name,Nvoxels,Mean,Std,Median,IQR,Precision-weighted mean,I2\n"
        b"A,1,2,3,4,5,6,7\n"
    },
}


@pytest.mark.parametrize("which", GOOD, ids="-".join)
@pytest.mark.parametrize(
    "break_it",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: b"<html><body>Login</body></html>\n",
        lambda data: data + b"\0\n",
        lambda data: data.splitlines(keepends=True)[0] * 2,
        lambda data: re.sub(rb"[^,\s]+\s*$", b"much\n", data),
        lambda data: re.sub(rb"[^,\s]+\s*$", b"inf\n", data),
        lambda data: data + b"one, two, three, four, five, six, seven, eight, nine, ten\n",
    ],
    ids=["empty", "cut", "html", "binary", "header twice", "word", "infinite", "long line"],
)
def test_broken_files_are_refused(which, break_it):
    ((path, data),) = GOOD[which].items()
    assert len(parse(*which, {path: data})) > 0
    with pytest.raises(UnreadableMeasurements, match=f"^session, {re.escape(path)}"):
        parse(*which, {path: break_it(data)})


@settings(max_examples=200)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_files_changed_at_random_are_refused_or_read(which, data):
    ((path, good),) = GOOD[which].items()
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(broken) - 1))
        broken[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        if not broken:
            return
    with contextlib.suppress(UnreadableMeasurements):
        rows = parse(*which, {path: bytes(broken)})
        assert len(rows) == len(rows.value) > 0
