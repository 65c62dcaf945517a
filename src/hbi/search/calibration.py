"""How unusual a score is: it is held against what texts that have nothing to do with the index score on it.

A similarity of 0.3 means nothing by itself. So some hundred texts are made of words drawn at random from the model's
vocabulary, and the best score of each on this index is kept; a search's score is unusual when few of them reach it.
Longer texts score differently from shorter ones: a text is held against those nearest to it in length. Clips are held
against segments of the index, each with its best match in another video.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hbi.files import read_regular_text, write_atomically
from hbi.files.checksums import json_with_checksum, parse_json_with_checksum
from hbi.matching.matcher import Matcher
from hbi.search.ranking import COMPARED_AT_ONCE, full_scores, rank
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Snapshot

NUM_TEXTS, MAX_WORDS = 240, 12
NUM_CLIPS = 64
NUM_NEAREST = 100
FREQUENT_WORDS = 2000
MOST_BYTES = 2**20
CANDIDATES = 32
"""Compared in full for each unrelated text: only its best score is wanted."""


@dataclass(frozen=True)
class Calibration:
    """Best scores of questions that nothing in the index answers.

    Attributes:
        num_words, text_scores: Of each unrelated text.
        clip_scores: Of segments, with other videos.
        num_segments: Of the index when this was measured.
    """

    num_words: tuple[int, ...]
    text_scores: tuple[float, ...]
    clip_scores: tuple[float, ...]
    num_segments: int

    def rarity_of_text(self, score: float, text: str) -> float:
        """Return the share of unrelated texts of about this length whose best match scores lower."""
        lengths = np.abs(np.array(self.num_words) - len(text.split()))
        return _share_below(np.array(self.text_scores)[np.argsort(lengths, kind="stable")[:NUM_NEAREST]], score)

    def rarity_of_clip(self, score: float) -> float:
        """Return the share of the index's segments whose best match in another video scores lower."""
        return _share_below(np.array(self.clip_scores), score)

    def write(self, file: Path) -> None:
        """Write this as JSON."""
        write_atomically(file, json_with_checksum(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Calibration | None":
        """Return what `write` wrote; None where there is none, or none that can be read: it can be made again."""
        try:
            values = parse_json_with_checksum(read_regular_text(file, MOST_BYTES))
            return cls(
                tuple(values["num_words"]),
                tuple(values["text_scores"]),
                tuple(values["clip_scores"]),
                int(values["num_segments"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None


def calibrate(codec: SegmentCodec, snapshot: Snapshot) -> Calibration:
    """Measure what unrelated texts and foreign clips score on an index."""
    texts = unrelated_texts(codec.matcher)
    best = _best_scores(codec, snapshot, texts)
    clips = []
    if len(snapshot.videos) > 1:
        for row in range(min(NUM_CLIPS, len(snapshot.references))):
            own = str(snapshot.references.content[row])
            encoding = codec.decode(snapshot.references.arrays[row : row + 1])
            ranking = rank(codec, snapshot, encoding, num_candidates=CANDIDATES, without=own)
            clips += [float(score) for score in ranking.scores[:1]]
    return Calibration(tuple(len(text.split()) for text in texts), tuple(best), tuple(clips), snapshot.num_segments)


def _best_scores(codec: SegmentCodec, snapshot: Snapshot, texts: Sequence[str]) -> list[float]:
    """Return the score of each text with the segment that fits it best; 0 in an empty index."""
    if not snapshot.num_segments:
        return [0.0] * len(texts)
    whole = snapshot.in_memory.whole if snapshot.in_memory else None
    if whole and len(whole) <= COMPARED_AT_ONCE:  # so few are compared with all texts at once, many times as fast
        best: list[float] = full_scores(codec, codec.matcher.encode_texts(texts).encoding, whole).amax(1).tolist()
        return best
    encodings = (codec.matcher.encode_texts(text).encoding for text in texts)
    rankings = (rank(codec, snapshot, encoding, num_candidates=CANDIDATES) for encoding in encodings)
    return [float(ranking.scores[0]) if len(ranking.scores) else 0.0 for ranking in rankings]


def unrelated_texts(matcher: Matcher, count: int = NUM_TEXTS) -> list[str]:
    """Return texts of 1 to 12 words drawn from the frequent words of a model's vocabulary, the same ones every time."""
    draw = np.random.default_rng(0)
    words = _frequent_words(matcher)
    return [" ".join(draw.choice(words, size=1 + number % MAX_WORDS)) for number in range(count)]


def _frequent_words(matcher: Matcher) -> Sequence[str]:
    """Return whole words of three letters and more; byte-pair vocabularies list frequent ones first."""
    ending = "</w>"
    vocabulary = sorted(matcher.tokenizer.get_vocab().items(), key=lambda item: item[1])
    words = [token.removesuffix(ending) for token, _ in vocabulary if token.endswith(ending)]
    return [word for word in words if len(word) >= 3 and word.isalpha()][:FREQUENT_WORDS] or ["something"]


def _share_below(scores: np.ndarray, score: float) -> float:
    """Return the share of `scores` below one; with nothing to compare with, nothing is unusual."""
    return float((scores < score).mean()) if len(scores) else 0.0
