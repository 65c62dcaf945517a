"""The training loop: steps, log, validation, checkpoints, and picking up a run that was killed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from hbi.models import GlobalContrastModel, HBIModel
from hbi.training.batches import Batch, TrainingBatches
from hbi.training.gradients import BatchGradient, Precision
from hbi.training.objective import Loss, Objective
from hbi.training.optimization import adamw, warmup_cosine
from hbi.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        num_steps: Updates of the weights.
        lr, clip_lr: Highest learning rate of the new parts, and of CLIP's towers.
        num_warmup_steps: Steps of linear warm-up; cosine down to 0 follows.
        max_gradient_norm: Longer gradients are scaled to this norm.
        precision: `fp32`, or `bf16` for autocast.
        micro_batch_size: Videos whose activations are held at a time; None: the whole batch's.
        log_every, validate_every, checkpoint_every: In steps.
    """

    num_steps: int
    lr: float
    clip_lr: float
    weight_decay: float
    num_warmup_steps: int
    max_gradient_norm: float
    precision: Precision
    log_every: int
    validate_every: int
    checkpoint_every: int
    micro_batch_size: int | None = None


@dataclass(frozen=True)
class Progress:
    """What a watcher of the run is told at each step."""

    step: int
    num_steps: int
    parts: dict[str, float]
    seconds_per_step: float
    videos_per_second: float


class Watcher(Protocol):
    """Who is told of each step: a progress bar, TensorBoard."""

    def __call__(self, progress: Progress) -> None:
        """Take note of a step."""


class Trainer:
    """Trains a model into a run folder.

    A step depends on the weights, the optimizer's state and the step's number alone, and all three are in the
    checkpoint: a run that was killed at any moment and resumed gives the numbers of an unbroken one.
    """

    def __init__(
        self,
        model: HBIModel | GlobalContrastModel,
        batches: TrainingBatches,
        objective: Objective,
        settings: TrainingSettings,
        folder: RunFolder,
        *,
        validate: Callable[[nn.Module], dict[str, float]],
        device: torch.device,
    ) -> None:
        self.model, self.batches, self.objective = model.to(device), batches, objective
        self.settings, self.folder, self.validate, self.device = settings, folder, validate, device
        self.gradient = BatchGradient(
            model, model.encoder, objective, device, settings.micro_batch_size, settings.precision
        )
        self.optimizer = adamw(model, lr=settings.lr, clip_lr=settings.clip_lr, weight_decay=settings.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: warmup_cosine(step, num_steps=settings.num_steps, num_warmup_steps=settings.num_warmup_steps),
        )
        self.step, self.best_score, self.seconds = 0, float("-inf"), 0.0

    def resume(self) -> int:
        """Continue from the folder's checkpoint, if there is one; return the steps already done."""
        state = self.folder.load_checkpoint()
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.step, self.best_score, self.seconds = state["step"], state["best_score"], state["seconds"]
        self.folder.truncate_metrics(self.step)
        return self.step

    def run(self, watch: Watcher) -> None:
        """Train to the last step; write log, checkpoints, best and last weights."""
        settings = self.settings
        while self.step < settings.num_steps:
            started = time.monotonic()
            batch = self.batches[self.step]
            loss = self._update(batch)
            self.step += 1
            elapsed = time.monotonic() - started
            self.seconds += elapsed
            parts = {"loss": loss.total.item()} | {name: value.item() for name, value in loss.parts.items()}
            watch(Progress(self.step, settings.num_steps, parts, elapsed, self.batches.batch_size / elapsed))
            is_last = self.step == settings.num_steps
            if self.step % settings.log_every == 0 or is_last:
                rate = self.schedule.get_last_lr()[0]
                self.folder.append_metrics(
                    {"step": self.step, "kind": "train", "lr": rate, "seconds": self.seconds, **parts}
                )
            if self.step % settings.validate_every == 0 or is_last:
                self._validate()
            if self.step % settings.checkpoint_every == 0 or is_last:
                self._save_checkpoint()
        self.folder.save_weights(self.model, "last")

    def _update(self, batch: Batch) -> Loss:
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        # What is drawn in a step (by the sampled teacher) depends on its number alone: a resumed run draws it too.
        loss = self.gradient(batch, seed=self.batches.seed + self.step)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_gradient_norm)
        self.optimizer.step()
        self.schedule.step()
        return loss

    def _validate(self) -> None:
        scores = self.validate(self.model)
        self.folder.append_metrics({"step": self.step, "kind": "validation", "seconds": self.seconds, **scores})
        if scores["score"] > self.best_score:
            self.best_score = scores["score"]
            self.folder.save_weights(self.model, "best")

    def _save_checkpoint(self) -> None:
        self.folder.save_checkpoint(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "step": self.step,
                "best_score": self.best_score,
                "seconds": self.seconds,
            }
        )
