"""First-order explanations: the gradient of the score times what it is taken of."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

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
