"""The training loop: steps, log, validation, checkpoints, and picking up a run that was killed."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hbi.encoders.preprocessing import network_input
from hbi.errors import HBIError
from hbi.training.batch_gradient import BatchGradient
from hbi.training.batches import Batch, TrainingBatches
from hbi.training.distributed import ALONE, Processes
from hbi.training.memory import keep_freed_memory
from hbi.training.objective import BatchLoss, Loss
from hbi.training.optimization import OptimizerName, build_optimizers, set_rates, warmup_cosine
from hbi.training.run_folder import RunError, RunFolder
from hbi.training.sharded import clip_gradients, joint_norm, load_model, load_optimizer, whole
from hbi.training.towers import (
    Network,
    Precision,
    checkpoint_activations,
    choose_attention,
    freeze_patches,
    freeze_towers,
    replicate,
    shard,
)


class DivergedError(HBIError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        num_steps: Updates of the weights.
        lr, encoder_lr: Highest learning rate of the new parts, and of the towers.
        num_warmup_steps: Steps of linear warm-up; cosine down to 0 follows.
        max_gradient_norm: Longer gradients are scaled to this norm.
        precision: `fp32`, or `bf16` for autocast.
        log_every, validate_every, checkpoint_every: In steps.
        micro_batch_size: Videos, with their texts, that the towers remember at a time; None: the whole batch.
        activation_checkpointing: Whether the towers compute activations again instead of remembering them.
        freeze_towers: Whether CLIP's towers stay as they are.
        freeze_patches: Whether what cuts frames into patches stays as it is.
        shard: Whether the processes of a job split the encoder's parameters instead of each holding all of them.
        optimizer: AdamW, or Muon for the matrices.
        muon_lr: Highest learning rate of those, CLIP's towers' among them; None: `lr`.
    """

    num_steps: int
    lr: float
    encoder_lr: float
    weight_decay: float
    num_warmup_steps: int
    max_gradient_norm: float
    precision: Precision
    log_every: int
    validate_every: int
    checkpoint_every: int
    micro_batch_size: int | None = None
    activation_checkpointing: bool = False
    freeze_towers: bool = False
    shard: bool = False
    optimizer: OptimizerName = "adamw"
    muon_lr: float | None = None
    freeze_patches: bool = False


@dataclass(frozen=True)
class ValidationScores:
    """What the validation split says of the weights of a step.

    Attributes:
        scores: By name, as the log has them; `score` is the one by which the best weights are chosen.
        best_step: After which step that score was highest so far; this one, if it is now.
    """

    scores: Mapping[str, float]
    best_step: int


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is, after each step.

    Attributes:
        parts: The loss, and its weighted terms by name.
        validation: What was measured after this step; None: nothing.
    """

    step: int
    num_steps: int
    parts: dict[str, float]
    seconds_per_step: float
    videos_per_second: float
    validation: ValidationScores | None = None


TrainingCallback = Callable[[TrainingProgress], None]
"""What is called after each step, when it is in the log: a progress bar, TensorBoard."""


class Trainer:
    """Trains a model into a run folder.

    A step depends on the weights, the optimizer's state and the step's number alone, and all three are in the
    checkpoint: a run that was killed at any moment and resumed gives the numbers of an unbroken one.

    An objective that is a module learns along, and is in the checkpoint; the weights that are kept are the model's.
    """

    def __init__(
        self,
        model: Network,
        batches: TrainingBatches,
        objective: BatchLoss,
        settings: TrainingSettings,
        folder: RunFolder,
        *,
        validate: Callable[[nn.Module], dict[str, float]],
        device: torch.device,
        processes: Processes = ALONE,
        network_input: Callable[[Tensor], Tensor] = network_input,
    ) -> None:
        self.model, self.batches, self.processes = model.to(device), batches, processes
        self.settings, self.folder, self.validate, self.device = settings, folder, validate, device
        self.is_sharded = settings.shard and not processes.is_alone
        choose_attention(model, device, settings.precision)
        if settings.freeze_towers:
            freeze_towers(model)
        if settings.freeze_patches:
            freeze_patches(model)
        if settings.activation_checkpointing:
            checkpoint_activations(model)
        self.objective = objective.to(device) if isinstance(objective, nn.Module) else None
        self.gradient = BatchGradient(
            model,
            self._shared_encoder(),
            objective,
            device,
            settings.micro_batch_size,
            settings.precision,
            processes,
            network_input,
        )
        self.learners = nn.ModuleList([model] if self.objective is None else [model, self.objective])
        self.optimizers = build_optimizers(
            self.learners,
            settings.optimizer,
            lr=settings.lr,
            encoder_lr=settings.encoder_lr,
            muon_lr=settings.muon_lr or settings.lr,
            weight_decay=settings.weight_decay,
            is_sharded=self.is_sharded,
        )
        self.schedules = [
            torch.optim.lr_scheduler.LambdaLR(
                optimizer,
                lambda step: warmup_cosine(
                    step, num_steps=settings.num_steps, num_warmup_steps=settings.num_warmup_steps
                ),
            )
            for optimizer in self.optimizers
        ]
        self.step, self.best_score, self.best_step, self.seconds = 0, float("-inf"), 0, 0.0

    def _shared_encoder(self) -> nn.Module:
        if self.processes.is_alone:
            return self.model.encoder
        for module in filter(None, (self.model, self.objective)):
            self.processes.copy_from_main(module.state_dict().values())
        if not self.is_sharded:
            return replicate(self.model, self.device)
        shard(self.model, self.device, self.processes)
        return self.model.encoder

    def resume(self) -> int:
        """Continue from the folder's checkpoint, if there is one; return the steps already done.

        It may come from a job of another number of processes.

        Raises:
            RunError: The checkpoint cannot be read, or was written before there were several optimizers.
            CheckpointError: It is of another network.
        """
        state = self.folder.load_checkpoint()
        if state is not None:
            self._load(state)
        if self.processes.is_main:
            self.folder.truncate_metrics(self.step)
            self.best_step = self._step_of_best_score()
        return self.step

    def _step_of_best_score(self) -> int:
        """Return the first step whose validation gave the best score, by the log; 0 if there is none."""
        log = self.folder.read_metrics()
        best = (line["step"] for line in log if line["kind"] == "validation" and line["score"] >= self.best_score)
        return next(best, 0)

    def _load(self, state: Mapping[str, Any]) -> None:
        origin = str(self.folder.checkpoint)
        if "optimizers" not in state:
            raise RunError(f"{origin} was written by an older hbi: delete it to start anew")
        if missing := sorted({"model", "schedules", "step", "best_score", "seconds"} - state.keys()):
            raise RunError(f"{origin} lacks {missing[0]}: restore it from a copy, or delete it to start anew")
        if not len(state["optimizers"]) == len(state["schedules"]) == len(self.optimizers):
            raise RunError(f"{origin} is of a training with another optimizer: choose another --out")
        if (self.objective is None) != ("objective" not in state):
            raise RunError(f"{origin} is of a training with another objective: choose another --out")
        load_model(self.model, state["model"], origin=origin)
        if self.objective is not None:
            load_model(self.objective, state["objective"], origin=f"{origin} (objective)")
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            load_optimizer(optimizer, saved, origin=origin)
        for schedule, saved in zip(self.schedules, state["schedules"], strict=True):
            schedule.load_state_dict(saved)
            set_rates(schedule)
        self.step, self.best_score, self.seconds = state["step"], state["best_score"], state["seconds"]

    def run(self, progress: TrainingCallback) -> None:
        """Train to the last step; write log, checkpoints, best and last weights.

        Args:
            progress: Called after each step.
        """
        settings = self.settings
        if self.device.type == "cpu":
            keep_freed_memory()
        while self.step < settings.num_steps:
            started = time.monotonic()
            batch = self.batches[self.step]
            loss = self._update(batch)
            self.step += 1
            elapsed = time.monotonic() - started
            self.seconds += elapsed
            parts = {"loss": loss.total.item()} | {name: value.item() for name, value in loss.parts.items()}
            speed = self.batches.batch_size / elapsed
            validation = self._record(parts)
            progress(TrainingProgress(self.step, settings.num_steps, parts, elapsed, speed, validation))
        model = self._whole_model()
        if self.processes.is_main:
            self.folder.save_weights(model, "last")
        self.processes.wait()

    def _update(self, batch: Batch) -> Loss:
        self.model.train()
        if self.settings.freeze_towers:
            self.model.encoder.towers.eval()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        # What is drawn in a step (by the sampled teacher) depends on its number alone: a resumed run draws it too.
        try:
            loss = self.gradient(batch, seed=self.batches.seed + self.step)
        except FloatingPointError as error:
            raise self._diverged(str(error)) from error
        if not math.isfinite(clip_gradients(self.learners.parameters(), self.settings.max_gradient_norm)):
            raise self._diverged("the gradient is no number any more")
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            schedule.step()
        # Before anything is written: what the folder holds stays good.
        if not math.isfinite(joint_norm(self.learners.parameters())):
            raise self._diverged("the weights grew beyond all bounds")
        return loss

    def _diverged(self, what: str) -> DivergedError:
        return DivergedError(
            f"{what} at step {self.step + 1}: the training diverged; lower training.lr or raise training.warmup_steps, "
            f"and choose another --out ({self.folder.path} keeps what it had before)"
        )

    def _record(self, parts: Mapping[str, float]) -> ValidationScores | None:
        """Log, validate and save, where it is time to; the main process writes and the others wait for it.

        Returns what the main process measured on the validation split.
        """
        settings, is_last = self.settings, self.step == self.settings.num_steps
        if self.processes.is_main and (self.step % settings.log_every == 0 or is_last):
            rate = self.schedules[0].get_last_lr()[0]
            self.folder.append_metrics(
                {"step": self.step, "kind": "train", "lr": rate, "seconds": self.seconds, **parts}
            )
        is_validated = self.step % settings.validate_every == 0 or is_last
        validation = self._validate() if is_validated else None
        if self.step % settings.checkpoint_every == 0 or is_last:
            self._save_checkpoint()
        return validation

    def _validate(self) -> ValidationScores | None:
        model, validation = self._whole_model(), None
        if self.processes.is_main:
            try:
                scores = self.validate(model.eval())  # the next step turns it back to training
            except FloatingPointError as error:
                self.step -= 1  # the step that was just made is the one to blame
                raise self._diverged(str(error)) from error
            self.folder.append_metrics({"step": self.step, "kind": "validation", "seconds": self.seconds, **scores})
            if scores["score"] > self.best_score:
                self.best_score, self.best_step = scores["score"], self.step
                self.folder.save_weights(model, "best")
            validation = ValidationScores(scores, self.best_step)
        self.processes.wait()
        return validation

    def _whole_model(self) -> Network:
        """Return the model; if it is sharded, a whole copy of it, which all processes must ask for together."""
        if not self.is_sharded:
            return self.model
        weights = whole(self.model.state_dict())
        model = type(self.model)(self.model.config).to(self.device)
        model.load_state_dict(weights)
        return model

    def _save_checkpoint(self) -> None:
        model, optimizers = (
            whole(self.model.state_dict()),
            whole([optimizer.state_dict() for optimizer in self.optimizers]),
        )
        if self.processes.is_main:
            state = {
                "model": model,
                "optimizers": optimizers,
                "schedules": [schedule.state_dict() for schedule in self.schedules],
                "step": self.step,
                "best_score": self.best_score,
                "seconds": self.seconds,
            }
            if self.objective is not None:
                state["objective"] = self.objective.state_dict()
            self.folder.save_checkpoint(state)
        self.processes.wait()
