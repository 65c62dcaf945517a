"""Measuring a model on a split of a data set: how well it ranks, or how often it answers rightly."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from pydantic import ValidationError

from hbi.data.answer_vocabulary import AnswerVocabulary
from hbi.data.benchmark import SplitName
from hbi.data.samples import Question
from hbi.errors import HBIError
from hbi.evaluation.answer_accuracy import AnswerReport, answer_logits, answer_ranks, report_answers, right_answers
from hbi.evaluation.answer_evidence import answer_evidence
from hbi.evaluation.evaluation_protocol import EvaluationProtocol
from hbi.evaluation.published import PublishedRow
from hbi.evaluation.rank_files import RankedQuery, ranks_csv
from hbi.evaluation.retrieval_report import RetrievalReport, report_of
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.experiments.answering import QUESTION_ONLY
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.model_card import write_model_card
from hbi.experiments.protocol import Selection, evaluation_protocol, rows_beside
from hbi.experiments.reading import read_recipe
from hbi.experiments.schema import Recipe
from hbi.experiments.section import MOST_PLACES
from hbi.experiments.splits import DecodedSplit, blank_frames, decode_split, read_split
from hbi.files import write_atomically
from hbi.files.visible_text import visible_json
from hbi.matching import Answerer, Matcher, SourceError, is_run, load, load_answerer
from hbi.matching.loading import RECIPE, Source, Which
from hbi.training.distributed import ALONE, Processes
from hbi.training.run_folder import RunFolder

Direction: TypeAlias = Literal["text-to-video", "video-to-text", "question-to-answer"]
"""What is asked with what: a text for its video, a video for its texts, a question about a video for its answer."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model ranks the videos of a split for its texts, and the texts for its videos.

    Attributes:
        name: Of the model.
        report: All measures.
        protocol: How they came about: data, split, which weights, how many frames.
        published: Rows of published work that they may be compared with.
        origin: Where the model comes from.
    """

    name: str
    report: RetrievalReport
    protocol: EvaluationProtocol
    published: tuple[PublishedRow, ...]
    origin: Mapping[str, str]

    def write(self, folder: Path) -> Path:
        """Write the measures and the rank of every query; return the file of the measures.

        Args:
            folder: A run folder, or any other; it is made if need be.
        """
        split = self.report.split
        write_atomically(rank_file(folder, split, "text-to-video"), ranks_csv(self.report.text_ranks))
        write_atomically(rank_file(folder, split, "video-to-text"), ranks_csv(self.report.video_ranks))
        values = {**self.origin, "protocol": self.protocol.to_dict(), **self.report.to_dict()}
        return _write_measures(folder, split, values)


@dataclass(frozen=True, eq=False)
class GivenAnswer:
    """A question of a split, what a model answers, and the rank of the right answer among all that it can give."""

    video_id: str
    question: Question
    given: str
    probability: float
    rank: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        question = self.question
        asked = {"question": question.text, "kind": question.kind, "answer": question.answer}
        said = {"given": self.given, "probability": round(self.probability, 4), "rank": self.rank}
        return {"video_id": self.video_id, **asked, **said}


@dataclass(frozen=True, eq=False)
class AnswerEvaluation:
    """How often a model answers the questions of a split rightly.

    Attributes:
        name: Of the model.
        report: Accuracies by kind of question.
        given: Every question with the answer given.
        origin: Where the model comes from.
    """

    name: str
    report: AnswerReport
    given: tuple[GivenAnswer, ...]
    origin: Mapping[str, str]

    def write(self, folder: Path) -> Path:
        """Write the measures and every answer; return the file of the measures.

        Args:
            folder: A run folder, or any other; it is made if need be.
        """
        split = self.report.split
        lines = (visible_json(answer.to_dict()) + "\n" for answer in self.given)
        write_atomically(folder / f"answers-{split}.jsonl", "".join(lines))
        ranked = [RankedQuery(each.video_id, each.rank, each.question.text) for each in self.given]
        write_atomically(rank_file(folder, split, "question-to-answer"), ranks_csv(ranked))
        return _write_measures(folder, split, {**self.origin, **self.report.to_dict()})


def evaluate(
    source: Source | Matcher | Answerer,
    *,
    split: SplitName = "test",
    data: Source | None = None,
    dataset: str = "shape-stories",
    num_frames: int | None = None,
    weights: Which = "best",
    device: str | torch.device = "auto",
    use_dual_softmax: bool = False,
    processes: Processes = ALONE,
    bars: Bars = no_bars,
) -> Evaluation | AnswerEvaluation:
    """Return the measures of a model on a split: an `Evaluation`, or an `AnswerEvaluation` of one that answers.

    Args:
        source: What `hbi.load` opens, or a model that is open already.
        split: Which videos and texts.
        data: The folder of the data set; None: that of the run's recipe.
        dataset: Which data set that is, where `data` is given.
        num_frames: Frames of a video that the model is shown; None: as many as it was trained with.
        weights: Of a run, which ones.
        device: "auto", "cpu", "cuda", …
        use_dual_softmax: Rank by dual softmax, which looks at all queries at once.
        processes: Those of a job that measure together; all call this, and all return the same.
        bars: Shows how far the work has come.

    Raises:
        SourceError: There is no model, or one without data of its own and no `data`.
        DataError: The data set is not there, or not as it should be.
        HBIError: The model computes no numbers from these videos.
    """
    if isinstance(source, Matcher | Answerer):
        if num_frames is not None or weights != "best" or device != "auto":
            raise HBIError(f"{source.name} is open already: give num_frames, weights and device to hbi.load")
        opened = source
    else:
        opened = load(source, device=device, num_frames=num_frames, weights=weights)
    recipe = recipe_of(opened, data, dataset)
    if isinstance(opened, Matcher):
        chosen: Selection = "last" if opened.origin.get("weights") == "last" else "best"
        selection: Selection = chosen if opened.run else "given"
        return _evaluate_ranking(opened, recipe, split, selection, processes, bars, use_dual_softmax=use_dual_softmax)
    if use_dual_softmax:
        raise HBIError(f"{opened.name} answers questions, and dual softmax is for ranking: leave it out")
    return _evaluate_answers(opened, recipe, split, bars)


def recipe_of(opened: Matcher | Answerer, data: Source | None, dataset: str) -> Recipe:
    """Return a recipe that names the data to measure on: that of the model's run, or one made up for a data set.

    Args:
        opened: The model: its numbers of frames and words are the recipe's.
        data: The folder of the data set; None: that of the run.
        dataset: Which data set that is.

    Raises:
        SourceError: There is neither.
    """
    sizes = {"num_frames": opened.num_frames, "max_words": min(opened.max_words, MOST_PLACES)}
    if data is None:
        if opened.run is None:
            raise SourceError(f"{opened.name} has no data set of its own: give its folder with --data (data=…)")
        recipe = read_recipe(str(opened.run / RECIPE))
        return recipe.model_copy(update={"data": recipe.data.model_copy(update=sizes)})
    kind = "answering" if isinstance(opened, Answerer) else "global"  # it is not trained: other sizes do not matter
    section = {"dataset": dataset, "root": os.fspath(data), **sizes}
    try:
        return Recipe.model_validate({"data": section, "model": {"kind": kind}, "training": {"num_steps": 1}})
    except ValidationError as error:
        raise HBIError(f"--dataset {dataset}: {error.errors()[0]['msg']}") from error


def metrics_file(folder: Path, split: str) -> Path:
    """Return where the measures of a split are written: metrics.json for the test split."""
    return folder / ("metrics.json" if split == "test" else f"metrics-{split}.json")


def rank_file(folder: Path, split: str, direction: Direction) -> Path:
    """Return where the rank of each query of a direction is written.

    Args:
        folder: Where an evaluation was written.
        split: Name of the split that was ranked.
        direction: What was searched with what.
    """
    return folder / (f"ranks-{split}.csv" if direction == "text-to-video" else f"ranks-{split}-{direction}.csv")


def _evaluate_ranking(
    matcher: Matcher,
    recipe: Recipe,
    split: SplitName,
    selection: Selection,
    processes: Processes,
    bars: Bars,
    *,
    use_dual_softmax: bool,
) -> Evaluation:
    with bars("decoding videos") as progress:
        decoded = decode_split(recipe, split, progress, matcher.picture)
    texts = [text.text for text in decoded.split.texts]
    with bars("comparing texts") as progress:
        similarity = similarity_matrix(matcher, texts, decoded.frames, sharing=processes, progress=progress)
    _require_numbers(similarity, matcher.name)
    report = report_of(matcher, decoded.split, decoded.frames, similarity, is_dual_softmax=use_dual_softmax)
    protocol = evaluation_protocol(
        recipe, split, selection, num_videos=report.num_videos, is_dual_softmax=use_dual_softmax
    )
    return Evaluation(matcher.name, report, protocol, tuple(rows_beside(recipe, split, protocol)), matcher.origin)


def _evaluate_answers(answerer: Answerer, recipe: Recipe, split: SplitName, bars: Bars) -> AnswerEvaluation:
    with bars("decoding videos") as progress:
        decoded = decode_split(recipe, split, progress, answerer.picture)
    questions, vocabulary = decoded.split.questions, AnswerVocabulary(answerer.answers)
    with bars("answering") as progress:
        logits = answer_logits(answerer, questions, decoded.frames, progress=progress)
    _require_numbers(logits, answerer.name)
    ranks = answer_ranks(logits, vocabulary.labels(questions))
    report = report_answers(
        decoded.split,
        read_split(recipe, "train").split.questions,
        vocabulary,
        ranks,
        _question_only(answerer.run, decoded, answerer) if answerer.run else None,
        evidence=answer_evidence(answerer, questions, decoded.frames),
        problems=decoded.frames.problems,
    )
    best = logits.softmax(-1).max(-1)
    columns = zip(questions, best.indices.tolist(), best.values.tolist(), ranks.tolist(), strict=True)
    given = tuple(
        GivenAnswer(decoded.split.videos[question.video].video_id, question, vocabulary.answers[label], *numbers)
        for question, label, *numbers in columns
    )
    return AnswerEvaluation(answerer.name, report, given, answerer.origin)


def _question_only(run: Path, decoded: DecodedSplit, answerer: Answerer) -> torch.Tensor | None:
    """Return which questions the run's question-only baseline answers rightly; None where there is none."""
    if not RunFolder(run / QUESTION_ONLY).is_finished:
        return None
    blind = load_answerer(run / QUESTION_ONLY, device=answerer.device)
    frames = blank_frames(len(decoded.split.videos), blind.picture)
    logits = answer_logits(blind, decoded.split.questions, frames)
    return right_answers(logits, AnswerVocabulary(blind.answers).labels(decoded.split.questions))


def _require_numbers(values: torch.Tensor, name: str) -> None:
    if not values.isfinite().all():
        raise HBIError(f"{name} computes no numbers from these videos: its weights are damaged, train it anew")


def _write_measures(folder: Path, split: str, values: Mapping[str, Any]) -> Path:
    """Write the file of measures and return it; in a run folder the model card tells of them."""
    file = metrics_file(folder, split)
    write_atomically(file, json.dumps(values, indent=2) + "\n")
    if is_run(folder):
        write_model_card(folder)
    return file
