"""How fast and how exact the game engine is, against sampling, shapiq and enumeration, on the same inputs in one run.

    python benchmarks/games.py                    # all tables, results/games.json, docs/method/exact-games-cost.svg
    python benchmarks/games.py exact all_pairs    # some of them; the others stay in the file as they were
    python benchmarks/games_tables.py             # put the figures into docs/method/exact-games.md

Every time is the median over several inputs of the same shape (new numbers each time: a sort of numbers that it has
sorted before is faster than an honest one). Errors are root mean squares relative to the root mean square of the exact
interactions, in float64 from the same numbers. What is extrapolated says so.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from games_shapiq import against_shapiq, at_equal_time
from games_timing import (
    GENERATOR,
    exact_seconds,
    in_float64,
    make_game,
    make_inputs,
    median_seconds,
    relative_error,
    warm_up_the_heap,
)
from torch import Tensor

from hbi.games import LateInteractionGame, banzhaf_interactions, sample_late_interactions
from hbi.games.extension import MultilinearExtension
from hbi.games.maximum import expected_gain, rank
from hbi.games.sorting import ascending_order

RESULTS = Path(__file__).parent / "results" / "games.json"
FIGURE = Path(__file__).parents[1] / "docs" / "method" / "exact-games-cost.svg"
SIZES = ((24, 12), (32, 16), (64, 64), (256, 64))


def main() -> None:
    sections: dict[str, Callable[[], object]] = {
        "exact": lambda: [exact_row(batch, *size) for size in SIZES for batch in ((1,), (128,))],
        "all_pairs": lambda: [all_pairs_row(*size) for size in SIZES],
        "compiled": compiled_row,
        "against_sampling": against_sampling,
        "against_shapiq": against_shapiq,
        "at_equal_time": at_equal_time,
        "parts": lambda: [parts_row(*size) for size in SIZES],
        "growth": growth,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", help=f"any of {', '.join(sections)}; default: all")
    chosen = parser.parse_args().sections or list(sections)
    warm_up_the_heap()
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    for name in chosen:
        with torch.no_grad():
            results[name] = {"machine": machine, "rows": sections[name]()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    if "growth" in chosen:
        draw_growth(results["growth"]["rows"])


def exact_row(batch: tuple[int, ...], num_words: int, num_frames: int) -> dict:
    repeats = 50 if num_words * num_frames * batch[0] < 1e6 else 7
    seconds = exact_seconds(batch, num_words, num_frames, repeats)
    game = make_game(batch, num_words, num_frames)
    exact = banzhaf_interactions(in_float64(game))
    error = ((banzhaf_interactions(game) - exact).abs().amax((-1, -2)) / exact.abs().amax((-1, -2))).max().item()
    row = {"batch": batch[0], "words": num_words, "frames": num_frames, "seconds": seconds, "error_of_largest": error}
    print(f"exact {batch[0]:>4} x {num_words}x{num_frames}: {1e3 * seconds:9.3f} ms, error {error:.1e} of the largest")
    return row


def all_pairs_row(num_words: int, num_frames: int) -> dict:
    game = make_game((128, 128), num_words, num_frames)
    chunk_size = max(1, 9216 // (num_words * num_frames))
    repeats = 3 if num_words * num_frames <= 512 else 1
    seconds = median_seconds(lambda: banzhaf_interactions(game, chunk_size=chunk_size), repeats)
    print(f"all pairs 128x128 of {num_words}x{num_frames}: {seconds:.3f} s ({chunk_size} texts at a time)")
    return {"words": num_words, "frames": num_frames, "seconds": seconds, "chunk_size": chunk_size}


def parts_row(num_words: int, num_frames: int, batch: int = 128) -> dict:
    """Time the parts of the exact computation of a batch, each on numbers of its own that nobody has touched."""

    def seconds(part: Callable[[LateInteractionGame], object], prepare: Callable = lambda game: game) -> float:
        prepared = iter([prepare(make_game((batch,), num_words, num_frames)) for _ in range(9)])
        median_seconds(lambda: part(next(prepared)), 2)
        return median_seconds(lambda: part(next(prepared)), 7)

    def rows(game: LateInteractionGame) -> tuple[Tensor, Tensor]:
        return game.similarity, game.similarity.mT.contiguous()

    def gains(extension: MultilinearExtension) -> tuple[Tensor, Tensor]:
        return expected_gain(extension.frame_ranking, 0.5), expected_gain(extension.word_ranking, 0.5)

    def weigh(prepared: tuple[MultilinearExtension, tuple[Tensor, Tensor]]) -> None:
        extension, (frame_gain, word_gain) = prepared
        extension.words.gain_times(0.5, frame_gain)
        extension.frames.gain_times(0.5, word_gain)

    sorts = seconds(lambda both: [ascending_order(similarity) for similarity in both], rows)
    row = {
        "words": num_words,
        "frames": num_frames,
        "whole": exact_seconds((batch,), num_words, num_frames, 7),
        "two sorts": sorts,
        "the rest of the two rankings": seconds(lambda both: [rank(part, None) for part in both], rows) - sorts,
        "two running sums": seconds(gains, MultilinearExtension.of),
        "weights": seconds(weigh, lambda game: (ext := MultilinearExtension.of(game), gains(ext))),
        "two sorts, were they torch's": seconds(lambda both: [similarity.argsort(-1) for similarity in both], rows),
    }
    shares = ", ".join(
        f"{name} {1e3 * value:.2f} ms ({value / row['whole']:.0%})"
        for name, value in row.items()
        if name not in ("words", "frames", "whole")
    )
    print(f"{batch} x {num_words}x{num_frames}: {1e3 * row['whole']:.2f} ms, of it {shares}")
    return row


def compiled_row() -> dict:
    def run(*inputs: Tensor) -> Tensor:
        return banzhaf_interactions(LateInteractionGame(*inputs, check_values=False, weight_spread=2e3))

    compiled = torch.compile(run, fullgraph=True, dynamic=False)
    inputs = iter([make_inputs((128,), 24, 12) for _ in range(55)])
    median_seconds(lambda: compiled(*next(inputs)), 4)
    seconds = median_seconds(lambda: compiled(*next(inputs)), 50)
    print(f"compiled 128 x 24x12: {1e3 * seconds:.3f} ms")
    return {"seconds": seconds}


def plain_loop(game: LateInteractionGame, cells: list[tuple[int, int]], num_samples: int) -> Tensor:
    """Return [games, cells]: for every cell and every sample one coalition and its four values, batched over games."""
    estimates = []
    for i, j in cells:
        total = torch.zeros(game.batch_shape)
        for _ in range(num_samples):
            words = torch.rand(*game.batch_shape, game.num_words, generator=GENERATOR) < 0.5
            frames = torch.rand(*game.batch_shape, game.num_frames, generator=GENERATOR) < 0.5
            for sign, has_word, has_frame in ((1, True, True), (-1, True, False), (-1, False, True), (1, False, False)):
                words[:, i], frames[:, j] = has_word, has_frame
                total = total + sign * game.value(words, frames)
        estimates.append(total / num_samples)
    return torch.stack(estimates, -1)


def against_sampling() -> dict:
    """Compare with the plain loop and with our best sampler, on a batch of 128 games of 24 words and 12 frames."""
    game = make_game((128,), 24, 12)
    exact = banzhaf_interactions(in_float64(game)).float()
    seconds = exact_seconds((128,), 24, 12, 50)
    cells = [(i, (5 * i) % 12) for i in range(0, 24, 4)]
    start = time.perf_counter()
    loop = plain_loop(game, cells, 100)
    loop_seconds = (time.perf_counter() - start) * 24 * 12 / len(cells)
    loop_error = relative_error(loop, torch.stack([exact[:, i, j] for i, j in cells], -1))
    print(
        f"plain loop, 100 samples a cell: {loop_seconds:.1f} s (from {len(cells)} of 288 cells), error {loop_error:.2f}"
    )
    print(f"  {loop_seconds / seconds:,.0f} times the exact computation, {1e3 * seconds:.2f} ms")
    sampler = []
    for num_samples in (100, 1000, 10_000):
        start = time.perf_counter()
        estimate = sample_late_interactions(game, num_samples, GENERATOR)
        spent = time.perf_counter() - start
        sampler.append({"samples": num_samples, "seconds": spent, "error": relative_error(estimate, exact)})
        print(f"best sampler, {num_samples} samples: {spent:.3f} s, error {sampler[-1]['error']:.4f}")
    best = sampler[-1]
    to_error = {str(goal): best["seconds"] * (best["error"] / goal) ** 2 for goal in (0.01, 0.001)}
    loop_to_error = {str(goal): loop_seconds * (loop_error / goal) ** 2 for goal in (0.01, 0.001)}
    for goal in to_error:
        print(
            f"to error {goal} (error falls as 1/sqrt(samples)): best sampler {to_error[goal]:.1f} s, "
            f"{to_error[goal] / seconds:,.0f} times exact; plain loop {loop_to_error[goal]:,.0f} s"
        )
    return {
        "exact_seconds": seconds,
        "plain_loop": {"seconds": loop_seconds, "error": loop_error, "seconds_to_error": loop_to_error},
        "best_sampler": {"runs": sampler, "seconds_to_error": to_error},
    }


def growth() -> list[dict]:
    """Time a batch of 16 games over a range of words x frames."""
    rows = []
    for num_words, num_frames in (
        (8, 8),
        (16, 8),
        (16, 16),
        (32, 16),
        (32, 32),
        (64, 32),
        (64, 64),
        (128, 64),
        (256, 64),
    ):
        seconds = exact_seconds((16,), num_words, num_frames, 9)
        rows.append({"words": num_words, "frames": num_frames, "seconds": seconds})
        print(f"16 x {num_words}x{num_frames}: {1e3 * seconds:.3f} ms")
    return rows


def draw_growth(rows: list[dict]) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    cells = [row["words"] * row["frames"] for row in rows]
    milliseconds = [1e3 * row["seconds"] for row in rows]
    figure, axes = pyplot.subplots(figsize=(5.5, 3.5), layout="constrained")
    axes.loglog(cells, milliseconds, "o-", color="#1f6f8b", label="measured, 16 games")
    per_cell = milliseconds[-1] / cells[-1]
    axes.loglog(
        cells, [per_cell * number for number in cells], "--", color="0.6", label="proportional to words × frames"
    )
    axes.set(xlabel="words × frames", ylabel="milliseconds", title="Exact Banzhaf interactions of all words and frames")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    pyplot.rcParams["svg.hashsalt"] = "hbi"
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
