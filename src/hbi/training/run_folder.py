"""What a training run leaves on disk, and how it is picked up again."""

import io
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

import hbi
from hbi.errors import HBIError
from hbi.files import StorageError, write_atomically


class RunError(HBIError):
    """A run folder is missing, incomplete or in the way."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    recipe.yaml      the full recipe it was started with
    environment.json versions and machine
    tokenizer/       the tokenizer
    metrics.jsonl    one line for every logged step and every validation
    checkpoint.pt    everything that `--resume` needs
    best/, last/     config.json and model.safetensors: best on the validation split, and after the last step
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The full resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer."""
        return self.path / "tokenizer"

    @property
    def metrics(self) -> Path:
        """The log of the run, JSON lines."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The state that a run resumes from."""
        return self.path / "checkpoint.pt"

    def weights(self, which: str) -> Path:
        """The folder of the `best` or `last` weights."""
        return self.path / which

    @property
    def has_begun(self) -> bool:
        """Whether a first step was logged or kept."""
        return self.recipe.is_file() and (self.metrics.is_file() or self.checkpoint.is_file())

    @property
    def is_finished(self) -> bool:
        """Whether training went to its last step."""
        return (self.weights("last") / "model.safetensors").is_file()

    def require(self) -> "RunFolder":
        """Return this folder if it holds a run that was started.

        Raises:
            RunError: It does not.
        """
        if not self.recipe.is_file():
            raise RunError(
                f"{self.path} is not a run folder (no recipe.yaml in it): give the --out folder of hbi train"
            )
        return self

    def require_weights(self, which: str) -> Path:
        """Return the folder of the `best` or `last` weights.

        Raises:
            RunError: The run has not got that far.
        """
        folder = self.require().weights(which)
        if not (folder / "model.safetensors").is_file():
            raise RunError(f"{self.path} has no {which} weights yet: let it train on with hbi train … --resume")
        return folder

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add one line to the log."""
        try:
            with self.metrics.open("a") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise StorageError(f"cannot write {self.metrics}: {error.strerror}; free space, then --resume") from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the lines of the log; a last line that a killed process left half-written is passed over."""
        if not self.metrics.is_file():
            return []
        records = []
        for line in self.metrics.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return records

    def truncate_metrics(self, step: int) -> None:
        """Drop what the log says of steps after `step`: they will be done again."""
        kept = [record for record in self.read_metrics() if record["step"] <= step]
        write_atomically(self.metrics, "".join(json.dumps(record) + "\n" for record in kept))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write the state to resume from."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(self.checkpoint, buffer.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return the state to resume from; None if there is none yet.

        Raises:
            RunError: The file cannot be read.
        """
        if not self.checkpoint.is_file():
            return None
        try:
            return torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise RunError(f"{self.checkpoint} is damaged ({error}); delete it to start anew") from error

    def save_weights(self, model: PreTrainedModel, which: str) -> None:
        """Write the `best` or `last` weights as safetensors, beside the model's configuration."""
        from safetensors.torch import save

        folder = self.weights(which)
        write_atomically(folder / "config.json", model.config.to_json_string())
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        write_atomically(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))

    def write_environment(self, *, seed: int, threads: int) -> None:
        """Write down what the run was made with."""
        environment = {
            "hbi": hbi.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "threads": threads,
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "seed": seed,
        }
        write_atomically(self.path / "environment.json", json.dumps(environment, indent=2) + "\n")
