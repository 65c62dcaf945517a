"""Words by themselves: texts beside a batch's captions, to tell what a word means from what its neighbors do.

In "a red circle spins" the token of "circle" knows its neighbors and finds its frames by the color, which is learned
first. Nothing asks these frames for a circle. So they are asked: what a token points at has to tell its word among all
words of the batch, each of which is read by itself. (Rohrbach et al. 2016, arXiv 1511.03745, learn to ground phrases by
reconstructing them from where they point.)
"""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from hbi.data.word_classes import content_words
from hbi.models import LevelOutput
from hbi.ops import TokenSequence

NONE = -1
"""Stands for no row."""


class LoneWords(NamedTuple):
    """Which texts are words by themselves, and where captions have these words.

    Attributes:
        is_lone: True for texts that are one word of a caption of the batch.
        number: For each token of a caption the number of the lone word that it is, or is a part of, among those of the
            whole batch, of all processes; -1 for what says nothing to look for, and for texts that are no captions.
    """

    is_lone: Bool[Tensor, " text"]
    number: Int[Tensor, "text word"]

    @classmethod
    def find(
        cls,
        texts: Sequence[str],
        spans: Int[Tensor, "text word 2"],
        is_lone: Sequence[bool],
        is_caption: Sequence[bool],
    ) -> "LoneWords":
        """Return the marks of some texts.

        Args:
            texts: The texts.
            spans: The characters [start, end) of each of their tokens.
            is_lone: Which of them are words by themselves.
            is_caption: Which of them are captions as they are.
        """
        numbers = {text: number for number, text in enumerate(compress(texts, is_lone))}
        number = torch.full(spans.shape[:2], NONE)
        for row, (text, places) in compress(enumerate(zip(texts, spans.tolist(), strict=True)), is_caption):
            at = {place: numbers[word.text] for word in content_words(text) for place in range(word.start, word.end)}
            number[row] = torch.tensor([at.get(start, NONE) if end > start else NONE for start, end in places])
        return cls(torch.tensor(is_lone, dtype=torch.bool), number)


class ToldWords(NamedTuple):
    """What captions have to tell.

    Attributes:
        alone: The tokens of each word of the batch, by itself.
        number: For each token of a caption the number of its word among them, -1 where it says nothing to look for.
    """

    alone: TokenSequence
    number: Int[Tensor, "text word"]


def reconstruction(
    level: LevelOutput, video_of_text: Int[Tensor, " text"], told: ToldWords, scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Return how badly words are told from the frames of their own video that they point at: a mean cross-entropy.

    The frames that a token points at, weighted by the softmax of its similarity to them, have to tell its word. Where
    it points is taken as it is: no gradient goes there.

    Args:
        level: Players of the entity level.
        video_of_text: The video of each text.
        told: The words by themselves, and which tokens have to tell them.
        scale: What multiplies a cosine to make a logit.
    """
    is_told = told.number >= 0
    words, frames = (normalize(side.sequence.tokens.float(), dim=-1) for side in (level.words, level.frames))
    own_TFD, mask = frames[video_of_text], level.frames.sequence.mask[video_of_text]
    with torch.no_grad():
        logits = (scale * words @ own_TFD.transpose(1, 2)).masked_fill(~mask[:, None], torch.finfo(words.dtype).min)
        pointing_TWF = logits.softmax(-1)
    seen = normalize((pointing_TWF @ own_TFD)[is_told], dim=-1)
    alone = normalize(told.alone.tokens.float(), dim=-1) * told.alone.mask[..., None]
    named = scale * seen @ normalize(alone.sum(1), dim=-1).T
    return cross_entropy(named, told.number[is_told], reduction="sum") / is_told.sum().clamp(min=1)
