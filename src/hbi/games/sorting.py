"""The order of the players of every row: what the exact indices spend most of their time on, made quick."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def ascending_order(
    similarity: Float[Tensor, "*#batch row player"], players: Bool[Tensor, "*#batch #row player"] | None = None
) -> Int[Tensor, "*#batch row player"]:
    """Return the positions of the players of every row from the least similar up, those who do not play first."""
    keys = _sortable(similarity)
    if players is not None:
        keys = torch.where(players, keys, torch.iinfo(keys.dtype).min)
    return _order_on_cpu(keys) if keys.is_cpu and keys.dtype == torch.int32 else keys.argsort(-1)


def _sortable(values: Float[Tensor, "*#batch"]) -> Int[Tensor, "*#batch"]:
    """Return integers in the order of the numbers.

    The bits of a number that is not negative are in order as they are; for the others all but the sign must be flipped.
    """
    size = torch.int64 if values.dtype == torch.float64 else torch.int32
    bits = values.detach().contiguous().view(size)
    is_negative = bits >> (torch.iinfo(size).bits - 1)  # all bits set, or none
    return is_negative.bitwise_and_(torch.iinfo(size).max).bitwise_xor_(bits)


@torch.library.custom_op("hbi::order_on_cpu", mutates_args=())
def _order_on_cpu(keys: Tensor) -> Tensor:
    """Return `keys.argsort(-1)`, ten times as fast.

    torch carries every key and its position through the sort one comparison at a time; numpy sorts plain numbers with
    vector instructions. So key and position become one number. (An operator of its own, so that compilation, which
    cannot look into numpy, and `vmap` pass it through.)
    """
    num_positions = keys.shape[-1]
    position_bits = (num_positions - 1).bit_length()
    packed = (keys.long() << position_bits).bitwise_or_(torch.arange(num_positions))
    packed.numpy().sort(-1)
    return packed.bitwise_and_((1 << position_bits) - 1)


@_order_on_cpu.register_fake
def _(keys: Tensor) -> Tensor:
    return torch.empty_like(keys, dtype=torch.int64)


@_order_on_cpu.register_vmap
def _(info: object, in_dims: tuple[int | None, ...], keys: Tensor) -> tuple[Tensor, int]:
    assert in_dims[0] is not None
    return _order_on_cpu(keys.movedim(in_dims[0], 0)), 0
