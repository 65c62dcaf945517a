"""What a recipe says before it is checked: the YAML of a name or a file, with what it extends and values set anew.

Light on purpose: a command may look here for what cannot work before it loads what checks a recipe.
"""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from reprlib import Repr
from typing import Any

from hbi.errors import HBIError, did_you_mean
from hbi.experiments.plain_yaml import MOST_DEPTH, load_yaml
from hbi.files import is_regular, read_regular_text
from hbi.hub import is_only_here

MOST_BYTES = 50_000
"""Of a recipe: thirty times the longest that ships with the package."""
MOST_PATH_BYTES, MOST_NAME_BYTES = 4096, 255
MOST_SHOWN = 200
"""Characters of a value that an error repeats."""
MOST_EXTENDED = 20
"""Recipes that extend one another."""
EXTENDS = "extends"
"""The key of a recipe that names another one, whose values it changes: a name, a YAML file or a run folder."""
RUN_RECIPE = "recipe.yaml"
"""The recipe of a run folder."""
EARLIER_NAMES = (("model", "clip", "encoder"), ("training", "clip_lr", "encoder_lr"))
"""Section, name in earlier versions, name now."""
ALTERNATIVES = (("training.num_steps", "training.epochs"), ("model.encoder", "training.start_from"))
"""Two keys for one thing: how long to train, and what the towers start from."""
MOST_WEIGHT = 1_000_000
"""Of a term of the objective."""
_OF_WHOLE_OBJECTIVE = {"alpha", "beta", "gamma", "levels", "teacher", "num_samples", "estimator"}
_OF_WHOLE_TRAINING = {"num_steps", "warmup_steps", "precision", "log_every", "checkpoint_every", "seed"}
"""Keys that nobody writes all of, and that a run folder's recipe always had."""
_REPR = Repr()
_RECIPES = Path(str(files("hbi.experiments") / "recipes"))


class RecipeError(HBIError):
    """A recipe is missing, is no YAML, or has a wrong key or value."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    return sorted(file.stem for file in _RECIPES.glob("*.yaml"))


def recipe_file(name_or_path: str, *, beside: Path | None = None) -> Path:
    """Return the file of a recipe: of a name that ships with hbi, a YAML file, or a run folder. Names come first.

    Args:
        name_or_path: What a person gives.
        beside: The folder that a relative path starts from; None: the working directory.

    Raises:
        RecipeError: There is no such recipe. Whether a YAML file is there is seen when it is read.
    """
    path = Path(name_or_path) if beside is None else beside / name_or_path
    if path.suffix in {".yaml", ".yml"}:
        return path
    names = recipe_names()
    if name_or_path in names:
        return _RECIPES / f"{name_or_path}.yaml"
    if is_regular(path / RUN_RECIPE):
        return path / RUN_RECIPE
    raise RecipeError(
        f"no recipe {shortened(name_or_path)!r}{did_you_mean(name_or_path, names)}; there are: {', '.join(names)} "
        "(or give a .yaml file, or a run folder)"
    )


def run_of(name_or_path: str) -> Path | None:
    """Return the run folder that is meant, None where it is a recipe's name or file, or nothing."""
    is_run = name_or_path not in recipe_names() and is_regular(Path(name_or_path) / RUN_RECIPE)
    return Path(name_or_path) if is_run else None


def read_content(name_or_path: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a recipe holds, unchecked, with what it extends and `section.key=value` overrides applied.

    Raises:
        RecipeError: No such recipe, no YAML with sections, recipes that extend one another in a circle, or an override
            of another form.
    """
    content = _extended(recipe_file(name_or_path), ())
    given = [_override(content, override) for override in overrides]
    return _without_replaced(with_present_names(content), given)


def read_layer(file: Path) -> dict[str, Any]:
    """Return what a recipe's file itself says, `extends` among it.

    Raises:
        RecipeError: It cannot be read, or is no YAML with sections.
    """
    shown = shortened(str(file))
    try:
        text = read_regular_text(file, MOST_BYTES)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise RecipeError(f"cannot read the recipe {shown}: {said}") from error
    try:
        content = load_yaml(text)
    except ValueError as error:
        raise RecipeError(f"{shown} is not valid YAML{error}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{shown} must hold sections (data, model, …), not a {type(content).__name__}")
    return with_present_weights(content)


def stands_alone(name_or_path: str) -> bool:
    """Return whether a recipe extends no other."""
    return EXTENDS not in read_layer(recipe_file(name_or_path))


def remarks_of(file: Path) -> list[str]:
    """Return the lines of comment that a recipe's file opens with: its command, and what it is."""
    lines = read_regular_text(file, MOST_BYTES).splitlines()
    return [line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines)]


def _extended(file: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    """Return what a recipe says on top of what it extends; `extending` are the files that led to it."""
    if any(_is_same(file, each) for each in extending):
        circle = " extends ".join(shortened(str(each)) for each in (*extending, file))
        raise RecipeError(f"{circle}: that is a circle; take one {EXTENDS} out")
    if len(extending) >= MOST_EXTENDED:
        raise RecipeError(f"{extending[0]} extends more than {MOST_EXTENDED} recipes, one after the other: too many")
    content = with_present_names(read_layer(file))
    if EXTENDS not in content:
        return content
    base = content.pop(EXTENDS)
    if not isinstance(base, str):
        raise RecipeError(f"{file}: {EXTENDS} names one recipe, YAML file or run folder, not {shortened(base)}")
    try:
        extended = recipe_file(base, beside=file.parent)
    except RecipeError as error:
        raise RecipeError(f"{file}: {EXTENDS}: {error}") from error
    said = [f"{section}.{key}" for section, values in content.items() if isinstance(values, dict) for key in values]
    return _without_replaced(_merged(_extended(extended, (*extending, file)), content), said)


def _is_same(file: Path, other: Path) -> bool:
    try:
        return os.path.samefile(file, other)
    except (OSError, ValueError):  # it is not there, as reading it will say
        return False


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return sections with the values of both; where both have one, that of `changes`."""
    merged = dict(base)
    for name, value in changes.items():
        is_section = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if is_section else value
    return merged


def with_present_names(content: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe of an earlier version with the names that its keys have now; what was said last counts."""
    for section, old, new in EARLIER_NAMES:
        values = content.get(section)
        if isinstance(values, dict) and old in values:
            values[new] = values.pop(old)
    return content


def with_present_weights(content: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe of an earlier version's run with the weights that mean now what its own meant.

    The two divergences of a term were averaged, and are added now: half the weight is the same training, to the last
    bit. Only a run folder's recipe says everything, defaults included, and yet knows no epochs.
    """
    objective, training, model = (content.get(name) for name in ("objective", "training", "model"))
    if not (isinstance(objective, dict) and isinstance(training, dict) and isinstance(model, dict)):
        return content
    is_whole = objective.keys() >= _OF_WHOLE_OBJECTIVE and training.keys() >= _OF_WHOLE_TRAINING
    if is_whole and "epochs" not in training:
        # The distillation of answers has one divergence only.
        for name in ("alpha",) if model.get("kind") == "answering" else ("alpha", "beta"):
            if type(objective[name]) in (int, float) and abs(objective[name]) < MOST_WEIGHT:
                objective[name] /= 2
    return content


def _without_replaced(content: dict[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """Return a recipe where an override of one of two alternatives takes the place of the other that stood there."""
    earlier = {f"{section}.{old}": f"{section}.{new}" for section, old, new in EARLIER_NAMES}
    keys = {earlier.get(key, key) for key in given}
    for one, other in (each for pair in ALTERNATIVES for each in (pair, pair[::-1])):
        (section, key), (other_section, other_key) = one.split("."), other.split(".")
        values, others = content.get(section), content.get(other_section)
        is_set = one in keys and other not in keys and isinstance(values, dict) and values.get(key) is not None
        if is_set and isinstance(others, dict):
            others.pop(other_key, None)
    return content


def require_start(content: Mapping[str, Any]) -> None:
    """Raise HubError where the model that a recipe starts from cannot be had: known before any video is decoded."""
    for section, key in (("model", "encoder"), ("training", "start_from")):
        values = content.get(section)
        source = values.get(key) if isinstance(values, Mapping) else None
        if isinstance(source, str):
            if problem := path_problem(source):
                raise RecipeError(f"{section}.{key}: {problem}")
            is_only_here(source)


def path_problem(text: str) -> str:
    """Return why a text can be neither a name nor a path; nothing where it can."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        return f"{shortened(text)!r} holds a character that no name should have"
    if len(text.encode()) > MOST_PATH_BYTES or any(len(part.encode()) > MOST_NAME_BYTES for part in text.split("/")):
        return f"{shortened(text)!r} is longer than a path can be"
    return ""


def shortened(value: object) -> str:
    """Return what a value looks like: a text as it is, anything else as Python writes it, long ones cut.

    >>> shortened("a" * 1000)[-4:]
    'aaa…'
    """
    text = value if isinstance(value, str) else _REPR.repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _override(content: dict[str, Any], override: str) -> str:
    """Set a value and return its key."""
    key, equals, value = override.partition("=")
    shown = shortened(override)
    if not equals:
        raise RecipeError(f"--set {shown}: write it as section.key=value, for example training.num_steps=100")
    *sections, last = key.strip().split(".")
    if key.strip() == EXTENDS:
        raise RecipeError(f"--set {shown}: {EXTENDS} stands in a recipe's file; name that file, or the other recipe")
    if len(sections) > MOST_DEPTH or len(value) > MOST_BYTES:
        raise RecipeError(f"--set {shown}: that is too long for a recipe")
    place = content
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {shown}: {shortened(section)!r} is a value, not a section")
    try:
        place[last] = load_yaml(value)
    except ValueError as error:
        raise RecipeError(
            f"--set {shown}: its value is not valid YAML{error}; put quotes around it if it is a text"
        ) from error
    return ".".join([*sections, last])
