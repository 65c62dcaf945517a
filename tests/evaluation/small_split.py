"""Texts and the frames of three videos."""

import torch

from hbi.data.frames import FrameStore

TEXTS = ("a red circle spins", "a blue star", "then it falls slowly to the ground", "red")


def three_videos() -> FrameStore:
    """Four frames of a video at 1, 3, 5 and 7 seconds; the second video has two."""
    torch.manual_seed(1)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    pixels = torch.randint(0, 256, (3, 4, 3, 16, 16), dtype=torch.uint8)
    times = torch.tensor([[1.0, 3.0, 5.0, 7.0]]).expand(3, 4) * mask
    return FrameStore(pixels, mask, times, ("one fault",))
