"""Excerpts of captions: a few words in a row, which are true of every video that has a caption with them.

A whole caption tells its video from the others of a batch by what is seen most easily, colors say. A network that has
learned these is hardly asked for anything else. "circle" alone, or "spins", asks for just that.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from hbi.data.caption_units import words_of
from hbi.data.word_classes import FUNCTION_WORDS


@dataclass(frozen=True)
class DrawnExcerpts:
    """Excerpts of the captions of some videos.

    Attributes:
        texts: The excerpts, in small letters, all different.
        is_true: True where a caption of the video has the excerpt, and nowhere for all videos.
    """

    texts: tuple[str, ...]
    is_true: Bool[Tensor, "excerpt video"]


class Excerpts:
    """The excerpts of the captions of a split.

    An excerpt begins and ends with a word that says something, and has no punctuation mark in it.
    """

    def __init__(self, captions_of_videos: Sequence[Sequence[str]], longest: int) -> None:
        """Take the captions of each video, and how many words an excerpt has at most."""
        self.captions_of_videos, self.longest = captions_of_videos, longest
        self._of_video = lru_cache(maxsize=50_000)(self._find)

    def draw(self, videos: Sequence[int], most: int, *, seed: int, step: int) -> DrawnExcerpts:
        """Return excerpts of the captions of some videos that tell them apart: not true of all.

        Args:
            videos: Their numbers in the split.
            most: How many to draw, at random, where there are more.
            seed: Of the training.
            step: Counted from 0.
        """
        owned = [self._of_video(video) for video in videos]
        counts = Counter(excerpt for excerpts in owned for excerpt in excerpts)
        telling = sorted(excerpt for excerpt, count in counts.items() if count < len(videos))
        random = np.random.default_rng((seed, step, 4, 1))
        drawn = random.permutation(len(telling))[:most].tolist()
        texts = tuple(telling[place] for place in drawn)
        is_true = torch.tensor([[text in excerpts for excerpts in owned] for text in texts], dtype=torch.bool)
        return DrawnExcerpts(texts, is_true.view(len(texts), len(videos)))

    def _find(self, video: int) -> frozenset[str]:
        return frozenset(
            excerpt for caption in self.captions_of_videos[video] for excerpt in excerpts_of(caption, self.longest)
        )


def excerpts_of(caption: str, longest: int) -> set[str]:
    """Return the excerpts of a caption.

    Args:
        caption: The caption.
        longest: The most words of an excerpt.

    >>> sorted(excerpts_of("A red ring spins, then it falls.", 2))
    ['falls', 'red', 'red ring', 'ring', 'ring spins', 'spins']
    """
    units = words_of(caption)
    says_something = [unit.is_word and unit.text not in FUNCTION_WORDS for unit in units]
    found = set()
    for first, unit in enumerate(units):
        for last in range(first, min(first + longest, len(units))):
            if not units[last].is_word:
                break
            if says_something[first] and says_something[last]:
                found.add(caption[unit.start : units[last].end].lower())
    return found
