"""`Answerer`: an opened model that answers questions about videos, and says where its answers come from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.matching.explaining import ExplanationError, encode_pair, explain_pair
from hbi.matching.opened_model import OpenedModel, VideoPath
from hbi.models import QuestionAnsweringModel
from hbi.video.sample import VideoSample


@dataclass(frozen=True, eq=False)
class Answer:
    """A question with the probability of every answer, and the interactions of its words with the frames.

    Attributes:
        answers: All that the network can give.
        probabilities: Of each of them; they sum to 1.
        explanation: The games of the answer (`QuestionAnsweringModel.games`): words choose frames to answer from by
            their similarity, and each counts as it does in the answer. Its remark names the answer.
        remark: What a reader has to know besides, such as damage of the video file.
    """

    answers: tuple[str, ...]
    probabilities: Float[Tensor, " answer"]
    explanation: Explanation
    remark: str | None

    @property
    def text(self) -> str:
        """The most probable answer."""
        return self.best(1)[0][0]

    def best(self, number: int) -> list[tuple[str, float]]:
        """Return the `number` most probable answers with their probabilities, the most probable first."""
        best = self.probabilities.topk(min(number, len(self.answers)))
        return [(self.answers[i], value) for i, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def reasons(self, number: int) -> list[tuple[Word, Frame, float]]:
        """Return up to `number` pairs of word and frame with the largest positive interactions, the largest first."""
        interactions = self.explanation.interactions
        order = np.argsort(-interactions, axis=None, kind="stable")[:number]
        places = (np.unravel_index(place, interactions.shape) for place in order)
        return [
            (self.explanation.words[row], self.explanation.frames[column], float(interactions[row, column]))
            for row, column in places
            if interactions[row, column] > 0
        ]


@dataclass(frozen=True, eq=False)
class Answerer(OpenedModel):
    """An opened model that answers questions; `hbi.load` returns one.

    >>> answerer = hbi.load("runs/shape-stories-qa")  # doctest: +SKIP
    >>> answerer.answer("one.mp4", "what color is the circle?").text  # doctest: +SKIP
    'red'
    """

    model: QuestionAnsweringModel

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers that it can give, in the order of its scores."""
        return self.model.config.answers

    @torch.inference_mode()
    def answer_logits(
        self,
        questions: Sequence[str],
        frames: Tensor,
        mask: Bool[Tensor, "video frame"],
        video_of_question: Int[Tensor, " question"],
    ) -> Float[Tensor, "question answer"]:
        """Return the logits of all answers, on the CPU; their softmax gives probabilities.

        Args:
            questions: The questions.
            frames: Pixels in uint8 [video, frame, 3, height, width], or features of frames [video, frame, width].
            mask: True where a frame is real.
            video_of_question: The row of each question's video.
        """
        tokens = self.tokenize(questions)
        logits = self.model.answer(
            tokens.input_ids.to(self.device),
            tokens.attention_mask.to(self.device),
            self.network_input(frames),
            mask.to(self.device),
            video_of_question.to(self.device),
        )
        return logits.float().cpu()

    @torch.inference_mode()
    def answer(
        self,
        video: VideoPath,
        question: str,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        sample: VideoSample | None = None,
    ) -> Answer:
        """Return the answers to a question about a video, and where they come from; the video is read once.

        Args:
            video: A video file.
            question: What to ask about it.
            start_seconds: Look from this second on; None: from the beginning.
            end_seconds: Look up to this second; None: to the end.
            sample: What was read of the video already (`read_sample`); None: it is read here.

        Raises:
            VideoError: The file cannot be decoded.
            ExplanationError: The question holds no words.
        """
        if not question.strip():
            raise ExplanationError("the question is empty: ask something about the video, in quotes")
        pair = encode_pair(
            self, self.model.trunk, video, question, start_seconds=start_seconds, end_seconds=end_seconds, sample=sample
        )
        logits = self.model.combine(self.model.scores(pair.words, pair.frames))[0]
        games = self.model.games(pair.words, pair.frames)
        explanation = explain_pair(pair, games, self.weight_of_level, name=self.name)
        answered = Answer(self.answers, logits.float().softmax(-1).cpu(), explanation, explanation.remark)
        answer, probability = answered.best(1)[0]
        remarks = [f"the answer: {answer} ({100 * probability:.0f} %)", *filter(None, [explanation.remark])]
        return replace(answered, explanation=replace(explanation, remark="; ".join(remarks)))
