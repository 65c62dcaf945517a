"""What an explanation is: words, frames, and at every level how much each pair of them is worth together.

Plain numbers only (numpy, no torch): every drawing, file and page is made from these types.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from hbi.explanation.checks import (
    MOST_CELLS,
    MOST_FRAMES,
    MOST_LETTERS_OF_WORD,
    MOST_PIXELS,
    MOST_PIXELS_OF_ALL,
    MOST_SECONDS,
    MOST_WORDS,
    as_floats,
    require,
    require_sum,
    require_text,
    whole_number,
)
from hbi.explanation.level import LevelExplanation
from hbi.shapes import LEVELS


@dataclass(frozen=True)
class Word:
    """One player of the text: the characters `[start, end)` of the caption.

    `text` is exactly that piece of the caption. A token without characters of its own (the mark at the end of a text)
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

    Attributes:
        thumbnail: uint8 RGB, channels first; a CPU tensor is taken over as an array.
    """

    timestamp_seconds: float
    start_seconds: float
    end_seconds: float
    thumbnail: UInt8[np.ndarray, "3 height width"]

    def __post_init__(self) -> None:
        as_floats(self, "timestamp_seconds", "start_seconds", "end_seconds", largest=MOST_SECONDS)
        thumbnail = np.asarray(self.thumbnail).copy()
        require(thumbnail.dtype == np.uint8, f"a thumbnail must be uint8, not {thumbnail.dtype}")
        require(
            thumbnail.ndim == 3 and thumbnail.shape[0] == 3 and thumbnail.size > 0,
            f"a thumbnail must be [3, height, width], not {list(thumbnail.shape)}",
        )
        require(thumbnail.size <= 3 * MOST_PIXELS, f"a thumbnail of {list(thumbnail.shape)} is too large")
        require(
            0 <= self.start_seconds <= self.timestamp_seconds <= self.end_seconds,
            f"a frame at {self.timestamp_seconds} s cannot stand for "
            f"{self.start_seconds} s to {self.end_seconds} s: its time must lie inside",
        )
        thumbnail.setflags(write=False)
        object.__setattr__(self, "thumbnail", thumbnail)

    def __repr__(self) -> str:
        _, height, width = self.thumbnail.shape
        return (
            f"Frame({self.timestamp_seconds:.2f} s, for {self.start_seconds:.2f} to {self.end_seconds:.2f} s, "
            f"thumbnail=[3, {height}, {width}])"
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model matches (or does not match) a text with a video: which words go with which seconds.

    Attributes:
        text: the caption, as it was written.
        video: the file's name.
        words, frames: the players, in reading order and in order of time.
        levels: entity, action, event; a model without merging has the entity level only.
        similarity: the score of the pair (cosine similarity, before the temperature): the levels' by their weights.
        model: name of the run that gave it.
        remark: what a reader has to know besides, such as damage of the video file.

    Raises ValueError when the parts do not fit each other, or are too large to be drawn (`hbi.explanation.checks`).
    """

    text: str
    video: str
    duration_seconds: float
    words: tuple[Word, ...]
    frames: tuple[Frame, ...]
    levels: tuple[LevelExplanation, ...]
    similarity: float
    model: str
    remark: str | None = None

    def __post_init__(self) -> None:
        for name in ("text", "video", "model"):
            require_text(getattr(self, name), name)
        require_text("" if self.remark is None else self.remark, "remark")
        as_floats(self, "duration_seconds", largest=MOST_SECONDS)
        as_floats(self, "similarity", of="the pair")
        for name in ("words", "frames", "levels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            require(bool(getattr(self, name)), f"an explanation needs {name}, and got none")
        self._require_size()
        self._require_words_of_the_text()
        self._require_frames_of_the_video()
        self._require_levels_on_these_players()
        self._require_the_score_of_the_levels()

    @property
    def interactions(self) -> Float[np.ndarray, "word frame"]:
        """The interactions of all levels on the original words and frames, by the levels' weights in the score."""
        return self._weighted([part.on_players for part in self.levels])

    @property
    def word_contributions(self) -> Float[np.ndarray, " word"]:
        """What every word adds to the score: its Shapley values of all levels, by the levels' weights.

        Words, frames and `unassigned` sum to `similarity`.
        """
        return self._weighted([part.word_contributions for part in self.levels])

    @property
    def frame_contributions(self) -> Float[np.ndarray, " frame"]:
        """What every frame adds to the score, as for the words."""
        return self._weighted([part.frame_contributions for part in self.levels])

    @property
    def unassigned(self) -> float:
        """What tokens without a word or frame add to the score; 0 unless a model counts padding as a token."""
        return float(self._weighted([np.asarray(part.unassigned) for part in self.levels]))

    @property
    def words_that_found_nothing(self) -> tuple[int, ...]:
        """The words that are worth more together with some part of the video than apart from it at no level."""
        found_nothing = [set(part.words_that_found_nothing) for part in self.levels]
        return tuple(sorted(set.intersection(*found_nothing)))

    def to_json(self) -> str:
        """This explanation as one JSON text: every number exact, thumbnails as PNG (see `hbi.explanation.record`)."""
        from hbi.explanation.record import explanation_to_json

        return explanation_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Explanation":
        """The explanation that `to_json` wrote; raises HBIError when the text is not one."""
        from hbi.explanation.record import explanation_from_json

        return explanation_from_json(text)

    def save(self, folder: Path) -> None:
        """Write `explanation.json` and one PNG a frame into a folder (see docs/reference/explanation-schema.md)."""
        from hbi.explanation.folder import save_explanation

        save_explanation(self, folder)

    @classmethod
    def load(cls, path: Path) -> "Explanation":
        """The explanation of a folder that `save` wrote, or of a `.json` file; raises HBIError when it is none."""
        from hbi.explanation.folder import load_explanation

        return load_explanation(path)

    def _repr_html_(self) -> str:
        """The view of a notebook."""
        from hbi.explanation.notebook import explanation_html

        return explanation_html(self)

    def __repr__(self) -> str:
        levels = ", ".join(f"{part.level}: {list(part.interactions.shape)}" for part in self.levels)
        return (
            f"Explanation({self.text!r}, video={self.video!r}, words=[{len(self.words)}], frames=[{len(self.frames)}], "
            f"levels=({levels}), similarity={self.similarity:.4f}, model={self.model!r})"
        )

    def _weighted(self, values: list[np.ndarray]) -> np.ndarray:
        weights = [part.weight for part in self.levels]
        return np.tensordot(weights, np.stack(values), axes=1)

    def _require_size(self) -> None:
        """Whatever there is can be drawn."""
        words, frames = len(self.words), len(self.frames)
        require(
            words <= MOST_WORDS and frames <= MOST_FRAMES and words * frames <= MOST_CELLS,
            f"{words} words with {frames} frames are too many to be drawn",
        )
        pixels = sum(frame.thumbnail.size // 3 for frame in self.frames)
        require(pixels <= MOST_PIXELS_OF_ALL, f"thumbnails of {pixels} pixels together are too large")

    def _require_words_of_the_text(self) -> None:
        previous_start = 0
        for word in self.words:
            require(
                previous_start <= word.start <= word.end <= len(self.text),
                f"word {word.text[:40]!r} at [{word.start}, {word.end}) is outside the text or out of order",
            )
            require(
                word.start == word.end or word.text == self.text[word.start : word.end],
                f"word {word.text[:40]!r} is not what the text has at [{word.start}, {word.end}): "
                f"{self.text[word.start : word.end][:40]!r}",
            )
            previous_start = word.start

    def _require_frames_of_the_video(self) -> None:
        timestamps = [frame.timestamp_seconds for frame in self.frames]
        require(timestamps == sorted(timestamps), "the frames are not in order of time")
        last_second = max(frame.end_seconds for frame in self.frames)
        require(
            last_second <= self.duration_seconds + 1e-3,
            f"the frames reach to {last_second} s in a video of {self.duration_seconds} s",
        )
        shapes = {frame.thumbnail.shape for frame in self.frames}
        require(len(shapes) == 1, f"thumbnails of one video must have one size, not {sorted(shapes)}")

    def _require_levels_on_these_players(self) -> None:
        names = [part.level for part in self.levels]
        require(
            names == [level for level in LEVELS if level in names],
            f"levels must be in the order {', '.join(LEVELS)}, each at most once, not {', '.join(names)}",
        )
        for part in self.levels:
            players = (len(part.word_groups), len(part.frame_groups))
            expected = (len(self.words), len(self.frames))
            require(
                players == expected,
                f"level {part.level} groups {players[0]} words and {players[1]} frames, "
                f"but the explanation has {expected[0]} and {expected[1]}",
            )

    def _require_the_score_of_the_levels(self) -> None:
        require_sum([part.weight for part in self.levels], 1.0, "the weights of the levels do not sum to 1")
        parts = [part.weight * part.similarity for part in self.levels]
        require_sum(
            parts,
            self.similarity,
            f"the levels give {sum(parts):.6g}, but the pair has {self.similarity:.6g}",
        )
