"""CLIP as OpenAI names its tensors, in the terms of `transformers`: where each parameter comes from, and the sizes."""

import re
from functools import partial

from torch import Tensor
from transformers import CLIPConfig

from hbi.encoders.state_files import CheckpointError, Source, State

HEAD_WIDTH = 64
"""Width of an attention head in every CLIP that OpenAI published; state dicts do not tell it."""

_TOWERS = (
    (r"text_model\.embeddings\.token_embedding", "token_embedding"),
    (r"text_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"text_model\.final_layer_norm", "ln_final"),
    (r"text_model\.encoder\.layers", "transformer.resblocks"),
    (r"text_projection\.weight", "text_projection"),
    (r"vision_model\.embeddings\.class_embedding", "visual.class_embedding"),
    (r"vision_model\.embeddings\.patch_embedding", "visual.conv1"),
    (r"vision_model\.embeddings\.position_embedding\.weight", "visual.positional_embedding"),
    (r"vision_model\.pre_layrnorm", "visual.ln_pre"),
    (r"vision_model\.post_layernorm", "visual.ln_post"),
    (r"vision_model\.encoder\.layers", "visual.transformer.resblocks"),
    (r"visual_projection\.weight", "visual.proj"),
)
_BLOCK = (
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.self_attn\.[qkv]_proj\.(weight|bias)", r".attn.in_proj_\1"),
)


def clip_source(name: str) -> Source:
    """Return where a parameter of `transformers`' CLIPModel is in an OpenAI state dict.

    >>> clip_source("text_model.encoder.layers.3.mlp.fc1.bias").key
    'transformer.resblocks.3.mlp.c_fc.bias'
    """
    key = name
    for pattern, replacement in _TOWERS:
        key = re.sub(f"^{pattern}", replacement, key)
    if name in {"text_projection.weight", "visual_projection.weight"}:
        return Source(key, Tensor.t)
    return block_source(name, key)


def block_source(name: str, key: str) -> Source:
    """Return where a parameter of a transformer block is, given `key`: its name with OpenAI's start already."""
    for pattern, replacement in _BLOCK:
        key = re.sub(pattern, replacement, key)
    if part := re.search(r"\.self_attn\.([qkv])_proj\.", name):
        return Source(key, partial(_third, "qkv".index(part[1])))
    return Source(key)


def clip_config(state: State, *, origin: str, prefix: str = "") -> CLIPConfig:
    """Return the sizes of the CLIP whose tensors a state dict holds.

    Args:
        state: Tensors by name.
        origin: What they are called in errors.
        prefix: What stands before the names of CLIP's tensors.

    Raises:
        CheckpointError: A tensor is missing, or the vision tower is no vision transformer.
    """
    if f"{prefix}visual.layer1.0.conv1.weight" in state:
        raise CheckpointError(f"{origin} holds a CLIP with a ResNet: use one with a vision transformer (ViT)")

    def shape(name: str) -> tuple[int, ...]:
        if prefix + name not in state:
            raise CheckpointError(f"{origin} lacks {prefix}{name}, which tells the size of CLIP")
        return tuple(state[prefix + name].shape)

    patches, patch_size = shape("visual.positional_embedding")[0] - 1, shape("visual.conv1.weight")[-1]
    vocab_size, projection_dim = shape("token_embedding.weight")[0], shape("text_projection")[1]
    return CLIPConfig(
        projection_dim=projection_dim,
        text_config={
            **_tower(shape, "transformer.", shape("ln_final.weight")[0], count_blocks(state, f"{prefix}transformer.")),
            "projection_dim": projection_dim,
            "vocab_size": vocab_size,
            "max_position_embeddings": shape("positional_embedding")[0],
            # OpenAI's vocabulary ends with the two special tokens.
            "bos_token_id": vocab_size - 2,
            "eos_token_id": vocab_size - 1,
            "pad_token_id": vocab_size - 1,
        },
        vision_config={
            **_tower(
                shape,
                "visual.transformer.",
                shape("visual.conv1.weight")[0],
                count_blocks(state, f"{prefix}visual.transformer."),
            ),
            "projection_dim": projection_dim,
            "patch_size": patch_size,
            "image_size": patch_size * round(patches**0.5),
        },
    )


def count_blocks(state: State, prefix: str) -> int:
    """Return how many transformer blocks stand under a prefix that ends with a dot."""
    numbers = (re.match(re.escape(prefix) + r"resblocks\.(\d+)\.", name) for name in state)
    return len({number[1] for number in numbers if number})


# `shape` is the caller's own function, from a parameter's name to its shape.
def _tower(shape, prefix: str, width: int, num_layers: int) -> dict[str, object]:  # type: ignore[no-untyped-def]
    return {
        "hidden_size": width,
        "intermediate_size": shape(f"{prefix}resblocks.0.mlp.c_fc.weight")[0],
        "num_hidden_layers": num_layers,
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "hidden_act": "quick_gelu",
    }


def _third(number: int, stacked: Tensor) -> Tensor:
    """Return the query, key or value part of what OpenAI stacks along the first axis."""
    return stacked.chunk(3)[number]
