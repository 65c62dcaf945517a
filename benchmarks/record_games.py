"""Record the games that a trained run plays on its test split, for games_shortcuts.py and `hbi train-estimator`.

    hbi demo
    python benchmarks/record_games.py demo/runs/shape-stories games.safetensors

To be run from the folder that `hbi demo`, or the training, was run in: a recipe may name its data relative to it.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split
from hbi.matching import load_matcher


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a trained run")
    parser.add_argument("out", type=Path, help="safetensors file to write")
    parser.add_argument("--level", choices=("entity", "action", "event"), default="entity")
    parser.add_argument("--num-games", type=int, default=64)
    arguments = parser.parse_args()
    matcher = load_matcher(arguments.run, device="cpu")
    if not matcher.has_games:
        parser.error(f"{arguments.run} is not a run of an HBI model")
    decoded = decode_split(read_recipe(str(arguments.run / "recipe.yaml")), "test")
    relevance = decoded.split.relevance
    rows = range(min(arguments.num_games, len(decoded.split.texts)))
    video_rows = [int(relevance[row].float().argmax()) for row in rows]
    shown = torch.tensor(video_rows)
    texts = matcher.encode_texts([decoded.split.texts[row].text for row in rows])
    videos = matcher.encode_frames(decoded.frames.pixels[shown], decoded.frames.mask[shown])
    game = matcher.games(texts, videos)[arguments.level]
    names = ("similarity", "word_weights", "frame_weights", "word_mask", "frame_mask")
    save_file(
        {name: getattr(game, name).contiguous() for name in names if getattr(game, name) is not None}, arguments.out
    )
    print(f"{arguments.out}: {game}")


if __name__ == "__main__":
    main()
