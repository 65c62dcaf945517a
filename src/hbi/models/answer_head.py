"""From the words of a question and the frames of its video to a score for every answer, at one level."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hbi.models.outputs import Players
from hbi.ops import pair_token_similarity

PROJECTION_SHARE = 4
"""Hidden channels per channel of the projected evidence of one side, as in the released code."""
DROPOUT = 0.1


class AnswerHead(nn.Module):
    """Scores answers by what each word of the question finds in the frames (paper, section 3.5: a classifier a level).

    A word looks at the frames by the token similarity that also makes the level's game, so that the interactions show
    where the answer came from. The word and what it found give hidden features; their mean over the words, by learned
    weights, gives the scores.

    Differs: the released code pools words and frames apart, each by weights of their own, so that a question cannot
    choose the frames that it is about (`ReleasedAnswerHead`). The parameters are the same.
    """

    def __init__(self, width: int, *, channels: int, num_answers: int) -> None:
        super().__init__()
        projected = channels // PROJECTION_SHARE
        self.word_weights = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.frame_weights = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.word_projection = nn.Linear(width, projected)
        self.frame_projection = nn.Linear(width, projected)
        self.dropout = nn.Dropout(DROPOUT)
        self.hidden = nn.Linear(2 * projected, channels)
        self.scores = nn.Linear(channels, num_answers)

    def forward(self, words: Players, frames: Players, scale: Float[Tensor, ""]) -> Float[Tensor, "question answer"]:
        """Return a score for every answer to question 0 about video 0, question 1 about video 1, …

        Args:
            words: Of the questions.
            frames: Of the video that each question is about.
            scale: What multiplies a cosine to make a logit.
        """
        is_word, is_frame = words.sequence.mask, frames.sequence.mask
        tokens_ATD, tokens_AVD = (
            words.sequence.tokens * is_word[..., None],
            frames.sequence.tokens * is_frame[..., None],
        )
        similarity_ATV = pair_token_similarity(tokens_ATD.float(), tokens_AVD.float())
        interest_AV = self.frame_weights(tokens_AVD).squeeze(-1)
        looks_ATV = _softmax(scale * similarity_ATV + interest_AV[:, None], is_frame[:, None])
        weights_AT = _softmax(self.word_weights(tokens_ATD).squeeze(-1), is_word)
        hidden_ATC = self._hidden(looks_ATV.to(tokens_AVD.dtype) @ tokens_AVD, tokens_ATD)
        return self.scores((weights_AT[:, None] @ hidden_ATC).squeeze(1))

    def _hidden(self, found: Tensor, words: Tensor) -> Tensor:
        evidence = torch.cat([self.frame_projection(found), self.word_projection(words)], dim=-1)
        return self.hidden(self.dropout(evidence)).relu()


class ReleasedAnswerHead(AnswerHead):
    """Scores answers as the authors' released code does: words and frames are pooled apart, padding has weight."""

    def forward(self, words: Players, frames: Players, scale: Float[Tensor, ""]) -> Float[Tensor, "question answer"]:
        """Return a score for every answer; `scale` plays no part."""
        return self.scores(self._hidden(_pooled(frames, self.frame_weights), _pooled(words, self.word_weights)))


def _pooled(players: Players, weigh: nn.Module) -> Float[Tensor, "question width"]:
    """Return the weighted sum of tokens, whose weights sum to 1 together with those of padding."""
    tokens_AND, mask = players.sequence.tokens, players.sequence.mask
    weights_AN = weigh(tokens_AND).squeeze(-1).softmax(-1)
    return (weights_AN[:, None] @ (tokens_AND * mask[..., None])).squeeze(1)


def _softmax(logits: Tensor, mask: Bool[Tensor, "..."]) -> Tensor:
    """Return softmax over the real tokens of the last axis; zeros where there is none."""
    lowest = torch.finfo(logits.dtype).min
    return logits.masked_fill(~mask, lowest).softmax(-1) * mask
