"""From a network that answers, a video file and a question to answers, and where they come from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import normalize_pixels
from hbi.data.tokenizer import tokenize
from hbi.explanation.explain import ExplanationError, explain
from hbi.explanation.explanation import Explanation, Frame, Word
from hbi.models import QuestionAnsweringModel
from hbi.video import read_frames


@dataclass(frozen=True, eq=False)
class AnsweredQuestion:
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

    def best(self, number: int) -> list[tuple[str, float]]:
        """Return the most probable answers with their probabilities, the most probable first."""
        best = self.probabilities.topk(min(number, len(self.answers)))
        return [(self.answers[i], value) for i, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def reasons(self, number: int) -> list[tuple[Word, Frame, float]]:
        """Return the pairs of word and frame with the largest positive interactions, the largest first."""
        interactions = self.explanation.interactions
        order = np.argsort(-interactions, axis=None, kind="stable")[:number]
        places = (np.unravel_index(place, interactions.shape) for place in order)
        return [
            (self.explanation.words[row], self.explanation.frames[column], float(interactions[row, column]))
            for row, column in places
            if interactions[row, column] > 0
        ]


@torch.inference_mode()
def answer_question(
    model: QuestionAnsweringModel,
    tokenizer: CLIPTokenizer,
    video: Path,
    question: str,
    *,
    name: str,
    num_frames: int,
    image_size: int,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> AnsweredQuestion:
    """Return the answers to a question about a video.

    Raises:
        VideoError: The file cannot be decoded.
        ExplanationError: The question holds no words.
    """
    if not question.strip():
        raise ExplanationError("the question is empty: ask something about the video, in quotes")
    explanation = explain(
        model.trunk,
        tokenizer,
        video,
        question,
        name=name,
        num_frames=num_frames,
        image_size=image_size,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        games=model.games,
    )
    frames = read_frames(video, num_frames, image_size=image_size, start_seconds=start_seconds, end_seconds=end_seconds)
    tokenized = tokenize(tokenizer, [question], model.config.max_words)
    logits = model.answer(
        tokenized.input_ids.to(model.device),
        tokenized.attention_mask.to(model.device),
        normalize_pixels(frames.pixels[None].to(model.device)),
        torch.ones(1, len(frames.pixels), dtype=torch.bool, device=model.device),
        torch.zeros(1, dtype=torch.long, device=model.device),
    )
    answered = AnsweredQuestion(
        model.config.answers, logits[0].float().softmax(-1).cpu(), explanation, explanation.remark
    )
    answer, probability = answered.best(1)[0]
    remarks = [f"the answer: {answer} ({100 * probability:.0f} %)", *filter(None, [explanation.remark])]
    return replace(answered, explanation=replace(explanation, remark="; ".join(remarks)))
