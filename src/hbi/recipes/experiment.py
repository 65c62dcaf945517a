"""From a recipe to its training: objective, batches, validation, trainer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.benchmark import SplitName
from hbi.data.features import FeatureBank, KeptFrames, tower_fingerprint
from hbi.data.samples import DataError, RetrievalSplit
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity import Matcher, similarity_matrix
from hbi.games import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.recipes.network import build_model
from hbi.recipes.runs import claim_folder, keep_faults, keep_tokenizer
from hbi.recipes.schema import Recipe
from hbi.recipes.splits import Counter, DecodedSplit, FeaturedSplit, decode_split, load_featured_split
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import ALONE, Processes
from hbi.training.estimator import load_estimator
from hbi.training.loop import Trainer, TrainingSettings
from hbi.training.objective import Objective

Validation = Callable[[Any], dict[str, float]]
"""Scores a model."""
Decode = Callable[[Recipe, SplitName, Counter | None], DecodedSplit]
"""Gives a split with its frames."""


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
        alpha=section.alpha, beta=section.beta, gamma=section.gamma, levels=section.levels, teacher=teacher
    )


def validation(recipe: Recipe, decoded: DecodedSplit | FeaturedSplit, tokenizer: CLIPTokenizer) -> Validation:
    """Return a function that scores a model on the validation split; `score` is what chooses the best weights.

    The function raises FloatingPointError where the model computes no numbers.
    """
    texts = [text.text for text in decoded.split.texts]

    def validate(model: Matcher) -> dict[str, float]:
        similarity = similarity_matrix(model, tokenizer, texts, decoded.bank)
        if not similarity.isfinite().all():
            raise FloatingPointError("the similarities of the validation split became no numbers")
        relevance = decoded.split.relevance
        to_video = retrieval_scores(ranks(similarity, relevance))
        to_text = retrieval_scores(ranks(similarity.T, relevance.T))
        directions = {"text_to_video": to_video, "video_to_text": to_text}
        scores = {f"{way}/{name}": value for way, s in directions.items() for name, value in s.to_dict().items()}
        return {"score": to_video.recall_at_1 + to_video.recall_at_5 + to_video.recall_at_10, **scores}

    return validate


def start_run(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool,
    device: torch.device,
    progress: Counter | None,
    decode: Decode = decode_split,
    processes: Processes = ALONE,
) -> Trainer:
    """Return a trainer for the run folder `out`, new or resumed.

    `decode` gives the splits: an experiment of many runs on the same videos may decode them once. All `processes` of a
    job call this together.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
    """
    folder = claim_folder(out, recipe, resume=resume, processes=processes)
    train: DecodedSplit | FeaturedSplit
    val: DecodedSplit | FeaturedSplit
    if recipe.data.features is None:
        train, val = (decode(recipe, name, progress) for name in ("train", "val"))
    else:
        train, val = (load_featured_split(recipe, name) for name in ("train", "val"))
    keep_faults(folder, (*train.bank.faults, *val.bank.faults), processes)
    tokenizer = keep_tokenizer(folder, recipe, train.split, processes)
    model = build_model(recipe, tokenizer)
    for bank in (train.bank, val.bank):
        if isinstance(bank, FeatureBank) and bank.fingerprint != tower_fingerprint(model.encoder):
            raise DataError(
                f"the features in {recipe.data.features} were made by other towers than this recipe starts from: "
                "run hbi cache-features for it again"
            )
    trainer = Trainer(
        model,
        training_batches(recipe, train.split, train.bank, tokenizer, processes),
        build_objective(recipe, device),
        training_settings(recipe),
        folder,
        validate=validation(recipe, val, tokenizer),
        device=device,
        processes=processes,
    )
    trainer.resume()
    return trainer


def training_batches(
    recipe: Recipe,
    split: RetrievalSplit,
    bank: KeptFrames,
    tokenizer: CLIPTokenizer,
    processes: Processes,
    labels: Int[Tensor, " text"] | None = None,
) -> TrainingBatches:
    """Return the batches that the recipe trains on; `labels` where the texts are questions."""
    return TrainingBatches(
        split,
        bank,
        tokenizer,
        batch_size=recipe.training.batch_size,
        captions_per_video=recipe.training.captions_per_video,
        num_frames=recipe.data.num_frames,
        max_words=recipe.data.max_words,
        seed=recipe.training.seed,
        processes=processes,
        labels=labels,
        told_per_video=recipe.data.captions,
    )


def training_settings(recipe: Recipe) -> TrainingSettings:
    """Return how long and how fast the recipe trains."""
    training = recipe.training
    return TrainingSettings(
        num_steps=training.num_steps,
        lr=training.lr,
        clip_lr=training.clip_lr or training.lr,
        weight_decay=training.weight_decay,
        num_warmup_steps=training.warmup_steps,
        max_gradient_norm=training.max_gradient_norm,
        precision=training.precision,
        log_every=training.log_every,
        validate_every=training.validate_every,
        checkpoint_every=training.checkpoint_every,
        micro_batch_size=training.micro_batch_size,
        activation_checkpointing=training.activation_checkpointing,
        freeze_towers=training.freeze_towers,
        shard=training.shard,
        optimizer=training.optimizer,
        muon_lr=training.muon_lr,
    )
