"""The network that answers questions: `HBIModel` as it is, and a head of answers at every level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from hbi.encoders.encoder import Encoder, Encoding
from hbi.encoders.sizes import ModelError
from hbi.games import LateInteractionGame
from hbi.models.answer_head import AnswerHead, ReleasedAnswerHead
from hbi.models.config import HBIConfig
from hbi.models.from_encoder import FromEncoder
from hbi.models.hbi import HBIModel
from hbi.models.outputs import Hierarchy, MatchOutput, matched_games
from hbi.shapes import LEVELS, ComparedLevel, Level


class AnsweringConfig(HBIConfig):
    """The configuration of `QuestionAnsweringModel`: that of `HBIModel`, and the answers.

    Args:
        answers: All answers that the network can give, in the order of its scores. They are saved as `id2label`.
        answer_channels: Hidden channels of the heads, a multiple of 4; None: 16 times the width of the tokens.
        level_weights: Weight of the entity, action and event level in the answer, and in the similarity of question
            and video.
        config: The fields of `HBIConfig`.

    Raises:
        ModelError: No answers, or channels that are no multiple of 4; a weight of the whole, or weights to be learned.
    """

    model_type = "hbi-answering"

    def __init__(
        self,
        answers: Sequence[str] | None = None,
        answer_channels: int | None = None,
        level_weights: Sequence[float] = (0.4, 0.4, 0.2),
        **config: Any,
    ) -> None:
        if answers is not None:
            config["id2label"] = dict(enumerate(answers))
        super().__init__(level_weights=level_weights, **config)
        # An answer is read off tokens: a summary has no head of answers.
        if self.has_whole or self.learns_level_weights:
            raise ModelError("a network that answers questions has three level_weights, and learns none of them")
        self.answer_channels = answer_channels or 16 * self.width
        if self.answer_channels % 4:
            raise ModelError(f"answer_channels={self.answer_channels}: give a multiple of 4")

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers, in the order of the scores."""
        return tuple(self.id2label[index] for index in range(len(self.id2label)))


@dataclass(frozen=True)
class AnswerOutput:
    """What a training step needs of the network.

    Attributes:
        matching: Questions against videos: similarities and games.
        scores: For every question, a score for each answer, by level.
    """

    matching: MatchOutput
    scores: Mapping[Level, Float[Tensor, "question answer"]]


class QuestionAnsweringModel(FromEncoder, PreTrainedModel):
    """Answers questions about videos: one of `config.answers`.

    The trunk is an `HBIModel`: a question is to it a text like any other.
    """

    config_class = AnsweringConfig
    base_model_prefix = "hbi_answering"
    _no_split_modules = ["CLIPEncoderLayer"]  # noqa: RUF012 (the name and form that transformers reads)

    def __init__(self, config: AnsweringConfig) -> None:
        super().__init__(config)
        self.trunk = HBIModel(config)
        head = ReleasedAnswerHead if config.released_behavior else AnswerHead
        self.answer_heads = nn.ModuleDict(
            {
                level: head(config.width, channels=config.answer_channels, num_answers=len(config.answers))
                for level in LEVELS
            }
        )
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        # The library's small weights, stacked three high on tokens of a small width, would let nothing through.
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                init.zeros_(module.bias)

    @property
    def encoder(self) -> Encoder:
        """The trunk's towers."""
        return self.trunk.encoder

    def scores(
        self, questions: Hierarchy, videos: Hierarchy, video_of_text: Int[Tensor, " question"] | None = None
    ) -> dict[Level, Float[Tensor, "question answer"]]:
        """Return the answers' scores by level.

        Args:
            questions: What `trunk.encode_texts` gave.
            videos: What `trunk.encode_videos` gave.
            video_of_text: The row of each question's video; None: question 0 is about video 0, and so on.
        """
        asked = videos if video_of_text is None else videos[video_of_text]
        return {
            level: self.answer_heads[level](questions.levels[level], asked.levels[level], self.encoder.logit_scale)
            for level in LEVELS
        }

    def games(self, questions: Hierarchy, videos: Hierarchy) -> dict[ComparedLevel, LateInteractionGame]:
        """Return the games of the answers to question 0 about video 0, question 1 about video 1, … at each level.

        Similarities are the trunk's, by which words choose frames to answer from; words and frames weigh as much as in
        the answer. In the trunk's own games they weigh as much as when texts are matched with videos.
        """
        games: dict[ComparedLevel, LateInteractionGame] = {}
        for level in LEVELS:
            asked, seen = questions.levels[level], videos.levels[level]
            head = self.answer_heads[level]
            assert isinstance(head, AnswerHead | ReleasedAnswerHead)
            word_weights, frame_weights = head.weights(asked, seen, self.encoder.logit_scale)
            words, frames = self.trunk.compared(questions, level), self.trunk.compared(videos, level)
            games[level] = matched_games(replace(words, weights=word_weights), replace(frames, weights=frame_weights))
        return games

    def combine(self, scores: Mapping[Level, Float[Tensor, "question answer"]]) -> Float[Tensor, "question answer"]:
        """Return the logits that decide: the mean of the levels' scores by `config.level_weights`."""
        weights = self.config.weight_of_level
        total = sum(weights.values())
        return torch.stack([weights[level] / total * scores[level].float() for level in LEVELS]).sum(0)

    def answer(
        self,
        input_ids: Int[Tensor, "question word"],
        attention_mask: Int[Tensor, "question word"],
        pixels: Float[Tensor, "video frame *content"],
        frame_mask: Bool[Tensor, "video frame"],
        video_of_text: Int[Tensor, " question"],
    ) -> Float[Tensor, "question answer"]:
        """Return the logits of all answers to tokenized questions; their softmax gives probabilities.

        Args:
            input_ids, attention_mask: The tokenized questions.
            pixels, frame_mask: Normalized pixels, or kept features, of the frames; which frames are real.
            video_of_text: The row of the video that each question is about.
        """
        questions = self.trunk.encode_texts(input_ids, attention_mask)
        return self.combine(self.scores(questions, self.trunk.encode_videos(pixels, frame_mask), video_of_text))

    def forward(
        self,
        input_ids: Int[Tensor, "text word"],
        attention_mask: Int[Tensor, "text word"],
        pixels: Float[Tensor, "video frame *content"],
        frame_mask: Bool[Tensor, "video frame"],
        video_of_text: Int[Tensor, " text"],
    ) -> AnswerOutput:
        """Return the scores of the questions' answers, and how all questions match all videos.

        Args:
            input_ids, attention_mask: The tokenized questions, and captions beside them.
            pixels, frame_mask: Normalized pixels, or kept features, of the frames; which frames are real.
            video_of_text: The row of each text's video.
        """
        words, frames = self.encoder(input_ids, attention_mask, pixels, frame_mask)
        return self.match(words, frames, video_of_text)

    def match(self, words: Encoding, frames: Encoding, video_of_text: Int[Tensor, " text"]) -> AnswerOutput:
        """Return what `forward` does, from encodings."""
        questions, videos = self.trunk.words(words.sequence), self.trunk.frames(frames.sequence)
        matching = self.trunk.compare(questions, videos, video_of_text)
        return AnswerOutput(matching, self.scores(questions, videos, video_of_text))
