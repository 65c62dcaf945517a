"""First-order explanations: the gradient of the score times what it is taken of."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hbi.evaluation.dual_pairs import DualPair
from hbi.evaluation.explained_pairs import EncodedPairs
from hbi.ops import pair_token_similarity


def gradient_times_cosine(pairs: EncodedPairs) -> Float[Tensor, "pair word frame"]:
    """Return, for every word and frame, the entity similarity's gradient by their cosine, times the cosine.

    Args:
        pairs: Encoded texts and videos.
    """
    game = pairs.games["entity"]
    with torch.enable_grad():
        similarity = game.similarity.detach().clone().requires_grad_()
        value = replace(game, similarity=similarity, check_values=False).value(pairs.is_word, pairs.frame_mask)
        (gradient,) = torch.autograd.grad(value.sum(), similarity)
    return gradient * game.similarity


def gradient_times_pixels(pairs: EncodedPairs) -> Float[Tensor, "pair word frame"]:
    """Return gradient x input of what each word adds to the entity similarity, summed over the pixels of each frame.

    A word adds `weight / 2 * max over frames of its cosine`. The sum over pixels is the derivative of the frame's
    features in the direction of its own pixels, times the gradient by the features: so the vision tower is
    differentiated once, and not once for every word.

    Args:
        pairs: Encoded texts and videos.
    """
    model = pairs.model
    words = pairs.texts.levels["entity"]
    direction_BVD = _derivative_along_pixels(pairs)
    cells = []
    with torch.enable_grad():
        features_BVD = pairs.features.detach().clone().requires_grad_()
        frames = model.encoder.encode_features(features_BVD, pairs.frame_mask).sequence
        cosines_BTV = pair_token_similarity(words.sequence.tokens.float(), frames.tokens.float())
        best = cosines_BTV.masked_fill(~pairs.frame_mask[:, None, :], -torch.inf).amax(-1)
        added = 0.5 * words.weights * best
        for word in range(added.shape[1]):
            (gradient_BVD,) = torch.autograd.grad(added[:, word].sum(), features_BVD, retain_graph=True)
            cells.append((gradient_BVD * direction_BVD).sum(-1))
    return torch.stack(cells, dim=1)


def _derivative_along_pixels(pairs: EncodedPairs, step: float = 1e-3) -> Float[Tensor, "pair frame width"]:
    """Return the derivative of every frame's features as its pixels grow in proportion, by central differences."""
    encode, mask = pairs.model.encoder.frame_features, pairs.frame_mask
    more, less = (encode(pairs.pixels * (1 + sign * step), mask) for sign in (1, -1))
    return (more - less) / (2 * step)


def gradient_times_tokens(
    pair: DualPair,
) -> tuple[Float[Tensor, " word"], Float[Tensor, " frame"], Float[Tensor, "word frame"]]:
    """Return derivatives of the score as embeddings of words grow in proportion, and frames' normalized vectors.

    A word's is the derivative along the embeddings of its tokens, a frame's along its part in the mean, and a cell's
    the mixed derivative along both, all at the whole text and video: the inner product of the derivative of the text's
    vector by that of the video's. Video vectors are normalized, so that the derivatives of all frames sum to 0.

    Args:
        pair: A text and a video of a dual encoder.
    """
    text, video = (table[-1].double() for table in (pair.texts, pair.videos))
    along_frames = _normalized_mean_derivatives(pair.frame_tokens.double())
    directions = torch.cat((video[None], along_frames)).float()
    by_word = _text_derivatives(pair, directions).double()
    return by_word[0], along_frames @ text, by_word[1:].T


def _normalized_mean_derivatives(frames: Float[Tensor, "frame width"]) -> Float[Tensor, "frame width"]:
    """Return the derivative of `normalize(mean(frames))` as each frame grows in proportion."""
    mean = frames.mean(0)
    direction = mean / mean.norm()
    along = frames / len(frames)
    return (along - (along @ direction)[:, None] * direction) / mean.norm()


def _text_derivatives(pair: DualPair, directions: Float[Tensor, "direction width"]) -> Float[Tensor, "direction word"]:
    """Return how the products of the text's vector with some directions change as each word's embedding grows."""
    network: Any = pair.matcher.model
    device = pair.matcher.device
    tokens = pair.matcher.tokenize([pair.pair.text])
    count, spans = len(directions), tokens.spans[0]
    embedding: nn.Module = network.encoder.towers.text_model.get_input_embeddings()
    with torch.enable_grad():
        scale = torch.ones(count, len(spans), 1, device=device, requires_grad=True)
        hook = embedding.register_forward_hook(lambda module, inputs, output: output * scale)
        try:
            vectors = network.encode_texts(
                tokens.input_ids.to(device).expand(count, -1), tokens.attention_mask.to(device).expand(count, -1)
            )
        finally:
            hook.remove()
        products = (nn.functional.normalize(vectors.float(), dim=-1) * directions.to(device)).sum()
        (by_token,) = torch.autograd.grad(products, scale)
    first, last = spans.unbind(-1)
    belongs = [(first >= word.start) & (last <= word.end) & (last > first) for word in pair.words]
    return torch.stack([by_token[:, is_part.to(device), 0].sum(1) for is_part in belongs], dim=1).cpu()
