"""What tubelets cost a training step at the size of CLIP ViT-B/32: steps with 1, 3 and 5 frames a position, in turn.

    python benchmarks/tubelets.py                # batches of 2 videos with 6 positions, 3 timed steps of each
    python benchmarks/tubelets.py --videos 8     # larger batches

Weights are random, of the real sizes; the same batch is stepped on again and again. Time is that of the processor, of
all threads together, and the fastest step counts: other programs on the machine change it little. The ratio is of the
step with single frames.
"""

import argparse
import time

import torch
from transformers import CLIPConfig

from hbi.encoders.preprocessing import network_input
from hbi.models import HBIConfig, HBIModel
from hbi.training.objective import Objective

SIZES = (1, 3, 5)
NUM_WORDS = 24


def network(tubelet_size: int, num_positions: int) -> HBIModel:
    """Return a network with towers of ViT-B/32."""
    torch.manual_seed(0)
    config = HBIConfig(
        encoder_config=CLIPConfig(), max_words=NUM_WORDS, max_frames=num_positions, tubelet_size=tubelet_size
    )
    return HBIModel(config).train()


def timed_step(model: HBIModel, num_videos: int, num_positions: int) -> float:
    """Return the seconds of the processor that a forward and a backward pass take."""
    size = model.config.tubelet_size
    tubelet = () if size == 1 else (size,)
    random = torch.Generator().manual_seed(0)
    shape = (num_videos, num_positions, *tubelet, 3, 224, 224)
    pixels = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    ids = torch.randint(1000, 40_000, (num_videos, NUM_WORDS), generator=random)
    mask, video_of_text = torch.ones(num_videos, num_positions, dtype=torch.bool), torch.arange(num_videos)
    started = time.process_time()
    output = model(ids, torch.ones_like(ids), network_input(pixels), mask, video_of_text)
    Objective()(output, video_of_text).total.backward()
    elapsed = time.process_time() - started
    model.zero_grad()
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=2, help="videos a step")
    parser.add_argument("--positions", type=int, default=6, help="positions of each")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of each size, after one that warms up")
    arguments = parser.parse_args()
    models = {size: network(size, arguments.positions) for size in SIZES}
    fastest = dict.fromkeys(SIZES, float("inf"))
    for step in range(arguments.steps + 1):
        for size, model in models.items():
            seconds = timed_step(model, arguments.videos, arguments.positions)
            if step:
                fastest[size] = min(fastest[size], seconds)
    print(f"{arguments.videos} videos with {arguments.positions} positions, {torch.get_num_threads()} threads")
    print("| frames a position | processor ms a step | ratio |")
    print("| ---: | ---: | ---: |")
    for size, seconds in fastest.items():
        print(f"| {size} | {1000 * seconds:.0f} | {seconds / fastest[1]:.3f} |")


if __name__ == "__main__":
    main()
