"""The keys of recipes: all explained, found by what they mean, and the page of them as the schema is."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from pydantic import Field, TypeAdapter, ValidationError

from hbi.errors import HBIError
from hbi.experiments.content import RecipeError
from hbi.experiments.keys import SECTION_SYNONYMS, SYNONYMS, keys_markdown, matching_keys, recipe_keys
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.experiments.schema import Recipe

DOCS = Path(__file__).parents[2] / "docs"


def test_every_key_says_what_it_means_takes_and_is_by_default():
    whole = yaml.safe_load(recipe_yaml(read_recipe("shape-stories")))
    names = {f"{section}.{key}" for section, values in whole.items() for key in values}
    assert {key.name for key in recipe_keys()} == names
    for key in recipe_keys():
        assert key.meaning, f"{key.name} has no description in experiments/schema.py"
        assert key.values, key.name


def test_a_default_is_what_a_recipe_has_that_is_silent():
    required = {key.name: key for key in recipe_keys() if key.default is None}
    assert required.keys() >= {"data.dataset", "model.kind"}
    silent = Recipe.model_validate(
        {"data": {"dataset": "own"}, "model": {"kind": "hbi"}, "training": {"num_steps": 1}}
    ).model_dump(mode="json")
    for key in recipe_keys():
        section, name = key.name.split(".")
        if key.default is not None and name != "num_steps":  # that or epochs has to be said
            value = silent[section][name]
            assert key.default == (value if isinstance(value, str) else json.dumps(value)), key.name


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("training.batch_size", "a whole number from 1 to 1,000,000"),
        ("data.max_words", "a whole number from 3 to 100,000"),
        ("model.logit_scale", "a number above 0, to 100"),
        ("model.answer_channels", "a whole number from 4 to 1,000,000, a multiple of 4, or null"),
        ("model.merge_ratio", "a list of 2: a number above 0, to 1"),
        ("model.level_weights", "a list of 3 to 4: a number from 0 to 1,000,000"),
        ("objective.levels", "a list of 1 or more: entity, action, event"),
        ("training.precision", "fp32, bf16"),
        ("training.shard", "true, false"),
        ("training.seed", f"a whole number from 0 to {2**63 - 1:,}"),
        ("data.root", "a text"),
    ],
)
def test_what_a_key_takes_is_what_the_schema_accepts(name, values):
    assert {key.name: key.values for key in recipe_keys()}[name] == values


def test_bounds_are_where_the_schema_draws_them():
    """What is said is true of the two numbers at each end: one is taken, the next one not."""
    checked = 0
    for section, holder in Recipe.model_fields.items():
        for name, field in holder.annotation.model_fields.items():
            (said,) = (key.values for key in recipe_keys() if key.name == f"{section}.{name}")
            found = re.match(r"a whole number from (\d[\d,]*) to (\d[\d,]*)(, a multiple of 4)?(, or null)?$", said)
            if found is None:
                continue
            least, most = (int(each.replace(",", "")) for each in found.groups()[:2])
            adapter = TypeAdapter(Annotated[field.annotation, Field(), *field.metadata])
            for value in (least, most):
                assert adapter.validate_python(value) == value, name
            for value in (least - 1, most + 1):
                with pytest.raises(ValidationError):
                    adapter.validate_python(value)
            checked += 1
    assert checked > 20


def test_the_data_sets_are_listed():
    (dataset,) = matching_keys("data.dataset")
    assert {"shape-stories", "own", "msrvtt"} <= set(dataset.values.split(", "))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("lr", {"training.lr", "training.encoder_lr", "training.muon_lr"}),
        ("training.*_every", {"training.log_every", "training.validate_every", "training.checkpoint_every"}),
        ("*_layers", {"model.vision_layers", "model.text_layers", "model.temporal_layers"}),
        ("learning_rate", {"training.lr"}),
        ("Grad-Clip", {"training.max_gradient_norm"}),
        ("two captions with a word exchanged", None),
        ("self-distillation", {"objective.beta"}),
    ],
)
def test_keys_are_found_by_name_pattern_synonym_and_meaning(pattern, names):
    if names is None:
        with pytest.raises(HBIError, match="no key of a recipe"):
            matching_keys(pattern)
    else:
        assert {key.name for key in matching_keys(pattern)} == names


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("training.learning_rate=1", "'lr'"),
        ("learning_rate=1", "'training.lr'"),
        ("lr=1", "'training.lr'"),
        ("model.lr=1", "'training.lr'"),
        ("training.steps=1", "'num_steps'"),
        ("training.max_steps=1", "'num_steps'"),
        ("training.batch=1", "'batch_size'"),
        ("batch=1", "'training.batch_size'"),
        ("training.Warm-Up=1", "'warmup_steps'"),
        ("data.resolution=1", "'image_size'"),
        ("objective.kl=1", "'beta'"),
        ("optim.lr=1", "'training'"),
        ("training.num_step=1", "'num_steps'"),
    ],
)
def test_an_unknown_key_is_answered_by_its_meaning(override, meant):
    with pytest.raises(RecipeError, match=rf"unknown key .*: did you mean {meant}\?$"):
        read_recipe("shape-stories", [override])


def test_where_nothing_is_near_the_list_is_named():
    with pytest.raises(RecipeError, match=r"unknown key 'training.xyzzy'; hbi recipe keys lists them all"):
        read_recipe("shape-stories", ["training.xyzzy=1"])


def test_synonyms_lead_to_keys_that_there_are():
    names = {key.name for key in recipe_keys()}
    assert {key for keys in SYNONYMS.values() for key in keys} <= names
    assert set(SECTION_SYNONYMS.values()) <= set(Recipe.model_fields)


def test_the_page_of_keys_is_that_of_the_schema():
    spec = importlib.util.spec_from_file_location("update_keys", DOCS / "update_keys.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    block = module.BLOCK.search(module.PAGE.read_text())
    assert keys_markdown(recipe_keys()).strip() == block[0].split("-->", 1)[1].rsplit("<!--", 1)[0].strip(), (
        "run python docs/update_keys.py"
    )
