"""What every question answering benchmark comes down to: videos, questions, and one right answer to each."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from hbi.data.samples import DataError, RetrievalSplit, Text, Video

OUT_OF_VOCABULARY = -1
"""The label of a question whose answer no network of this vocabulary can give."""


@dataclass(frozen=True)
class Question:
    """A question about a video (index) with its answer.

    Attributes:
        kind: What accuracies are reported by: the question word, or what the benchmark distinguishes.
        event: Which event of the video holds the evidence, in order of time; None where it is not known or not one.
        start_seconds, end_seconds: When that event is seen.
    """

    text: str
    answer: str
    kind: str
    video: int
    event: int | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class QuestionSplit:
    """One split of a question answering benchmark."""

    name: str
    videos: tuple[Video, ...]
    questions: tuple[Question, ...]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of questions, in the order in which they first appear."""
        return tuple(dict.fromkeys(question.kind for question in self.questions))

    def answerable(self, vocabulary: "AnswerVocabulary") -> "QuestionSplit":
        """Return the split without the questions whose answer is not in the vocabulary: those teach nothing."""
        return QuestionSplit(
            self.name, self.videos, tuple(question for question in self.questions if question.answer in vocabulary)
        )

    def as_texts(self) -> RetrievalSplit:
        """Return the questions as texts that belong to their videos."""
        texts = tuple(Text(question.text, question.video, (question.video,)) for question in self.questions)
        return RetrievalSplit(self.name, self.videos, texts)


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

    def labels(self, questions: Sequence[Question]) -> Int[Tensor, " question"]:
        """Return the number of each question's answer; -1 for one that the vocabulary does not hold."""
        return torch.tensor([self.label_of.get(question.answer, OUT_OF_VOCABULARY) for question in questions])

    def coverage(self, questions: Sequence[Question]) -> float:
        """Return the percentage of the questions whose answer is in the vocabulary: no accuracy can be higher."""
        return 100.0 * sum(question.answer in self for question in questions) / max(1, len(questions))


def question_word(text: str) -> str:
    """Return the first word of a question, in lower case: how benchmarks without kinds of their own are told apart.

    >>> question_word("Who's at the door?")
    'who'
    """
    found = re.search(r"[a-z]+", text.lower())
    return found.group() if found else "other"
