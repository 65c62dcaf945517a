"""What an explanation is: words, frames, and at every level how much each pair of them is worth together.

Plain numbers only (numpy, no torch): every drawing, file and page is made from these types.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from hbi.shapes import LEVELS, Level


@dataclass(frozen=True)
class Word:
    """One player of the text: the characters `[start, end)` of the caption.

    `text` is exactly that piece of the caption. A token without characters of its own (the mark at the end of a text)
    has an empty span and any `text`.
    """

    text: str
    start: int
    end: int


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
        _as_floats(self, "timestamp_seconds", "start_seconds", "end_seconds")
        thumbnail = np.asarray(self.thumbnail).copy()
        _require(thumbnail.dtype == np.uint8, f"a thumbnail must be uint8, not {thumbnail.dtype}")
        _require(
            thumbnail.ndim == 3 and thumbnail.shape[0] == 3 and thumbnail.size > 0,
            f"a thumbnail must be [3, height, width], not {list(thumbnail.shape)}",
        )
        _require(
            0 <= self.start_seconds <= self.timestamp_seconds <= self.end_seconds < np.inf,
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
class LevelExplanation:
    """The game of one level: the exact Banzhaf interactions of its merged words with its merged frames.

    Attributes:
        level: name of the level.
        similarity: what the level gives to the pair (cosine similarity, before the temperature).
        word_groups: for every word the row of `interactions` (the merged token) that it belongs to.
        frame_groups: for every frame the column that it belongs to.
        interactions: positive where a merged word and a merged frame are worth more together than apart, negative where
            one makes the other redundant. A row or column without members (only marks that are no word) is not drawn.
    """

    level: Level
    similarity: float
    word_groups: tuple[int, ...]
    frame_groups: tuple[int, ...]
    interactions: Float[np.ndarray, "word_group frame_group"]

    def __post_init__(self) -> None:
        _require(self.level in LEVELS, f"level {self.level!r} is none of {', '.join(LEVELS)}")
        _as_floats(self, "similarity")
        _require(bool(np.isfinite(self.similarity)), f"the similarity of level {self.level} is {self.similarity}")
        interactions = np.asarray(self.interactions).astype(np.float64)
        _require(
            interactions.ndim == 2,
            f"interactions of level {self.level} must be [word_groups, frame_groups], not {list(interactions.shape)}",
        )
        _require(bool(np.isfinite(interactions).all()), f"an interaction of level {self.level} is not finite")
        object.__setattr__(self, "word_groups", tuple(int(group) for group in self.word_groups))
        object.__setattr__(self, "frame_groups", tuple(int(group) for group in self.frame_groups))
        for name, groups, size in (
            ("word", self.word_groups, interactions.shape[0]),
            ("frame", self.frame_groups, interactions.shape[1]),
        ):
            outside = [group for group in groups if not 0 <= group < size]
            _require(not outside, f"{name} groups {outside} of level {self.level} are outside 0 to {size - 1}")
        interactions.setflags(write=False)
        object.__setattr__(self, "interactions", interactions)

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The interactions of the merged tokens, written at each of their original words and frames."""
        return self.interactions[np.ix_(self.word_groups, self.frame_groups)]

    def words_of(self, group: int) -> tuple[int, ...]:
        """The words merged into a row of `interactions`, in caption order."""
        return tuple(word for word, member_of in enumerate(self.word_groups) if member_of == group)

    def frames_of(self, group: int) -> tuple[int, ...]:
        """The frames merged into a column of `interactions`, in order of time."""
        return tuple(frame for frame, member_of in enumerate(self.frame_groups) if member_of == group)

    def __repr__(self) -> str:
        words, frames = self.interactions.shape
        return (
            f"LevelExplanation({self.level}, similarity={self.similarity:.4f}, interactions=[{words}, {frames}] "
            f"on [{len(self.word_groups)}, {len(self.frame_groups)}] players)"
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model matches (or does not match) a text with a video: which words go with which seconds.

    Attributes:
        text: the caption, as it was written.
        video: the file's name.
        words, frames: the players, in reading order and in order of time.
        levels: entity, action, event; a model without merging has the entity level only.
        similarity: the score of the pair (cosine similarity, before the temperature).
        model: name of the run that gave it.
        remark: what a reader has to know besides, such as damage of the video file.

    Raises ValueError when the parts do not fit each other.
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
        _as_floats(self, "duration_seconds", "similarity")
        for name in ("words", "frames", "levels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            _require(bool(getattr(self, name)), f"an explanation needs {name}, and got none")
        _require(bool(np.isfinite(self.similarity)), f"the similarity of the pair is {self.similarity}")
        self._require_words_of_the_text()
        self._require_frames_of_the_video()
        self._require_levels_on_these_players()

    def to_json(self) -> str:
        """This explanation as one JSON text: every number exact, thumbnails as PNG (see `hbi.explanation.record`)."""
        from hbi.explanation.record import explanation_to_json

        return explanation_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Explanation":
        """The explanation that `to_json` wrote; raises HBIError when the text is not one."""
        from hbi.explanation.record import explanation_from_json

        return explanation_from_json(text)

    def __repr__(self) -> str:
        levels = ", ".join(f"{part.level}: {list(part.interactions.shape)}" for part in self.levels)
        return (
            f"Explanation({self.text!r}, video={self.video!r}, words=[{len(self.words)}], frames=[{len(self.frames)}], "
            f"levels=({levels}), similarity={self.similarity:.4f}, model={self.model!r})"
        )

    def _require_words_of_the_text(self) -> None:
        previous_start = 0
        for word in self.words:
            _require(
                previous_start <= word.start <= word.end <= len(self.text),
                f"word {word.text!r} at [{word.start}, {word.end}) is outside the text or out of order",
            )
            _require(
                word.start == word.end or word.text == self.text[word.start : word.end],
                f"word {word.text!r} is not what the text has at [{word.start}, {word.end}): "
                f"{self.text[word.start : word.end]!r}",
            )
            previous_start = word.start

    def _require_frames_of_the_video(self) -> None:
        timestamps = [frame.timestamp_seconds for frame in self.frames]
        _require(timestamps == sorted(timestamps), "the frames are not in order of time")
        last_second = max(frame.end_seconds for frame in self.frames)
        _require(
            last_second <= self.duration_seconds + 1e-3 and self.duration_seconds < np.inf,
            f"the frames reach to {last_second} s in a video of {self.duration_seconds} s",
        )
        shapes = {frame.thumbnail.shape for frame in self.frames}
        _require(len(shapes) == 1, f"thumbnails of one video must have one size, not {sorted(shapes)}")

    def _require_levels_on_these_players(self) -> None:
        names = [part.level for part in self.levels]
        _require(
            names == [level for level in LEVELS if level in names],
            f"levels must be in the order {', '.join(LEVELS)}, each at most once, not {', '.join(names)}",
        )
        for part in self.levels:
            players = (len(part.word_groups), len(part.frame_groups))
            expected = (len(self.words), len(self.frames))
            _require(
                players == expected,
                f"level {part.level} groups {players[0]} words and {players[1]} frames, "
                f"but the explanation has {expected[0]} and {expected[1]}",
            )


def _as_floats(instance: object, *names: str) -> None:
    """Turn numpy and tensor scalars into plain floats, which JSON and f-strings know."""
    for name in names:
        object.__setattr__(instance, name, float(getattr(instance, name)))


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise ValueError(message)
