"""`get_volume` of whatever highdicom writes, with every option, equals highdicom's."""

from hypothesis import given
from hypothesis import strategies as st

from image.segmentation.drawn import recipes, written
from image.segmentation.equal import assert_equal
from image.segmentation.options import MANY, crops, leaves_one_label, segment_options


@MANY
@given(st.data())
def test_volumes(data):
    recipe = data.draw(recipes())
    content = written(recipe)
    for _ in range(4):
        options = data.draw(segment_options(recipe))
        if leaves_one_label(recipe, options):
            continue
        slices, rows, columns = recipe.shape
        crop = data.draw(crops({"row": rows, "column": columns}))
        # An axis cropped to nothing has no geometry in either library, but different errors;
        # highdicom cannot take a slice_end with the first slice.
        ends = [{}, {"slice_start": 2}, {"slice_start": -1}, {"slice_end": -1}]
        along = data.draw(st.sampled_from([*ends, {"slice_start": 2, "slice_end": slices + 1}]))
        if any(crop.get(f"{one}_start", 1) == crop.get(f"{one}_end") for one in ("row", "column")):
            continue
        assert_equal(content, "get_volume", **options, **crop, **along)
