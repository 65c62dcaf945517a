"""What sampling, and the short cuts of the released sampler, do to the Banzhaf interactions.

    python benchmarks/games_shortcuts.py                            # random similarity matrices

    hbi demo                                                        # those of a trained model
    hbi record-games demo/runs/shape-stories games.safetensors --split test --level entity --pairs 64
    python benchmarks/games_shortcuts.py --games games.safetensors

Prints a table and writes it to benchmarks/results/games_shortcuts_random.json or games_shortcuts_trained.json; takes
about ten minutes. The short cuts are measured with the same coalitions as the sampler without them, so that the noise
of sampling cancels from their effect. The sampler floors similarities at zero, so its rows are compared with the exact
interactions of the game with that floor; two rows say what the floor does to a game that is played without.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from released_sampler import RELEASED, ShortCuts, expectation
from torch import Tensor

from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.training.game_source import RandomGames, RecordedGames, read_games

RESULTS = Path(__file__).parent / "results"
ALL_OF_THEM = "all of them: the released target"
SHORT_CUTS = {
    "joint term adds only its own cell": ShortCuts(own_cell=True),
    "softmax of the weights twice": ShortCuts(double_softmax=True),
    "and a third time in the joint term": ShortCuts(double_softmax=True, third_weighting=True),
    ALL_OF_THEM: RELEASED,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=Path, help="recorded games, a safetensors file")
    parser.add_argument("--num-games", type=int, default=16)
    parser.add_argument("--num-coalitions", type=int, default=2000)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    source = RecordedGames(read_games(arguments.games)) if arguments.games else RandomGames()
    drawn = source.draw(arguments.num_games, generator)
    pairs: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for number in range(arguments.num_games):
        game = without_padding(drawn, number)
        for name, estimate_and_exact in variants(game, arguments.num_coalitions, generator).items():
            pairs.setdefault(name, []).append(estimate_and_exact)
    rows = [{"variant": name, **compare(*zip(*of_variant, strict=True))} for name, of_variant in pairs.items()]
    print_table(rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"games_shortcuts_{'trained' if arguments.games else 'random'}.json"
    settings = {"num_games": arguments.num_games, "num_coalitions": arguments.num_coalitions}
    path.write_text(json.dumps({"settings": settings, "rows": rows}, indent=2) + "\n")


def without_padding(games: LateInteractionGame, number: int) -> LateInteractionGame:
    """Return one game in float64 with its masked words and frames cut off, and no floor, as HBI plays it."""
    everyone = torch.ones_like(games.similarity[number], dtype=torch.bool)
    words = everyone[:, 0] if games.word_mask is None else games.word_mask[number]
    frames = everyone[0] if games.frame_mask is None else games.frame_mask[number]
    return LateInteractionGame(
        games.similarity[number][words][:, frames].double(),
        games.word_weights[number][words].double(),
        games.frame_weights[number][frames].double(),
        floor_at_zero=False,
    )


def variants(
    game: LateInteractionGame, num_coalitions: int, generator: torch.Generator
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return for every variant its estimate of the interactions, and the exact ones that it is compared with."""
    words = torch.rand(num_coalitions, game.num_words, generator=generator) < 0.5
    frames = torch.rand(num_coalitions, game.num_frames, generator=generator) < 0.5

    def mean(short_cuts: ShortCuts, size: int = num_coalitions) -> Tensor:
        return expectation(
            game.similarity, game.word_weights, game.frame_weights, words[:size], frames[:size], short_cuts
        )

    played = banzhaf_interactions(game)
    floored = banzhaf_interactions(replace(game, floor_at_zero=True))
    plain = mean(ShortCuts())
    with_short_cuts = {name: floored + mean(short_cuts) - plain for name, short_cuts in SHORT_CUTS.items()}
    against_floored = {
        "no short cut, 100 samples a cell": mean(ShortCuts(), 100),
        f"no short cut, {num_coalitions} samples a cell": plain,
        **with_short_cuts,
    }
    return {
        **{name: (estimate, floored) for name, estimate in against_floored.items()},
        "floor at zero, exact, against no floor": (floored, played),
        "the released target, against no floor": (with_short_cuts[ALL_OF_THEM], played),
    }


def compare(estimates: Sequence[Tensor], exact: Sequence[Tensor]) -> dict[str, float]:
    def average(of) -> float:
        return sum(of(e, x).item() for e, x in zip(estimates, exact, strict=True)) / len(exact)

    return {
        "correlation": average(lambda e, x: torch.corrcoef(torch.stack((e.flatten(), x.flatten())))[0, 1]),
        "sign_agreement": average(lambda e, x: (e.sign() == x.sign()).double().mean()),
        "relative_error": average(lambda e, x: ((e - x).square().mean() / x.square().mean()).sqrt()),
        "bias": average(lambda e, x: (e - x).mean() / x.abs().mean()),
        "best_cell_agreement": average(lambda e, x: (e.argmax(-1) == x.argmax(-1)).double().mean()),
    }


def print_table(rows: list[dict]) -> None:
    print(f"{'':<38} correlation   same sign   relative error     bias   best frame of a word agrees")
    for row in rows:
        print(
            f"{row['variant']:<38} {row['correlation']:11.3f} {row['sign_agreement']:11.1%} "
            f"{row['relative_error']:16.3f} {row['bias']:8.2f} {row['best_cell_agreement']:20.1%}"
        )


if __name__ == "__main__":
    main()
