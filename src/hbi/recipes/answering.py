"""From a recipe that asks questions to its data, network and trainer; and back from a run folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from hbi.data.answer_files import read_answers
from hbi.data.benchmark import SplitName
from hbi.data.frames import FrameBank, decode_frames
from hbi.data.packed_frames import FrameSampling, open_frames
from hbi.data.question_benchmark import LoadedQuestions, load_questions
from hbi.data.question_benchmarks import find_question_benchmark
from hbi.data.questions import OUT_OF_VOCABULARY, AnswerVocabulary, QuestionSplit
from hbi.data.samples import DataError, RetrievalSplit
from hbi.data.shape_stories import load_stories
from hbi.data.shape_stories.answering import VOCABULARY, question_split
from hbi.data.shape_stories.retrieval import retrieval_split
from hbi.data.tokenizer import load_tokenizer
from hbi.evaluation.answers import answer_logits, right_answers
from hbi.models import QuestionAnsweringModel, open_network
from hbi.models.processor import require_vocabulary
from hbi.recipes.experiment import build_objective, training_batches, training_settings
from hbi.recipes.network import build_network
from hbi.recipes.reading import read_recipe
from hbi.recipes.runs import claim_folder, keep_faults, keep_tokenizer
from hbi.recipes.schema import Recipe
from hbi.recipes.splits import Counter, frames_of_split
from hbi.training.answering import AnsweringObjective
from hbi.training.distributed import ALONE, Processes
from hbi.training.loop import Trainer
from hbi.training.run_folder import RunError, RunFolder

QUESTION_ONLY = "question-only"
"""The folder, in that of a run, of the same network trained with black frames."""


@dataclass(frozen=True)
class DecodedQuestions:
    """A split of the recipe's questions with the frames of its videos."""

    split: QuestionSplit
    bank: FrameBank


def question_only(recipe: Recipe) -> Recipe:
    """Return the recipe of the baseline that sees one black frame instead of each video.

    Whatever it gets right can be known from the question alone, and from which answers are frequent. There is nothing
    to match, so it has neither captions nor the matching objective, and a third of the steps: it stops rising before
    that (docs/results/video-qa.md).
    """
    data = recipe.data.model_copy(update={"blank": True, "captions": 0})
    objective = recipe.objective.model_copy(update={"matching": 0.0})
    training = recipe.training.model_copy(update={"num_steps": max(1, recipe.training.num_steps // 3)})
    return recipe.model_copy(update={"data": data, "objective": objective, "training": training})


def read_question_split(recipe: Recipe, name: SplitName) -> LoadedQuestions:
    """Return a split of the recipe's questions.

    Raises:
        DataError: The data set is not there, is not as it should be, or asks no questions.
    """
    data, root = recipe.data, Path(recipe.data.root)
    if data.dataset == "shape-stories":
        draws = data.question_draws if name == "train" else 1
        return LoadedQuestions(question_split(name, load_stories(root, name), draws=draws), ())
    videos = Path(data.videos) if data.videos else root / "videos"
    return load_questions(
        find_question_benchmark(data.dataset),
        name,
        annotations=Path(data.annotations) if data.annotations else root / "annotations",
        videos=None if data.frames or data.blank else videos,
    )


def decode_questions(recipe: Recipe, name: SplitName, progress: Counter | None = None) -> DecodedQuestions:
    """Return a split of the recipe's questions with frames: decoded now, packed before, or black."""
    loaded = read_question_split(recipe, name)
    videos = loaded.split.videos
    sampling = FrameSampling(frames_of_split(recipe, name), recipe.data.image_size)
    if recipe.data.blank:
        bank = blank_frames(len(videos), recipe.data.image_size)
    elif recipe.data.frames:
        bank = open_frames(Path(recipe.data.frames) / name, videos, sampling)
    else:
        bank = decode_frames(videos, num_frames=sampling.num_frames, image_size=sampling.image_size, progress=progress)
    return DecodedQuestions(loaded.split, replace(bank, faults=loaded.faults + bank.faults))


def blank_frames(num_videos: int, image_size: int) -> FrameBank:
    """Return one black frame for every video."""
    return FrameBank(
        torch.zeros(num_videos, 1, 3, image_size, image_size, dtype=torch.uint8),
        torch.ones(num_videos, 1, dtype=torch.bool),
        torch.zeros(num_videos, 1, dtype=torch.float64),
        (),
    )


def answer_vocabulary(recipe: Recipe, train: QuestionSplit) -> AnswerVocabulary:
    """Return the answers that the recipe's network can give.

    Raises:
        DataError: The recipe's file of answers cannot be read.
    """
    if recipe.data.answers:
        vocabulary = read_answers(Path(recipe.data.answers))
        return AnswerVocabulary(vocabulary.answers[: recipe.data.num_answers])
    if recipe.data.dataset == "shape-stories" and recipe.data.num_answers is None:
        return VOCABULARY
    return AnswerVocabulary.most_frequent(train.questions, recipe.data.num_answers)


def training_texts(
    recipe: Recipe, questions: QuestionSplit, vocabulary: AnswerVocabulary
) -> tuple[RetrievalSplit, Int[Tensor, " text"]]:
    """Return the texts to learn from, and the number of each one's answer: -1 for captions, which ask nothing.

    Raises:
        DataError: Captions are asked for where there are none.
    """
    split, labels = questions.as_texts(), vocabulary.labels(questions.questions)
    if not recipe.data.captions:
        return split, labels
    if recipe.data.dataset != "shape-stories":
        raise DataError(f"data.captions: {recipe.data.dataset} brings questions only; leave it out")
    told = retrieval_split("train", load_stories(Path(recipe.data.root), "train")).texts
    texts = RetrievalSplit(split.name, split.videos, split.texts + told)
    return texts, torch.cat([labels, torch.full((len(told),), OUT_OF_VOCABULARY)])


def answer_validation(decoded: DecodedQuestions, tokenizer: CLIPTokenizer) -> Callable[[Any], dict[str, float]]:
    """Return a function that scores a model on the validation split: its accuracy, in percent, overall and by kind."""
    questions = decoded.split.questions

    def validate(model: QuestionAnsweringModel) -> dict[str, float]:
        vocabulary = AnswerVocabulary(model.config.answers)
        logits = answer_logits(model, tokenizer, questions, decoded.bank)
        if not logits.isfinite().all():
            raise FloatingPointError("the answers to the validation split became no numbers")
        right = right_answers(logits, vocabulary.labels(questions))
        scores = {"score": 100.0 * float(right.double().mean())}
        for kind in decoded.split.kinds:
            is_kind = torch.tensor([question.kind == kind for question in questions])
            scores[f"accuracy/{kind}"] = 100.0 * float(right[is_kind].double().mean())
        return scores

    return validate


def start_answering(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool,
    device: torch.device,
    progress: Counter | None,
    processes: Processes = ALONE,
) -> Trainer:
    """Return a trainer for the run folder `out`, new or resumed, of a network that answers questions.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
        DataError: The recipe keeps features of frames, which questions cannot be answered from yet; or its data cannot
            be read.
    """
    if recipe.data.features:
        raise DataError("data.features: a network that answers questions takes frames; leave it out")
    folder = claim_folder(out, recipe, resume=resume, processes=processes)
    train, val = (decode_questions(recipe, name, progress) for name in ("train", "val"))
    vocabulary = answer_vocabulary(recipe, train.split)
    learned = train.split.answerable(vocabulary)
    coverage = f"train: {vocabulary.coverage(train.split.questions):.1f} % of the answers are among {len(vocabulary)}"
    keep_faults(folder, (*train.bank.faults, *val.bank.faults, coverage), processes)
    texts, labels = training_texts(recipe, learned, vocabulary)
    tokenizer = keep_tokenizer(folder, recipe, texts, processes)
    model = build_network(
        QuestionAnsweringModel,
        recipe,
        tokenizer,
        answers=vocabulary.answers,
        answer_channels=recipe.model.answer_channels,
    )
    trainer = Trainer(
        model,
        training_batches(recipe, texts, train.bank, tokenizer, processes, labels),
        AnsweringObjective(
            matching=recipe.objective.matching,
            beta=recipe.objective.beta,
            retrieval=build_objective(recipe, device),
        ),
        training_settings(recipe),
        folder,
        validate=answer_validation(val, tokenizer),
        device=device,
        processes=processes,
    )
    trainer.resume()
    return trainer


@dataclass(frozen=True)
class AnsweringRun:
    """A run folder of a network that answers questions, opened."""

    folder: RunFolder
    recipe: Recipe
    tokenizer: CLIPTokenizer
    model: QuestionAnsweringModel

    @property
    def name(self) -> str:
        """What to call the run."""
        return self.folder.path.resolve().name

    @property
    def vocabulary(self) -> AnswerVocabulary:
        """The answers that it can give."""
        return AnswerVocabulary(self.model.config.answers)


def open_answering(path: Path, *, weights: Literal["best", "last"] = "best", device: torch.device) -> AnsweringRun:
    """Return a trained run that answers questions.

    Raises:
        RunError: The folder holds no run, one of another kind, or one without weights yet.
        HBIError: A file of it is damaged.
    """
    transformers_logging.disable_progress_bar()
    folder = RunFolder(path).require()
    recipe = read_recipe(str(folder.recipe))
    if recipe.model.kind != "answering":
        raise RunError(f"{path} holds a run that ranks and answers no questions: train one, hbi train shape-stories-qa")
    model = open_network(QuestionAnsweringModel, folder.require_weights(weights))
    tokenizer = load_tokenizer(str(folder.tokenizer))
    require_vocabulary(model.config, tokenizer)
    return AnsweringRun(folder, recipe, tokenizer, model.to(device))
