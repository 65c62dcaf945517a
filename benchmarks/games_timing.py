"""Random games of a given size, and how long and how well a function does on them: for the benchmarks of games."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from hbi.games import LateInteractionGame, banzhaf_interactions

GENERATOR = torch.Generator().manual_seed(0)


def warm_up_the_heap() -> None:
    """Free one large tensor, as any program that has loaded a model has: from then on malloc keeps its pages."""
    del_me = torch.ones(7_500_000)
    del del_me


def make_inputs(batch: tuple[int, ...], num_words: int, num_frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return cosine-like similarities and softmax weights."""
    similarity = 0.3 * torch.randn(*batch, num_words, num_frames, generator=GENERATOR)
    word_weights = torch.randn(*batch[:1], num_words, generator=GENERATOR).softmax(-1)
    frame_weights = torch.randn(*batch[-1:], num_frames, generator=GENERATOR).softmax(-1)
    return similarity, word_weights.unsqueeze(1) if len(batch) == 2 else word_weights, frame_weights


def make_game(batch: tuple[int, ...], num_words: int, num_frames: int) -> LateInteractionGame:
    return LateInteractionGame(*make_inputs(batch, num_words, num_frames))


def in_float64(game: LateInteractionGame) -> LateInteractionGame:
    return LateInteractionGame(*(t.double() for t in (game.similarity, game.word_weights, game.frame_weights)))


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


def relative_error(estimate: Tensor, exact: Tensor) -> float:
    return ((estimate - exact).square().mean() / exact.square().mean()).sqrt().item()


def exact_seconds(batch: tuple[int, ...], num_words: int, num_frames: int, repeats: int) -> float:
    inputs = iter([make_inputs(batch, num_words, num_frames) for _ in range(repeats + 2)])

    def run() -> None:
        banzhaf_interactions(LateInteractionGame(*next(inputs)))

    median_seconds(run, 2)
    return median_seconds(run, repeats)
