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
        tokens_ATD, tokens_AVD = _real_tokens(words), _real_tokens(frames)
        weights_AT, log_looks_AV = self._weigh(words, frames, scale)
        question_AVD = (weights_AT[:, None] @ tokens_ATD).expand(-1, tokens_AVD.shape[1], -1)
        answers_AVC = self.scores(self._hidden(tokens_AVD, question_AVD)) + self.frame_scores(tokens_AVD)
        return (log_looks_AV[..., None] + answers_AVC.float().log_softmax(-1)).logsumexp(1)

    def weights(
        self, words: Players, frames: Players, scale: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, "question word"], Float[Tensor, "question frame"]]:
        """Return how much each word counts in choosing frames, and P(frame | question); each sums to 1.

        Args:
            words, frames: Of the questions, and of the video that each is about.
            scale: What multiplies a cosine to make a logit.
        """
        weights_AT, log_looks_AV = self._weigh(words, frames, scale)
        return weights_AT.float(), log_looks_AV.exp() * frames.sequence.mask

    def _weigh(self, words: Players, frames: Players, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return the words' weights [question, word] and log P(frame | question) [question, frame]."""
        tokens_ATD, tokens_AVD = _real_tokens(words), _real_tokens(frames)
        weights_AT = _softmax(self.word_weights(tokens_ATD).squeeze(-1), words.sequence.mask)
        similarity_ATV = pair_token_similarity(tokens_ATD.float(), tokens_AVD.float())
        interest_AV = self.frame_weights(tokens_AVD).squeeze(-1)
        looks_AV = scale * (weights_AT[:, None].float() @ similarity_ATV).squeeze(1) + interest_AV
        return weights_AT, _masked(looks_AV.float(), frames.sequence.mask).log_softmax(-1)


class ReleasedAnswerHead(AnswerLayers):
    """Scores answers as the authors' released code does: words and frames are pooled apart, padding has weight."""

    def forward(self, words: Players, frames: Players, scale: Float[Tensor, ""]) -> Float[Tensor, "question answer"]:
        """Return a score for every answer; `scale` plays no part."""
        word_weights, frame_weights = self.weights(words, frames, scale)
        return self.scores(self._hidden(_pooled(frames, frame_weights), _pooled(words, word_weights)))

    def weights(
        self, words: Players, frames: Players, scale: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, "question word"], Float[Tensor, "question frame"]]:
        """Return how much each word and each frame counts among its own; each sums to 1 together with padding."""
        return (
            self.word_weights(words.sequence.tokens).squeeze(-1).softmax(-1),
            self.frame_weights(frames.sequence.tokens).squeeze(-1).softmax(-1),
        )


def _pooled(players: Players, weights: Float[Tensor, "question token"]) -> Float[Tensor, "question width"]:
    return (weights[:, None] @ _real_tokens(players)).squeeze(1)


def _real_tokens(players: Players) -> Float[Tensor, "question token width"]:
    """Return the tokens, and zeros at padding."""
    return players.sequence.tokens * players.sequence.mask[..., None]


def _softmax(logits: Tensor, mask: Bool[Tensor, "..."]) -> Tensor:
    """Return softmax over the real tokens of the last axis; zeros where there is none."""
    return _masked(logits, mask).softmax(-1) * mask


def _masked(logits: Tensor, mask: Bool[Tensor, "..."]) -> Tensor:
    """Return logits that are as low as they can be, but finite, at padding: a row of padding alone gives no NaN."""
    return logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
