"""Videos made wrong by time: played backwards, or the parts of a video in another order.

What a caption tells in an order ("A, then B") is wrong of a video that is played backwards. A caption of one event need
not be: who spins backwards spins. `tells_order` says which captions are meant. Parts in another order are right where
what is told lies in one part. Of such captions of ShapeStories 0.2 % are true of the video played backwards, 14 % with
its quarters and 30 % with its halves in the other order; of captions without an order 23 % are true backwards.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from hbi.data.exchanged_clauses import clauses_of


def tells_order(caption: str) -> bool:
    """Return whether a caption says what comes first, by an English rule.

    >>> tells_order("a cat sits down before a dog barks"), tells_order("a cat and a dog")
    (True, False)
    """
    return bool(clauses_of(caption))


def backwards(mask: Bool[Tensor, "video frame"]) -> Int[Tensor, "video frame"]:
    """Return the order of frames in which videos are played backwards; padding stays where it is.

    Args:
        mask: True where a frame is real; padding is at the end.
    """
    places, counts = torch.arange(mask.shape[1], device=mask.device), mask.sum(1, keepdim=True)
    return torch.where(places < counts, counts - 1 - places, places)


def parts_reversed(mask: Bool[Tensor, "video frame"], num_parts: int) -> Int[Tensor, "video frame"]:
    """Return the order of frames in which the parts of videos come last part first, each played forwards.

    Motion stays as it is, and what comes first changes; of two parts the halves change places.

    Args:
        mask: True where a frame is real; padding is at the end.
        num_parts: Equal parts, as far as the frames allow; of a video of fewer frames each is a part.
    """
    orders = torch.arange(mask.shape[1]).repeat(len(mask), 1)
    for order, count in zip(orders, mask.sum(1).tolist(), strict=True):
        if count:
            order[:count] = torch.cat(torch.arange(count).tensor_split(min(num_parts, count))[::-1])
    return orders.to(mask.device)


def in_order(
    frames: Shaped[Tensor, "video frame *content"], order: Int[Tensor, "video frame"], *, is_backwards: bool = False
) -> Shaped[Tensor, "video frame *content"]:
    """Return the frames of videos in another order.

    Args:
        frames: Pixels [video, frame, 3, height, width], tubelets [video, frame, tubelet, 3, height, width], or features
            [video, frame, width].
        order: For every place the frame that comes there.
        is_backwards: Whether time runs backwards inside of tubelets too. Features know the direction of their tubelets
            and cannot be turned.
    """
    shown = frames[torch.arange(len(frames), device=frames.device)[:, None], order]
    return shown.flip(2) if is_backwards and frames.dim() == 6 else shown


def captions_with_order(captions: Sequence[str]) -> Bool[Tensor, " text"]:
    """Return which captions tell an order."""
    return torch.tensor([tells_order(caption) for caption in captions], dtype=torch.bool)
