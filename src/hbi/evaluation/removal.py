"""The score of a pair as words or frames are taken away: the network encodes what is left, position by position."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.evaluation.explained_pairs import EncodedPairs


@dataclass(frozen=True)
class Curves:
    """Areas under two curves of the score, each as a mean over the share of players that is gone or there.

    Attributes:
        deletion: players are taken away, the most important first: low where the order is right.
        insertion: players come in, the most important first: high where the order is right.
    """

    deletion: float
    insertion: float


def order_of(relevance: Float[Tensor, " player"], is_player: Bool[Tensor, " player"]) -> list[int]:
    """Return the players from the most to the least important; of equals the earlier first.

    Args:
        relevance: How important each player is.
        is_player: False at padding.
    """
    order = relevance.masked_fill(~is_player, -torch.inf).argsort(descending=True, stable=True)
    return order[: int(is_player.sum())].tolist()


def nested_masks(order: Sequence[int], num_tokens: int) -> Bool[Tensor, "step token"]:
    """Return what is kept as players are taken away in order, and then as they come in: all but the empty set.

    Args:
        order: Players from the most to the least important.
        num_tokens: With padding.
    """
    masks = torch.zeros(2 * len(order), num_tokens, dtype=torch.bool)
    for step in range(len(order)):
        masks[step, list(order[step:])] = True
        masks[len(order) + step, list(order[: step + 1])] = True
    return masks


def curves_of(scores: Float[Tensor, " step"]) -> Curves:
    """Return the areas from the scores of `nested_masks`; without any player the score is 0.

    Args:
        scores: Of each of the masks, in order.
    """
    count = len(scores) // 2
    nothing = scores.new_zeros(1)
    deletion, insertion = torch.cat([scores[:count], nothing]), torch.cat([nothing, scores[count:]])
    return Curves(*(float(torch.trapezoid(curve) / count) for curve in (deletion, insertion)))


@torch.no_grad()
def scores_without_frames(pairs: EncodedPairs, row: int, kept: Bool[Tensor, "variant frame"]) -> Tensor:
    """Return the score of one pair for each choice of frames that are kept.

    Args:
        pairs: Encoded texts and videos.
        row: Of the pair among them.
        kept: True where a frame is there.
    """
    features = pairs.features[row].expand(len(kept), -1, -1)
    videos = pairs.model.encode_videos(features, kept)
    return pairs.model.similarity(pairs.texts[slice(row, row + 1)], videos)[0].double()


@torch.no_grad()
def scores_without_words(pairs: EncodedPairs, row: int, kept: Bool[Tensor, "variant word"]) -> Tensor:
    """Return the score of one pair for each choice of words that are kept; special tokens stay.

    Args:
        pairs: Encoded texts and videos.
        row: Of the pair among them.
        kept: True where a word is there.
    """
    texts = pairs.model.encode_texts(*_texts(pairs, row, kept))
    return pairs.model.similarity(texts, pairs.videos[slice(row, row + 1)])[:, 0].double()


@torch.no_grad()
def leave_one_out(pairs: EncodedPairs, row: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the score loses without each word, without each frame, and their interplay [word, frame].

    interplay[t, v] = score - score without t - score without v + score without both

    Args:
        pairs: Encoded texts and videos.
        row: Of the pair among them.
    """
    words, frames = (mask[row].nonzero().flatten() for mask in (pairs.is_word, pairs.frame_mask))
    texts = pairs.model.encode_texts(*_texts(pairs, row, _all_and_all_but_one(pairs.is_word[row], words)))
    kept = _all_and_all_but_one(pairs.frame_mask[row], frames)
    videos = pairs.model.encode_videos(pairs.features[row].expand(len(kept), -1, -1), kept)
    scores = pairs.model.similarity(texts, videos).double()
    of_words, of_frames = scores[0, 0] - scores[1:, 0], scores[0, 0] - scores[0, 1:]
    return of_words, of_frames, scores[0, 0] - scores[1:, :1] - scores[:1, 1:] + scores[1:, 1:]


def _all_and_all_but_one(mask: Bool[Tensor, " token"], players: Tensor) -> Bool[Tensor, "variant token"]:
    kept = mask.repeat(1 + len(players), 1)
    kept[torch.arange(len(players)) + 1, players] = False
    return kept


def _texts(pairs: EncodedPairs, row: int, kept: Bool[Tensor, "variant word"]) -> tuple[Tensor, Tensor]:
    is_special = pairs.attention_mask[row].bool() & ~pairs.is_word[row]
    return pairs.input_ids[row].expand(len(kept), -1), (kept | is_special).to(pairs.attention_mask.dtype)
