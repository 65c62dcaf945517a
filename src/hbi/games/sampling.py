"""Monte Carlo estimates of Banzhaf interactions, for games whose exact ones are out of reach, and to compare with."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.games.late_interaction import LateInteractionGame
from hbi.games.protocol import CoalitionGame, checked_values

_CHUNK = 1 << 14


@dataclass(frozen=True, eq=False)
class SampledInteractions:
    """Estimated Banzhaf interactions of all pairs of players.

    >>> sampled = sample_interactions(lambda coalitions: coalitions.all(-1).double(), 2, 400)
    >>> sampled.interactions.shape, sampled.standard_errors.shape, sampled.num_evaluations
    (torch.Size([2, 2]), torch.Size([2, 2]), 400)
    """

    interactions: Float[Tensor, "player player"]
    standard_errors: Float[Tensor, "player player"]
    num_evaluations: int


def sample_interactions(
    game: CoalitionGame,
    num_players: int,
    budget: int,
    generator: torch.Generator | None = None,
    *,
    probability: float = 0.5,
    device: torch.device | str = "cpu",
) -> SampledInteractions:
    """Return unbiased estimates of all Banzhaf interactions and their standard errors from `budget` values of the game.

    Every coalition serves every pair: `I[i, j] = E[value(C) phi_i phi_j]` with `phi_i = (1(i in C) - p) / (p (1 - p))`,
    estimated by the sample covariance. With `probability` 1/2 each coalition comes with its complement: for both of
    them `phi_i phi_j` is the same, and all that single players contribute cancels.

    Args:
        game: any function of a boolean coalition matrix.
        num_players: of the game.
        budget: how many coalitions to evaluate, at least 8.
        generator: the source of randomness; None: torch's global one.
        probability: with which every player is in a coalition.
        device: where the coalitions are made.

    Raises:
        ValueError: a budget under 8, a probability outside (0, 1), fewer than two players.

    >>> def pairs_of_gloves(coalitions):  # players 0 and 1 hold a left glove, player 2 a right one
    ...     return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()
    >>> sampled = sample_interactions(pairs_of_gloves, 3, 4000, torch.Generator().manual_seed(0))
    >>> bool(abs(sampled.interactions[0, 1] - -0.5) < 4 * sampled.standard_errors[0, 1])
    True
    """
    if num_players < 2 or budget < 8 or not 0.0 < probability < 1.0:
        raise ValueError(
            "sampling needs two players or more, a budget of 8 or more and 0 < probability < 1, not "
            f"{num_players} players, budget {budget}, probability {probability}"
        )
    has_complements = probability == 0.5
    num_samples = budget // 2 if has_complements else budget
    device = torch.device(device)
    draws = torch.rand(num_samples, num_players, generator=generator, device=generator.device if generator else device)
    coalitions = (draws < probability).to(device)
    values = checked_values(game, coalitions)
    if has_complements:
        values = (values + checked_values(game, ~coalitions)) / 2
    centered = values - values.mean()
    total, squares = (torch.zeros(num_players, num_players, dtype=torch.float64, device=device) for _ in range(2))
    for rows, deviation in zip(coalitions.split(_CHUNK), centered.unsqueeze(-1).split(_CHUNK), strict=True):
        phi = (rows.double() - probability) / (probability * (1 - probability))
        total += phi.T @ (deviation * phi)
        squares += phi.square().T @ (deviation * phi).square()
    estimate = total / (num_samples - 1)
    variance = (squares / num_samples - (total / num_samples).square()).clamp(min=0)
    return SampledInteractions(
        estimate.fill_diagonal_(0),
        (variance / (num_samples - 1)).sqrt().fill_diagonal_(0),
        num_samples * (2 if has_complements else 1),
    )


def sample_late_interactions(
    game: LateInteractionGame,
    num_samples: int,
    generator: torch.Generator | None = None,
    *,
    probability: float = 0.5,
    chunk_size: int = 64,
) -> Float[Tensor, "*#batch word frame"]:
    """Return unbiased estimates of the word-frame Banzhaf interactions from `num_samples` random coalitions per game.

    The best sampler we know for these games, to measure the exact computation against. One coalition serves all cells
    at once (the gain of every word and of every frame, over the coalition without it, and a matrix product), and
    because words and frames are drawn independently the average of the products is the product of the averages, as good
    as `num_samples` squared pairs of coalitions.

    Args:
        game: one game or a batch.
        num_samples: coalitions drawn for each game.
        generator: the source of randomness, on the device of the game; None: torch's global one.
        probability: with which every other player is in a coalition.
        chunk_size: coalitions worked on at a time.

    >>> game = LateInteractionGame(torch.tensor([[0.5, 0.25]]), torch.ones(1), torch.ones(2), normalize_weights=False)
    >>> exact = torch.tensor([[0.4375, 0.1875]])
    >>> estimate = sample_late_interactions(game, 10_000, torch.Generator().manual_seed(0))
    >>> bool((estimate - exact).abs().max() < 0.01)
    True
    """
    similarity = game.playing_similarity()
    word_weights, frame_weights = game.playing_weights()
    word_mask = (
        word_weights.new_ones(word_weights.shape, dtype=torch.bool) if game.word_mask is None else game.word_mask
    )
    frame_mask = (
        frame_weights.new_ones(frame_weights.shape, dtype=torch.bool) if game.frame_mask is None else game.frame_mask
    )
    sums = [torch.zeros((), dtype=game.dtype, device=similarity.device) for _ in range(4)]
    for start in range(0, num_samples, chunk_size):
        size = min(chunk_size, num_samples - start)
        words = _draw(game, size, game.num_words, probability, generator) & word_mask
        frames = _draw(game, size, game.num_frames, probability, generator) & frame_mask
        parts = (
            _weight_gain(word_weights, words, is_normalized=game.normalize_weights),
            _maximum_gain(similarity, frames, frame_mask),
            _weight_gain(frame_weights, frames, is_normalized=game.normalize_weights),
            _maximum_gain(similarity.mT, words, word_mask),
        )
        sums = [total + part.sum(0) for total, part in zip(sums, parts, strict=True)]
    by_word, frame_gain, by_frame, word_gain = (total / num_samples for total in sums)
    return 0.5 * (by_word.mT @ frame_gain + (by_frame.mT @ word_gain).mT)


def _draw(
    game: LateInteractionGame, num_samples: int, num_players: int, probability: float, generator: torch.Generator | None
) -> Tensor:
    shape = (num_samples, *game.batch_shape, num_players)
    return torch.rand(shape, generator=generator, device=game.similarity.device) < probability


def _weight_gain(weights: Tensor, coalitions: Tensor, *, is_normalized: bool) -> Float[Tensor, "*#batch player player"]:
    """Return `alpha_t(C + i) - alpha_t(C - i)` at `[t, i]`."""
    if not is_normalized:
        return torch.diag_embed(weights.expand(coalitions.shape))
    weights = _at_the_top_of_the_range(weights)
    present = weights * coalitions
    is_own = torch.eye(weights.shape[-1], dtype=torch.bool, device=weights.device)
    # Summed over the others, not the sum less one's own: beside a large weight small ones would be lost.
    without = present @ (~is_own).to(weights.dtype)
    change = _share(present.unsqueeze(-1), (without + weights).unsqueeze(-2)) - _share(
        present.unsqueeze(-1), without.unsqueeze(-2)
    )
    return torch.where(is_own, _share(weights, without + weights).unsqueeze(-1), change)


def _at_the_top_of_the_range(weights: Tensor) -> Tensor:
    """Return the weights times what lets their sum just fit the type, so that none is too small beside another."""
    top = torch.finfo(weights.dtype).max / (weights.shape[-1] + 1)
    return weights * (top / weights.amax(-1, keepdim=True)).clamp(max=top)


def _share(part: Tensor, total: Tensor) -> Tensor:
    """Return the part of a total; 0 of nothing."""
    return part / torch.where(total > 0, total, 1)


def _maximum_gain(similarity: Tensor, coalitions: Tensor, mask: Tensor) -> Float[Tensor, "*#batch row player"]:
    """Return `max over C + j - max over C - j` at `[row, j]`, from the best and the second best of every row."""
    present = torch.where(coalitions.unsqueeze(-2), similarity, -torch.inf)
    best = present.topk(min(2, present.shape[-1]), -1).values
    runner_up = best[..., 1:] if best.shape[-1] > 1 else torch.full_like(best, -torch.inf)
    leader = best[..., :1]
    is_leader = torch.zeros_like(present, dtype=torch.bool).scatter(-1, present.argmax(-1, keepdim=True), True)
    rival = torch.where(is_leader & (leader > -torch.inf), runner_up, leader)
    gain = torch.where(rival > -torch.inf, (similarity - rival).clamp(min=0), similarity)
    return gain * mask.unsqueeze(-2)
