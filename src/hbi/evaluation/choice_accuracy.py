"""Choosing the right text of a video by similarity: multiple choice, and minimal pairs of a true and a false text."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from hbi.data.choices import ChoiceSplit
from hbi.data.frames import KeptFrames
from hbi.data.samples import MinimalPair
from hbi.evaluation.similarity_matrix import pair_similarity
from hbi.matching import Matcher


@dataclass(frozen=True)
class ChoiceReport:
    """How often the right text is the most similar one.

    Attributes:
        accuracy: In percent; of several texts that tie for the first place each has an equal share.
        chance: Of a guess.
        problems: One line for each video that was left out or could not be decoded wholly.
    """

    accuracy: float
    chance: float
    num_questions: int
    num_videos: int
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        return values | {"faults": values.pop("problems")}


def choice_accuracy(matcher: Matcher, split: ChoiceSplit, frames: KeptFrames) -> ChoiceReport:
    """Return how often a retrieval model chooses the right text of a video.

    Args:
        matcher: The opened model.
        split: Videos, each with some texts of which one is right.
        frames: Of these videos.
    """
    texts = [option for choice in split.choices for option in choice.options]
    videos = torch.tensor([choice.video for choice in split.choices for _ in choice.options])
    similarity = pair_similarity(matcher, texts, videos, frames)
    points, chance = 0.0, 0.0
    for choice, scores in zip(
        split.choices, similarity.split([len(choice.options) for choice in split.choices]), strict=True
    ):
        is_first = scores == scores.max()
        points += float(is_first[choice.answer]) / float(is_first.sum())
        chance += 1.0 / len(choice.options)
    percent = 100.0 / len(split.choices)
    problems = split.problems + frames.problems
    return ChoiceReport(percent * points, percent * chance, len(split.choices), len(split.videos), problems)


@dataclass(frozen=True)
class PairAccuracy:
    """Minimal pairs of one kind: percent where the true text scores higher; a tie counts half, chance is 50."""

    kind: str
    accuracy: float
    num_pairs: int


def minimal_pair_accuracy(matcher: Matcher, pairs: Sequence[MinimalPair], frames: KeptFrames) -> list[PairAccuracy]:
    """Return the accuracy on each kind of minimal pair, in the order in which the kinds first appear.

    Args:
        matcher: The opened model.
        pairs: A true and a false text, and the row of their video.
        frames: Of the videos.
    """
    videos = torch.tensor([pair.video for pair in pairs], dtype=torch.long)
    true = pair_similarity(matcher, [pair.true_text for pair in pairs], videos, frames)
    false = pair_similarity(matcher, [pair.false_text for pair in pairs], videos, frames)
    correct = (true > false).double() + (true == false).double() / 2
    return list(_by_kind(pairs, correct.tolist()))


def _by_kind(pairs: Sequence[MinimalPair], correct: Sequence[float]) -> Iterator[PairAccuracy]:
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        of_kind = [value for pair, value in zip(pairs, correct, strict=True) if pair.kind == kind]
        yield PairAccuracy(kind, 100.0 * sum(of_kind) / len(of_kind), len(of_kind))
