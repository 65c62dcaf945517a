"""Multiple choice by ranking: the text that a retrieval model finds most similar to the video is its answer."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import CLIPTokenizer

from hbi.data.choices import ChoiceSplit
from hbi.data.features import KeptFrames
from hbi.evaluation.similarity import Matcher, pair_similarity


@dataclass(frozen=True)
class ChoiceReport:
    """How often the right text is the most similar one.

    Attributes:
        accuracy: In percent; of several texts that tie for the first place each has an equal share.
        chance: Of a guess.
        faults: One line for each video that was left out or could not be decoded wholly.
    """

    accuracy: float
    chance: float
    num_questions: int
    num_videos: int
    faults: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def choice_accuracy(model: Matcher, tokenizer: CLIPTokenizer, split: ChoiceSplit, bank: KeptFrames) -> ChoiceReport:
    """Return how often a retrieval model chooses the right text of a video."""
    texts = [option for choice in split.choices for option in choice.options]
    videos = torch.tensor([choice.video for choice in split.choices for _ in choice.options])
    similarity = pair_similarity(model, tokenizer, texts, videos, bank)
    points, chance = 0.0, 0.0
    for choice, scores in zip(
        split.choices, similarity.split([len(choice.options) for choice in split.choices]), strict=True
    ):
        is_first = scores == scores.max()
        points += float(is_first[choice.answer]) / float(is_first.sum())
        chance += 1.0 / len(choice.options)
    percent = 100.0 / len(split.choices)
    faults = split.faults + bank.faults
    return ChoiceReport(percent * points, percent * chance, len(split.choices), len(split.videos), faults)
