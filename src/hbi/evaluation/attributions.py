"""Ways to say which word goes with which frame, all in one form: a number for every word and frame of a pair."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.evaluation.attention_rollout import rolled_out_cosines
from hbi.evaluation.explained_pairs import EncodedPairs
from hbi.evaluation.gradient_attributions import gradient_times_cosine, gradient_times_pixels
from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    interactions_of_members,
    sample_late_interactions,
    shapley_interactions,
    shapley_values,
)
from hbi.games.extension import MultilinearExtension
from hbi.shapes import LEVELS, Level

Index = Callable[[LateInteractionGame], Tensor]


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method says of a batch of pairs, on the original words and frames.

    Attributes:
        words, frames: Of the players: sums of `cells` over the other side, unless the method has something better.
        cells: Of every word with every frame, a merged token's number in full for each of its members, as figures show
            it; None for a method that judges players only.
        shared_out: The same with a merged token's number in equal parts to its members, for sums over frames.
    """

    words: Float[Tensor, "pair word"]
    frames: Float[Tensor, "pair frame"]
    cells: Float[Tensor, "pair word frame"] | None = None
    shared_out: Float[Tensor, "pair word frame"] | None = None

    @classmethod
    def of_cells(
        cls,
        cells: Float[Tensor, "pair word frame"],
        pairs: EncodedPairs,
        shared_out: Float[Tensor, "pair word frame"] | None = None,
    ) -> "Attribution":
        """The attribution whose players are worth the sum of their cells; None: no token was merged.

        Args:
            cells: A number for every word and frame.
            pairs: What they are about.
            shared_out: The same where tokens were merged, in equal parts to their members; None: none was.
        """
        is_cell = pairs.is_word[:, :, None] & pairs.frame_mask[:, None, :]
        cells, shared_out = (part.double() * is_cell for part in (cells, cells if shared_out is None else shared_out))
        return cls(cells.sum(2), cells.sum(1), cells, shared_out)


@dataclass(frozen=True)
class Method:
    """A way to explain, and what to call it.

    Attributes:
        is_ours: Whether it is an index of the game, rather than something to compare with.
    """

    name: str
    title: str
    attribute: Callable[[EncodedPairs], Attribution]
    is_ours: bool = False


def methods(num_samples: int, *, seed: int = 0) -> tuple[Method, ...]:
    """Return all methods; `num_samples` coalitions a game for the sampled one (see `samples_in_the_time_of_exact`).

    Args:
        num_samples: Coalitions a game for the sampled method (see `samples_in_the_time_of_exact`).
        seed: Of what is drawn at random.
    """
    sampled = partial(sample_late_interactions, num_samples=num_samples)
    return (
        Method("banzhaf", "exact Banzhaf, entity level", _of_level("entity", banzhaf_interactions), is_ours=True),
        Method("banzhaf-levels", "exact Banzhaf, all levels", _of_levels(banzhaf_interactions), is_ours=True),
        Method(
            "shapley",
            "exact Shapley, entity level",
            _of_level("entity", shapley_interactions),
            is_ours=True,
        ),
        Method("shapley-levels", "exact Shapley, all levels", _of_levels(shapley_interactions), is_ours=True),
        Method("contributions", "exact Shapley values, all levels", _contributions, is_ours=True),
        Method("sampled", f"sampled Banzhaf, same time ({num_samples} coalitions)", _seeded(sampled, seed)),
        Method("cosine", "cosine similarity", _of_level("entity", lambda game: game.similarity)),
        Method("weights", "token weights", _of_level("entity", _outer_weights)),
        Method("rollout", "cosine, attention rollout", _of(rolled_out_cosines)),
        Method("gradient-cosine", "gradient x cosine", _of(gradient_times_cosine)),
        Method("gradient-pixels", "gradient x input (pixels)", _of(gradient_times_pixels)),
        Method("random", "random", _random(seed)),
    )


def variants() -> tuple[Method, ...]:
    """Return other choices of the index, to see whether one of them points better."""
    at = {p: partial(banzhaf_interactions, probability=p) for p in (0.1, 0.25, 0.75, 0.9)}
    two: tuple[Level, ...] = ("entity", "action")
    return (
        *(Method(f"banzhaf-{p}", f"Banzhaf, others present with {p}", _of_level("entity", at[p])) for p in at),
        Method("banzhaf-action", "Banzhaf, action level", _of_level("action", banzhaf_interactions)),
        Method("banzhaf-event", "Banzhaf, event level", _of_level("event", banzhaf_interactions)),
        Method("banzhaf-two", "Banzhaf, entity and action", _of_levels(banzhaf_interactions, two)),
        Method("banzhaf-two-0.25", "Banzhaf, entity and action, 0.25", _of_levels(at[0.25], two)),
        Method("banzhaf-levels-0.25", "Banzhaf, all levels, 0.25", _of_levels(at[0.25])),
        Method("banzhaf-levels-0.1", "Banzhaf, all levels, 0.1", _of_levels(at[0.1])),
        Method("shapley-two", "Shapley, entity and action", _of_levels(shapley_interactions, two)),
        Method("phrases", "phrases as one player, with single frames", _of(_phrases)),
    )


def samples_in_the_time_of_exact(game: LateInteractionGame) -> int:
    """Return how many coalitions a game the best sampler draws while the exact interactions are computed.

    Both are run several times and the fastest counts.

    Args:
        game: A batch of games, on the device that counts.
    """
    exact = _seconds(lambda: banzhaf_interactions(game))
    num_samples = 2
    while num_samples < 1 << 14:
        more = num_samples + max(1, num_samples // 2)
        if _seconds(partial(sample_late_interactions, game, more)) > exact:
            break
        num_samples = more
    return num_samples


def _seconds(work: Callable[[], object]) -> float:
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return min(durations)


def _of(cells: Callable[[EncodedPairs], Tensor]) -> Callable[[EncodedPairs], Attribution]:
    return lambda pairs: Attribution.of_cells(cells(pairs), pairs)


def _of_level(level: Level, index: Index) -> Callable[[EncodedPairs], Attribution]:
    return lambda pairs: _of_members(pairs, {level: index(pairs.games[level])})


def _of_levels(index: Index, levels: tuple[Level, ...] = LEVELS) -> Callable[[EncodedPairs], Attribution]:
    """Combine levels by their weights in the score, as `Explanation.interactions` does."""

    def attribute(pairs: EncodedPairs) -> Attribution:
        weights = pairs.model.weight_of_level
        return _of_members(pairs, {level: weights[level] * index(pairs.games[level]) for level in levels})

    return attribute


def _of_members(pairs: EncodedPairs, merged: Mapping[Level, Tensor]) -> Attribution:
    """Return the sum of maps [pair, merged word, merged frame] of some levels on the original words and frames."""
    full, shared_out = list[Tensor](), list[Tensor]()
    for level, cells in merged.items():
        words, frames = (side.levels[level].sequence.members for side in (pairs.texts, pairs.videos))
        full.append(interactions_of_members(cells, words, frames))
        shared_out.append(interactions_of_members(cells, words, frames, is_shared_out=True))
    return Attribution.of_cells(torch.stack(full).sum(0), pairs, torch.stack(shared_out).sum(0))


def _seeded(sampler: Callable[..., Tensor], seed: int) -> Callable[[EncodedPairs], Attribution]:
    generator = torch.Generator().manual_seed(seed)
    return _of_level("entity", lambda game: sampler(game, generator=generator))


def _random(seed: int) -> Callable[[EncodedPairs], Attribution]:
    generator = torch.Generator().manual_seed(seed)
    return _of_level("entity", lambda game: torch.rand(game.similarity.shape, generator=generator))


def _outer_weights(game: LateInteractionGame) -> Tensor:
    words, frames = game.playing_weights()
    return words.unsqueeze(-1) * frames.unsqueeze(-2)


def _contributions(pairs: EncodedPairs) -> Attribution:
    """The Shapley values of all levels by their weights, a merged token's in equal parts to its members."""
    weights = pairs.model.weight_of_level
    total = sum(weights.values())
    words = torch.zeros(pairs.is_word.shape, dtype=torch.float64)
    frames = torch.zeros(pairs.frame_mask.shape, dtype=torch.float64)
    for level in LEVELS:  # what the whole gives is no single word's, and no frame's
        weight = weights[level]
        word_values, frame_values = shapley_values(pairs.games[level])
        words = words + weight / total * _shared_out(word_values, pairs.texts.levels[level].sequence.members)
        frames = frames + weight / total * _shared_out(frame_values, pairs.videos.levels[level].sequence.members)
    return Attribution(words, frames)


def _shared_out(values: Tensor, members: Tensor) -> Tensor:
    is_real = members >= 0
    places = members.clamp(min=0)
    counts = torch.zeros_like(values).scatter_add(1, places, is_real.to(values.dtype))
    return (values / counts.clamp(min=1)).gather(1, places) * is_real


def _phrases(pairs: EncodedPairs) -> Tensor:
    """The interaction of every phrase (a merged word of the action level) as one player with every single frame.

    What a phrase's words are worth among themselves is the same for every frame and is left out.
    """
    game = pairs.games["entity"]
    phrase_of_word = pairs.texts.levels["action"].sequence.members
    extension = MultilinearExtension.of(game)
    is_this_F1V = torch.eye(game.num_frames, dtype=torch.bool)[:, None, :]
    half = 0.5 * pairs.frame_mask.to(game.dtype)
    with_frame_FBV = torch.where(is_this_F1V, 2 * half, half)
    without_frame_FBV = half.masked_fill(is_this_F1V, 0)
    cells = torch.zeros(game.similarity.shape)
    for phrase in range(int(phrase_of_word.max()) + 1):
        members = (phrase_of_word == phrase) & pairs.is_word
        outside = 0.5 * (pairs.is_word & ~members).to(game.dtype)
        inside = outside + members.to(game.dtype)
        together, apart = (
            extension.value(words[None], with_frame_FBV) - extension.value(words[None], without_frame_FBV)
            for words in (inside, outside)
        )
        cells += members[:, :, None] * (together - apart).T[:, None, :]
    return cells
