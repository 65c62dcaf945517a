"""Attention rollout (Abnar and Zuidema, 2020): what the tokens say, carried back to the words and frames they saw."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers.models.clip.modeling_clip import CLIPAttention

from hbi.evaluation.explained_pairs import EncodedPairs


@torch.no_grad()
def rolled_out_cosines(pairs: EncodedPairs) -> Float[Tensor, "pair word frame"]:
    """Return the positive cosines of word and frame tokens, times the rollouts of the text and the temporal tower.

        map[i, j] = sum over words t and frames v of R_text[t, i] max(cosine[t, v], 0) R_time[v, j]

    No layer of the model attends from words to frames, so a rollout by itself relates words with words and frames with
    frames only; the cosines join the two. Without a temporal transformer `R_time` is the identity.

    Args:
        pairs: Encoded texts and videos.
    """
    encoder = pairs.model.encoder
    cosines = pairs.games["entity"].similarity.clamp(min=0)
    with attention_weights(encoder.towers.text_model) as weights:
        encoder.towers.text_model(input_ids=pairs.input_ids, attention_mask=pairs.attention_mask)
    text = rollout(weights, pairs.attention_mask.bool())
    frames = torch.eye(cosines.shape[-1]).expand(len(cosines), -1, -1)
    if encoder.temporal is not None:
        with attention_weights(encoder.temporal) as weights:
            encoder.temporal(pairs.features, pairs.frame_mask)
        frames = rollout(weights, pairs.frame_mask) if weights else frames
    is_cell = pairs.is_word[:, :, None] & pairs.frame_mask[:, None, :]
    return text.mT @ (cosines * is_cell) @ frames


def rollout(
    weights: list[Float[Tensor, "batch head token token"]], mask: Bool[Tensor, "batch token"]
) -> Float[Tensor, "batch token token"]:
    """Return how much of every input each output is made of: the product of half attention, half identity by layer.

    Args:
        weights: Of each layer, from the first to the last.
        mask: True where a token is real.
    """
    identity = torch.eye(mask.shape[1])
    total = identity.expand(len(mask), -1, -1)
    for layer in weights:
        mixed = 0.5 * layer.mean(1) + 0.5 * identity
        total = mixed @ total
    return total * mask[:, :, None]


@contextmanager
def attention_weights(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the attention weights of every CLIP attention layer inside a module while it runs.

    Args:
        module: Whatever holds attention layers: a tower, an encoder.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, CLIPAttention)]
    collected: list[Tensor] = []
    configs = {id(layer.config): layer.config for layer in layers}
    before = {key: config._attn_implementation for key, config in configs.items()}
    for config in configs.values():
        config._attn_implementation = "eager"  # the fused kernels never have the weights
    handles = [layer.register_forward_hook(lambda _, __, output: collected.append(output[1])) for layer in layers]
    try:
        yield collected
    finally:
        for handle in handles:
            handle.remove()
        for key, config in configs.items():
            config._attn_implementation = before[key]
