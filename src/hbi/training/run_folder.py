"""What a training run leaves on disk, and how it is picked up again."""

import io
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from hbi.encoders.state_files import reason
from hbi.errors import HBIError
from hbi.files import StorageError, is_regular, open_regular, read_regular_text, write_atomically
from hbi.files.checksums import DamageError, require_unchanged, write_with_checksums
from hbi.models import save_network


class RunError(HBIError):
    """A run folder is missing, incomplete or in the way."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run, which is a model folder as well (`hbi.models.model_folder`).

    config.json, model.safetensors, tokenizer files, processor_config.json
                     the model that was best on the validation split
    last/            config.json and model.safetensors after the last step
    recipe.yaml      the full recipe it was started with
    environment.json versions, commit, device, and what it was started with
    start.json       what was taken from which model, where training went on from one
    metrics.jsonl    one line for every logged step and every validation
    checkpoint.pt    everything that `--resume` needs
    SHA256SUMS       checksums of what must not change, here and in last/

    Runs of earlier versions keep the best model in best/ and the tokenizer in tokenizer/.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The full resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        """What the run was made with, JSON."""
        return self.path / "environment.json"

    @property
    def metrics(self) -> Path:
        """The log of the run, JSON lines."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The state that a run resumes from."""
        return self.path / "checkpoint.pt"

    def weights(self, which: str) -> Path:
        """The folder that the `best` or `last` weights are written to."""
        return self.path if which == "best" else self.path / which

    @property
    def has_begun(self) -> bool:
        """Whether a first step was logged or kept."""
        return is_regular(self.recipe) and (is_regular(self.metrics) or is_regular(self.checkpoint))

    @property
    def is_finished(self) -> bool:
        """Whether training went to its last step."""
        return is_regular(self.weights("last") / "model.safetensors")

    @property
    def is_free(self) -> bool:
        """Whether nothing is in the way of a new run: a folder that is not there, is empty, or of a run not begun."""
        if is_regular(self.recipe) or not os.path.lexists(self.path):
            return True
        try:
            return all(_is_draft(path) for path in self.path.iterdir())
        except OSError:  # no folder
            return False

    def require_regular_files(self) -> None:
        """Raise RunError where something else stands in the place of a file: a pipe that a writer would wait for."""
        for file in (self.recipe, self.metrics, self.checkpoint):
            try:
                is_there = os.path.lexists(file)
            except ValueError:
                is_there = True
            if is_there and not is_regular(file):
                raise RunError(f"{file} is not a regular file: take it away, or choose another --out")

    def remove_drafts(self) -> None:
        """Remove what a killed process was writing."""
        for folder in (self.path, self.weights("last")):
            for path in filter(_is_draft, folder.iterdir() if os.path.isdir(folder) else ()):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def move_best_to_top(self) -> None:
        """Put the best weights of a run of an earlier version, in best/, where they are now."""
        earlier, names = self.path / "best", ("config.json", "model.safetensors")
        if not all(is_regular(earlier / name) for name in names):
            return
        if not is_regular(self.path / names[1]):
            require_unchanged(*(earlier / name for name in names))
            write_with_checksums(self.path, {name: (earlier / name).read_bytes() for name in names})
        shutil.rmtree(earlier)

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add one line to the log."""
        try:
            with self.metrics.open("a") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise StorageError(f"cannot write {self.metrics}: {error.strerror}; free space, then --resume") from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the lines of the log; a last line that a killed process left half-written is passed over.

        Raises:
            RunError: The log is damaged.
        """
        if not os.path.lexists(self.metrics):
            return []
        try:
            # What a kill cut short may end inside of a character, but not before that line.
            *lines, last = read_regular_text(self.metrics).split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{self.metrics} cannot be read ({reason(error)}): restore it from a copy") from error
        records = [_record(line) for line in lines]
        if last and (record := _record(last)) is not None:
            records.append(record)
        if None in records:
            raise RunError(
                f"{self.metrics} is damaged at line {records.index(None) + 1}: restore it from a copy, or take the "
                "line out"
            )
        return [record for record in records if record is not None]

    def truncate_metrics(self, step: int) -> None:
        """Drop what the log says of steps after `step`: they will be done again."""
        kept = [record for record in self.read_metrics() if record["step"] <= step]
        write_atomically(self.metrics, "".join(json.dumps(record) + "\n" for record in kept))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write the state to resume from."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_with_checksums(self.path, {self.checkpoint.name: buffer.getvalue()})

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return the state to resume from; None if there is none yet.

        Raises:
            RunError: The file cannot be read, or is not what was written.
        """
        if not os.path.lexists(self.checkpoint):
            return None
        try:
            require_unchanged(self.checkpoint)
        except DamageError as error:
            raise RunError(f"{error}; or delete {self.checkpoint.name} to start anew") from error
        try:
            with open_regular(self.checkpoint) as file, warnings.catch_warnings(action="ignore"):
                if damaged := zipfile.ZipFile(file).testzip():
                    raise RunError(f"{self.checkpoint} is damaged (in {damaged}): {_START_ANEW}")
                file.seek(0)
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except RunError:
            raise
        except Exception as error:  # torch raises many kinds for a damaged file
            raise RunError(f"{self.checkpoint} is damaged ({reason(error)}): {_START_ANEW}") from error
        return state

    def save_weights(self, model: PreTrainedModel, which: str) -> None:
        """Write the `best` or `last` weights as safetensors, beside the model's configuration."""
        save_network(model, self.weights(which))

    def write_environment(self, values: Mapping[str, Any]) -> None:
        """Write down what the run is made with (`hbi.training.environment`)."""
        write_atomically(self.environment, json.dumps(values, indent=2) + "\n")

    def read_environment(self) -> dict[str, Any]:
        """Return what `write_environment` wrote; nothing where that cannot be read: it is a note, and nothing more."""
        try:
            values = json.loads(read_regular_text(self.environment, 2**20))
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}

    def remove_last_weights(self) -> None:
        """Forget which weights were the last ones: the run goes on. The checkpoint of that step has them, too."""
        shutil.rmtree(self.weights("last"), ignore_errors=True)


_START_ANEW = "restore it from a copy, or delete it to start anew"


def _is_draft(path: Path) -> bool:
    return path.name.startswith(".hbi-") and ".part" in path.name


def _record(line: str) -> dict[str, Any] | None:
    """Return what a line of the log says; None where it says nothing."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and type(record.get("step")) is int else None
