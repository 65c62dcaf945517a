"""Training of the paper's learned estimator, here on exact interactions instead of samples."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save

from hbi.encoders.state_files import CheckpointError, read_safetensors, reason, require_numbers
from hbi.errors import HBIError
from hbi.files import write_atomically
from hbi.files.checksums import read_checksums, require_unchanged
from hbi.games import BanzhafEstimator, ExactTeacher, LateInteractionGame
from hbi.games.estimator import RELEASED_UNIT
from hbi.models.weights import require_fitting

MOST_CHANNELS = 2**14


class GameSource(Protocol):
    """Where games come from: `RandomGames` or `RecordedGames`."""

    def draw(self, num_games: int, generator: torch.Generator, /) -> LateInteractionGame:
        """Return a batch of games."""
        ...


@dataclass(frozen=True)
class EstimatorTraining:
    """How an estimator is trained.

    Attributes:
        num_steps: Steps of Adam with a cosine schedule from `learning_rate` to 0.
        batch_size: Games in a step.
        learning_rate: Its largest value.
        channels: Width of the estimator.
        num_evaluation_games: How many games measure the result.
        seed: Of the initial weights and of the games.
    """

    num_steps: int = 2000
    batch_size: int = 32
    learning_rate: float = 1e-3
    channels: int = 64
    num_evaluation_games: int = 256
    seed: int = 0


@dataclass(frozen=True)
class EstimatorQuality:
    """How near the predictions come to the exact interactions on games that were not trained on.

    Attributes:
        relative_error: Root mean square error over the root mean square of the exact interactions; 1 is predicting 0.
        correlation: Pearson's, over all cells of players.
        sign_agreement: Share of cells whose sign is right.
    """

    relative_error: float
    correlation: float
    sign_agreement: float


def train_estimator(
    source: GameSource,
    evaluation_source: GameSource,
    settings: EstimatorTraining,
    *,
    device: torch.device,
    progress: Callable[[int, int, float], None] = lambda step, num_steps, loss: None,
) -> tuple[BanzhafEstimator, EstimatorQuality]:
    """Return an estimator trained to predict exact interactions, and what it achieves on other games.

    The loss is the squared error over the cells of players, relative to the exact interactions of the first batch.

    Args:
        source: Gives the games to train on.
        evaluation_source: Gives the games to measure on.
        settings: See `EstimatorTraining`.
        device: Where to compute.
        progress: Called after every step with steps done, their number, and the loss.

    Raises:
        HBIError: The training diverges.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        estimator = BanzhafEstimator(settings.channels).to(device)
    teacher = ExactTeacher()
    optimizer = torch.optim.Adam(estimator.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.num_steps)
    scale: torch.Tensor | None = None
    for step in range(1, settings.num_steps + 1):
        game = source.draw(settings.batch_size, generator).to(device)
        target = teacher(game)
        if scale is None:
            scale = target.square().mean().clamp(min=torch.finfo(target.dtype).tiny)
        loss = (game.playing_cells(estimator.interactions(game.playing_similarity())) - target).square().mean() / scale
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(estimator.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if not math.isfinite(loss.item()):
            raise HBIError(
                f"the loss became {loss.item()} at step {step}: the training diverged, lower its learning rate"
            )
        progress(step, settings.num_steps, loss.item())
    held_out = evaluation_source.draw(settings.num_evaluation_games, generator).to(device)
    return estimator.eval(), measure_estimator(estimator, held_out)


@torch.no_grad()
def measure_estimator(estimator: BanzhafEstimator, games: LateInteractionGame) -> EstimatorQuality:
    """Return how well `estimator` predicts the exact interactions of `games`.

    Args:
        estimator: Predicts interactions.
        games: A batch that it was not trained on.
    """
    everyone = games.playing_cells(torch.ones_like(games.similarity)).bool()
    exact = ExactTeacher()(games)[everyone]
    predicted = estimator.interactions(games.playing_similarity())[everyone]
    error = (predicted - exact).square().mean() / exact.square().mean()
    return EstimatorQuality(
        relative_error=error.sqrt().item(),
        correlation=torch.corrcoef(torch.stack((predicted, exact)))[0, 1].item(),
        sign_agreement=(predicted.sign() == exact.sign()).float().mean().item(),
    )


def save_estimator(estimator: BanzhafEstimator, path: Path, quality: EstimatorQuality) -> None:
    """Write the weights of an estimator as safetensors, width, unit and quality as metadata; all of the file or none.

    Args:
        estimator: The trained one.
        path: Of the file.
        quality: What was measured of it.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in estimator.state_dict().items()}
    require_numbers(tensors, origin="the trained estimator")
    metadata = {
        "channels": str(len(estimator.query)),
        "unit": str(estimator.unit),
        "quality": json.dumps(vars(quality)),
        "sha256": _checksum(tensors),
    }
    write_atomically(path, save(tensors, metadata))


def load_estimator(path: Path) -> BanzhafEstimator:
    """Return an estimator that `save_estimator` wrote, or `hbi convert`.

    Args:
        path: Of the file.

    Raises:
        HBIError: The file cannot be read or holds something else.
    """
    foreign = f"{path} is no estimator that `hbi train-estimator` or `hbi convert` wrote"
    if path.name in (read_checksums(path.parent) or ()):  # of a folder that `hbi convert` wrote
        require_unchanged(path)
    try:
        tensors = read_safetensors(path)
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        channels = int(about["channels"])
        if not 1 <= channels <= MOST_CHANNELS:
            raise ValueError(f"{channels} channels")
        # Of those without a stated unit, `hbi convert` wrote the ones whose quality was not measured.
        unit = float(about["unit"]) if "unit" in about else 1.0 if "quality" in about else RELEASED_UNIT
        with torch.device("meta"):
            wanted = BanzhafEstimator(channels, unit=unit).state_dict()
        require_fitting(tensors, wanted, origin=str(path))
        require_numbers(tensors, origin=str(path))
    except (CheckpointError, KeyError, ValueError) as error:
        raise HBIError(f"{foreign} ({reason(error)})") from error
    if "sha256" in about and about["sha256"] != _checksum(tensors):
        raise HBIError(f"{path} is not what was written (its checksum is another): restore it, or train it anew")
    estimator = BanzhafEstimator(channels, unit=unit)
    estimator.load_state_dict(tensors)
    return estimator.eval()


def _checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
