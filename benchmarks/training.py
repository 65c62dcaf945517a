"""Seconds and peak memory of a training step at the size of CLIP ViT-B/32, split into its parts, against a plain loop.

    python benchmarks/training.py                       # all rows: about ten minutes on two cores
    python benchmarks/training.py --only 8              # the rows of a batch of 8
    python benchmarks/training.py --again               # measure again what results/training.json already holds

Each row is measured in a process of its own, one after the other, and stored when it is there: a run that was stopped
continues. Weights are random, of the real sizes (768 and 512 wide, 12 layers each); texts have 6 to 24 tokens, videos 6
to 12 real frames of 224x224 (nine of twelve on average), as the same seed draws them for every row.

The plain loop is what one writes first: float32, the padded frames encoded too, anomaly detection on around the
backward pass, AdamW as torch makes it. Its interactions come from a teacher that was asked before and costs nothing.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import CLIPConfig

from hbi.encoders.preprocessing import network_input
from hbi.files import write_atomically
from hbi.games import ExactTeacher, LateInteractionGame
from hbi.models import HBIConfig, HBIModel
from hbi.training.batch_gradient import BatchGradient, back_propagate
from hbi.training.batches import Batch
from hbi.training.detached_encodings import DetachedEncodings
from hbi.training.memory import keep_freed_memory
from hbi.training.objective import Objective
from hbi.training.optimization import build_optimizers
from hbi.training.towers import choose_attention, freeze_towers

RESULTS = Path(__file__).parent / "results" / "training.json"
PARTS = ("towers", "levels", "game", "optimizer")
NUM_WORDS, NUM_FRAMES = 24, 12


@dataclass(frozen=True)
class Row:
    """What is measured."""

    batch_size: int
    way: str
    precision: str = "fp32"
    micro_batch_size: int | None = None

    @property
    def name(self) -> str:
        part = f", {self.micro_batch_size} at a time" if self.micro_batch_size else ""
        return f"{self.way} {self.batch_size}{part}, {self.precision}"


ROWS = (
    Row(8, "plain"),
    Row(8, "hbi"),
    Row(8, "hbi", "bf16"),
    Row(16, "plain"),
    Row(16, "hbi"),
    Row(16, "hbi", "bf16"),
    Row(16, "hbi", "bf16", 4),
    Row(128, "features"),
    Row(128, "features", "bf16"),
)


@dataclass
class Clock:
    """Seconds by part."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @contextmanager
    def part(self, name: str, *, inside: str | None = None) -> Iterator[None]:
        """Add the time of a block to a part, and take it from the one that it happens in."""
        started = time.perf_counter()
        yield
        elapsed = time.perf_counter() - started
        self.seconds[name] += elapsed
        if inside:
            self.seconds[inside] -= elapsed


@dataclass(frozen=True)
class TimedTeacher:
    """The exact teacher, whose time is the game's."""

    clock: Clock

    def __call__(self, game: LateInteractionGame) -> Tensor:
        with self.clock.part("game", inside="levels"):
            return ExactTeacher()(game)


def free_teacher(game: LateInteractionGame) -> Tensor:
    """Return interactions of the right shape at no cost."""
    return torch.zeros_like(game.similarity)


def network() -> HBIModel:
    torch.manual_seed(0)
    return HBIModel(HBIConfig(encoder_config=CLIPConfig(), max_words=NUM_WORDS, max_frames=NUM_FRAMES)).train()


def draw_batch(num_videos: int, *, has_features: bool) -> Batch:
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(6, NUM_WORDS + 1, (num_videos, 1), generator=random)
    ids = torch.randint(1000, 40_000, (num_videos, NUM_WORDS), generator=random)
    places = torch.arange(NUM_WORDS)
    ids = ids.masked_fill(places == 0, 49_406).masked_fill(places >= lengths - 1, 49_407)
    counts = torch.randint(NUM_FRAMES // 2, NUM_FRAMES + 1, (num_videos, 1), generator=random)
    mask = torch.arange(NUM_FRAMES) < counts
    if has_features:
        frames = torch.randn(num_videos, NUM_FRAMES, 512, generator=random)
    else:
        shape = (num_videos, NUM_FRAMES, 3, 224, 224)
        frames = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    return Batch(ids, (places < lengths).long(), frames, mask, torch.arange(num_videos))


def our_step(gradient: BatchGradient, optimizer: torch.optim.Optimizer, batch: Batch, clock: Clock) -> None:
    """Do what `BatchGradient` and `Trainer` do, cut between towers and levels, with a clock at the cut."""
    optimizer.zero_grad(set_to_none=True)
    parts = list(batch.parts(gradient.micro_batch_size or len(batch)))
    is_kept = len(parts) == 1
    with clock.part("towers"), torch.set_grad_enabled(is_kept):
        encoded = [gradient.encode(part, gradient.encoder) for part in parts]
    with clock.part("levels"):
        everyone, own = DetachedEncodings.join(encoded, batch.video_of_text, None).gather(gradient.processes)
        gradient.loss(everyone.encodings(), everyone.video_of_text, None).total.backward()
    with clock.part("towers"):
        for part, gradients in zip(parts, everyone.gradients(own, parts), strict=True):
            encodings = encoded[0] if is_kept else gradient.encode(part, gradient.encoder)
            back_propagate(encodings, gradients)
    with clock.part("optimizer"):
        nn.utils.clip_grad_norm_(gradient.model.parameters(), 1.0)
        optimizer.step()


def plain_step(model: HBIModel, objective: Objective, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    optimizer.zero_grad()
    pixels = network_input(batch.frames)
    # Padding too: what is not real is encoded all the same, and masked afterwards.
    features = model.encoder.frame_features(pixels, torch.ones_like(batch.frame_mask))
    output = model(batch.input_ids, batch.attention_mask, features, batch.frame_mask, batch.video_of_text)
    loss = objective(output, batch.video_of_text).total
    with torch.autograd.set_detect_anomaly(True):
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def measure(row: Row, num_steps: int) -> dict[str, object]:
    model, batch = network(), draw_batch(row.batch_size, has_features=row.way == "features")
    if row.way == "features":
        freeze_towers(model)
    if row.way != "plain":
        keep_freed_memory()
    clocks, totals, works = [], [], []
    for step in range(num_steps + 1):
        clock = Clock()
        if step == 0:
            if row.way == "plain":
                plain_optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.2)
            else:
                [optimizer] = build_optimizers(model, "adamw", lr=1e-4, encoder_lr=1e-7, muon_lr=1e-4, weight_decay=0.2)
        started, worked = time.perf_counter(), time.process_time()
        if row.way == "plain":
            plain_step(model, Objective(beta=2.0, teacher=free_teacher), plain_optimizer, batch)
        else:
            choose_attention(model, torch.device("cpu"), row.precision)
            objective = Objective(beta=2.0, teacher=TimedTeacher(clock))
            gradient = BatchGradient(
                model, model.encoder, objective, torch.device("cpu"), row.micro_batch_size, row.precision
            )
            our_step(gradient, optimizer, batch, clock)
        if step:  # the first one warms up
            totals.append(time.perf_counter() - started)
            works.append(time.process_time() - worked)
            clocks.append(clock.seconds)
    best = min(range(num_steps), key=totals.__getitem__)
    record: dict[str, object] = {
        "name": row.name,
        "seconds": totals[best],
        # Of all threads together; on a machine with nothing else to do, seconds times threads.
        "processor_seconds": works[best],
        "all_seconds": totals,
    }
    if row.way != "plain":
        record["parts"] = clocks[best]
    return record | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def machine() -> str:
    flags = Path("/proc/cpuinfo").read_text().split("flags", 2)[1].split("\n")[0].split()
    found = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f") if flag in flags] or ["no AVX-512"]
    return f"{platform.machine()} ({', '.join(found)}), {torch.get_num_threads()} threads, torch {torch.__version__}"


def print_table(results: dict[str, dict[str, object]]) -> None:
    print("| step | seconds | towers | levels | game | optimizer | levels + game | processor seconds | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        if record := results.get(row.name):
            parts = record.get("parts")
            cells = [f"{parts[part]:.3f}" for part in PARTS] if parts else ["", "", "", ""]
            share = f"{(parts['levels'] + parts['game']) / record['seconds']:.1%}" if parts else ""
            memory, work = f"{record['peak_mib'] / 1024:.1f} GiB", f"{record['processor_seconds']:.1f}"
            print(f"| {row.name} | {record['seconds']:.2f} | {' | '.join(cells)} | {share} | {work} | {memory} |")
    for size in (8, 16):
        names = [f"plain {size}, fp32", f"hbi {size}, fp32", f"hbi {size}, bf16"]
        if all(name in results for name in names):
            plain, ours, fast = (results[name]["seconds"] for name in names)
            print(f"Batch {size}: {plain / ours:.2f} times the plain loop in fp32, {plain / fast:.2f} times in bf16.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, help="rows of this batch size")
    parser.add_argument("--again", action="store_true", help="measure again what is there")
    parser.add_argument("--steps", type=int, default=2, help="timed steps a row; the fastest counts")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row is not None:
        print(json.dumps(measure(ROWS[arguments.row], arguments.steps)))
        return
    content = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results = content.get("rows", {})
    for index, row in enumerate(ROWS):
        if (arguments.only in (None, row.batch_size)) and (arguments.again or row.name not in results):
            command = [sys.executable, __file__, "--row", str(index), "--steps", str(arguments.steps)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results[row.name] = json.loads(output.splitlines()[-1])
            write_atomically(RESULTS, json.dumps({"machine": machine(), "rows": results}, indent=2) + "\n")
            print(f"{row.name}: {results[row.name]['seconds']:.2f} s", file=sys.stderr)
    print(machine())
    print_table(results)


if __name__ == "__main__":
    main()
