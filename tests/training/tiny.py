"""A batch, networks and batches of the real kind, small enough to train in a test."""

import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import normalize

from hbi.encoders.tokenizer import train_tokenizer
from hbi.experiments.network import build_model
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.experiments.schema import Recipe
from hbi.experiments.training import training_settings
from hbi.files import write_atomically
from hbi.models import GlobalContrastModel, HBIModel
from hbi.models.model_folder import read_own_tokenizer, save_processor
from hbi.training.answering_objective import AnsweringObjective
from hbi.training.batch_gradient import BatchGradient
from hbi.training.batches import Batch
from hbi.training.environment import environment
from hbi.training.loop import Trainer
from hbi.training.objective import BatchLoss, Loss, Objective, contrast
from hbi.training.run_folder import RunFolder
from small_networks import global_config, small_config

CPU = torch.device("cpu")
SPECIAL_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def network(kind: type[HBIModel] | type[GlobalContrastModel] = HBIModel, *, dropout: float = 0.0):
    config = small_config(special_tokens=SPECIAL_TOKENS, vocab_size=30)
    for tower in (config.encoder_config.text_config, config.encoder_config.vision_config):
        tower.attention_dropout = dropout
    torch.manual_seed(0)
    return kind(config if kind is HBIModel else global_config(config)).train()


def batch(num_videos: int = 8, num_words: int = 9, num_frames: int = 5, seed: int = 0) -> Batch:
    """Texts and videos of several lengths; a video has one, two or three texts."""
    random = torch.Generator().manual_seed(seed)
    video_of_text = torch.arange(num_videos).repeat_interleave(torch.randint(1, 4, (num_videos,), generator=random))
    lengths = torch.randint(1, num_words - 1, (len(video_of_text), 1), generator=random)
    places = torch.arange(num_words)
    ids = torch.randint(3, 30, (len(video_of_text), num_words), generator=random)
    ids = ids.where(places <= lengths, torch.tensor(2)).where(places <= lengths + 1, torch.tensor(0))
    ids[:, 0] = 1
    counts = torch.randint(1, num_frames + 1, (num_videos, 1), generator=random)
    frames = torch.randint(0, 256, (num_videos, num_frames, 3, 16, 16), generator=random, dtype=torch.uint8)
    return Batch(ids, (places <= lengths + 1).long(), frames, torch.arange(num_frames) < counts, video_of_text)


class Projecting(nn.Module):
    """The objective with a contrast of its own, which has weights."""

    def __init__(self) -> None:
        super().__init__()
        self.objective = Objective()
        generator = torch.Generator().manual_seed(5)
        self.matrix = nn.Parameter(torch.randn(16, 16, generator=generator) / 4)

    def forward(self, output, video_of_text, *rest, **known) -> Loss:
        level = output.levels["entity"]
        texts, videos = (
            (side.weights[..., None] * side.sequence.tokens).sum(1) @ self.matrix
            for side in (level.words, level.frames)
        )
        logits = output.logit_scale * normalize(texts, dim=-1) @ normalize(videos, dim=-1).T
        loss = self.objective(output, video_of_text, *rest, **known)
        return loss.plus("contrast/projected", contrast(logits, video_of_text))


def gradients(model, objective: BatchLoss | None = None, **settings) -> tuple[float, dict[str, torch.Tensor | None]]:
    """The loss of the batch, and what it leaves in every parameter, those of the objective among them."""
    model, objective = copy.deepcopy(model), objective or Objective()
    loss = BatchGradient(model, model.encoder, objective, CPU, **settings)(batch(), seed=3)
    return loss.total.item(), left_in(model, objective)


def left_in(model, objective: BatchLoss) -> dict[str, torch.Tensor | None]:
    """What is left in every parameter of a network and of an objective."""
    learners = [model, *([objective] if isinstance(objective, nn.Module) else [])]
    return {name: parameter.grad for each in learners for name, parameter in each.named_parameters()}


def assert_same_gradients(found, expected, *, tolerance: float = 1e-5) -> None:
    """Compare the gradients of every parameter, relative to the norm of each."""
    assert {name for name, gradient in found.items() if gradient is None} == {
        name for name, gradient in expected.items() if gradient is None
    }
    largest = max(gradient.norm() for gradient in expected.values() if gradient is not None)
    for name, gradient in expected.items():
        # A key's bias moves all of a query's scores by the same: its true gradient is zero, what is left is rounding.
        if gradient is not None and gradient.norm() > 1e-6 * largest:
            error = (found[name] - gradient).norm() / gradient.norm()
            assert error < tolerance, f"{name}: {error}"


SIZES = (
    "data.num_frames=5", "data.image_size=16", "data.max_words=16", "model.width=16", "model.heads=2",
    "model.level_weights=[0.5, 0.3, 0.2]", "model.learns_level_weights=false", "model.interaction=weighted",
    "model.patch_size=8", "model.tubelet_size=1", "model.tubelet_seconds=null", "model.vision_layers=1",
    "model.text_layers=1", "model.temporal_layers=1",
    "model.merge_heads=2", "model.head_channels=4", "training.num_steps=2", "training.checkpoint_every=1",
)  # fmt: skip
"""--set options of a network as small as `network`, trained for two steps."""


class TinyBatches:
    """What stands for `TrainingBatches`: a batch of noise for each step."""

    batch_size, seed = 8, 0

    def __init__(self, *, are_questions: bool) -> None:
        self.are_questions = are_questions

    def __getitem__(self, step: int) -> Batch:
        drawn = batch(seed=step)
        return replace(drawn, labels=drawn.video_of_text % 3) if self.are_questions else drawn


def recipe_of(kind: str, *changes: str) -> Recipe:
    """The recipe of a run of `run_folder`: `hbi`, `global` or `answering`, with some values changed."""
    name = {"hbi": "shape-stories", "global": "shape-stories-global", "answering": "shape-stories-qa"}[kind]
    return read_recipe(name, [*SIZES, *changes])


def trainer(path: Path, kind: str, *changes: str) -> Trainer:
    """A trainer of a tiny network into a run folder, which is made if there is none."""
    recipe, folder = recipe_of(kind, *changes), RunFolder(path)
    if not folder.recipe.is_file():
        write_atomically(folder.recipe, recipe_yaml(recipe))
        folder.write_environment(environment(CPU, seed=0))
        save_processor(train_tokenizer(["a red circle slides left"], num_merges=20), folder.path)
    tokenizer, objective = read_own_tokenizer(folder.path), Objective()
    model = build_model(recipe, tokenizer, ("no", "red", "yes"))
    return Trainer(
        model,
        TinyBatches(are_questions=kind == "answering"),
        AnsweringObjective(retrieval=objective) if kind == "answering" else objective,
        training_settings(recipe, recipe.training.num_steps),
        folder,
        validate=lambda model: {"score": 0.0},
        device=CPU,
    )


def run_folder(path: Path, kind: str = "hbi", *changes: str) -> Path:
    """A run folder, trained to its end; as `hbi train` leaves it, without pictures for TensorBoard."""
    trainer(path, kind, *changes).run(lambda progress: None)
    return path
