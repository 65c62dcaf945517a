"""From the words of a question and the frames of its video to a score for every answer, at one level."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hbi.models.outputs import Players
from hbi.ops import pair_token_similarity

PROJECTION_SHARE = 4
"""Hidden channels per channel of the projected evidence of one side, as in the released code."""
DROPOUT = 0.1


class AnswerLayers(nn.Module):
    """What both heads are made of: weights of words and of frames, and hidden features of what they hold together."""

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

    def _hidden(self, found: Tensor, words: Tensor) -> Tensor:
        evidence = torch.cat([self.frame_projection(found), self.word_projection(words)], dim=-1)
        return self.hidden(self.dropout(evidence)).relu()


class AnswerHead(AnswerLayers):
    """Lets every frame answer, and believes those that the question is about (paper, section 3.5: a head a level).

        P(answer) = sum over frames of P(frame | question) P(answer | question, frame)

    The words choose the frame together, by the token similarity that also makes the level's game, so that the
    interactions show where the answer came from; a frame has a weight of its own beside. Frames that do not answer as
    they should weigh less in the gradient than with a mean of frames: what is found and what is read there are learned
    from each other.

    Differs: the released code pools words and frames apart, each by weights of their own, so that a question cannot
    choose the frames that it is about (`ReleasedAnswerHead`).
    """

    def __init__(self, width: int, *, channels: int, num_answers: int) -> None:
        super().__init__(width, channels=channels, num_answers=num_answers)
        self.frame_scores = nn.Linear(width, num_answers, bias=False)

    def forward(self, words: Players, frames: Players, scale: Float[Tensor, ""]) -> Float[Tensor, "question answer"]:
        """Return the log probability of every answer to question 0 about video 0, question 1 about video 1, …

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
        weights_A1T = _softmax(self.word_weights(tokens_ATD).squeeze(-1), is_word)[:, None]
        similarity_ATV = pair_token_similarity(tokens_ATD.float(), tokens_AVD.float())
        interest_AV = self.frame_weights(tokens_AVD).squeeze(-1)
        looks_AV = scale * (weights_A1T.float() @ similarity_ATV).squeeze(1) + interest_AV
        question_AVD = (weights_A1T @ tokens_ATD).expand(-1, tokens_AVD.shape[1], -1)
        answers_AVC = self.scores(self._hidden(tokens_AVD, question_AVD)) + self.frame_scores(tokens_AVD)
        log_looks_AV1 = _masked(looks_AV.float(), is_frame).log_softmax(-1)[..., None]
        return (log_looks_AV1 + answers_AVC.float().log_softmax(-1)).logsumexp(1)


class ReleasedAnswerHead(AnswerLayers):
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
    return _masked(logits, mask).softmax(-1) * mask


def _masked(logits: Tensor, mask: Bool[Tensor, "..."]) -> Tensor:
    """Return logits that are as low as they can be, but finite, at padding: a row of padding alone gives no NaN."""
    return logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
