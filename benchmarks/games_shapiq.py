"""The exact indices of one game against shapiq: its exact computer, and its approximators at several budgets."""

import time
import warnings

from games_timing import in_float64, make_game, median_seconds, relative_error
from torch import Tensor

from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    enumerate_game,
    interactions_from_shapiq,
    shapley_interactions,
    to_shapiq,
)

EXACT = {"BII": banzhaf_interactions, "SII": shapley_interactions}
APPROXIMATORS = {
    "BII": ("SHAPIQ", "SVARMIQ"),
    "SII": ("SHAPIQ", "PermutationSamplingSII", "KernelSHAPIQ", "InconsistentKernelSHAPIQ", "SVARMIQ"),
}
"""All that shapiq 1.4 offers for the two indices, but for those that look for sparse games."""
BUDGETS = (100, 1_000, 10_000, 100_000)
PATIENCE_SECONDS = 5.0
"""A method that took longer is not asked for ten times as much."""
NUM_GAMES = 128


def against_shapiq() -> list[dict]:
    """Compare with what visits every coalition: shapiq's exact computer and our enumeration, on small games."""
    shapiq = import_shapiq()
    rows: list[dict] = []
    for num_words, num_frames in ((8, 6), (10, 8)):
        num_players = num_words + num_frames
        game = in_float64(make_game((), num_words, num_frames))
        exact = banzhaf_interactions(game, between="players")
        methods = {
            "exact": lambda game=game: banzhaf_interactions(game, between="players"),
            "enumerate_game": lambda game=game, n=num_players: enumerate_game(game, n).banzhaf_interactions(),
        }
        if shapiq and num_players <= 14:
            methods["shapiq.ExactComputer"] = lambda game=game, n=num_players: interactions_from_shapiq(
                shapiq.ExactComputer(to_shapiq(game, n), n_players=n)("BII", order=2)
            )[0]
        for name, run in methods.items():
            seconds, error = median_seconds(run, 9 if name == "exact" else 1), relative_error(run(), exact)
            rows.append({"method": name, "players": num_players, "seconds": seconds, "error": error})
            print(f"{name:<24} {num_players} players: {seconds:9.4f} s, error {error:.0e}")
    return rows


def at_equal_time() -> list[dict]:
    """Compare with shapiq's approximators, all pairs of one game of 24 words and 12 frames.

    Only `approximate` is timed, on a game that computes the values of all coalitions of a request at once. "In the time
    of exact": the largest budget with which the method is done when the exact computation is.
    """
    shapiq = import_shapiq()
    if shapiq is None:
        return []
    warnings.filterwarnings("ignore", module="shapiq")
    game, many = in_float64(make_game((), 24, 12)), in_float64(make_game((NUM_GAMES,), 24, 12))
    sections = []
    for index, compute in EXACT.items():
        exact = compute(game, between="players")
        seconds = median_seconds(lambda compute=compute: compute(game, between="players"), 15)
        a_game = median_seconds(lambda compute=compute: compute(many, between="players", chunk_size=16), 3) / NUM_GAMES
        print(f"{index} exact: {1e3 * seconds:.2f} ms; one of {NUM_GAMES} games: {1e3 * a_game:.3f} ms")
        methods = []
        for name in APPROXIMATORS[index]:
            row = {"method": name, **approximate(getattr(shapiq, name), index, game, exact, seconds)}
            print(f"  {name}: {summary(row, seconds, a_game)}")
            methods.append(row)
        sections.append({"index": index, "seconds": seconds, "seconds_in_batch": a_game, "methods": methods})
    return sections


def approximate(approximator: type, index: str, game: LateInteractionGame, exact: Tensor, limit: float) -> dict:
    """Return runs at increasing budgets, the seconds of the smallest, and the best that ends within `limit` seconds."""
    num_players = game.num_words + game.num_frames

    def run(budget: int) -> dict:
        method = approximator(num_players, max_order=2, index=index, random_state=0)
        values = to_shapiq(game, num_players)
        start = time.perf_counter()
        result = method.approximate(budget, values)
        seconds = time.perf_counter() - start
        return {
            "budget": budget,
            "seconds": seconds,
            "error": relative_error(interactions_from_shapiq(result)[0], exact),
        }

    run(2)
    smallest = within = run(2)
    while within["seconds"] <= limit and (more := run(2 * within["budget"]))["seconds"] <= limit:
        within = more
    runs: list[dict] = []
    for budget in BUDGETS:
        if not runs or runs[-1]["seconds"] < PATIENCE_SECONDS:
            runs.append(run(budget))
    in_time = within if within["seconds"] <= limit else None
    return {"smallest_seconds": smallest["seconds"], "in_the_time_of_exact": in_time, "runs": runs}


def summary(row: dict, seconds: float, seconds_in_batch: float) -> str:
    in_time = row["in_the_time_of_exact"]
    start = (
        f"in the time of exact {in_time['budget']} values, error {in_time['error']:.2f}; "
        if in_time
        else f"the smallest budget takes {row['smallest_seconds'] / seconds:,.0f} times exact; "
    )
    return start + "; ".join(
        f"{run['budget']} values {run['seconds']:.3f} s ({run['seconds'] / seconds:,.0f} times exact, "
        f"{run['seconds'] / seconds_in_batch:,.0f} in a batch), error {run['error']:.2f}"
        for run in row["runs"]
    )


def import_shapiq():  # type: ignore[no-untyped-def]  # a module of an optional extra
    try:
        import shapiq
    except ImportError:
        print("shapiq is not installed: left out")
        return None
    return shapiq
