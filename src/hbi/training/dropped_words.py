"""Captions with words left out, for training: what is left is true too, and has to be found by fewer words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DroppedWords:
    """Leaves words out of some captions of a step.

    Where a caption's colors tell its video from all others of a batch, nothing asks for its shapes and actions. With
    the colors left out, something does. The idea is that of word dropout (Iyyer et al., ACL 2015).

    Attributes:
        chance: Of each word to be left out of a caption that is drawn.
        share: Of the captions of a step that are drawn, each anew at each step.
    """

    chance: float
    share: float

    def of_step(self, captions: Sequence[str], *, seed: int, step: int) -> list[str]:
        """Return the captions of a step, some of them with fewer words; at least one word of each stays.

        Words are what stands between spaces. Text that is written without spaces stays as it is.

        Args:
            captions: Of the step.
            seed: Of the training.
            step: Counted from 0.
        """
        random = np.random.default_rng((seed, step, 3, 1))
        return [self._drop(caption, random) for caption in captions]

    def _drop(self, caption: str, random: np.random.Generator) -> str:
        words = caption.split()
        is_drawn, is_kept = random.random() < self.share, random.random(len(words)) >= self.chance
        if not is_drawn or not is_kept.any():
            return caption
        return " ".join(word for word, kept in zip(words, is_kept, strict=True) if kept)
