"""What a training goes on from (`training.start_from`): another model, all of it, and what the recipe says beside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbi.errors import HBIError
from hbi.experiments.schema import DataSection, Recipe
from hbi.experiments.section import Section
from hbi.matching.loading import SourceError, folders_of_model
from hbi.models import GlobalConfig
from hbi.models.config import HBIConfig
from hbi.models.model_folder import read_model_config
from hbi.models.networks import OWN, kind_of
from hbi.models.question_answering import AnsweringConfig

OF_ENCODER = (
    "stem",
    "tubelet_size",
    "tubelet_seconds",
    "aggregator",
    "temporal_layers",
    "max_frames",
    "special_token_ids",
    "released_behavior",
)
"""Fields of a configuration that every kind of network reads."""
OF_LEVELS = (
    "interaction",
    "weight_channels",
    "merge_ratio",
    "frame_merge_ratio",
    "merge_heads",
    "num_neighbors",
    "head_channels",
)
"""Fields that the global baseline does not read."""
OF_RANKING = ("level_weights", "learns_level_weights")
"""Fields that mean another thing in another kind of network: there they weigh answers, here similarities."""


@dataclass(frozen=True)
class Start:
    """A model that a training goes on from.

    Attributes:
        source: What the recipe calls it.
        network: The folder of configuration and weights.
        preprocessing: The folder of the tokenizer and the preparation of pictures.
        config: Its configuration.
    """

    source: str
    network: Path
    preprocessing: Path
    config: HBIConfig


def start_of(recipe: Recipe) -> Start | None:
    """Return the model that a recipe goes on from; None where it starts anew, or from an encoder.

    Raises:
        HBIError: There is no such model, or it is damaged.
    """
    source = recipe.training.start_from
    if source is None:
        return None
    try:
        network, preprocessing = folders_of_model(source)
    except SourceError as error:
        raise HBIError(f"training.start_from: {error}") from error
    return Start(source, network, preprocessing, read_model_config(network))


def with_start(recipe: Recipe) -> Recipe:
    """Return a recipe whose model section, and sizes of data, are those of the model that it goes on from.

    Keys that the recipe leaves out are filled in, so that what is written into the run folder is what is trained; keys
    that it gives must agree. A recipe without `training.start_from` is returned as it is, and one that was filled in
    stays so.

    Raises:
        HBIError: A key says otherwise than the model, or the model cannot be read.
    """
    start = start_of(recipe)
    if start is None:
        return recipe
    of_model = dict(_stated(start.config, recipe.model.kind))
    given = _given(recipe.model)
    for key, theirs in of_model.items():
        if key in given and not _agrees(key, given[key], theirs, start.config):
            raise HBIError(
                f"model.{key}={_shown(given[key])}, but the model of {start.source} has {_shown(theirs)}: leave it out "
                "of the recipe, or set it so"
            )
    missing = {key: value for key, value in of_model.items() if key not in given}
    if given.get("tubelet_size", 1) > 1:
        missing.pop("tubelet_seconds", None)
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=missing), "data": _data_of(recipe, start)})


def _data_of(recipe: Recipe, start: Start) -> DataSection:
    """Return the data section with the sizes that it leaves out: pictures, frames and words as the model takes them."""
    config, given = start.config, _given(recipe.data)
    height, width = config.image_size
    sizes = {"num_frames": config.num_frames, "max_words": config.max_words}
    if height == width:  # else the encoder's own preparation makes them
        sizes["image_size"] = height
    words = given.get("max_words", config.max_words)
    if config.released_behavior and words != config.max_words:
        raise HBIError(
            f"data.max_words={words}, but the model of {start.source} computes with texts padded to "
            f"{config.max_words} tokens: set it so"
        )
    return recipe.data.model_copy(update={key: value for key, value in sizes.items() if key not in given})


def _stated(config: HBIConfig, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield what a model says of the keys of the model section of a recipe for some kind of network."""
    if config.encoder_config.model_type == "clip":
        text, vision = config.encoder_config.text_config, config.encoder_config.vision_config
        yield "heads", text.num_attention_heads
        yield "patch_size", vision.patch_size
        yield "vision_layers", vision.num_hidden_layers
        yield "text_layers", text.num_hidden_layers
        yield "mlp_ratio", text.intermediate_size // text.hidden_size
    yield "width", config.width
    yield from ((name, getattr(config, name)) for name in OF_ENCODER)
    if kind != "global" and not isinstance(config, GlobalConfig):
        yield from ((name, getattr(config, name)) for name in OF_LEVELS)
    if kind == kind_of(config) and config.model_type not in OWN:
        yield "network", config.model_type
    if kind == kind_of(config) != "global":
        yield from ((name, getattr(config, name)) for name in OF_RANKING)
        if isinstance(config, AnsweringConfig):
            yield "answer_channels", config.answer_channels


def _agrees(key: str, ours: Any, theirs: Any, config: HBIConfig) -> bool:
    """Return whether a value of a recipe is the model's, or one that its weights can be brought to."""
    implied = {"weight_channels": config.width, "frame_merge_ratio": config.merge_ratio}
    if ours == (implied.get(key) if theirs is None else theirs):
        return True
    match key:
        case "tubelet_size":  # single frames become the middle of a tubelet
            return bool(theirs == 1)
        case "tubelet_seconds":
            return config.tubelet_size == 1
        case "max_frames":  # more positions are new ones
            return bool(ours > theirs)
        case "learns_level_weights":
            return bool(ours)
        case _:
            return False


def _given(section: Section) -> Mapping[str, Any]:
    """Return what a section of a recipe says; null stands for what is left out."""
    values = {name: getattr(section, name) for name in section.model_fields_set}
    return {name: value for name, value in values.items() if value is not None}


def _shown(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value).lower()
