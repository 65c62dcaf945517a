"""The players of a game between a text and a video: words and frames, or the labelled tokens of something else."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hbi.explanation.checks import (
    MOST_LETTERS_OF_WORD,
    MOST_PIXELS,
    MOST_SECONDS,
    as_floats,
    require,
    require_text,
    whole_number,
)


@dataclass(frozen=True)
class Word:
    """One player of the text: the characters `[start, end)` of the caption.

    `text` is exactly that piece of the caption. A token without characters of its own (a special token)
    has an empty span and any `text`.
    """

    text: str
    start: int
    end: int

    def __post_init__(self) -> None:
        require_text(self.text, "text of a word", MOST_LETTERS_OF_WORD)
        for name in ("start", "end"):
            object.__setattr__(self, name, whole_number(getattr(self, name), f"{name} of a word"))


@dataclass(frozen=True, eq=False)
class Frame:
    """One player of the video: the frame at `timestamp_seconds`, standing for `start_seconds` to `end_seconds`.

    With a label it is no frame of a video, but a token of a second text, a patch of a picture or the like. It has no
    time, and its seconds only say its place: the one at place i stands from i to i + 1.

    Attributes:
        thumbnail: uint8 RGB, channels first; a CPU tensor is taken over as an array. A labelled player may have none:
            [3, 0, 0].
        label: what is written in place of a time; None: a frame of a video.
    """

    timestamp_seconds: float
    start_seconds: float
    end_seconds: float
    thumbnail: UInt8[np.ndarray, "3 height width"]
    label: str | None = None

    def __post_init__(self) -> None:
        as_floats(self, "timestamp_seconds", "start_seconds", "end_seconds", largest=MOST_SECONDS)
        thumbnail = np.asarray(self.thumbnail).copy()
        require(thumbnail.dtype == np.uint8, f"a thumbnail must be uint8, not {thumbnail.dtype}")
        require(
            thumbnail.ndim == 3 and thumbnail.shape[0] == 3 and (thumbnail.size > 0 or self.label is not None),
            f"a thumbnail must be [3, height, width], not {list(thumbnail.shape)}",
        )
        require(thumbnail.size <= 3 * MOST_PIXELS, f"a thumbnail of {list(thumbnail.shape)} is too large")
        require(
            0 <= self.start_seconds <= self.timestamp_seconds <= self.end_seconds,
            f"a frame at {self.timestamp_seconds} s cannot stand for "
            f"{self.start_seconds} s to {self.end_seconds} s: its time must lie inside",
        )
        if self.label is not None:
            require_text(self.label, "label of a column", MOST_LETTERS_OF_WORD)
        thumbnail.setflags(write=False)
        object.__setattr__(self, "thumbnail", thumbnail)

    @property
    def has_picture(self) -> bool:
        """Whether there is a thumbnail."""
        return self.thumbnail.size > 0

    def __repr__(self) -> str:
        _, height, width = self.thumbnail.shape
        if self.label is not None:
            return f"Frame({self.label!r}, thumbnail=[3, {height}, {width}])"
        return (
            f"Frame({self.timestamp_seconds:.2f} s, for {self.start_seconds:.2f} to {self.end_seconds:.2f} s, "
            f"thumbnail=[3, {height}, {width}])"
        )
