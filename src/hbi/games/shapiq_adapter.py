"""To and from shapiq (an optional extra): its exact computer, approximators and plots on our games, and the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.protocol import CoalitionGame, checked_values

if TYPE_CHECKING:
    import shapiq


def to_shapiq(game: CoalitionGame, num_players: int) -> shapiq.Game:
    """Return `game` as a `shapiq.Game`, centered on the value of the empty coalition.

    Raises:
        ImportError: shapiq is not installed.

    >>> def pairs_of_gloves(coalitions):  # players 0 and 1 hold a left glove, player 2 a right one
    ...     return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()
    >>> to_shapiq(pairs_of_gloves, 3)([(0, 1), (0, 2)]).tolist()
    [0.0, 1.0]
    """
    shapiq = _import_shapiq()

    class CoalitionValues(shapiq.Game):  # type: ignore[name-defined]  # shapiq is known at run time only
        def value_function(self, coalitions):  # type: ignore[no-untyped-def]  # numpy in, numpy out: shapiq's terms
            return checked_values(game, torch.from_numpy(coalitions)).detach().cpu().numpy()

    empty = checked_values(game, torch.zeros(1, num_players, dtype=torch.bool))
    return CoalitionValues(n_players=num_players, normalize=True, normalization_value=empty.item())


def from_shapiq(game: shapiq.Game) -> CoalitionGame:
    """Return a `shapiq.Game` as a function of a boolean coalition matrix.

    >>> def pairs_of_gloves(coalitions):  # players 0 and 1 hold a left glove, player 2 a right one
    ...     return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()
    >>> from_shapiq(to_shapiq(pairs_of_gloves, 3))(torch.tensor([[True, False, True]]))
    tensor([1.], dtype=torch.float64)
    """

    def values(coalitions: Bool[Tensor, "coalition player"], /) -> Float[Tensor, " coalition"]:
        return torch.as_tensor(game(coalitions.cpu().numpy()), dtype=torch.float64, device=coalitions.device)

    return values


def interactions_to_shapiq(
    interactions: Float[Tensor, "player player"], values: Float[Tensor, " player"], index: str = "BII"
) -> shapiq.InteractionValues:
    """Return interactions of all pairs, and the values of single players, as `shapiq.InteractionValues`.

    Args:
        interactions: symmetric, of one game.
        values: of the same game, as the entries of order 1.
        index: shapiq's name, "BII" for Banzhaf and "SII" for Shapley interactions.

    Raises:
        ImportError: shapiq is not installed.
        ValueError: shapes that do not belong to one game.

    >>> result = interactions_to_shapiq(torch.tensor([[0.0, 0.25], [0.25, 0.0]]), torch.tensor([0.5, 0.75]))
    >>> float(result[(0, 1)]), float(result[(1,)])
    (0.25, 0.75)
    """
    shapiq = _import_shapiq()
    num_players = len(values)
    if interactions.shape != (num_players, num_players):
        raise ValueError(
            f"interactions must be [players, players] for {num_players} values, not {list(interactions.shape)}"
        )
    scores = {(i,): value for i, value in enumerate(values.tolist())}
    pairs = torch.triu_indices(num_players, num_players, offset=1)
    scores |= dict(zip(map(tuple, pairs.T.tolist()), interactions[pairs[0], pairs[1]].tolist(), strict=True))
    return shapiq.InteractionValues(
        scores, index=index, min_order=1, max_order=2, n_players=num_players, estimated=False, baseline_value=0.0
    )


def interactions_from_shapiq(
    result: shapiq.InteractionValues,
) -> tuple[Float[Tensor, "player player"], Float[Tensor, " player"]]:
    """Return the pairs of a `shapiq.InteractionValues` as a symmetric matrix and its single players as a vector.

    >>> result = interactions_to_shapiq(torch.tensor([[0.0, 0.25], [0.25, 0.0]]), torch.tensor([0.5, 0.75]))
    >>> interactions_from_shapiq(result)[1]
    tensor([0.5000, 0.7500], dtype=torch.float64)
    """
    interactions = torch.zeros(result.n_players, result.n_players, dtype=torch.float64)
    values = torch.zeros(result.n_players, dtype=torch.float64)
    for players, score in result.dict_values.items():
        if len(players) == 2:
            i, j = players
            interactions[i, j] = interactions[j, i] = float(score)
        elif len(players) == 1:
            values[players[0]] = float(score)
    return interactions, values


def _import_shapiq():  # type: ignore[no-untyped-def]  # a module of an optional extra
    try:
        import shapiq
    except ImportError:
        raise ImportError("shapiq is not installed; install it with: pip install 'hbi-video[games]'") from None
    return shapiq
