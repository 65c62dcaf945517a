"""From a recipe to the things it names: data, tokenizer, network, trainer; and back from a run folder."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from hbi.data.frames import FrameBank, decode_frames
from hbi.data.samples import RetrievalSplit
from hbi.data.shape_stories import load_stories
from hbi.data.shape_stories.retrieval import retrieval_split
from hbi.data.tokenizer import load_tokenizer, train_tokenizer
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity import Matcher, similarity_matrix
from hbi.files import write_atomically
from hbi.games import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel
from hbi.recipes.reading import read_recipe, recipe_yaml
from hbi.recipes.schema import Recipe
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import ALONE, Processes
from hbi.training.estimator import load_estimator
from hbi.training.loop import Trainer, TrainingSettings
from hbi.training.objective import Objective
from hbi.training.run_folder import RunError, RunFolder

SplitName = Literal["train", "val", "test"]
Counter = Callable[[int, int], None]
"""Told how many of how many are done."""
Validation = Callable[[Any], dict[str, float]]
"""Scores a model."""

_MODELS: dict[str, type[HBIModel] | type[GlobalContrastModel]] = {"hbi": HBIModel, "global": GlobalContrastModel}


@dataclass(frozen=True)
class DecodedSplit:
    """A split of the recipe's data set with its videos' frames."""

    split: RetrievalSplit
    bank: FrameBank


def decode_split(recipe: Recipe, name: SplitName, progress: Counter | None = None) -> DecodedSplit:
    """Return a split with its frames; for training as many as the recipe draws from."""
    data = recipe.data
    split = retrieval_split(name, load_stories(Path(data.root), name))
    factor = data.frames_per_position if name == "train" else 1
    bank = decode_frames(
        split.videos, num_frames=factor * data.num_frames, image_size=data.image_size, progress=progress
    )
    return DecodedSplit(split, bank)


Decode = Callable[[Recipe, SplitName, Counter | None], DecodedSplit]
"""Gives a split of a recipe's data set with its frames, as `decode_split` does."""


def build_model(recipe: Recipe, tokenizer: CLIPTokenizer) -> HBIModel | GlobalContrastModel:
    """Return the recipe's network with random weights drawn from its seed."""
    model, data = recipe.model, recipe.data
    tower = {
        "hidden_size": model.width,
        "intermediate_size": model.mlp_ratio * model.width,
        "num_attention_heads": model.heads,
        "hidden_act": "gelu",
        "projection_dim": model.width,
    }
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = HBIConfig(
        clip_config={
            "projection_dim": model.width,
            "logit_scale_init_value": math.log(model.logit_scale),
            "text_config": tower
            | marks
            | {
                "num_hidden_layers": model.text_layers,
                "vocab_size": len(tokenizer),
                "max_position_embeddings": data.max_words,
            },
            "vision_config": tower
            | {
                "num_hidden_layers": model.vision_layers,
                "image_size": data.image_size,
                "patch_size": model.patch_size,
            },
        },
        max_words=data.max_words,
        max_frames=data.num_frames,
        temporal_layers=model.temporal_layers,
        merge_ratio=model.merge_ratio,
        merge_heads=model.merge_heads,
        level_weights=model.level_weights,
        head_channels=model.head_channels,
    )
    torch.manual_seed(recipe.training.seed)
    return _MODELS[model.kind](config)


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
    return Objective(alpha=section.alpha, beta=section.beta, levels=section.levels, teacher=teacher)


def validation(recipe: Recipe, decoded: DecodedSplit, tokenizer: CLIPTokenizer) -> Validation:
    """Return a function that scores a model on the validation split; `score` is what chooses the best weights."""
    texts = [text.text for text in decoded.split.texts]

    def validate(model: Matcher) -> dict[str, float]:
        similarity = similarity_matrix(model, tokenizer, texts, decoded.bank)
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
    folder = RunFolder(out)
    _check_claim(folder, recipe, resume=resume)
    processes.wait()  # before the main process changes what the others check
    if processes.is_main:
        _claim(folder, recipe)
    train, val = (decode(recipe, name, progress) for name in ("train", "val"))
    if processes.is_main and not (folder.tokenizer / "tokenizer.json").is_file():
        train_tokenizer(text.text for text in train.split.texts).save_pretrained(folder.tokenizer)
    processes.wait()
    tokenizer = load_tokenizer(str(folder.tokenizer))
    training = recipe.training
    batches = TrainingBatches(
        train.split,
        train.bank,
        tokenizer,
        batch_size=training.batch_size,
        captions_per_video=training.captions_per_video,
        num_frames=recipe.data.num_frames,
        max_words=recipe.data.max_words,
        seed=training.seed,
        processes=processes,
    )
    settings = TrainingSettings(
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
    )
    trainer = Trainer(
        build_model(recipe, tokenizer),
        batches,
        build_objective(recipe, device),
        settings,
        folder,
        validate=validation(recipe, val, tokenizer),
        device=device,
        processes=processes,
    )
    trainer.resume()
    return trainer


@dataclass(frozen=True)
class TrainedRun:
    """A run folder, opened: its recipe, tokenizer and weights."""

    folder: RunFolder
    recipe: Recipe
    tokenizer: CLIPTokenizer
    model: HBIModel | GlobalContrastModel

    @property
    def name(self) -> str:
        """What to call the run."""
        return self.folder.path.resolve().name


def open_run(path: Path, *, weights: Literal["best", "last"] = "best", device: torch.device) -> TrainedRun:
    """Return a trained run.

    Raises:
        RunError: The folder holds no run, or one without weights yet.
    """
    transformers_logging.disable_progress_bar()
    folder = RunFolder(path)
    model_folder = folder.require_weights(weights)
    recipe = read_recipe(str(folder.recipe))
    model = _MODELS[recipe.model.kind].from_pretrained(str(model_folder), local_files_only=True)
    return TrainedRun(folder, recipe, load_tokenizer(str(folder.tokenizer)), model.to(device).eval())


def _check_claim(folder: RunFolder, recipe: Recipe, *, resume: bool) -> None:
    if folder.recipe.is_file():
        if not resume:
            raise RunError(f"{folder.path} already holds a run: add --resume to continue it, or choose another --out")
        if read_recipe(str(folder.recipe)) != recipe:
            raise RunError(f"{folder.path} was started with another recipe: choose another --out")
    elif folder.path.is_dir() and any(folder.path.iterdir()):
        raise RunError(f"{folder.path} is not empty and holds no run: choose another --out")


def _claim(folder: RunFolder, recipe: Recipe) -> None:
    if not folder.recipe.is_file():
        write_atomically(folder.recipe, recipe_yaml(recipe))
        folder.write_environment(seed=recipe.training.seed, threads=torch.get_num_threads())
