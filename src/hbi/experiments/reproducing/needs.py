"""What a reproduction needs: disk, memory, hours; each figure says how it came about."""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from hbi.experiments.reproducing.timing import StepCost, VideoCost
from hbi.experiments.schema import Recipe
from hbi.models.model_folder import Network

BYTES_OF_A_FRAME, SECONDS_OF_A_FRAME = 20_900, 0.0082
"""Where there is no video to measure on: of 224 pixels, as docs/decisions/0004 has them of real clips."""
ADAM_BYTES, WEIGHT_BYTES = 8, 4
"""Of a parameter: two moments, and itself; its gradient is as large as it."""
PROGRAM_BYTES = 2 * 2**30
"""Of Python and its libraries, in memory."""


@dataclass(frozen=True)
class Cost:
    """How much a stage takes from here on.

    Attributes:
        seconds: None where nobody knows.
        how: Where the figures come from: what was measured, or is assumed.
    """

    seconds: float | None = 0.0
    how: str = ""


DecodingWork: TypeAlias = tuple[VideoCost | None, int, int]
"""Of a split: what a video costs, where one could be decoded; how many there are; and the frames of each, at most."""


@dataclass(frozen=True)
class DiskNeed:
    """Room that is needed in a folder, which may not exist yet."""

    what: str
    folder: Path
    num_bytes: float


@dataclass(frozen=True)
class MemoryNeed:
    """What a training step takes of a memory, and how much of it there is.

    Attributes:
        where: Of the GPU, or of the machine.
        num_bytes: None where nobody knows.
    """

    where: str
    num_bytes: float | None
    there: float
    how: str

    @property
    def is_short(self) -> bool:
        """Whether there is less than is needed."""
        return self.num_bytes is not None and self.num_bytes > self.there


def bytes_of_run(network: Network | None, folder: Path, *, num_runs: int) -> float | None:
    """Return the room that run folders grow by, at most: two sets of weights, and a checkpoint beside the next one.

    Args:
        network: Of the recipe's sizes; None: not known.
        folder: Of the run, which may have begun.
        num_runs: One, or two where a baseline is trained beside.
    """
    if network is None:
        return None
    parameters = num_parameters(network)
    checkpoint = parameters * (WEIGHT_BYTES + ADAM_BYTES)
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
    return max(0.0, num_runs * (2 * WEIGHT_BYTES * parameters + checkpoint) + checkpoint - there)


def num_parameters(network: Network) -> int:
    """Return how many numbers a network learns, or holds frozen."""
    return sum(parameter.numel() for parameter in network.parameters())


def memory_needs(
    recipe: Recipe, network: Network | None, step: StepCost | None, device: torch.device
) -> list[MemoryNeed]:
    """Return what training takes: of the GPU, where there is one, and of the machine.

    Args:
        recipe: Says how many videos the towers remember at a time.
        network: Of its sizes; None: not known.
        step: Where one was timed.
        device: Where it is trained.
    """
    of_machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if network is None:
        return [MemoryNeed("of the machine", None, of_machine, "not known without the encoder")]
    parameters = num_parameters(network)
    learned = parameters * (2 * WEIGHT_BYTES + ADAM_BYTES)
    remembered = activation_bytes(recipe, network)
    computed = None if remembered is None else learned + remembered
    how = "computed from the sizes of the network (Korthikanti et al. 2022), so about that"
    if device.type != "cuda":
        total = None if computed is None else computed + PROGRAM_BYTES
        return [MemoryNeed("of the machine", total, of_machine, how)]
    of_gpu = float(torch.cuda.get_device_properties(device).total_memory)
    if step is not None and step.peak_bytes is not None:
        computed, how = float(step.peak_bytes), "measured in the timed steps"
    saved = 2 * parameters * (WEIGHT_BYTES + ADAM_BYTES) + PROGRAM_BYTES
    return [
        MemoryNeed("of the GPU", computed, of_gpu, how),
        MemoryNeed("of the machine", saved, of_machine, "computed: a checkpoint, twice while it is written"),
    ]


def activation_bytes(recipe: Recipe, network: Network) -> float | None:
    """Return what an image tower remembers of the videos that it encodes at a time; None for one of another kind.

    Of a layer, for tokens s of width h and a heads, in numbers of two bytes: `s h (34 + 5 a s / h)` (Korthikanti et
    al. 2022, equation 2); its input alone where activations are computed again.

    Args:
        recipe: Says how many videos, of how many frames, in which precision.
        network: Has the tower.
    """
    training, vision = recipe.training, getattr(network.config.encoder_config, "vision_config", None)
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "image_size", "patch_size")
    if vision is None or not all(isinstance(getattr(vision, name, None), int) for name in names):
        return None
    if training.freeze_towers:
        return 0.0
    tokens, width = (vision.image_size // vision.patch_size) ** 2 + 1, vision.hidden_size
    of_layer = tokens * width * (34 + 5 * vision.num_attention_heads * tokens / width)
    of_frame = vision.num_hidden_layers * (2 * tokens * width if training.activation_checkpointing else of_layer)
    at_once = min(training.batch_size, training.micro_batch_size or training.batch_size)
    return of_frame * at_once * recipe.data.num_frames * (1 if training.precision == "bf16" else 2)


def decoding_cost(works: Sequence[DecodingWork], num_workers: int) -> tuple[Cost, float]:
    """Return what decoding takes, and the bytes of the pictures.

    Args:
        works: Of every split.
        num_workers: Processes that share the work.
    """
    seconds = num_bytes = 0.0
    measured = sum(cost.num_sampled for cost, _, _ in works if cost)
    for cost, num_left, num_frames in works:
        seconds += num_left * (cost.seconds if cost else num_frames * SECONDS_OF_A_FRAME)
        num_bytes += num_left * (cost.num_bytes if cost else num_frames * BYTES_OF_A_FRAME)
    how = (
        f"measured now on {measured} of the videos, for {num_workers} processes"
        if measured
        else f"assumed: {SECONDS_OF_A_FRAME * 1000:.1f} ms and {BYTES_OF_A_FRAME / 1000:.1f} kB a frame "
        f"(docs/decisions/0004), for {num_workers} processes"
    )
    is_left = any(num_left for _, num_left, _ in works)
    return Cost(seconds / num_workers, how if is_left else ""), num_bytes


def shortage(needs: Sequence[DiskNeed]) -> list[str]:
    """Return a line for every disk that has less room than is needed of it.

    Args:
        needs: What grows, and where.
    """
    by_disk: dict[int, list[DiskNeed]] = defaultdict(list)
    for need in needs:
        by_disk[os.stat(existing(need.folder)).st_dev].append(need)
    lines = []
    for group in by_disk.values():
        free, needed = shutil.disk_usage(existing(group[0].folder)).free, sum(need.num_bytes for need in group)
        if needed > free:
            parts = ", ".join(f"{in_gib(need.num_bytes)} for {need.what} in {need.folder}" for need in group)
            lines.append(
                f"the disk has {in_gib(free)} free and {in_gib(needed)} are needed ({parts}): free some, or put one of "
                "them on another disk (--packed, --out)"
            )
    return lines


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that exists."""
    whole = Path(os.path.abspath(folder))
    return next(path for path in (whole, *whole.parents) if path.is_dir())


def in_gib(num_bytes: float) -> str:
    """Return a size as a person reads it: "2.5 GiB", "12 MiB".

    >>> in_gib(3 * 2**30), in_gib(5.5 * 2**20)
    ('3.0 GiB', '5.5 MiB')
    """
    return f"{num_bytes / 2**30:,.1f} GiB" if num_bytes >= 2**29 else f"{num_bytes / 2**20:,.1f} MiB"


def in_hours(seconds: float) -> str:
    """Return a time as a person reads it: "3.5 hours", "12 minutes", "40 seconds".

    >>> in_hours(12_600), in_hours(720), in_hours(40)
    ('3.5 hours', '12 minutes', '40 seconds')
    """
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:,.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
