"""What is known of the rows of a batch beside what the towers take: what was made wrong, which words say little."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hbi.explanation.players import Word
from hbi.explanation.whole_words import whole_words
from hbi.training.distributed import Processes
from hbi.training.lone_words import NONE, LoneWords


@dataclass(frozen=True)
class Marks:
    """Marks of the texts and videos of a batch.

    Attributes:
        true_text: For a caption that was made wrong the row of the one it was made from; -1 for a caption as it is.
        true_video: For a video that was turned in time the row of the one that it was made from; -1 for one as it is.
        tells_order: True for texts that say what comes first.
        function_words: True for tokens that say nothing to look for: function words and punctuation. None where nobody
            asks.
        lone_words: Which texts are words by themselves; None: none is.
    """

    true_text: Int[Tensor, " text"]
    true_video: Int[Tensor, " video"]
    tells_order: Bool[Tensor, " text"]
    function_words: Bool[Tensor, "text word"] | None = None
    lone_words: LoneWords | None = None

    @property
    def is_read(self) -> bool:
        """Whether there is anything to know but the words by themselves."""
        return self.has_wrong_rows or self.function_words is not None

    @property
    def has_wrong_rows(self) -> bool:
        """Whether a text or a video of the batch was made wrong."""
        return bool((self.true_text != NONE).any() or (self.true_video != NONE).any())

    def without_lone_words(self) -> "Marks":
        """Return the marks of the texts that are no words by themselves."""
        if self.lone_words is None:
            return self
        is_kept = ~self.lone_words.is_lone
        row = is_kept.cumsum(0) - 1
        true_text = torch.where(self.true_text == NONE, NONE, row[self.true_text])
        words = None if self.function_words is None else self.function_words[is_kept]
        return Marks(true_text[is_kept], self.true_video, self.tells_order[is_kept], words)

    def to(self, device: torch.device) -> "Marks":
        """Return the marks on a device."""
        words = None if self.function_words is None else self.function_words.to(device)
        lone = None if self.lone_words is None else LoneWords(*(mark.to(device) for mark in self.lone_words))
        return Marks(self.true_text.to(device), self.true_video.to(device), self.tells_order.to(device), words, lone)

    def gather(self, processes: Processes, texts: slice, videos: slice) -> "Marks":
        """Return the marks of the rows of all processes.

        Args:
            processes: Who shares the batch.
            texts: Where this process's texts stand among all.
            videos: Where its videos do.
        """
        true_text, _ = processes.gather_rows(shifted(self.true_text, texts.start))
        true_video, _ = processes.gather_rows(shifted(self.true_video, videos.start))
        tells_order, _ = processes.gather_rows(self.tells_order)
        words = None if self.function_words is None else processes.gather_rows(self.function_words)[0]
        own = self.lone_words
        lone = None if own is None else LoneWords(*(processes.gather_rows(mark)[0] for mark in own))
        return Marks(true_text, true_video, tells_order, words, lone)


class Copied(NamedTuple):
    """Rows of which some are followed by a copy of themselves, which is to be changed.

    Attributes:
        source: For every new row the old one.
        is_copy: True for the copies.
        place: For every old row the new row of the original.
        original: For every copy the new row of its original; -1 for originals.
    """

    source: Int[Tensor, " new"]
    is_copy: Bool[Tensor, " new"]
    place: Int[Tensor, " old"]
    original: Int[Tensor, " new"]


def followed_by_copies(is_copied: Bool[Tensor, " old"]) -> Copied:
    """Return how rows are arranged when each chosen one is followed by a copy.

    Args:
        is_copied: True for the rows that get one.

    >>> followed_by_copies(torch.tensor([False, True, False])).source
    tensor([0, 1, 1, 2])
    """
    counts = 1 + is_copied.long()
    source = torch.arange(len(is_copied)).repeat_interleave(counts)
    place = counts.cumsum(0) - counts
    is_copy = torch.arange(len(source)) != place[source]
    return Copied(source, is_copy, place, place[source].masked_fill(~is_copy, NONE))


def shifted(rows: Int[Tensor, " row"], offset: int) -> Int[Tensor, " row"]:
    """Return the numbers of rows plus an offset; no row stays no row."""
    return torch.where(rows == NONE, rows, rows + offset)


def function_words_of(texts: Sequence[str], spans: Int[Tensor, "text word 2"]) -> Bool[Tensor, "text word"]:
    """Return which tokens a first view of an explanation folds: function words and punctuation, not special tokens.

    Args:
        texts: What was tokenized.
        spans: The characters [start, end) of each token; (0, 0) for special tokens and padding.
    """
    rows = (_folded(text, tuple(map(tuple, row))) for text, row in zip(texts, spans.tolist(), strict=True))
    return torch.tensor(list(rows), dtype=torch.bool).view(spans.shape[:2])


@lru_cache(maxsize=100_000)
def _folded(text: str, spans: tuple[tuple[int, int], ...]) -> tuple[bool, ...]:
    places = [place for place, (start, end) in enumerate(spans) if end > start]
    words = whole_words(text, [Word(text[slice(*spans[place])], *spans[place]) for place in places])
    folded = {places[token] for word in words if word.stands_back for token in word.words}
    return tuple(place in folded for place in range(len(spans)))
