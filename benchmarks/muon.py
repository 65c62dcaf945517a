"""What Muon costs a training step of the small recipes: in float32 (`hbi.training.muon`) and in torch's bfloat16.

    python benchmarks/muon.py              # 20 timed updates of each, in turn; stored in results/muon.json

Updates of the network of the recipe `shape-stories`, with random gradients, in one thread. The time is that of the
processor and the median counts; a whole step of the recipe (32 videos, 128 captions) is timed beside them.
"""

import argparse
import copy
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from hbi.encoders.preprocessing import network_input
from hbi.encoders.tokenizer import train_tokenizer
from hbi.experiments.network import build_model
from hbi.experiments.reading import read_recipe
from hbi.training.memory import keep_freed_memory
from hbi.training.muon import Muon
from hbi.training.objective import Objective
from hbi.training.optimization import build_optimizers

RESULTS = Path(__file__).parent / "results" / "muon.json"
NUM_WORDS = 20


def main() -> None:
    """Time both, store and print what they take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=20, help="timed updates of each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    recipe = read_recipe("shape-stories")
    tokenizer = train_tokenizer(["a red circle spins, then a blue square falls"] * 100, num_merges=100)
    torch.manual_seed(0)
    model = build_model(recipe, tokenizer)
    ours, theirs = optimizer(model, None), optimizer(copy.deepcopy(model), torch.optim.Muon)
    times: dict[str, list[float]] = {"step": [], "float32": [], "bfloat16": []}
    for number in range(arguments.updates + 1):
        found = {
            "step": seconds(lambda: gradients(model, recipe.training.batch_size, recipe.training.captions_per_video))
        }
        for name, each in (("float32", ours), ("bfloat16", theirs)):
            for group in each.param_groups:
                for matrix in group["params"]:
                    matrix.grad = torch.randn_like(matrix)
            found[name] = seconds(each.step)
        for name, value in found.items():
            times[name] += [value] if number else []  # the first one warms up
    result = {name: median(values) for name, values in times.items()}
    result["ratio"] = result["bfloat16"] / result["float32"]
    capability = torch.backends.cpu.get_cpu_capability()
    result |= {"machine": f"{platform.machine()} ({capability}), torch {torch.__version__}"}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def optimizer(model: torch.nn.Module, kind: type[torch.optim.Muon] | None) -> torch.optim.Optimizer:
    """Return what moves the matrices of the network: Muon of ours, or of another kind with the same matrices."""
    options = {"lr": 1e-3, "encoder_lr": 1e-3, "muon_lr": 1e-3, "weight_decay": 0.1}
    (muon, _) = build_optimizers(model, "muon", **options)
    assert isinstance(muon, Muon)
    return muon if kind is None else kind(muon.param_groups, lr=1e-3, adjust_lr_fn="match_rms_adamw")


def gradients(model: torch.nn.Module, num_videos: int, num_captions: int) -> None:
    """Make a forward and a backward pass of a batch of noise."""
    config = model.config
    random = torch.Generator().manual_seed(0)
    shape = (num_videos, 12, config.tubelet_size, 3, 48, 48)
    pixels = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    ids = torch.randint(3, 100, (num_videos * num_captions, NUM_WORDS), generator=random)
    video_of_text = torch.arange(num_videos).repeat_interleave(num_captions)
    mask = torch.ones(num_videos, 12, dtype=torch.bool)
    output = model(ids, torch.ones_like(ids), network_input(pixels), mask, video_of_text)
    Objective()(output, video_of_text).total.backward()
    model.zero_grad()


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of the processor that some work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
