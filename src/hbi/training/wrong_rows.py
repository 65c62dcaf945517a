"""Captions and videos that are made wrong for a step: which, and how.

They are no further negatives of the batch: a wrong caption that stands beside all others pushes its true one down, long
before the network can tell them apart (docs/log.md). Each is compared with the one that it was made from, and with
nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hbi.data.exchanged_captions import CaptionExchanger
from hbi.data.exchanged_frames import parts_reversed


@dataclass(frozen=True)
class ExchangedCaptions:
    """For captions of a step, each with one word or its order exchanged.

    Attributes:
        exchanger: Makes them.
        share: Of the captions of a step that get one, if they allow it; drawn anew each step.
        first_step: From which step on, counted from 0.
    """

    exchanger: CaptionExchanger
    share: float = 1.0
    first_step: int = 0

    def of_step(
        self, captions: Sequence[str], others: Callable[[int], Sequence[str]], *, seed: int, step: int
    ) -> list[str | None]:
        """Return for each caption of a step itself made wrong; None where it was not drawn or allows none.

        Args:
            captions: Of the step.
            others: Gives, for the place of a caption, all captions of its video: what they say is not wrong.
            seed: Of the training.
            step: Counted from 0.
        """
        if step < self.first_step:
            return [None] * len(captions)
        is_drawn = np.random.default_rng((seed, step, 1, 1)).random(len(captions)) < self.share
        drawn = (
            self.exchanger.draw(caption, others(place), seed=seed, step=step) if is_drawn[place] else ()
            for place, caption in enumerate(captions)
        )
        return [made[0].text if made else None for made in drawn]


@dataclass(frozen=True)
class TurnedVideos:
    """Videos of a step whose parts come last part first, for captions that say what comes first.

    Attributes:
        share: Of the videos of a step, at most, that are turned; drawn anew each step.
        num_parts: Into how many parts a video is cut.
        first_step: From which step on, counted from 0.
    """

    share: float = 0.25
    num_parts: int = 4
    first_step: int = 0

    def of_step(self, has_order: Bool[Tensor, " video"], *, seed: int, step: int) -> Bool[Tensor, " video"]:
        """Return which videos of a step are turned.

        Args:
            has_order: True for videos of which a caption of the step says what comes first.
            seed: Of the training.
            step: Counted from 0.
        """
        chosen = torch.zeros_like(has_order)
        if step >= self.first_step:
            order = torch.from_numpy(np.random.default_rng((seed, step, 2, 1)).permutation(len(has_order)))
            chosen[order[has_order[order]][: ceil(self.share * len(has_order))]] = True
        return chosen

    def order(self, mask: Bool[Tensor, "video frame"]) -> Int[Tensor, "video frame"]:
        """Return for each place of turned videos the frame that comes there."""
        return parts_reversed(mask, self.num_parts)
