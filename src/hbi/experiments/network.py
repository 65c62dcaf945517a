"""From a recipe to its network and tokenizer: from random weights, an encoder, or the towers of another run."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import CLIPTokenizer

from hbi.data.samples import Split
from hbi.encoders.tokenizer import read_tokenizer, require_vocabulary, train_tokenizer
from hbi.errors import HBIError
from hbi.experiments.schema import Recipe
from hbi.matching.loading import is_run, model_folder_of_run
from hbi.models import GlobalContrastModel, HBIModel, HBIProcessor, ModelError, Processor, QuestionAnsweringModel
from hbi.models.model_folder import Network, open_model_folder, processor_for, read_own_tokenizer
from hbi.video import PictureFormat

Kind: TypeAlias = type[HBIModel] | type[GlobalContrastModel] | type[QuestionAnsweringModel]
NETWORKS: dict[str, Kind] = {
    "hbi": HBIModel,
    "global": GlobalContrastModel,
    "answering": QuestionAnsweringModel,
}
"""By `model.kind` of a recipe."""


def start_tokenizer(recipe: Recipe, train: Split) -> CLIPTokenizer:
    """Return the tokenizer of the recipe's encoder or run; without one, a tokenizer trained on the captions.

    Raises:
        HBIError: The encoder brings no tokenizer.
    """
    start = recipe.model.encoder
    if start is None:
        return train_tokenizer(text.text for text in train.texts)
    if is_run(start):
        return read_own_tokenizer(Path(start))
    try:
        return read_tokenizer(start, ("pad_token_id",))
    except ModelError as error:
        raise HBIError(
            f"model.encoder={start} brings no tokenizer ({error}): give a hub name or a whole folder"
        ) from error


def start_processor(recipe: Recipe, model: Network, tokenizer: CLIPTokenizer) -> Processor:
    """Return the preprocessing of a network that is to be trained: that of what it starts from.

    Of a CLIP only the normalizing of colors is taken: its frames are squares of the decoder, or as the released loader
    makes them.

    Args:
        recipe: Names what the network starts from.
        model: The network.
        tokenizer: Its tokenizer, of `start_tokenizer`.

    Raises:
        ModelError: What it starts from says nothing usable of how pictures are prepared.
    """
    start, released = recipe.model.encoder, recipe.data.released_loader
    if start is None:
        return HBIProcessor.for_model(model.config, tokenizer, released_loader=released)
    return processor_for(model, tokenizer, start, released_loader=released or None)


def start_picture(recipe: Recipe) -> PictureFormat:
    """Return how a frame becomes the picture that the recipe's network takes: a square, unless its encoder differs.

    Raises:
        HBIError: The encoder or run that it starts from cannot be read.
    """
    if recipe.model.encoder is None:
        tubelet = recipe.model.tubelet_size, recipe.model.tubelet_seconds
        square = PictureFormat.released if recipe.data.released_loader else PictureFormat.square
        return square(recipe.data.image_size).in_tubelets(*tubelet)
    # Any kind of network: what it computes with the towers does not change what they see.
    towers = recipe.model_copy(update={"model": recipe.model.model_copy(update={"kind": "global"})})
    tokenizer = start_tokenizer(towers, Split("train", (), ()))
    return start_processor(towers, build_model(towers, tokenizer), tokenizer).picture


def build_model(recipe: Recipe, tokenizer: CLIPTokenizer, answers: Sequence[str] = ()) -> Network:
    """Return the recipe's network; what it starts from at random is drawn from its seed.

    Args:
        answers: What a network that answers questions can say.

    Raises:
        HBIError: The encoder or run that it starts from cannot be read, or takes pictures of another size.
    """
    network = NETWORKS[recipe.model.kind]
    start = recipe.model.encoder
    sizes: dict[str, Any] = {
        "max_words": recipe.data.max_words,
        "max_frames": recipe.data.num_frames,
        "temporal_layers": recipe.model.temporal_layers,
        "merge_ratio": recipe.model.merge_ratio,
        "frame_merge_ratio": recipe.model.frame_merge_ratio,
        "merge_heads": recipe.model.merge_heads,
        "level_weights": recipe.model.level_weights,
        "learns_level_weights": recipe.model.learns_level_weights,
        "head_channels": recipe.model.head_channels,
        "tubelet_size": recipe.model.tubelet_size,
        "tubelet_seconds": recipe.model.tubelet_seconds,
    }
    if recipe.asks_questions:
        sizes |= {"answers": tuple(answers), "answer_channels": recipe.model.answer_channels}
    torch.manual_seed(recipe.training.seed)
    if start is None:
        towers = _new_towers(recipe, tokenizer)
        return network(network.config_class(encoder_config=towers, stem=recipe.model.stem, **sizes))
    model = _from_run(network, Path(start), sizes) if is_run(start) else _from_encoder(network, start, sizes)
    require_vocabulary(model.config.vocab_size, tokenizer, is_exact=model.config.encoder_config.model_type == "clip")
    side = model.config.image_size[0]
    if model.config.encoder_config.model_type == "clip" and side != recipe.data.image_size:  # others make their own
        given = recipe.data.image_size
        raise HBIError(f"{start} takes pictures of {side} pixels, data.image_size is {given}: set it so")
    return model


def _from_encoder(network: Kind, source: str, sizes: dict[str, Any]) -> Network:
    try:
        return network.from_encoder(source, **sizes)
    except ModelError as error:
        raise HBIError(f"model.encoder={source}: {error}") from error


def _from_run(network: Kind, run: Path, sizes: dict[str, Any]) -> Network:
    source, _ = open_model_folder(model_folder_of_run(run, "best"), preprocessing=run)
    towers = {name: getattr(source.config, name) for name in ("encoder_config", "stem", "special_token_ids")}
    own_size = source.config.tubelet_size
    if sizes["tubelet_size"] == 1:  # towers that read several frames cannot go back to one
        sizes |= {"tubelet_size": own_size, "tubelet_seconds": source.config.tubelet_seconds}
    model = network(network.config_class(**towers, **sizes))
    try:
        model.encoder.load_towers(source.encoder.towers.state_dict(), tubelet_size=own_size)
    except ModelError as error:
        raise HBIError(f"model.encoder={run}: {error}") from error
    return model


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
