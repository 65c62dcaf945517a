"""The interactions of merged tokens, told of the original words and frames that ended in them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def interactions_of_members(
    interactions: Float[Tensor, "*#batch merged_word merged_frame"],
    word_members: Int[Tensor, "*#batch word"],
    frame_members: Int[Tensor, "*#batch frame"],
    *,
    is_shared_out: bool = False,
) -> Float[Tensor, "*#batch word frame"]:
    """Return the interactions of a level on the original words and frames.

    A word and a frame get the interaction of the two merged tokens that they belong to, in full (what a picture shows),
    or, with `is_shared_out`, in equal parts, so that the cells of a phrase and a clip sum to their interaction and the
    whole map to the sum over the merged tokens that have members.

    Args:
        interactions: of merged words with merged frames, as the action or the event level has them.
        word_members: for every original word the merged token it ended in; -1: padding, which gets 0.
        frame_members: the same for the frames.
        is_shared_out: divide by the number of cells.

    Raises:
        ValueError: a member beyond the merged tokens.

    >>> level = torch.tensor([[0.5, -0.25]])
    >>> interactions_of_members(level, torch.tensor([0, 0, -1]), torch.tensor([1, 0]), is_shared_out=True)
    tensor([[-0.1250,  0.2500],
            [-0.1250,  0.2500],
            [ 0.0000,  0.0000]])
    """
    _check_members("word_members", word_members, interactions.shape[-2])
    _check_members("frame_members", frame_members, interactions.shape[-1])
    words = _membership(word_members, interactions, interactions.shape[-2], is_shared_out=is_shared_out)
    frames = _membership(frame_members, interactions, interactions.shape[-1], is_shared_out=is_shared_out)
    return words @ interactions @ frames.mT


def _membership(members: Tensor, interactions: Tensor, num_merged: int, *, is_shared_out: bool) -> Tensor:
    merged = torch.arange(num_merged, device=members.device)
    membership = (members.unsqueeze(-1) == merged).to(interactions.dtype)
    return membership / membership.sum(-2, keepdim=True).clamp(min=1) if is_shared_out else membership


def _check_members(name: str, members: Tensor, num_merged: int) -> None:
    if members.is_floating_point() or members.dtype == torch.bool:
        raise ValueError(f"{name} must hold indices of merged tokens, not {members.dtype}")
    if members.numel() and int(members.max()) >= num_merged:
        raise ValueError(f"{name} must be less than the {num_merged} merged tokens, not {int(members.max())}")
