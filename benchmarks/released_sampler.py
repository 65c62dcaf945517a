"""The Monte Carlo target that the authors' released sampler draws, as a formula, each of its short cuts by itself.

For a cell (i, j) and a coalition of the other words and frames the sampler evaluates four values and takes
`v(C + i + j) - v(C + i) - v(C + j) + v(C)`. It departs from the paper's definition in three places:

- `own_cell`: the joint value adds only the cell (i, j) to the similarities of `C`, not the whole row and column;
- `double_softmax`: weights that are a softmax already go through a softmax again in every coalition, which makes them
  almost equal;
- `third_weighting`: in the joint value they go through it once more, all but the weights of i and j.

All maxima are floored at zero, as a token outside the coalition has similarity 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ShortCuts:
    own_cell: bool = False
    double_softmax: bool = False
    third_weighting: bool = False


RELEASED = ShortCuts(own_cell=True, double_softmax=True, third_weighting=True)


def expectation(
    similarity: Tensor,
    word_weights: Tensor,
    frame_weights: Tensor,
    words: Tensor,
    frames: Tensor,
    short_cuts: ShortCuts,
) -> Tensor:
    """Return the mean second difference of every cell [words, frames] of one game over the given coalitions.

    `words` [coalitions, words] and `frames` [coalitions, frames] are boolean; the own word and frame of a cell are
    taken out of them. With random coalitions this is the sampler, with all of them its exact expectation.
    """
    num_words, num_frames = similarity.shape
    result = similarity.new_zeros(num_words, num_frames)
    for i in range(num_words):
        word = torch.arange(num_words) == i
        for j in range(num_frames):
            frame = torch.arange(num_frames) == j
            result[i, j] = _second_difference(
                similarity, word_weights, frame_weights, words & ~word, frames & ~frame, word, frame, short_cuts
            ).mean()
    return result


def _second_difference(
    similarity: Tensor,
    word_weights: Tensor,
    frame_weights: Tensor,
    words: Tensor,
    frames: Tensor,
    word: Tensor,
    frame: Tensor,
    short_cuts: ShortCuts,
) -> Tensor:
    def inside(word_members: Tensor, frame_members: Tensor) -> Tensor:
        return torch.where(word_members.unsqueeze(-1) & frame_members.unsqueeze(-2), similarity, 0)

    def alpha(weights: Tensor, members: Tensor) -> Tensor:
        logits = weights if short_cuts.double_softmax else weights.log()
        return _softmax(logits, members)

    with_word, with_frame = words | word, frames | frame
    without = _value(inside(words, frames), alpha(word_weights, words), alpha(frame_weights, frames))
    word_only = _value(inside(with_word, frames), alpha(word_weights, with_word), alpha(frame_weights, frames))
    frame_only = _value(inside(words, with_frame), alpha(word_weights, words), alpha(frame_weights, with_frame))
    both = inside(with_word, with_frame)
    if short_cuts.own_cell:
        both = torch.where(word.unsqueeze(-1) & frame, similarity, inside(words, frames))
    word_alpha, frame_alpha = alpha(word_weights, with_word), alpha(frame_weights, with_frame)
    if short_cuts.third_weighting:
        word_alpha = _softmax(torch.where(word, word_weights, alpha(word_weights, words)), with_word)
        frame_alpha = _softmax(torch.where(frame, frame_weights, alpha(frame_weights, frames)), with_frame)
    return _value(both, word_alpha, frame_alpha) - word_only - frame_only + without


def _value(inside: Tensor, word_alpha: Tensor, frame_alpha: Tensor) -> Tensor:
    return 0.5 * ((inside.amax(-1) * word_alpha).sum(-1) + (inside.amax(-2) * frame_alpha).sum(-1))


def _softmax(logits: Tensor, members: Tensor) -> Tensor:
    """Return the softmax over the members of each coalition, 0 for an empty one."""
    return torch.where(members, logits, -torch.inf).softmax(-1).nan_to_num(0.0)
