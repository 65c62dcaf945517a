"""The task of answering questions: its texts, answers and scores, and the baseline that sees nothing."""

from dataclasses import replace
from pathlib import Path

import torch

from hbi.data.answer_vocabulary import AnswerVocabulary, read_answers
from hbi.data.samples import DataError, Split
from hbi.evaluation.answer_accuracy import answer_logits, right_answers
from hbi.experiments.retrieval import Task, Validation, build_objective
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import DecodedSplit
from hbi.matching import Answerer
from hbi.models import Processor, QuestionAnsweringModel
from hbi.shape_stories import load_stories
from hbi.shape_stories.splits import VOCABULARY, retrieval_split
from hbi.training.answering_objective import AnsweringObjective

QUESTION_ONLY = "question-only"
"""The folder, in that of a run, of the same network trained with black frames."""


def question_only(recipe: Recipe) -> Recipe:
    """Return the recipe of the baseline that sees one black frame instead of each video.

    Whatever it gets right can be known from the question alone, and from which answers are frequent. There is nothing
    to match, so it has neither captions nor the matching objective, and a third of the steps: it stops rising before
    that (docs/results/video-qa.md).
    """
    data = recipe.data.model_copy(update={"blank": True, "captions": 0})
    objective = recipe.objective.model_copy(update={"matching": 0.0, "reconstruction": 0.0})
    steps, epochs = recipe.training.num_steps, recipe.training.epochs
    third = {"num_steps": steps and max(1, steps // 3), "epochs": epochs and epochs / 3}
    training = recipe.training.model_copy(update=third)
    return recipe.model_copy(update={"data": data, "objective": objective, "training": training})


def answering_task(recipe: Recipe, train: Split, device: torch.device) -> Task:
    """Return the task of answering the questions of the training split.

    Args:
        recipe: Says which answers there are, and how answering and matching are weighed.
        train: The training split, with its questions.
        device: Where the estimator runs that teaches.

    Raises:
        DataError: The recipe's file of answers cannot be read, or it asks for captions where there are none.
        HBIError: The weights of the estimator that teaches cannot be read.
    """
    vocabulary = answer_vocabulary(recipe, train)
    texts = _with_captions(recipe, vocabulary.answerable(train))
    coverage = f"train: {vocabulary.coverage(train.questions):.1f} % of the answers are among {len(vocabulary)}"
    objective = answering_objective(recipe, device)
    return Task(
        texts, objective, answer_validation, vocabulary.labels(texts.texts), vocabulary.answers, remarks=(coverage,)
    )


def answering_objective(recipe: Recipe, device: torch.device) -> AnsweringObjective:
    """Return the objective of a recipe that answers questions.

    Raises:
        HBIError: The estimator's weights cannot be read.
    """
    section = recipe.objective
    return AnsweringObjective(matching=section.matching, beta=section.beta, retrieval=build_objective(recipe, device))


def answer_vocabulary(recipe: Recipe, train: Split) -> AnswerVocabulary:
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


def answer_validation(decoded: DecodedSplit, processor: Processor) -> Validation:
    """Return a function that scores a model on the validation split: its accuracy, in percent, overall and by kind."""
    questions = decoded.split.questions

    def validate(model: QuestionAnsweringModel) -> dict[str, float]:
        answerer = Answerer(model, processor, "the model in training")
        vocabulary = AnswerVocabulary(answerer.answers)
        logits = answer_logits(answerer, questions, decoded.frames)
        if not logits.isfinite().all():
            raise FloatingPointError("the answers to the validation split became no numbers")
        right = right_answers(logits, vocabulary.labels(questions))
        scores = {"score": 100.0 * float(right.double().mean())}
        for kind in decoded.split.kinds:
            is_kind = torch.tensor([question.kind == kind for question in questions])
            scores[f"accuracy/{kind}"] = 100.0 * float(right[is_kind].double().mean())
        return scores

    return validate


def _with_captions(recipe: Recipe, questions: Split) -> Split:
    """Return the questions, and the captions that a step sees beside them, which ask nothing."""
    if not recipe.data.captions:
        return questions
    if recipe.data.dataset != "shape-stories":
        raise DataError(f"data.captions: {recipe.data.dataset} brings questions only; leave it out")
    captions = retrieval_split("train", load_stories(Path(recipe.data.root), "train")).texts
    return replace(questions, texts=questions.texts + captions)
