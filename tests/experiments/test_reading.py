import pytest
import yaml

from hbi.experiments.content import RecipeError, recipe_names
from hbi.experiments.reading import read_recipe, recipe_yaml


def test_every_shipped_recipe_opens_with_its_command_and_reads_back():
    from importlib.resources import files

    names = recipe_names()
    assert {"shape-stories", "shape-stories-global"} <= set(names)
    for name in names:
        assert (files("hbi.experiments") / "recipes" / f"{name}.yaml").read_text().startswith(f"# hbi train {name}\n")


def test_a_resolved_recipe_reads_back_to_itself(tmp_path):
    recipe = read_recipe("shape-stories", ["training.num_steps=7", "model.level_weights=[1, 2, 3]"])
    assert (recipe.training.num_steps, recipe.model.level_weights) == (7, (1.0, 2.0, 3.0))
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_yaml(recipe))
    assert read_recipe(str(path)) == recipe


@pytest.mark.parametrize("name", ["shape-stories", "shape-stories-qa", "msrvtt"])
def test_the_recipe_of_an_earlier_run_means_what_it_meant(name, tmp_path):
    """Its terms averaged two divergences; it says everything but what is new."""
    now = read_recipe(name)
    values = now.model_dump(mode="json")
    for section, key in (("training", "epochs"), ("training", "start_from"), ("model", "interaction")):
        values[section].pop(key)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    earlier = read_recipe(str(path))
    assert earlier.objective.alpha == now.objective.alpha / 2
    assert earlier.objective.beta == now.objective.beta / (1 if name == "shape-stories-qa" else 2)
    assert read_recipe(str(path), ["objective.alpha=1"]).objective.alpha == 1, "what is said now is meant as now"
    path.write_text(recipe_yaml(earlier))
    assert read_recipe(str(path)) == earlier, "once"


def test_the_baseline_differs_in_its_kind_alone():
    ours, baseline = read_recipe("shape-stories"), read_recipe("shape-stories-global")
    assert baseline.model.kind == "global"
    assert baseline.model_copy(update={"model": ours.model}) == ours
    assert baseline.model.model_copy(update={"kind": "hbi"}) == ours.model


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.num_step=7"], r"unknown key 'training.num_step': did you mean 'num_steps'\?"),
        (["trainig.num_steps=7"], r"unknown key 'trainig': did you mean 'training'\?"),
        (["training.num_steps=many"], r"'training.num_steps': .*not 'many'"),
        (["training.num_steps=0"], r"'training.num_steps': .*greater than 0"),
        (["model.kind=hbj"], r"'model.kind': .*'hbi', 'global' or 'answering'"),
        (["training.num_steps"], r"write it as section.key=value"),
        (["training.num_steps.more=1"], r"'num_steps' is a value, not a section"),
    ],
)
def test_a_wrong_override_is_named(overrides, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe("shape-stories", overrides)


def test_a_wrong_name_or_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"no recipe 'shape-storys': did you mean 'shape-stories'\?"):
        read_recipe("shape-storys")
    with pytest.raises(RecipeError, match="cannot read"):
        read_recipe(str(tmp_path / "none.yaml"))
    broken = tmp_path / "broken.yaml"
    broken.write_text("data: [1,\nmodel: }")
    with pytest.raises(RecipeError, match=r"not valid YAML at line 2"):
        read_recipe(str(broken))
    broken.write_text("just words")
    with pytest.raises(RecipeError, match="must hold sections"):
        read_recipe(str(broken))
    broken.write_text("data: {dataset: shape-stories, root: x}\nmodel: {kind: hbi}\n")
    with pytest.raises(RecipeError, match="'training' is missing"):
        read_recipe(str(broken))


@pytest.mark.parametrize("change", ["objective.teacher=estimator", "objective.estimator=weights.safetensors"])
def test_an_estimator_needs_weights_and_weights_an_estimator(change):
    with pytest.raises(RecipeError, match="go together"):
        read_recipe("shape-stories", [change])


def test_a_rate_of_muon_needs_muon():
    with pytest.raises(RecipeError, match=r"muon_lr needs training.optimizer=muon: set it to null"):
        read_recipe("shape-stories", ["training.optimizer=adamw"])
    recipe = read_recipe("shape-stories", ["training.optimizer=adamw", "training.muon_lr=null"])
    assert (recipe.training.optimizer, recipe.training.muon_lr) == ("adamw", None)
