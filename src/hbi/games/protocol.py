"""What any cooperative game must offer to be enumerated, sampled, or handed to shapiq: a value for each coalition."""

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class CoalitionGame(Protocol):
    """A characteristic function. `LateInteractionGame` is one, and so is any function of the same signature.

    >>> import torch
    >>> def pairs_of_gloves(coalitions):  # players 0 and 1 hold a left glove, player 2 a right one
    ...     return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()
    >>> pairs_of_gloves(torch.tensor([[True, False, True], [True, True, False]]))
    tensor([1., 0.], dtype=torch.float64)
    """

    def __call__(self, coalitions: Bool[Tensor, "coalition player"], /) -> Float[Tensor, " coalition"]:
        """Return the value of every coalition (a row; True: the player is in it)."""
        ...


def checked_values(game: CoalitionGame, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, " coalition"]:
    """Return the values of `coalitions` in float64.

    Raises:
        ValueError: the game returned another shape, or something that is not finite.
    """
    values = game(coalitions)
    if values.shape != coalitions.shape[:1]:
        raise ValueError(
            f"game must return one value for each of the {len(coalitions)} coalitions, not {list(values.shape)}"
        )
    if not values.isfinite().all():
        raise ValueError("game must return finite values, but some are NaN or infinite")
    return values.double()
