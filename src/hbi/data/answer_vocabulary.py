"""The answers that a network can give: the most frequent ones of a split, or those of a file."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from hbi.data.annotation_files import read_json, read_lines
from hbi.data.caption_records import text_of
from hbi.data.samples import DataError, Question, Split, Text
from hbi.files.json_values import is_whole

OUT_OF_VOCABULARY = -1
"""The label of a text that asks nothing, or whose answer no network of this vocabulary can give."""


@dataclass(frozen=True)
class AnswerVocabulary:
    """The answers that a network can give, in the order of its scores.

    Raises:
        DataError: There are none, or one stands there twice.
    """

    answers: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.answers:
            raise DataError("an answer vocabulary needs answers, and got none")
        twice = [answer for answer, count in Counter(self.answers).items() if count > 1]
        if twice:
            raise DataError(f"the answer vocabulary holds {twice[0]!r} twice: which score is meant?")

    @classmethod
    def most_frequent(cls, questions: Iterable[Question], num_answers: int | None = None) -> "AnswerVocabulary":
        """Return the most frequent answers, the first ones first; None: all of them. Ties stand in alphabetic order."""
        counts = Counter(question.answer for question in questions)
        ordered = sorted(counts, key=lambda answer: (-counts[answer], answer))
        return cls(tuple(ordered[:num_answers]))

    @cached_property
    def label_of(self) -> Mapping[str, int]:
        """The number of each answer."""
        return {answer: label for label, answer in enumerate(self.answers)}

    def __contains__(self, answer: object) -> bool:
        """Return whether the network can give this answer."""
        return answer in self.label_of

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self.answers)

    def labels(self, texts: Sequence[Text]) -> Int[Tensor, " text"]:
        """Return the number of each question's answer; -1 for one that is not here, and for texts that ask nothing."""
        return torch.tensor([self._label(text) for text in texts])

    def coverage(self, questions: Sequence[Question]) -> float:
        """Return the percentage of the questions whose answer is in the vocabulary: no accuracy can be higher."""
        return 100.0 * sum(question.answer in self for question in questions) / max(1, len(questions))

    def answerable(self, split: Split) -> Split:
        """Return a split with only the questions whose answer is in the vocabulary: others teach nothing."""
        return replace(split, texts=tuple(question for question in split.questions if question.answer in self))

    def _label(self, text: Text) -> int:
        return self.label_of.get(text.answer, OUT_OF_VOCABULARY) if isinstance(text, Question) else OUT_OF_VOCABULARY


def read_answers(path: Path) -> AnswerVocabulary:
    """Return the answers of a file: JSON {answer: number} or [answer, …], or a text with an answer a line.

    Raises:
        DataError: The file is none of these, or its numbers are not 0, 1, 2, ….
    """
    if path.suffix != ".json":
        return AnswerVocabulary(tuple(read_lines(path)))
    content = read_json(path)
    if isinstance(content, list):
        return AnswerVocabulary(tuple(text_of(str(path), "answer", answer) for answer in content))
    if not isinstance(content, dict) or not all(map(is_whole, content.values())):
        raise DataError(f"{path} should hold answers: {{answer: number}} or [answer, …]")
    for answer in content:
        text_of(str(path), "answer", answer)
    ordered = sorted(content, key=lambda answer: content[answer])
    numbers = [content[answer] for answer in ordered]
    if numbers != list(range(len(numbers))):
        wrong = next(place for place, number in enumerate(numbers) if place != number)
        raise DataError(f"{path}: the numbers of the answers should be 0, 1, 2, …; {ordered[wrong]!r} is out of line")
    return AnswerVocabulary(tuple(ordered))
