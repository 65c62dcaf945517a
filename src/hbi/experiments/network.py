"""From a recipe to its network and tokenizer: from random weights, an encoder, or another network of ours."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTokenizer, PreTrainedConfig

from hbi.data.samples import Split
from hbi.encoders.tokenizer import read_tokenizer, require_vocabulary, train_tokenizer
from hbi.errors import HBIError, Note
from hbi.experiments.schema import Recipe
from hbi.experiments.start import OF_LEVELS, OF_RANKING, Start, start_of, with_start
from hbi.experiments.taken_weights import TakenWeights, take_weights
from hbi.matching.loading import folders_of_model, is_own_model
from hbi.models import GlobalContrastModel, HBIModel, HBIProcessor, ModelError, Processor, QuestionAnsweringModel
from hbi.models.model_folder import open_model_folder, processor_for, read_own_tokenizer
from hbi.models.networks import NETWORKS, Network, NetworkClass
from hbi.video import PictureFormat

OF_KIND: dict[str, NetworkClass] = {
    "hbi": HBIModel,
    "global": GlobalContrastModel,
    "answering": QuestionAnsweringModel,
}
"""By `model.kind` of a recipe."""


def start_tokenizer(recipe: Recipe, train: Split) -> CLIPTokenizer:
    """Return the tokenizer of what the recipe starts from; without that, a tokenizer trained on the captions.

    Raises:
        HBIError: What it starts from brings no tokenizer.
    """
    if (start := start_of(recipe)) is not None:
        return read_own_tokenizer(start.preprocessing)
    encoder = recipe.model.encoder
    if encoder is None:
        return train_tokenizer(text.text for text in train.texts)
    if is_own_model(encoder):
        return read_own_tokenizer(Path(encoder))
    try:
        return read_tokenizer(encoder, ("pad_token_id",))
    except ModelError as error:
        raise HBIError(
            f"model.encoder={encoder} brings no tokenizer ({error}): give a hub name or a whole folder"
        ) from error


def start_processor(recipe: Recipe, model: Network, tokenizer: CLIPTokenizer) -> Processor:
    """Return the preprocessing of a network that is to be trained: that of what it starts from.

    Of a CLIP only the normalizing of colors is taken: its frames are squares of the decoder, or as the released loader
    makes them. Whether they are that, a model of ours says, unless the recipe does.

    Args:
        recipe: Names what the network starts from.
        model: The network.
        tokenizer: Its tokenizer, of `start_tokenizer`.

    Raises:
        ModelError: What it starts from says nothing usable of how pictures are prepared.
    """
    released = recipe.data.released_loader
    if (start := start_of(recipe)) is not None:
        return processor_for(model, tokenizer, start.preprocessing, released_loader=released)
    if (encoder := recipe.model.encoder) is not None:
        return processor_for(model, tokenizer, encoder, released_loader=released)
    return HBIProcessor.for_model(model.config, tokenizer, released_loader=bool(released))


def start_picture(recipe: Recipe) -> PictureFormat:
    """Return how a frame becomes the picture that the recipe's network takes: a square, unless its encoder differs.

    Raises:
        HBIError: What it starts from cannot be read.
    """
    if recipe.starts_at_random:
        tubelet = recipe.model.tubelet_size, recipe.model.tubelet_seconds
        square = PictureFormat.released if recipe.data.released_loader else PictureFormat.square
        return square(recipe.data.image_size).in_tubelets(*tubelet)
    # Any kind of network: what it computes with the towers does not change what they see.
    global_ = {"kind": "global", "network": None}
    towers = recipe.model_copy(update={"model": recipe.model.model_copy(update=global_)})
    tokenizer = start_tokenizer(towers, Split("train", (), ()))
    return start_processor(towers, build_model(towers, tokenizer), tokenizer).picture


def build_model(recipe: Recipe, tokenizer: CLIPTokenizer, answers: Sequence[str] = ()) -> Network:
    """Return the recipe's network; what it starts from at random is drawn from its seed.

    Args:
        answers: What a network that answers questions can say.

    Raises:
        HBIError: What it starts from cannot be read, takes pictures of another size, or is otherwise than the recipe
            says.
    """
    return build_and_tell(recipe, tokenizer, answers)[0]


def sized_network(recipe: Recipe, towers: PreTrainedConfig, answers: Sequence[str] = ()) -> Network:
    """Return a network of the recipe's sizes with random weights: to count and to time what is not here yet.

    Args:
        recipe: Says all but what the towers are.
        towers: Their configuration.
        answers: What a network that answers questions can say.
    """
    network = NETWORKS[recipe.model.kind]
    return network(network.config_class(encoder_config=towers, **_choices(recipe, answers)))


def build_and_tell(
    recipe: Recipe, tokenizer: CLIPTokenizer, answers: Sequence[str] = ()
) -> tuple[Network, TakenWeights | None]:
    """Return what `build_model` does, and what was taken from the model that training goes on from, if it does."""
    recipe = with_start(recipe)
    network, choices, told = network_of(recipe), _choices(recipe, answers), None
    torch.manual_seed(recipe.training.seed)
    if recipe.starts_at_random:
        choices |= {"encoder_config": _new_towers(recipe, tokenizer), "stem": recipe.model.stem}
        return network(network.config_class(**choices)), None
    source = str(recipe.training.start_from or recipe.model.encoder)
    if (start := start_of(recipe)) is not None:
        model, told = _from_start(network, start, choices)
    elif is_own_model(source):
        model = _from_towers(network, source, choices)
    else:
        model = _from_encoder(network, source, choices)
    require_vocabulary(model.config.vocab_size, tokenizer, is_exact=model.config.encoder_config.model_type == "clip")
    side = model.config.image_size[0]
    if model.config.encoder_config.model_type == "clip" and side != recipe.data.image_size:  # others make their own
        given = recipe.data.image_size
        raise HBIError(f"{source} takes pictures of {side} pixels, data.image_size is {given}: set it so")
    return model, told


def network_of(recipe: Recipe) -> NetworkClass:
    """Return the class of a recipe's network: that of its kind, or one that somebody derived from it.

    Raises:
        HBIError: There is no such network, or it is of another kind.
    """
    of_kind, name = OF_KIND[recipe.model.kind], recipe.model.network
    if name is None:
        return of_kind
    if name not in NETWORKS:
        raise HBIError(
            f"model.network={name}: no such network is known; import the module that adds it, or install its package "
            "(docs/how-to/change-the-method.md)"
        )
    network: NetworkClass = NETWORKS[name]
    if not issubclass(network, of_kind):
        raise HBIError(f"model.network={name} is not derived from {of_kind.__name__}: set model.kind to what it is")
    return network


def _choices(recipe: Recipe, answers: Sequence[str]) -> dict[str, Any]:
    """Return the fields of the configuration that the recipe chooses; those that are not in it follow the towers."""
    model, data = recipe.model, recipe.data
    of_model = ("temporal_layers", "tubelet_size", "tubelet_seconds", *OF_LEVELS, *OF_RANKING)
    choices: dict[str, Any] = {name: getattr(model, name) for name in of_model}
    choices |= {"max_words": data.max_words, "num_frames": data.num_frames}
    choices |= {"max_frames": model.max_frames or data.num_frames, "released_behavior": model.released_behavior}
    for name in ("aggregator", "special_token_ids"):
        if getattr(model, name) is not None:
            choices[name] = getattr(model, name)
    if recipe.asks_questions:
        choices |= {"answers": tuple(answers), "answer_channels": model.answer_channels}
    return choices


def _from_encoder(network: NetworkClass, source: str, choices: dict[str, Any]) -> Network:
    try:
        return network.from_encoder(source, **choices)
    except ModelError as error:
        raise HBIError(f"model.encoder={source}: {error}") from error


def _from_start(network: NetworkClass, start: Start, choices: dict[str, Any]) -> tuple[Network, TakenWeights]:
    """Return a network with everything that the model has which it goes on from."""
    source, _ = open_model_folder(start.network, preprocessing=start.preprocessing)
    model = network(network.config_class(**_towers_of(source, choices)))
    return model, take_weights(model, source, start.source)


def _from_towers(network: NetworkClass, name: str, choices: dict[str, Any]) -> Network:
    """Return a network with the towers of one of ours, and a warning that the rest of it is left."""
    folder, preprocessing = folders_of_model(name)
    source, _ = open_model_folder(folder, preprocessing=preprocessing)
    own_size = source.config.tubelet_size
    if choices["tubelet_size"] == 1:  # towers that read several frames cannot go back to one
        choices |= {"tubelet_size": own_size, "tubelet_seconds": source.config.tubelet_seconds}
    model = network(network.config_class(**_towers_of(source, choices)))
    try:
        model.encoder.load_towers(source.encoder.towers.state_dict(), tubelet_size=own_size)
    except ModelError as error:
        raise HBIError(f"model.encoder={name}: {error}") from error
    warnings.warn(
        f"model.encoder={name}: its towers alone are taken, the rest starts at random; training.start_from={name} goes "
        "on from all of it",
        Note,
        stacklevel=2,
    )
    return model


def _towers_of(source: Network, choices: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration with the towers of a network, and with what a recipe chooses beside."""
    config, family = source.config, source.config.encoder_family
    fields = {name: getattr(config, name) for name in ("encoder_config", "stem", "special_token_ids")} | choices
    if family.is_padded or family.brings_processor:  # shorter texts would be other texts to it
        fields["max_words"] = config.max_words
    return fields


def _new_towers(recipe: Recipe, tokenizer: CLIPTokenizer) -> dict[str, Any]:
    model, data = recipe.model, recipe.data
    tower = {
        "hidden_size": model.width,
        "intermediate_size": model.mlp_ratio * model.width,
        "num_attention_heads": model.heads,
        "hidden_act": "gelu",
        "projection_dim": model.width,
    }
    special_tokens = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = {
        "num_hidden_layers": model.text_layers,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": data.max_words,
    }
    vision = {"num_hidden_layers": model.vision_layers, "image_size": data.image_size, "patch_size": model.patch_size}
    return {
        "projection_dim": model.width,
        "logit_scale_init_value": math.log(model.logit_scale),
        "text_config": tower | special_tokens | text,
        "vision_config": tower | vision,
    }
