"""A dual encoder's own score explained: the factorized game against enumeration and against sampled masks.

    python benchmarks/dual_encoder_games.py                  # CLIP ViT-B/32's text tower, 12 words, 12 frames
    python benchmarks/dual_encoder_games.py --words 6 --frames 6 --layers 2   # a minute

All in one run, on one machine, with random weights; the words that are out are removed from the text, and the rest is
encoded anew. Times include the encoding of texts; the vectors of the single frames are given, as an index has them.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from games_timing import relative_error
from torch import Tensor

from hbi.games import (
    DualEncoderGame,
    DualEncoderIndices,
    enumerate_game,
    normalized_mean,
    sample_interactions,
    solve_dual_encoder,
)
from hbi.games.enumeration import all_coalitions

RESULTS = Path(__file__).parent / "results" / "dual_encoder_games.json"
START, END = 49406, 49407
WIDTH = 512
MASKS_TIMED = 1024
Result = TypeVar("Result")


class TextTower:
    """CLIP's text tower with random weights: returns the normalized vector of the words in each coalition."""

    def __init__(self, num_words: int, num_layers: int) -> None:
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        torch.manual_seed(0)
        config = CLIPTextConfig(num_hidden_layers=num_layers, bos_token_id=START, eos_token_id=END)
        self.model = CLIPTextModelWithProjection(config).eval()
        self.words = torch.randint(1000, 40_000, (num_words,))
        self.encoded: dict[int, Tensor] = {}

    def __call__(self, coalitions: Tensor) -> Tensor:
        longest = int(coalitions.sum(1).max())
        input_ids = torch.full((len(coalitions), longest + 2), END)
        input_ids[:, 0] = START
        for row, inside in zip(input_ids, coalitions, strict=True):
            row[1 : 1 + int(inside.sum())] = self.words[inside]
        vectors = torch.nn.functional.normalize(self.model(input_ids=input_ids).text_embeds, dim=-1)
        self.encoded.update(zip(numbers(coalitions), vectors, strict=True))
        return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=12)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--layers", type=int, default=12, help="of the text tower; CLIP ViT-B/32 has 12")
    parser.add_argument("--samples", type=int, default=10_000, help="masks of both sides")
    parser.add_argument("--budget", type=int, default=256, help="texts that are drawn")
    parser.add_argument("--draws", type=int, default=10, help="draws whose errors are averaged")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with torch.inference_mode():
        result = measure(arguments)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def measure(arguments: argparse.Namespace) -> dict:
    """Return all times and errors."""
    num_words, num_frames = arguments.words, arguments.frames
    tower = TextTower(num_words, arguments.layers)
    video = normalized_mean(torch.randn(num_frames, WIDTH) + 0.5, is_normalized_first=True)
    game = DualEncoderGame(tower, video, num_words, num_frames)
    tower(next(all_coalitions(num_words, torch.device("cpu")))[1:9])  # warm

    exact, exact_seconds = timed(lambda: solve_dual_encoder(game, text_budget=2**num_words, video_budget=2**num_frames))
    interactions, asking_seconds = timed(lambda: exact.banzhaf_interactions().values)
    rows = {
        "factorized exact": {
            "seconds": exact_seconds + asking_seconds,
            "encoded texts": exact.num_texts,
            "error": 0.0,
            "error of Shapley": 0.0,
        }
    }
    known = known_vectors(game, tower)
    drawn = [draw(known, arguments.budget, seed) for seed in range(arguments.draws)]
    drawn_seconds = draw(game, arguments.budget, 0)[1]
    rows["factorized, texts drawn"] = {"seconds": drawn_seconds, **drawn_row(exact, [part for part, _ in drawn])}

    sampled = []
    for seed in range(arguments.draws):
        generator = torch.Generator().manual_seed(seed)
        sampled.append(
            timed(lambda g=generator: sample_interactions(known, num_words + num_frames, arguments.samples, g))
        )
    encoded_seconds = timed(lambda: encode_masks(tower, MASKS_TIMED))[1] / MASKS_TIMED
    errors = [relative_error(part.interactions[:num_words, num_words:], interactions) for part, _ in sampled]
    rows[f"{arguments.samples} masks of both sides, each encoded"] = {
        "seconds": encoded_seconds * arguments.samples + sampled[0][1],
        "encoded texts": arguments.samples,
        "error": root_mean_square(errors),
    }

    enumerated, matrix_seconds = timed(lambda: enumerate_by_products(known, num_words, num_frames))
    rows["enumeration, all vectors known"] = {
        "seconds": exact_seconds + matrix_seconds,
        "seconds without encoding": matrix_seconds,
        "pairs": 2 ** (num_words + num_frames),
        "largest difference to exact": (enumerated - interactions).abs().max().item(),
    }
    rows["enumeration, each pair encoded (extrapolated)"] = {
        "seconds": encoded_seconds * 2.0 ** (num_words + num_frames)
    }
    for name, row in rows.items():
        row["times of exact"] = row["seconds"] / rows["factorized exact"]["seconds"]
        print(name, {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()})
    return {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "words": num_words,
        "frames": num_frames,
        "layers": arguments.layers,
        "rows": rows,
    }


def timed(run: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def draw(game: DualEncoderGame, budget: int, seed: int) -> tuple[DualEncoderIndices, float]:
    """Return the solution from drawn texts and its seconds, the interactions included."""

    def run() -> DualEncoderIndices:
        generator = torch.Generator().manual_seed(seed)
        indices = solve_dual_encoder(game, text_budget=budget, video_budget=2**game.num_frames, generator=generator)
        indices.banzhaf_interactions()
        return indices

    return timed(run)


def drawn_row(exact: DualEncoderIndices, drawn: list[DualEncoderIndices]) -> dict:
    banzhaf, shapley = exact.banzhaf_interactions().values, exact.shapley_interactions().values
    estimates = [indices.banzhaf_interactions() for indices in drawn]
    covered = [((part.values - banzhaf).abs() <= 1.96 * part.standard_errors).double().mean() for part in estimates]
    return {
        "encoded texts": max(indices.num_texts for indices in drawn),
        "error": root_mean_square([relative_error(part.values, banzhaf) for part in estimates]),
        "error of Shapley": root_mean_square(
            [relative_error(indices.shapley_interactions().values, shapley) for indices in drawn]
        ),
        "within 1.96 standard errors": torch.stack(covered).mean().item(),
    }


def known_vectors(game: DualEncoderGame, tower: TextTower) -> DualEncoderGame:
    """Return the same game with the vectors of all coalitions looked up, those of texts as they were encoded."""
    coalitions = torch.cat(list(all_coalitions(game.num_frames, torch.device("cpu"))))[1:]
    frames = dict(zip(numbers(coalitions), game.videos(coalitions), strict=True))
    return DualEncoderGame(looked_up(tower.encoded), looked_up(frames), game.num_words, game.num_frames)


def looked_up(vectors: dict[int, Tensor]) -> Callable[[Tensor], Tensor]:
    table = torch.stack([vectors[number] for number in range(1, len(vectors) + 1)])
    return lambda coalitions: table[torch.tensor(numbers(coalitions)) - 1]


def numbers(coalitions: Tensor) -> list[int]:
    return (coalitions * (1 << torch.arange(coalitions.shape[1]))).sum(-1).tolist()


def encode_masks(tower: TextTower, num_masks: int) -> None:
    """Encode one text for every mask, as work that treats the score as a black box does."""
    masks = torch.rand(num_masks, len(tower.words)) < 0.5
    masks = masks[masks.any(1)]
    for part in masks[masks.sum(1).argsort()].split(256):
        tower(part)


def enumerate_by_products(game: DualEncoderGame, num_words: int, num_frames: int) -> Tensor:
    """Return the Banzhaf interactions from the values of all pairs of masks, one product of matrices.

    The Banzhaf interaction at 1/2 is a signed mean of all values, with the sign of `+1` inside, `-1` outside.
    """
    if num_words + num_frames <= 14:  # the slow way, which knows nothing of words and frames
        return enumerate_game(game, num_words + num_frames).banzhaf_interactions()[:num_words, num_words:]
    words, frames = (torch.cat(list(all_coalitions(n, torch.device("cpu")))) for n in (num_words, num_frames))
    text_vectors, video_vectors = game.texts(words[1:]), game.videos(frames[1:])
    word_signs, frame_signs = 2.0 * words - 1, 2.0 * frames - 1
    total = torch.zeros(num_words, num_frames, dtype=torch.float64)
    for signs, vectors in zip(word_signs[1:].split(512), text_vectors.split(512), strict=True):
        values = vectors @ video_vectors.T  # [512, 2^frames]: the worth of these pairs
        total += (signs.T @ values @ frame_signs[1:]).double()
    return 4 * total / 2 ** (num_words + num_frames)


def root_mean_square(numbers: list[float]) -> float:
    return (sum(number**2 for number in numbers) / len(numbers)) ** 0.5


if __name__ == "__main__":
    main()
