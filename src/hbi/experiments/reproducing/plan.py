"""`Plan`: what a reproduction will do, what it needs, and what is in its way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch

from hbi.experiments.answering import QUESTION_ONLY
from hbi.experiments.continuing import require_same_run
from hbi.experiments.evaluating import metrics_file
from hbi.experiments.reproducing.needs import Cost, DiskNeed, MemoryNeed
from hbi.experiments.reproducing.splits import PlannedSplit
from hbi.experiments.schema import Recipe
from hbi.files import is_regular, read_regular_text
from hbi.training.run_folder import RunFolder

BENCHMARKS = ("msrvtt", "activitynet", "didemo", "msrvtt-qa")
"""The experiments of the paper, by the names of their recipes."""
Stage: TypeAlias = Literal["check", "pack", "train", "evaluate", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)
RUN, CHECK, JOURNAL = "run", "check.json", "check.videos.jsonl"
"""In the folder of a reproduction: the run folder, what was found in the data, and that video by video."""


@dataclass(frozen=True)
class Plan:
    """A reproduction before it begins, or goes on.

    Attributes:
        benchmark: Which experiment: the name of its recipe.
        recipe: With the places of the data and all that was set.
        overrides: The same as `--set` of `hbi train`.
        out: The folder of the reproduction.
        device: Where it is trained.
        num_workers: Processes that decode.
        is_partial: Whether it goes on without videos that are missing.
        splits: What is there of the data.
        states: What is left of each stage, in words.
        costs: How long that takes.
        disk, memory: What it needs.
        obstacles: What keeps it from beginning, a line each with what to do.
        gaps: In which ways the data are not what the paper used.
    """

    benchmark: str
    recipe: Recipe
    overrides: tuple[str, ...]
    out: Path
    device: torch.device
    num_workers: int
    is_partial: bool
    splits: tuple[PlannedSplit, ...] = ()
    states: Mapping[Stage, str] = field(default_factory=dict)
    costs: Mapping[Stage, Cost] = field(default_factory=dict)
    disk: tuple[DiskNeed, ...] = ()
    memory: tuple[MemoryNeed, ...] = ()
    obstacles: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out / RUN

    @property
    def frames(self) -> Path:
        """The folder of packed frames."""
        return Path(str(self.recipe.data.frames))

    @property
    def is_trained(self) -> bool:
        """Whether nothing is left to train."""
        folder = RunFolder(self.run)
        if not folder.is_finished or require_same_run(folder, self.recipe):
            return False
        return not self.recipe.asks_questions or RunFolder(self.run / QUESTION_ONLY).is_finished

    @property
    def is_evaluated(self) -> bool:
        """Whether the measures are those of the trained weights, ranked as the paper's are."""
        metrics, weights = metrics_file(self.run, "test"), self.run / "last" / "model.safetensors"
        if not self.is_trained or not is_regular(metrics) or metrics.stat().st_mtime < weights.stat().st_mtime:
            return False
        try:
            values = json.loads(read_regular_text(metrics))
            protocol = values.get("protocol", {})  # of a network that ranks
            return values["weights"] == "best" and protocol.get("post_processing", "none") == "none"
        except (OSError, ValueError, RecursionError, KeyError, AttributeError):  # another's, or damaged
            return False

    @property
    def training_command(self) -> list[str]:
        """The words of the `hbi train` that its training is."""
        settings = [word for override in self.overrides for word in ("--set", override)]
        return ["hbi", "train", self.benchmark, *settings, "--out", str(self.run), "--resume"]
