"""What a training learns, and how it is judged: `Task`, and the task of ranking videos and texts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

from hbi.data.samples import Split
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import DecodedSplit
from hbi.games import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.matching import Matcher
from hbi.models import GlobalContrastModel, HBIModel, Processor
from hbi.training.estimator_training import load_estimator
from hbi.training.objective import BatchLoss, Objective

Validation: TypeAlias = Callable[[Any], dict[str, float]]
"""Scores a model."""


@dataclass(frozen=True)
class Task:
    """What differs between trainings: what is learned from which texts, and how it is judged.

    Attributes:
        texts: What is learned from.
        objective: What is minimized.
        validation: Makes, from the validation split and the preprocessing, what scores a model in training.
        labels: For every text the number of its answer, -1 for one that asks nothing; None: no text asks.
        answers: What the network can answer.
        remarks: Lines to keep with the run.
    """

    texts: Split
    objective: BatchLoss
    validation: Callable[[DecodedSplit, Processor], Validation]
    labels: Int[Tensor, " text"] | None = None
    answers: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def retrieval_task(recipe: Recipe, train: Split, device: torch.device) -> Task:
    """Return the task of ranking videos and texts.

    Args:
        recipe: Says what is minimized.
        train: The training split, with its captions.
        device: Where the estimator runs that teaches.

    Raises:
        HBIError: The weights of the estimator that teaches cannot be read.
    """
    return Task(train, build_objective(recipe, device), retrieval_validation)


def build_objective(recipe: Recipe, device: torch.device) -> Objective:
    """Return the recipe's objective, with the teacher that it names.

    Raises:
        HBIError: The estimator's weights cannot be read.
    """
    section = recipe.objective
    teacher: Teacher
    match section.teacher:
        case "exact":
            teacher = ExactTeacher()
        case "sampled":
            teacher = SampledTeacher(section.num_samples)
        case "estimator":
            teacher = EstimatorTeacher(load_estimator(Path(str(section.estimator))).to(device).eval())
    return Objective(
        alpha=section.alpha,
        beta=section.beta,
        gamma=section.gamma,
        levels=section.levels,
        teacher=teacher,
        coalition_probabilities=section.coalition_probabilities,
        interaction_contrast=section.interaction_contrast,
        concentration=section.concentration,
        function_words=section.function_words,
        exchanged=section.exchanged,
        turned=section.turned,
        reconstruction=section.reconstruction,
    )


def retrieval_validation(decoded: DecodedSplit, processor: Processor) -> Validation:
    """Return a function that scores a model on the validation split; `score` is what chooses the best weights.

    The function raises FloatingPointError where the model computes no numbers.
    """
    texts = [text.text for text in decoded.split.texts]

    def validate(model: HBIModel | GlobalContrastModel) -> dict[str, float]:
        matcher = Matcher(model, processor, "the model in training")
        similarity = similarity_matrix(matcher, texts, decoded.frames)
        if not similarity.isfinite().all():
            raise FloatingPointError("the similarities of the validation split became no numbers")
        relevance = decoded.split.relevance
        to_video = retrieval_scores(ranks(similarity, relevance))
        to_text = retrieval_scores(ranks(similarity.T, relevance.T))
        directions = {"text_to_video": to_video, "video_to_text": to_text}
        scores = {f"{way}/{name}": value for way, s in directions.items() for name, value in s.to_dict().items()}
        return {"score": to_video.recall_at_1 + to_video.recall_at_5 + to_video.recall_at_10, **scores}

    return validate
