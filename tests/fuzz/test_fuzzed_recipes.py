"""Recipes and --set options that chance changes are read, or refused in one line; nothing large is built for it."""

import random
from importlib.resources import files

import pytest
import yaml

from fuzz.campaign import ODD_VALUES, damaged, try_many, with_odd_values
from hbi.encoders.tokenizer import train_tokenizer
from hbi.errors import HBIError
from hbi.experiments.content import recipe_names, require_start
from hbi.experiments.network import build_model
from hbi.experiments.reading import read_content, read_recipe, recipe_yaml
from hbi.experiments.schema import DataSection, ModelSection, ObjectiveSection, Recipe, TrainingSection
from hbi.shape_stories.splits import VOCABULARY

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

SECTIONS = {"data": DataSection, "model": ModelSection, "objective": ObjectiveSection, "training": TrainingSection}
SHIPPED = {name: (files("hbi.experiments") / "recipes" / f"{name}.yaml").read_text() for name in recipe_names()}
TOKENIZER = train_tokenizer(["a red circle slides left"], num_merges=10)

VALUES = (
    "[", "]", "@", "{", "}", "{a: b}", "&a [1]", "*a", "&a [*a]", "<<: 1", "!!python/object:os.system {}", "!!int ''",
    "!!bool x", "!!timestamp x", "2001-99-99", "2001-01-01", "2001-01-01t99:99:99", ".inf", "-.inf", ".nan", "1e999",
    "1e-999", "0x", "0b_", "1:2:3:4", "-1", "0", "9" * 5000, "10000000000", "1_000", "1.5", "true", "yes", "null", "~",
    "'\\0'", '"\\0"', '"\\ud800"', '"\\x1b[31m"', "a" * 300, "é" * 3000, "/" * 5000, "a: b: c", "- a", "? a", "|", ">",
    "%", "`", '"', "'", "#", "", " ", "\t", "\n", "\x00", "\ud800", "\udcff", "[" * 3000, "{a: " * 3000, "- " * 3000,
    "? " * 3000, "[0.5, .nan]", "[1, 0, 0, 0]", "[true, 1, 1]", "[entity, entity]", "[[[]]]", "nowhere/clip", "96", "7",
)  # fmt: skip
"""What a --set option may give."""


def test_a_recipe_of_another_form_is_read_or_refused_in_one_line(tmp_path):
    path = tmp_path / "recipe.yaml"

    def check(chance: random.Random) -> None:
        text = SHIPPED[chance.choice(list(SHIPPED))]
        match chance.randrange(4):
            case 0:
                path.write_bytes(damaged(chance, text.encode()))
            case 1:
                changed = with_odd_values(chance, yaml.safe_load(text))
                path.write_text(written(changed), encoding="utf-8", errors="surrogatepass")
            case 2:
                lines = text.splitlines()
                lines[chance.randrange(len(lines))] = chance.choice(VALUES)
                path.write_text("\n".join(lines), errors="surrogatepass")
            case _:
                path.write_text(text)
        overrides = [an_override(chance) for _ in range(chance.choice([0, 1, 1, 2]))]
        is_sound(str(path), overrides)

    try_many(check, 150)


def test_a_set_option_of_another_form_is_read_or_refused_in_one_line():
    try_many(lambda chance: is_sound(chance.choice(list(SHIPPED)), [an_override(chance)]), 150)


def an_override(chance: random.Random) -> str:
    section = chance.choice(list(SECTIONS))
    key = f"{section}.{chance.choice(list(SECTIONS[section].model_fields))}"
    match chance.randrange(12):
        case 0:
            key = chance.choice(["", ".", "..", "a", section, f"{key}.more", "a." * 5000, "é\x00", f"{key}s", "a b"])
        case 1:
            return chance.choice(["", key, "=", "==", "\x00", "\ud800=1", "a" * 10_000])
    value = chance.choice(VALUES) if chance.random() < 0.8 else str(chance.choice(ODD_VALUES))
    if chance.random() < 0.2:
        value = damaged(chance, value.encode(errors="replace")).decode(errors="replace")
    return f"{key}={value}"


def written(value: object) -> str:
    """YAML that says a value, odd texts among it; JSON where YAML's writer gives up."""
    try:
        return yaml.safe_dump(value, allow_unicode=True)
    except (ValueError, RecursionError, yaml.YAMLError):
        return repr(value)


def is_sound(name_or_path: str, overrides: list[str]) -> None:
    """What is read is whole, is written and read back, and its network is built or refused as small as it is."""
    try:
        require_start(read_content(name_or_path, overrides))
        recipe = read_recipe(name_or_path, overrides)
        assert Recipe.model_validate(yaml.safe_load(recipe_yaml(recipe))) == recipe
        if recipe.model.encoder is None and is_small(recipe):
            build(recipe)
    except HBIError as error:
        fault = str(error)
    else:
        return
    assert 0 < len(fault) < 2000, fault[:200]


def is_small(recipe: Recipe) -> bool:
    model = recipe.model
    layers = max(model.vision_layers, model.text_layers, model.temporal_layers)
    return layers <= 4 and model.width <= 256 and model.mlp_ratio <= 8 and recipe.data.num_frames <= 1000


def build(recipe: Recipe) -> None:
    model = recipe.model.model_copy(update={"answer_channels": min(recipe.model.answer_channels or 16, 64)})
    build_model(recipe.model_copy(update={"model": model}), TOKENIZER, VOCABULARY.answers[:3])
