"""A recipe that extends another says only what is different; circles and missing ones end in one line."""

import pytest
import yaml

from hbi.errors import HBIError
from hbi.experiments.content import RecipeError, read_content
from hbi.experiments.reading import read_recipe, recipe_yaml


def written(folder, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_what_a_recipe_does_not_say_is_that_of_the_one_it_extends(tmp_path):
    written(tmp_path, mine="extends: shape-stories\nmodel: {kind: global}\ntraining: {num_steps: 7}\n")
    base = read_recipe("shape-stories", ["model.kind=global", "training.num_steps=7"])
    assert read_recipe(str(tmp_path / "mine.yaml")) == base
    assert read_recipe(str(tmp_path / "mine.yaml"), ["training.num_steps=9"]).training.num_steps == 9


def test_a_chain_is_read_from_its_end_and_paths_start_at_the_file_that_names_them(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    written(tmp_path, base="extends: shape-stories\ntraining: {lr: 0.5, seed: 1}\nmodel: {level_weights: [1, 0, 0]}\n")
    written(tmp_path / "below", middle="extends: ../base.yaml\ntraining: {seed: 2, batch_size: 3}\n")
    written(
        tmp_path / "below", top="extends: middle.yaml\ntraining: {batch_size: 4}\nmodel: {level_weights: [0, 1, 0]}"
    )
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe("below/top.yaml")
    assert (recipe.training.lr, recipe.training.seed, recipe.training.batch_size) == (0.5, 2, 4)
    assert recipe.model.level_weights == (0.0, 1.0, 0.0)  # a list is one value
    assert recipe.data == read_recipe("shape-stories").data


def test_names_of_earlier_versions_are_read_in_every_link(tmp_path):
    written(tmp_path, base="extends: msrvtt\nmodel: {clip: old}\n", mine="extends: base.yaml\nmodel: {encoder: new}\n")
    assert read_content(str(tmp_path / "base.yaml"))["model"]["encoder"] == "old"
    assert read_content(str(tmp_path / "mine.yaml"))["model"]["encoder"] == "new"


def test_a_run_folder_is_a_recipe_too(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    recipe = read_recipe("shape-stories", ["training.seed=5"])
    (run / "recipe.yaml").write_text(recipe_yaml(recipe))
    written(tmp_path, again="extends: run\ntraining: {seed: 6}\n")
    assert read_recipe(str(run)) == recipe
    assert read_recipe(str(tmp_path / "again.yaml")).training.model_dump() == recipe.training.model_dump() | {"seed": 6}


def test_a_circle_is_one_line_that_names_it(tmp_path):
    written(tmp_path, one="extends: two.yaml\n", two="extends: three.yaml\n", three="extends: ./one.yaml\n")
    with pytest.raises(RecipeError, match=r"one.yaml extends .*two.yaml extends .*three.yaml extends .*a circle"):
        read_content(str(tmp_path / "one.yaml"))
    written(tmp_path, self="extends: self.yaml\n")
    with pytest.raises(RecipeError, match="circle"):
        read_content(str(tmp_path / "self.yaml"))


def test_a_chain_without_end_is_refused(tmp_path):
    written(tmp_path, **{f"r{n}": f"extends: r{n + 1}.yaml\n" for n in range(40)}, r40="extends: shape-stories\n")
    with pytest.raises(RecipeError, match="more than 20"):
        read_content(str(tmp_path / "r0.yaml"))
    assert read_content(str(tmp_path / "r30.yaml"))["model"]["kind"] == "hbi"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: shape-storys", r"mine.yaml: extends: no recipe 'shape-storys': did you mean 'shape-stories'"),
        ("extends: none.yaml", "cannot read the recipe .*none.yaml"),
        ("extends: [shape-stories, msrvtt]", "names one recipe"),
        ("extends: null", "names one recipe"),
        ('extends: "a\\0.yaml"', "cannot read the recipe"),
        ('extends: "a\\0"', "no recipe"),
        (f"extends: {'a' * 5000}.yml", "cannot read the recipe"),
        ("extends: .", "no recipe"),
        ("extends: /dev/zero", "no recipe"),
        ("extends: {data: 1}", "names one recipe"),
        ("extends: shape-stories\nextend: msrvtt", "unknown key 'extend'"),
        ("extends: shape-stories\nmodel: {kinds: hbi}", "unknown key 'model.kinds': did you mean 'kind'"),
        ("extends: shape-stories\nmodel: hbi", "'model'"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    written(tmp_path, mine=text)
    with pytest.raises(HBIError, match=message) as raised:
        read_recipe(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(raised.value)


def test_an_option_extends_nothing():
    with pytest.raises(RecipeError, match="stands in a recipe's file"):
        read_content("shape-stories", ["extends=msrvtt"])


def test_what_is_resolved_says_all_and_extends_nothing(tmp_path):
    written(tmp_path, mine="extends: shape-stories\n")
    assert yaml.safe_load(recipe_yaml(read_recipe(str(tmp_path / "mine.yaml")))).keys() == {
        "data",
        "model",
        "objective",
        "training",
    }
