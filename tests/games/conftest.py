"""Random games for the tests of this room."""

import pytest
import torch

from hbi.games import LateInteractionGame


@pytest.fixture
def make_game():
    """Return a function that makes a reproducible random game of a given shape."""

    def make(num_words=4, num_frames=3, *, batch=(), seed=0, dtype=torch.float64, with_masks=False, **options):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.rand(shape, generator=generator, dtype=dtype)

        masks = {}
        if with_masks:
            masks = {"word_mask": draw(*batch, num_words) > 0.3, "frame_mask": draw(*batch, num_frames) > 0.3}
        return LateInteractionGame(
            draw(*batch, num_words, num_frames) * 2 - 0.8,
            draw(*batch, num_words),
            draw(*batch, num_frames),
            **masks,
            **options,
        )

    return make
