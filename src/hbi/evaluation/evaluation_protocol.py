"""How numbers came about: stated beside each of them, and kept with them."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EvaluationProtocol:
    """What was measured, and how.

    Attributes:
        benchmark: The data set.
        split: Which of its splits, with the name of the way to split it.
        selection: How the weights were chosen.
        num_videos: Videos that are ranked.
        published_videos: Videos that the split has as published; None for data that nobody published.
        num_frames, max_words: What the network sees of a video and of a text (special tokens included).
        post_processing: What was done to the similarities before ranking.
    """

    benchmark: str
    split: str
    selection: str
    num_videos: int
    published_videos: int | None
    num_frames: int
    max_words: int
    post_processing: str = "none"

    @property
    def is_reduced(self) -> bool:
        """Whether videos are missing: with fewer to choose from every rank looks better."""
        return self.published_videos is not None and self.num_videos < self.published_videos

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.benchmark}, {self.split}, {self.num_videos:,} videos; weights: {self.selection}; "
            f"{self.num_frames} frames, {self.max_words} words; post-processing: {self.post_processing}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"is_reduced": self.is_reduced}
