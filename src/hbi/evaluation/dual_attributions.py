"""Ways to explain the score of a dual encoder: numbers for words, frames and cells, and what they say of coalitions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.evaluation.dual_pairs import DualPair
from hbi.evaluation.gradient_attributions import gradient_times_tokens
from hbi.evaluation.surrogates import Surrogate, fit_surrogate
from hbi.games import DualEncoderIndices, sample_interactions, solve_dual_encoder
from hbi.games.quadrature import gauss_legendre
from hbi.matching.explaining_wholes import TEXT_BUDGET


@dataclass(frozen=True, eq=False)
class DualAttribution:
    """What a method says of a pair.

    Attributes:
        words, frames: How much each of them matters.
        cells: Of every word with every frame.
        make_surrogate: Returns what the numbers say of coalitions, which takes longer than the numbers; None: they are
            no part of a score.
    """

    words: Float[Tensor, " word"]
    frames: Float[Tensor, " frame"]
    cells: Float[Tensor, "word frame"]
    make_surrogate: Callable[[], Surrogate] | None = None


@dataclass(frozen=True)
class DualMethod:
    """A way to explain, and what to call it.

    Attributes:
        name: Under which its measures are stored.
        title: What a table calls it.
        attribute: Explains a pair.
    """

    name: str
    title: str
    attribute: Callable[[DualPair], DualAttribution]


def dual_methods(*, seed: int = 0) -> tuple[DualMethod, ...]:
    """Return all methods.

    Args:
        seed: Of what is drawn at random.
    """
    generator = torch.Generator().manual_seed(seed)
    return (
        *(
            DualMethod(f"banzhaf-{p}", f"exact Banzhaf, others with {p}", partial(_banzhaf, probability=p))
            for p in (0.3, 0.5, 0.7)
        ),
        DualMethod("shapley", "exact Shapley", _shapley),
        DualMethod(
            "banzhaf-drawn",
            f"Banzhaf 0.5, {TEXT_BUDGET} texts (as `hbi explain`)",
            partial(_drawn_texts, generator=generator),
        ),
        DualMethod("leave-one-out", "leave one out", partial(_banzhaf, probability=1.0)),
        *(
            DualMethod(f"fitted-{budget}", f"fitted to {budget:,} masks (FIxLIP)", _fitted(budget, generator))
            for budget in (1_000, 10_000)
        ),
        *(
            DualMethod(f"sampled-{budget}", f"sampled from {budget:,} masks", _sampled(budget, generator))
            for budget in (1_000, 10_000)
        ),
        DualMethod("cosine", "cosine of one word and one frame", _cosines),
        DualMethod("cosine-text", "cosine of the text and one frame", _cosines_of_text),
        DualMethod("gradient", "gradient x input", _gradient),
        DualMethod("random", "random", partial(_random, generator=generator)),
    )


def _banzhaf(pair: DualPair, probability: float) -> DualAttribution:
    """The best approximation of second order where others are present with a probability; 1 is leaving one out."""
    return _banzhaf_of(pair.indices, probability)


def _banzhaf_of(indices: DualEncoderIndices, probability: float) -> DualAttribution:
    words, frames = (side.values for side in indices.banzhaf_values(probability))

    def surrogate() -> Surrogate:
        second = indices.banzhaf_interactions(probability, between="players").values
        return Surrogate(probability, mean_worth(indices, probability), torch.cat((words, frames)), second)

    return DualAttribution(words, frames, indices.banzhaf_interactions(probability).values, surrogate)


def _shapley(pair: DualPair) -> DualAttribution:
    """Shapley values and interactions.

    For coalitions each value gives half of its interactions to the pairs that they belong to, so that single players
    and pairs together still sum to the score (2-Shapley values; Bordt and von Luxburg, "From Shapley values to
    generalized additive models and back", 2023).
    """
    words, frames = (side.values for side in pair.indices.shapley_values())

    def surrogate() -> Surrogate:
        second = pair.indices.shapley_interactions(between="players").values
        return Surrogate(0.0, 0.0, torch.cat((words, frames)) - 0.5 * second.sum(-1), second)

    return DualAttribution(words, frames, pair.indices.shapley_interactions().values, surrogate)


def _drawn_texts(pair: DualPair, generator: torch.Generator) -> DualAttribution:
    """What a page shows: drawn texts where there are more than the budget, else all of them."""
    indices = solve_dual_encoder(pair.game, text_budget=TEXT_BUDGET, generator=generator)
    return _banzhaf_of(indices, 0.5)


def mean_worth(indices: DualEncoderIndices, probability: float) -> float:
    """Return the mean worth of a coalition that every player joins with a probability.

    Nobody is worth 0, and the derivative of the mean by the probability is the sum of all Banzhaf values, a polynomial.

    Args:
        indices: Of the game.
        probability: With which each player joins, by itself.
    """
    total = 0.0
    for node, weight in gauss_legendre((indices.num_words + indices.num_frames) // 2 + 1):
        words, frames = indices.banzhaf_values(probability * node)
        total += probability * weight * float(words.values.sum() + frames.values.sum())
    return total


def _fitted(budget: int, generator: torch.Generator) -> Callable[[DualPair], DualAttribution]:
    def attribute(pair: DualPair) -> DualAttribution:
        fitted, num_words = fit_surrogate(pair.values, pair.num_players, budget, generator), pair.num_words
        cells = fitted.pairs()[:num_words, num_words:]
        return DualAttribution(fitted.first[:num_words], fitted.first[num_words:], cells, lambda: fitted)

    return attribute


def _sampled(budget: int, generator: torch.Generator) -> Callable[[DualPair], DualAttribution]:
    """Interactions alone, by the sampler of `hbi.games`; a player matters as much as its cells do together."""

    def attribute(pair: DualPair) -> DualAttribution:
        sampled = sample_interactions(pair.values, pair.num_players, budget, generator)
        return _of_cells(sampled.interactions[: pair.num_words, pair.num_words :])

    return attribute


def _of_cells(cells: Float[Tensor, "word frame"]) -> DualAttribution:
    return DualAttribution(cells.sum(1), cells.sum(0), cells)


def _cosines(pair: DualPair) -> DualAttribution:
    """Of the text of one word with one frame; a word matters by its cosine with the video, a frame with the text."""
    words = pair.texts[2 ** torch.arange(pair.num_words)].double()
    frames = pair.videos[2 ** torch.arange(pair.num_frames)].double()
    return DualAttribution(words @ pair.videos[-1].double(), frames @ pair.texts[-1].double(), words @ frames.T)


def _cosines_of_text(pair: DualPair) -> DualAttribution:
    """Of the whole text with each frame, the same for all words: what is looked at without any map of words."""
    cosines = _cosines(pair)
    return DualAttribution(cosines.words, cosines.frames, cosines.frames.expand(pair.num_words, -1))


def _gradient(pair: DualPair) -> DualAttribution:
    """First derivatives of the score along the tokens of words and of frames, and the mixed ones for cells."""
    words, frames, cells = gradient_times_tokens(pair)
    second = torch.zeros(pair.num_players, pair.num_players, dtype=torch.float64)
    second[: pair.num_words, pair.num_words :] = cells
    surrogate = Surrogate(1.0, pair.value, torch.cat((words, frames)), second + second.T)
    return DualAttribution(words, frames, cells, lambda: surrogate)


def _random(pair: DualPair, generator: torch.Generator) -> DualAttribution:
    words, frames = (torch.rand(count, generator=generator) for count in (pair.num_words, pair.num_frames))
    return DualAttribution(words, frames, torch.rand(pair.num_words, pair.num_frames, generator=generator))
