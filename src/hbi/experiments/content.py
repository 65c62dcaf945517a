"""What a recipe says before it is checked: the YAML of a name or a file, with values set anew.

Light on purpose: a command may look here for what cannot work before it loads what checks a recipe.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from reprlib import Repr
from typing import Any

from hbi.errors import HBIError, did_you_mean
from hbi.experiments.plain_yaml import MOST_DEPTH, load_yaml
from hbi.files import read_regular_text
from hbi.hub import is_only_here

MOST_BYTES = 50_000
"""Of a recipe: thirty times the longest that ships with the package."""
MOST_PATH_BYTES, MOST_NAME_BYTES = 4096, 255
MOST_SHOWN = 200
"""Characters of a value that an error repeats."""
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
_RECIPES = files("hbi.experiments") / "recipes"


class RecipeError(HBIError):
    """A recipe is missing, is no YAML, or has a wrong key or value."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    return sorted(file.name.removesuffix(".yaml") for file in _RECIPES.iterdir() if file.name.endswith(".yaml"))


def read_content(name_or_path: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a recipe holds, unchecked, with `section.key=value` overrides applied.

    Raises:
        RecipeError: No such recipe, no YAML with sections, or an override of another form.
    """
    try:
        content = load_yaml(_read(name_or_path))
    except ValueError as error:
        raise RecipeError(f"{shortened(name_or_path)} is not valid YAML{error}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{name_or_path} must hold sections (data, model, …), not a {type(content).__name__}")
    content = with_present_weights(content)
    given = [_override(content, override) for override in overrides]
    return _without_replaced(with_present_names(content), given)


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


def _read(name_or_path: str) -> str:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        try:
            return read_regular_text(path, MOST_BYTES)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            raise RecipeError(f"cannot read the recipe {shortened(name_or_path)}: {said}") from error
    names = recipe_names()
    if name_or_path not in names:
        raise RecipeError(
            f"no recipe {shortened(name_or_path)!r}{did_you_mean(name_or_path, names)}; there are: {', '.join(names)} "
            "(or give a .yaml file)"
        )
    return (_RECIPES / f"{name_or_path}.yaml").read_text()


def _override(content: dict[str, Any], override: str) -> str:
    """Set a value and return its key."""
    key, equals, value = override.partition("=")
    shown = shortened(override)
    if not equals:
        raise RecipeError(f"--set {shown}: write it as section.key=value, for example training.num_steps=100")
    *sections, last = key.strip().split(".")
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
