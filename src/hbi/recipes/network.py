"""From a recipe to its network and tokenizer: from random weights, from a CLIP, or from the towers of another run."""

import math
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import CLIPTokenizer

from hbi.data.samples import RetrievalSplit
from hbi.data.tokenizer import load_tokenizer, train_tokenizer
from hbi.errors import HBIError
from hbi.files import is_regular
from hbi.models import GlobalContrastModel, HBIModel, ModelError, QuestionAnsweringModel, open_network
from hbi.models.processor import read_tokenizer, require_vocabulary
from hbi.recipes.reading import read_recipe
from hbi.recipes.schema import Recipe
from hbi.training.run_folder import RunFolder

NETWORKS: dict[str, type[HBIModel] | type[GlobalContrastModel]] = {"hbi": HBIModel, "global": GlobalContrastModel}
Network = TypeVar("Network", HBIModel, GlobalContrastModel, QuestionAnsweringModel)


def start_tokenizer(recipe: Recipe, train: RetrievalSplit) -> CLIPTokenizer:
    """Return the tokenizer of the recipe's CLIP or run; without one, a tokenizer trained on the captions.

    Raises:
        HBIError: The CLIP brings no tokenizer.
    """
    clip = recipe.model.clip
    if clip is None:
        return train_tokenizer(text.text for text in train.texts)
    if is_regular((run := RunFolder(Path(clip))).recipe):
        return load_tokenizer(str(run.tokenizer))
    try:
        return read_tokenizer(clip)
    except ModelError as error:
        raise HBIError(f"model.clip={clip} brings no tokenizer ({error}): give a hub name or a whole folder") from error


def build_model(recipe: Recipe, tokenizer: CLIPTokenizer) -> HBIModel | GlobalContrastModel:
    """Return the recipe's network; what it starts from at random is drawn from its seed.

    Raises:
        HBIError: The CLIP or run that it starts from cannot be read, or takes pictures of another size.
    """
    return build_network(NETWORKS[recipe.model.kind], recipe, tokenizer)


def build_network(network: type[Network], recipe: Recipe, tokenizer: CLIPTokenizer, **fields: Any) -> Network:
    """Return a network of the sizes in the recipe, as `build_model`; `fields` are its configuration's own."""
    clip = recipe.model.clip
    sizes: dict[str, Any] = {
        "max_words": recipe.data.max_words,
        "max_frames": recipe.data.num_frames,
        "temporal_layers": recipe.model.temporal_layers,
        "merge_ratio": recipe.model.merge_ratio,
        "merge_heads": recipe.model.merge_heads,
        "level_weights": recipe.model.level_weights,
        "head_channels": recipe.model.head_channels,
        **fields,
    }
    torch.manual_seed(recipe.training.seed)
    if clip is None:
        towers = _small_towers(recipe, tokenizer)
        return network(network.config_class(clip_config=towers, stem=recipe.model.stem, **sizes))
    is_run = is_regular(RunFolder(Path(clip)).recipe)
    model = _from_run(network, Path(clip), sizes) if is_run else network.from_clip(clip, **sizes)
    require_vocabulary(model.config, tokenizer)
    side = model.config.clip_config.vision_config.image_size
    if side != recipe.data.image_size:
        raise HBIError(
            f"{clip} takes pictures of {side} pixels, data.image_size is {recipe.data.image_size}: set it so"
        )
    return model


def _from_run(network: type[Network], run: Path, sizes: dict[str, Any]) -> Network:
    folder = RunFolder(run)
    kind = read_recipe(str(folder.require().recipe)).model.kind
    source = open_network(NETWORKS.get(kind, QuestionAnsweringModel), folder.require_weights("best"))
    towers, stem = source.config.clip_config.to_dict(), source.config.stem
    model = network(network.config_class(clip_config=towers, stem=stem, **sizes))
    model.encoder.clip.load_state_dict(source.encoder.clip.state_dict())
    return model


def _small_towers(recipe: Recipe, tokenizer: CLIPTokenizer) -> dict[str, Any]:
    model, data = recipe.model, recipe.data
    tower = {
        "hidden_size": model.width,
        "intermediate_size": model.mlp_ratio * model.width,
        "num_attention_heads": model.heads,
        "hidden_act": "gelu",
        "projection_dim": model.width,
    }
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = {
        "num_hidden_layers": model.text_layers,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": data.max_words,
    }
    vision = {
        "num_hidden_layers": model.vision_layers,
        "image_size": data.image_size,
        "patch_size": model.patch_size,
    }
    return {
        "projection_dim": model.width,
        "logit_scale_init_value": math.log(model.logit_scale),
        "text_config": tower | marks | text,
        "vision_config": tower | vision,
    }
