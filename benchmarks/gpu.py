"""What the method costs on one GPU: games, ranking and training steps; and that it computes there what a CPU computes.

    python benchmarks/gpu.py                  # about a minute and a half; results/gpu.json
    python benchmarks/gpu.py games training   # some of the parts; the others stay in the file as they were

Numbers are random, of the paper's sizes. A time is the median of several runs, each waited for until the GPU is done.
Interactions and their gradients are compared with those of the CPU in float64, rankings with the CPU's in float32.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from games_timing import make_inputs
from torch import Tensor
from transformers import CLIPConfig

from hbi.files import write_atomically
from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.models import HBIConfig, HBIModel
from hbi.ops import TokenSequence
from hbi.training.batch_gradient import BatchGradient
from hbi.training.objective import Objective
from hbi.training.optimization import build_optimizers
from training import draw_batch

RESULTS = Path(__file__).parent / "results" / "gpu.json"
GPU = torch.device("cuda")
SIZES = ((24, 12), (32, 16), (64, 64), (256, 64))
NUM_WORDS, NUM_FRAMES, WIDTH = 24, 12, 512


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median of several runs, after one that warms up."""
    spent = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        run()
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent[1:])


def error(found: Tensor, exact: Tensor) -> float:
    """Return the largest difference relative to the largest exact value."""
    return float((found.detach().double().cpu() - exact).abs().max() / exact.abs().max())


def measure_games() -> list[dict[str, Any]]:
    """Time a batch of 128 games of each size, with and without its gradient; and all 128 x 128 pairs."""
    return [games_row(*size) for size in SIZES]


def games_row(num_words: int, num_frames: int) -> dict[str, Any]:
    inputs = make_inputs((128,), num_words, num_frames)
    exact, exact_gradient = with_gradient([each.double() for each in inputs])
    on_gpu = [each.to(GPU) for each in inputs]
    found, gradient = with_gradient(on_gpu)
    both_seconds = median_seconds(lambda: with_gradient(on_gpu), 30)
    with torch.no_grad():
        seconds = median_seconds(lambda: banzhaf_interactions(game_of(on_gpu)), 30)
        pairs = game_of([each.to(GPU) for each in make_inputs((128, 128), num_words, num_frames)])
        chunk_size = max(1, 294_912 // (num_words * num_frames))
        pair_seconds = median_seconds(lambda: banzhaf_interactions(pairs, chunk_size=chunk_size), 3)
    return {
        "words": num_words,
        "frames": num_frames,
        "seconds": seconds,
        "seconds_with_gradient": both_seconds,
        "all_pairs_seconds": pair_seconds,
        "error": error(found, exact),
        "gradient_error": error(gradient, exact_gradient),
    }


def game_of(inputs: Sequence[Tensor]) -> LateInteractionGame:
    return LateInteractionGame(*inputs, check_values=False)


def with_gradient(inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the interactions, and the gradient of the sum of their squares with respect to the similarities."""
    similarity = inputs[0].requires_grad_()
    interactions = banzhaf_interactions(game_of((similarity, *inputs[1:])))
    [gradient] = torch.autograd.grad(interactions.square().sum(), similarity)
    return interactions.detach(), gradient


def measure_ranking() -> list[dict[str, Any]]:
    """Time merging 1,000 texts and 1,000 videos and comparing all pairs at three levels."""
    torch.manual_seed(0)
    clip = CLIPConfig(text_config={"num_hidden_layers": 1}, vision_config={"num_hidden_layers": 1})
    model = HBIModel(HBIConfig(encoder_config=clip, max_words=NUM_WORDS, max_frames=NUM_FRAMES)).eval()
    words, frames = (torch.randn(1000, number, WIDTH) for number in (NUM_WORDS, NUM_FRAMES))

    def similarity(device: torch.device) -> Tensor:
        model.to(device)
        everyone = (
            TokenSequence.unmerged(each.to(device), torch.ones(each.shape[:2], dtype=torch.bool, device=device))
            for each in (words, frames)
        )
        return model.similarity(model.words(next(everyone)), model.frames(next(everyone)))

    with torch.inference_mode():
        on_cpu = similarity(torch.device("cpu")).double()
        found = similarity(GPU)
        seconds = median_seconds(lambda: similarity(GPU), 5)
    return [{"texts": 1000, "videos": 1000, "seconds": seconds, "error": error(found, on_cpu)}]


def measure_training() -> list[dict[str, Any]]:
    """Time steps of CLIP ViT-B/32 and ViT-B/16 with everything the objective has, batch 128 as the paper's."""
    return [
        training_row(patch_size=32, precision="fp32"),
        training_row(patch_size=32, precision="bf16"),
        training_row(patch_size=32, precision="bf16", micro_batch_size=16),
        training_row(patch_size=16, precision="bf16", micro_batch_size=16),
    ]


def training_row(*, patch_size: int, precision: Any, micro_batch_size: int | None = None) -> dict[str, Any]:
    torch.manual_seed(0)
    clip = CLIPConfig(vision_config={"patch_size": patch_size})
    model = HBIModel(HBIConfig(encoder_config=clip, max_words=NUM_WORDS, max_frames=NUM_FRAMES)).to(GPU).train()
    [optimizer] = build_optimizers(model, "adamw", lr=1e-4, encoder_lr=1e-7, muon_lr=1e-4, weight_decay=0.2)
    gradient = BatchGradient(model, model.encoder, Objective(), GPU, micro_batch_size, precision)
    batch = draw_batch(128, has_features=False)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        gradient(batch, seed=0)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    torch.cuda.reset_peak_memory_stats()
    seconds = median_seconds(step, 5)
    return {
        "towers": f"ViT-B/{patch_size}",
        "precision": precision,
        "micro_batch_size": micro_batch_size,
        "seconds": seconds,
        "videos_per_second": 128 / seconds,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
    }


def main() -> None:
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "games": measure_games,
        "ranking": measure_ranking,
        "training": measure_training,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(parts)}; default: all")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where to keep the figures")
    arguments = parser.parse_args()
    content = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    for name in arguments.parts or parts:
        content[name] = {"machine": f"{torch.cuda.get_device_name()}, torch {torch.__version__}", "rows": parts[name]()}
        for row in content[name]["rows"]:
            print(name, {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in row.items()})
        write_atomically(arguments.out, json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
