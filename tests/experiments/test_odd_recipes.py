"""Recipes that nobody means: each is refused in one line, before anything is built."""

import os

import pytest

from hbi.experiments.content import RecipeError, require_start
from hbi.experiments.plain_yaml import load_yaml
from hbi.experiments.reading import read_recipe


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.lr=[", "its value is not valid YAML.*put quotes"),
        ("x=@", "its value is not valid YAML.*cannot start any token"),
        ("a.b=2001-99-99", "its value is not valid YAML: month must be in 1..12"),
        ("training.num_steps=" + "9" * 5000, "its value is not valid YAML: Exceeds the limit"),
        ("training.lr=!!python/object:os.system {}", r"tags \(!name\) are not read"),
        ("training.lr=!!int ''", r"tags \(!name\) are not read"),
        ("training.lr=&a [*a]", "anchors"),
        ("training.lr=" + "[" * 1000, "nested too deeply"),
        ("training={num_steps: 1, num_steps: 2}", "'num_steps' stands twice"),
        ("training={1: 2}", "a key is no text"),
        ("a" * 100_000, "write it as section.key=value"),
        ("a." * 1000 + "b=1", "too long for a recipe"),
        ("training.lr=" + "1" * 60_000, "too long for a recipe"),
        ("training.lr=.inf", "finite number, not inf"),
        ("training.lr=.nan", "finite number, not nan"),
        ("objective.alpha=.nan", "finite number, not nan"),
        ("training.seed=-1", "greater than or equal to 0, not -1"),
        ("training.num_steps=yes", "true is no number"),
        ("model.level_weights=[true, 1, 1]", "true is no number"),
        ("model.level_weights=[0, 0, 0]", "are all 0"),
        ("model.level_weights=[1, -1, 0]", "greater than or equal to 0"),
        ("training.dropped_words=1", "less than 1, not 1"),
        ("training={num_steps: 9, shortened_captions: 1}", r"needs a training\.dropped_words above 0"),
        ("model.merge_ratio=[2, 0.5]", "less than or equal to 1"),
        ("model.heads=5", "model.width=64 cannot be split among model.heads=5"),
        ("model.merge_heads=7", "cannot be split among model.merge_heads=7"),
        ("model.patch_size=12", "a convolutional stem needs a power of two"),
        ("model.patch_size=64", "model.patch_size=64 is larger than data.image_size=48"),
        ("model.width=1000000000", "'model.width': .*less than or equal to"),
        ("model.text_layers=1000000", "'model.text_layers': .*less than or equal to"),
        ("training.batch_size=1000000000000", "'training.batch_size': .*less than or equal to"),
        ("data.num_frames=10000000", "'data.num_frames': .*less than or equal to"),
        ("data.image_size=16000", "frames of one video would fill"),
        ("model={kind: hbi, width: 16384, vision_layers: 1000}", "parameters is too large"),
        ("objective.levels=[entity, entity]", "names a level twice"),
        ("data.max_words=2", "greater than or equal to 3"),
        (r'data.root="\0"', r"'data.root': .* holds a character that no name should have"),
        (r'data.root="\ud800"', r"'data.root': .* holds a character that no name should have"),
        ("data.root=" + "a" * 300, "'data.root': .*longer than a path can be"),
        ("data.root=" + "a/" * 5000, "'data.root': .*longer than a path can be"),
        ("data.root=null", "'data.root': .*string, not None"),
        ("data.root=[[[[[[[[1]]]]]]]]", "'data.root': .*string, not "),
        ("training=null", "'training': .*"),
    ],
)
def test_a_set_option_that_nobody_means_is_refused_in_one_line(override, message):
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe("shape-stories", [override])
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000


def test_sizes_of_a_clip_are_its_own():
    recipe = read_recipe(
        "shape-stories", ["model.encoder=a-clip", "model.heads=5", "model.stem=patch", "model.patch_size=64"]
    )
    assert recipe.model.heads == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "cannot read the recipe"),
        (b"\x00" * 100, "not valid YAML"),
        (b"a: " * 20_000, "larger than 50000 bytes"),
        (b"a: &a [1]\nb: *a", "anchors"),
        (b"? [1]\n: 2", "a key is no text"),
        (b"data: {<<: {a: 1}}", "a key is no text"),
        (b"- " * 20_000, "nested too deeply"),
        (b"data: 1\n---\ndata: 2", "not valid YAML"),
        (b"data: 1\ndata: 2", "'data' stands twice"),
        (b"", "must hold sections"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_only_regular_files_are_recipes(tmp_path):
    """A pipe is not waited for, a device not read to its end, which it has not."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "circle.yaml").symlink_to(tmp_path / "circle.yaml")
    for path in (*tmp_path.iterdir(), "a" * 5000 + ".yaml", "a\0.yaml"):
        with pytest.raises(RecipeError, match="cannot read the recipe"):
            read_recipe(str(path))


def test_a_start_that_can_be_no_path_is_refused_before_it_is_looked_for():
    with pytest.raises(RecipeError, match=r"model.encoder: .* longer than a path can be"):
        require_start({"model": {"encoder": "a" * 300}})


def test_plain_yaml_is_read_as_it_says():
    text = "a: {b: [1, 0.5, null, yes, 'x'], c: 1e-3}\nd: |\n  two\n  lines\n"
    assert load_yaml(text) == {"a": {"b": [1, 0.5, None, True, "x"], "c": "1e-3"}, "d": "two\nlines\n"}
