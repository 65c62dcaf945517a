"""What an explanation is: words, frames, and at every level how much each pair of them is worth together.

Plain numbers only (numpy, no torch): every drawing, file and page is made from these types.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hbi.explanation.checks import (
    MOST_CELLS,
    MOST_FRAMES,
    MOST_PIXELS_OF_ALL,
    MOST_SECONDS,
    MOST_WORDS,
    as_floats,
    frozen_array,
    require,
    require_sum,
    require_text,
)
from hbi.explanation.files.record import load_record, record_from_json, record_to_json, save_record
from hbi.explanation.level import LevelExplanation, WholeSimilarity
from hbi.explanation.notebook import notebook_html
from hbi.explanation.plain_values import parts_of, plain_fields, require_names, require_rows
from hbi.explanation.players import Frame, Word
from hbi.shapes import LEVELS

OF_THE_PAIR = ("text", "video", "model", "remark", "duration_seconds", "similarity")
OF_THE_SCORE = ("score", "index", "words_at_input", "word_fits")
PARTS: dict[str, tuple[type, int]] = {
    "words": (Word, MOST_WORDS),
    "frames": (Frame, MOST_FRAMES),
    "levels": (LevelExplanation, len(LEVELS)),
}
"""The fields of an explanation: of the pair as a whole, what its score is (in records from version 3, 4 or 6 on),
and lists of parts, of which there may be so many."""

COSINE = "cosine similarity"
BANZHAF = "Banzhaf interaction"

MOST_LETTERS_OF_NAME = 100


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model matches (or does not match) a text with a video: which words go with which seconds.

    Attributes:
        text: the caption, as it was written.
        video: the file's name.
        words, frames: the players, in reading order and in order of time. Where the frames have labels, the text was
            compared with the tokens of something that is no video, which `video` names.
        levels: entity, action, event; a model without merging has the entity level only.
        similarity: the score of the pair (before any temperature): the levels' by their weights, and the whole's.
        model: name of the run that gave it.
        remark: what a reader has to know besides, such as damage of the video file.
        score: what the number `similarity` is, such as "cosine similarity", "MaxSim" or "mean MaxSim".
        index: what the interactions are, "Banzhaf interaction" unless they were asked for otherwise.
        words_at_input: what it means that a word is out: it was removed from the text, and the rest was encoded without
            it (True); or the whole text was encoded, and only the word's token was left out (False).
        word_fits: how well each frame matches each word by itself, above 0 where it does
            (`hbi.matching.word_fits`); the parts of a whole word have the same. None: this was not measured.
        whole: how alike text and video are as wholes, where that is a part of the score. No word and no frame has a
            share in it. None: it is none.

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
    score: str = COSINE
    index: str = BANZHAF
    words_at_input: bool = False
    word_fits: Float[np.ndarray, "word frame"] | None = None
    whole: WholeSimilarity | None = None

    def __post_init__(self) -> None:
        for name in ("text", "video", "model"):
            require_text(getattr(self, name), name)
        require_text("" if self.remark is None else self.remark, "remark")
        require_text(self.score, "name of the score", MOST_LETTERS_OF_NAME)
        require_text(self.index, "name of the index", MOST_LETTERS_OF_NAME)
        require(bool(self.score.strip() and self.index.strip()), "the score or its index has no name")
        require(isinstance(self.words_at_input, bool), "words_at_input is neither true nor false")
        as_floats(self, "duration_seconds", largest=MOST_SECONDS)
        as_floats(self, "similarity", of="the pair")
        for name in ("words", "frames", "levels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            require(bool(getattr(self, name)), f"an explanation needs {name}, and got none")
        self._require_size()
        if self.word_fits is not None:
            shape = (len(self.words), len(self.frames))
            object.__setattr__(self, "word_fits", frozen_array(self.word_fits, shape, "word fits"))
        self._require_words_of_the_text()
        self._require_frames_of_the_video()
        self._require_levels_on_these_players()
        self._require_the_score_of_the_levels()

    @property
    def is_exact(self) -> bool:
        """Whether no number of any level is an estimate."""
        return all(part.is_exact for part in self.levels)

    @property
    def is_labelled(self) -> bool:
        """Whether the columns are labelled tokens or patches, and no frames of a video."""
        return self.frames[0].label is not None

    @property
    def score_name(self) -> str:
        """What to write before the score: "similarity" where it is a cosine, else what it is."""
        return "similarity" if self.score == COSINE else self.score

    @property
    def interactions(self) -> Float[np.ndarray, "word frame"]:
        """The interactions of all levels on the original words and frames, by the levels' weights in the score."""
        return self._weighted([part.on_players for part in self.levels])

    @property
    def word_contributions(self) -> Float[np.ndarray, " word"]:
        """What every word adds to the score: its Shapley values of all levels, by the levels' weights.

        Words, frames, `unassigned` and what the whole adds (`whole.contribution`) sum to `similarity`.
        """
        return self._weighted([part.word_contributions for part in self.levels])

    @property
    def frame_contributions(self) -> Float[np.ndarray, " frame"]:
        """What every frame adds to the score, as for the words."""
        return self._weighted([part.frame_contributions for part in self.levels])

    @property
    def interaction_errors(self) -> Float[np.ndarray, "word frame"]:
        """Standard errors of `interactions`, 0 where exact; over several levels a bound: the weighted sum of theirs.

        Levels drawn with the same coalitions err together, so that independence cannot be assumed; whatever the
        correlation, the standard error of a sum is at most the sum of the standard errors.
        """
        return self._weighted([part.errors_on_players for part in self.levels])

    @property
    def word_contribution_errors(self) -> Float[np.ndarray, " word"]:
        """Standard errors of `word_contributions`, over several levels a bound, as for the interactions."""
        return self._weighted([part.word_contribution_errors for part in self.levels])

    @property
    def frame_contribution_errors(self) -> Float[np.ndarray, " frame"]:
        """Standard errors of `frame_contributions`, over several levels a bound, as for the interactions."""
        return self._weighted([part.frame_contribution_errors for part in self.levels])

    @property
    def unassigned(self) -> float:
        """What tokens without a word or frame add to the score: prompts, special tokens or padding that count."""
        return float(self._weighted([np.asarray(part.unassigned) for part in self.levels]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by the names of the fields; arrays are lists, except the thumbnails."""
        values: dict[str, Any] = {name: getattr(self, name) for name in (*OF_THE_PAIR, *OF_THE_SCORE)}
        values["word_fits"] = None if self.word_fits is None else self.word_fits.tolist()
        values["whole"] = None if self.whole is None else plain_fields(self.whole)
        return values | {name: [plain_fields(part) for part in getattr(self, name)] for name in PARTS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Explanation":
        """Return the explanation of the values that `to_dict` gives; other names than its own are passed over.

        What a field of an earlier version lacks has its default: a cosine similarity of tokens, Banzhaf interactions,
        all exact, no fits, no comparison of wholes.

        Raises:
            ValueError: A value is missing, of another kind, or too large to be drawn.
        """
        require_names(values, OF_THE_PAIR)
        if values.get("word_fits") is not None:
            require_rows(values["word_fits"], "word_fits", MOST_WORDS, MOST_FRAMES)
        words, frames, levels = (parts_of(values, name, kind, most) for name, (kind, most) in PARTS.items())
        return cls(
            words=tuple(Word(**word) for word in words),
            frames=tuple(Frame(**frame) for frame in frames),
            levels=tuple(LevelExplanation.from_dict(level) for level in levels),
            **{name: values[name] for name in OF_THE_PAIR},
            **{name: values[name] for name in OF_THE_SCORE if name in values},
            whole=None if values.get("whole") is None else WholeSimilarity.from_dict(values["whole"]),
        )

    def to_json(self) -> str:
        """Return one JSON text: every number exact, thumbnails as PNG (see `hbi.explanation.files.record`)."""
        return record_to_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Explanation":
        """Return the explanation that `to_json` wrote.

        Raises:
            ExplanationFileError: The text is none, is damaged, or of another version.
        """
        return record_from_json(text, cls.from_dict)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `explanation.json` and one PNG a frame into a folder (see docs/reference/explanation-schema.md).

        Raises:
            StorageError: The folder cannot be written.
        """
        save_record(self.to_dict(), Path(folder))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Explanation":
        """Return the explanation of a folder that `save` wrote, or of a `.json` file.

        Raises:
            ExplanationFileError: There is none, it is damaged, or of another version.
        """
        return load_record(Path(path), cls.from_dict)

    def _repr_html_(self) -> str:
        """Return the view of a notebook."""
        return notebook_html(self)

    def __repr__(self) -> str:
        levels = ", ".join(f"{part.level}: {list(part.interactions.shape)}" for part in self.levels)
        return (
            f"Explanation({self.text!r}, video={self.video!r}, words=[{len(self.words)}], frames=[{len(self.frames)}], "
            f"levels=({levels}), {self.score_name}={self.similarity:.4f}, model={self.model!r}, "
            f"{'exact' if self.is_exact else 'drawn'})"
        )

    def _weighted(self, values: list[np.ndarray]) -> np.ndarray:
        weights = [part.weight for part in self.levels]
        return np.tensordot(weights, np.stack(values), axes=1)

    def _require_size(self) -> None:
        """Raise ValueError unless whatever there is can be drawn."""
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
        num_labelled = sum(frame.label is not None for frame in self.frames)
        require(num_labelled in (0, len(self.frames)), f"{num_labelled} of {len(self.frames)} frames have a label")
        places = [(frame.start_seconds, frame.end_seconds) for frame in self.frames]
        require(
            not num_labelled or places == [(index, index + 1) for index in range(len(places))],
            "columns with labels must stand at their places: from 0 to 1, from 1 to 2, …",
        )

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
        whole = [] if self.whole is None else [self.whole]
        weights = [part.weight for part in self.levels] + [part.weight for part in whole]
        require_sum(weights, 1.0, "the weights of the levels do not sum to 1")
        parts = [part.weight * part.similarity for part in self.levels] + [part.contribution for part in whole]
        require_sum(
            parts,
            self.similarity,
            f"the levels give {sum(parts):.6g}, but the pair has {self.similarity:.6g}",
        )
