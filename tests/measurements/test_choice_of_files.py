"""Which files are read is decided by rule, for any order of them, and said if it was a choice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearline.measurements.families import FAMILIES, choose, find


def chosen(paths, measurement="aparc", **options):
    return choose(paths, find(measurement, **options)[1])


def test_a_plain_recon_all_is_no_choice():
    paths = [f"stats/{hemi}.{name}.stats" for hemi in ("lh", "rh") for name in ("aparc", "curv")]
    choice = chosen([*paths, "mri/aseg.mgz"])
    assert choice.paths == ("stats/lh.aparc.stats", "stats/rh.aparc.stats")
    assert (choice.notes, choice.missing) == ((), ())
    assert choice


def test_nothing_found_says_what_was_wanted():
    choice = chosen(["stats/aseg.stats"])
    assert (choice.paths, choice.missing) == ((), ("?h.aparc.stats",))
    assert not choice


def test_a_missing_hemisphere_is_said():
    choice = chosen(["s/stats/rh.aparc.stats"])
    assert choice.paths == ("s/stats/rh.aparc.stats",)
    assert choice.missing == ("lh.aparc.stats",)


def test_hemispheres_are_of_one_subject():
    choice = chosen(["a/stats/lh.aparc.stats", "b/stats/rh.aparc.stats"])
    assert choice.paths == ("a/stats/lh.aparc.stats",)
    assert choice.missing == ("rh.aparc.stats",)
    assert choice.notes == ("files are in 2 folders: 'a' is read, not 'b'",)


def test_a_whole_subject_goes_before_half_a_one():
    paths = ["a/stats/lh.aparc.stats", "b/stats/lh.aparc.stats", "b/stats/rh.aparc.stats"]
    assert chosen(paths).paths == ("b/stats/lh.aparc.stats", "b/stats/rh.aparc.stats")


@pytest.mark.parametrize("other", ["s1.long.base", "fsaverage", "fsaverage5", "deep/er"])
def test_what_is_read_last(other):
    files = ["lh.aparc.stats", "rh.aparc.stats"]
    paths = [f"{root}/stats/{file}" for root in (other, "x") for file in files]
    choice = chosen(paths)
    assert choice.paths == tuple(f"x/stats/{file}" for file in files)
    assert choice.notes == (f"files are in 2 folders: 'x' is read, not {other!r}",)


def test_a_longitudinal_run_alone_is_read_and_noted():
    choice = chosen(["s1.long.base/stats/aseg.stats"], "aseg")
    assert choice.paths == ("s1.long.base/stats/aseg.stats",)
    assert choice.notes == ("'s1.long.base' is a longitudinal run",)


def test_the_same_path_twice_is_one_file():
    choice = chosen(["stats/aseg.stats"] * 2, "aseg")
    assert (choice.paths, choice.notes) == (("stats/aseg.stats",), ())


def test_two_files_for_one_purpose_are_noted():
    choice = chosen(
        ["b_icv.txt", "a_icv.txt", "a_left_corr_nogray_volumes.txt"], "volumes", family="ashs"
    )
    assert "a_icv.txt" in choice.paths
    assert choice.notes == ("'a_icv.txt' is read, not 'b_icv.txt'",)


def test_two_analyses_are_both_read():
    paths = [f"mri/{h}.hippoSfVolumes-T1.{v}.txt" for h in ("rh", "lh") for v in ("v21", "v10")]
    choice = chosen(paths, "hippoSfVolumes")
    assert choice.paths == (
        "mri/lh.hippoSfVolumes-T1.v10.txt",
        "mri/rh.hippoSfVolumes-T1.v10.txt",
        "mri/lh.hippoSfVolumes-T1.v21.txt",
        "mri/rh.hippoSfVolumes-T1.v21.txt",
    )
    assert (choice.notes, choice.missing) == ((), ())


def test_names_that_only_resemble_are_left():
    paths = ["stats/my_aseg.stats", "stats/aseg.stats.bak", "stats/aseg.STATS", "aseg.stats/x"]
    assert not chosen(paths, "aseg")


@pytest.mark.parametrize("prefix", ["", "/", "/data/experiments/E1/resources/7/files/sub/"])
def test_paths_of_any_form_are_taken(prefix):
    assert chosen([f"{prefix}stats/aseg.stats"], "aseg").paths == (f"{prefix}stats/aseg.stats",)


EVERY = [one for family in FAMILIES.values() for one in family.measurements.values()]
FOLDERS = ["", "a/", "a.long.b/", "fsaverage/", "x/y/"]
NAMES = [
    *("stats/aseg.stats", "stats/lh.aparc.stats", "stats/rh.aparc.stats", "stats/wmparc.stats"),
    *("mri/lh.hippoSfVolumes-T1.v21.txt", "mri/rh.hippoSfVolumes-T1-T2.v10.txt"),
    *("mri/brainstemSsVolumes.v12.txt", "s_left_corr_nogray_volumes.txt", "s_icv.txt"),
    *("c1T1.nii.gz", "mri/p1T1.nii", "native_space/pvcorr/perfusion_gm_mean.txt"),
    *("region_analysis.csv", "GM-MD/stats/lh.aparc.stats", "quantification_results.csv"),
]
PATHS = st.lists(
    st.builds(str.__add__, st.sampled_from(FOLDERS), st.sampled_from(NAMES)), max_size=15
)


@given(paths=PATHS, measurement=st.sampled_from(EVERY), data=st.data())
def test_the_order_of_a_listing_decides_nothing(paths, measurement, data):
    first = choose(paths, measurement)
    assert choose(data.draw(st.permutations(paths)), measurement) == first
    assert set(first.paths) <= set(paths)
    assert len(set(first.paths)) == len(first.paths)
    assert bool(first.paths) == bool(first)
    assert choose(first.paths, measurement).paths == first.paths


@given(st.lists(st.text(max_size=30), max_size=20), st.sampled_from(EVERY))
def test_any_names_are_taken_or_left(paths, measurement):
    assert set(choose(paths, measurement).paths) <= set(paths)
