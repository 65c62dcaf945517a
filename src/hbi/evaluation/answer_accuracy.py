"""How often a network answers rightly, by kind of question, beside what needs no video to be known."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.data.answer_vocabulary import AnswerVocabulary
from hbi.data.frames import KeptFrames
from hbi.data.samples import Question, Split
from hbi.evaluation.answer_evidence import AnswerEvidence
from hbi.matching import Answerer
from hbi.processes import Progress


@dataclass(frozen=True)
class Accuracy:
    """Percent of the questions of one kind that are answered rightly.

    Attributes:
        kind: The kind, or `all`.
        accuracy: Of the network. A question whose answer it cannot give counts as wrong.
        top_5: The same, where the right answer may be any of the five that the network holds for likeliest.
        majority: Of always giving the most frequent training answer to this kind of question.
        question_only: Of the same network trained and asked with black frames; None where none was trained.
        num_out_of_vocabulary: Questions whose answer the network cannot give.
    """

    kind: str
    accuracy: float
    top_5: float
    majority: float
    question_only: float | None
    num_questions: int
    num_out_of_vocabulary: int


@dataclass(frozen=True)
class AnswerReport:
    """A network's answers to the questions of a split.

    Attributes:
        accuracies: Of all questions first, then of each kind.
        coverage: Percent of the questions whose answer the network can give: no accuracy can be higher.
        evidence: Where the interactions of the questions lie, where the benchmark knows the seconds.
        problems: One line for each video that was left out or could not be decoded wholly.
    """

    split: str
    num_videos: int
    num_answers: int
    coverage: float
    accuracies: tuple[Accuracy, ...]
    evidence: tuple[AnswerEvidence, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        return values | {"faults": values.pop("problems")}


def answer_logits(
    answerer: Answerer,
    questions: Sequence[Question],
    frames: KeptFrames,
    *,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> Float[Tensor, "question answer"]:
    """Return the logits of all answers to questions about the videos of `frames`, on the CPU.

    Questions about one video that stand together share its encoding.

    Args:
        answerer: The opened model.
        questions: Texts, each with the row of its video.
        frames: Of the videos, as pixels or as features.
        batch_size: Questions in one go.
        progress: Called with the questions that are done, and all.
    """
    logits = []
    for start in range(0, len(questions), batch_size):
        part = questions[start : start + batch_size]
        videos, video_of_text = torch.tensor([question.video for question in part]).unique(return_inverse=True)
        texts = [question.text for question in part]
        logits.append(answerer.answer_logits(texts, frames.content[videos], frames.mask[videos], video_of_text))
        if progress:
            progress(start + len(part), len(questions))
    return torch.cat(logits)


def right_answers(
    logits: Float[Tensor, "question answer"], labels: Int[Tensor, " question"]
) -> Bool[Tensor, " question"]:
    """Return which questions are answered rightly; one whose label is -1 cannot be.

    Args:
        logits: Of the answers that the network can give.
        labels: The number of each right answer among them.
    """
    return logits.argmax(-1) == labels


def answer_ranks(
    logits: Float[Tensor, "question answer"], labels: Int[Tensor, " question"]
) -> Int[Tensor, " question"]:
    """Return the rank of every question's right answer, from 1; behind all others where the network cannot give it.

    Of answers with one logit the first comes first, as `right_answers` takes it.

    Args:
        logits: Of the answers that the network can give.
        labels: The number of each right answer among them; -1: it is none of them.
    """
    own = logits.gather(1, labels.clamp(min=0)[:, None])
    is_earlier = torch.arange(logits.shape[1]) < labels[:, None]
    ahead = ((logits > own) | ((logits == own) & is_earlier)).sum(1)
    return 1 + ahead.where(labels >= 0, torch.tensor(logits.shape[1]))


def majority_answers(train: Sequence[Question]) -> Mapping[str, str]:
    """Return the most frequent training answer to each kind of question; of several the first in the alphabet.

    Args:
        train: The questions that were learned from.
    """
    counts: dict[str, Counter[str]] = {}
    for question in train:
        counts.setdefault(question.kind, Counter())[question.answer] += 1
    return {kind: min(of_kind, key=lambda answer: (-of_kind[answer], answer)) for kind, of_kind in counts.items()}


def report_answers(
    split: Split,
    train: Sequence[Question],
    vocabulary: AnswerVocabulary,
    ranks: Int[Tensor, " question"],
    question_only: Bool[Tensor, " question"] | None,
    *,
    evidence: Sequence[AnswerEvidence] = (),
    problems: tuple[str, ...] = (),
) -> AnswerReport:
    """Return the accuracies of a split from the ranks of the right answers to its questions.

    Args:
        train: The questions that the network learned from, for the majority.
        vocabulary: The answers that the network can give.
        ranks: Of the right answers, by the network (`answer_ranks`).
        question_only: Which questions the network answers rightly that sees black frames.
        evidence, problems: See `AnswerReport`.
    """
    majority = majority_answers(train)
    columns: dict[str, list[bool]] = {
        "majority": [majority.get(question.kind) == question.answer for question in split.questions],
        "out_of_vocabulary": [question.answer not in vocabulary for question in split.questions],
        "right": (ranks <= 1).tolist(),
        "in_5": (ranks <= 5).tolist(),
    }
    if question_only is not None:
        columns["question_only"] = question_only.tolist()
    return AnswerReport(
        split.name,
        len(split.videos),
        len(vocabulary),
        vocabulary.coverage(split.questions),
        tuple(_accuracies(split, columns)),
        tuple(evidence),
        problems,
    )


def _accuracies(split: Split, columns: Mapping[str, Sequence[bool]]) -> Iterator[Accuracy]:
    rows_of_kind: dict[str, list[int]] = {"all": list(range(len(split.questions)))}
    for row, question in enumerate(split.questions):
        rows_of_kind.setdefault(question.kind, []).append(row)
    for kind, rows in rows_of_kind.items():
        counts = {name: sum(column[row] for row in rows) for name, column in columns.items()}
        percent = 100.0 / max(1, len(rows))
        yield Accuracy(
            kind,
            accuracy=percent * counts["right"],
            top_5=percent * counts["in_5"],
            majority=percent * counts["majority"],
            question_only=percent * counts["question_only"] if "question_only" in counts else None,
            num_questions=len(rows),
            num_out_of_vocabulary=counts["out_of_vocabulary"],
        )
