"""Searches to begin with, made from the index itself: of words that its model knows, that find a good match in it.

Nothing is claimed that was not measured: each of them was searched for, and its best moment is a strong or fair match.
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from hbi.errors import HBIError
from hbi.explanation.whole_words import FUNCTION_WORDS
from hbi.matching.matcher import Matcher
from hbi.search import VideoIndex
from hbi.search.ranking import full_scores
from hbi.search.snapshot import Segments

NUM_SAMPLES = 6
NUM_WORDS = 1000
"""Words that are tried: the frequent ones of a vocabulary, which lists them first."""
NUM_TRIED = 12
NUM_PARTNERS = 12
TEXTS_AT_ONCE = 64
MOST_ALIKE = 0.5
"""Correlation over segments: words that pick the same moments are one choice, as "yellow" and "golden"."""
_LINKING = frozenset(
    {
        "after",
        "again",
        "all",
        "also",
        "and",
        "before",
        "but",
        "can",
        "for",
        "from",
        "had",
        "has",
        "have",
        "her",
        "his",
        "into",
        "not",
        "off",
        "one",
        "onto",
        "other",
        "over",
        "seems",
        "see",
        "seen",
        "she",
        "shows",
        "something",
        "that",
        "their",
        "them",
        "then",
        "they",
        "through",
        "under",
        "upon",
        "was",
        "were",
        "what",
        "when",
        "where",
        "while",
        "with",
        "you",
        "your",
        "finally",
        "first",
        "followed",
        "later",
        "lastly",
        "moment",
        "next",
        "preceded",
        "clip",
        "video",
        "shape",
        "object",
    }
)
"""Words that tell of no picture by themselves."""
_log = logging.getLogger("hbi.web")


@dataclass(frozen=True)
class SampleQuery:
    """A search and the moment that it finds."""

    text: str
    segment_id: str
    best_frame_seconds: float


class SampleQueries:
    """The samples of one index: made once, by a thread that starts with the first call of `start`."""

    def __init__(self, index: VideoIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._found: tuple[SampleQuery, ...] = ()

    def start(self) -> None:
        """Begin to look for them, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: one that computes while the interpreter ends brings it down. It ends by itself then.
                self._thread = threading.Thread(target=self._make, name="hbi-samples")
                self._thread.start()

    def close(self) -> None:
        """Look for no more of them: the server stops."""
        self._is_closed = True

    @property
    def found(self) -> tuple[SampleQuery, ...]:
        """What was found so far: nothing before the thread has ended."""
        return self._found

    def present(self) -> tuple[SampleQuery, ...]:
        """Return those whose moment the index has still; it may have been made again."""
        videos = self._index.snapshot().videos
        return tuple(sample for sample in self._found if sample.segment_id.rpartition("-")[0] in videos)

    def wait(self, seconds: float | None = None) -> tuple[SampleQuery, ...]:
        """Return them when they are made, or what there is after some seconds."""
        self.start()
        assert self._thread is not None
        self._thread.join(seconds)
        return self._found

    def _make(self) -> None:
        try:
            self._found = sample_queries(self._index, is_over=self._is_over)
        except _GivenUpError:
            return
        except HBIError as error:  # an index that is gone or being replaced: the pages say so themselves
            _log.info("no sample searches: %s", error)
        except Exception:  # a thread's error would be told to nobody
            _log.exception("sample searches could not be made")

    def _is_over(self) -> bool:
        return self._is_closed or not threading.main_thread().is_alive()


def sample_queries(
    index: VideoIndex, count: int = NUM_SAMPLES, *, is_over: Callable[[], bool] = lambda: False
) -> tuple[SampleQuery, ...]:
    """Return short texts whose best moment in an index is a strong or fair match, each another moment.

    Args:
        index: The index.
        count: How many at most; fewer, or none, where the model finds nothing good.
        is_over: Asked from time to time whether to give up.
    """
    segments, words = index.snapshot().references, picture_words(index.matcher)
    if not len(segments) or not words:
        return ()
    fit = _WordFit(index, segments, words, is_over)
    tried: list[tuple[float, SampleQuery]] = []
    used: list[int] = []
    for first in fit.best_words():
        if len(used) == NUM_TRIED:
            break
        if any(fit.likeness[first, other] > MOST_ALIKE for other in used):
            continue
        used.append(first)
        found = [each for each in (_tried(index, text) for text in fit.phrases(first)) if each is not None]
        tried += sorted(found, key=lambda each: -each[0])[:1]
    samples: dict[str, SampleQuery] = {}
    for _, sample in sorted(tried, key=lambda each: -each[0]):  # stable: the words that stand out most come first
        samples.setdefault(sample.segment_id, sample)
    return tuple(samples.values())[:count]


def picture_words(matcher: Matcher) -> list[str]:
    """Return whole words of a model's vocabulary that may tell of a picture, frequent ones first."""
    vocabulary = sorted(matcher.tokenizer.get_vocab().items(), key=lambda item: item[1])
    tokens = [token for token, _ in vocabulary]
    if any(token.endswith("</w>") for token in tokens):
        fragments = _right_parts(matcher)
        words = [token.removesuffix("</w>") for token in tokens if token.endswith("</w>") and token not in fragments]
    else:
        marks = ("▁", "Ġ")
        marked = [token[1:] for token in tokens if token.startswith(marks)]
        words = marked or [token for token in tokens if not token.startswith(("##", "["))]
    chosen = [word for word in words if re.fullmatch("[a-z]{3,}", word) and word not in FUNCTION_WORDS | _LINKING]
    return list(dict.fromkeys(chosen))[:NUM_WORDS]


def _right_parts(matcher: Matcher) -> set[str]:
    """Return tokens that end longer words, as "ramid" ends "pyramid": they may be no words."""
    backend = getattr(matcher.tokenizer, "backend_tokenizer", None)
    merges = json.loads(backend.to_str())["model"].get("merges", []) if backend is not None else []
    return {(pair.split(" ") if isinstance(pair, str) else pair)[1] for pair in merges}


class _GivenUpError(Exception):
    """Nobody waits for the samples any more."""


class _WordFit:
    """How well some segments fit each of some words.

    Attributes:
        fit: [word, segment], how much better a segment fits a word than others fit it, and than it fits other words.
        likeness: [word, word], the correlation of that over the segments.
    """

    def __init__(
        self, index: VideoIndex, segments: Segments, words: Sequence[str], is_over: Callable[[], bool]
    ) -> None:
        self._index, self._segments, self._words, self._is_over = index, segments, words, is_over
        scores = self._scores(words)
        self.fit = scores - scores.mean(0, keepdims=True) - scores.mean(1, keepdims=True) + scores.mean()
        self.likeness = np.nan_to_num(np.corrcoef(self.fit)) if len(words) > 1 else np.ones((1, 1))

    def best_words(self) -> list[int]:
        """Return the words, those first that some segment fits best."""
        order: list[int] = np.argsort(-self.fit.max(1)).tolist()
        return order

    def phrases(self, first: int) -> list[str]:
        """Return texts to try for a word: with another that its best segment fits, and the word alone."""
        words, best = self._words, int(self.fit[first].argmax())
        share = self.fit[:, best] / np.maximum(self.fit.max(1), 1e-9)  # how near this segment is to a word's best
        is_other = (self.likeness[:, first] < MOST_ALIKE / 2) & (self.fit[:, best] > 0)
        others = [row for row in np.argsort(-share).tolist() if is_other[row]][:NUM_PARTNERS]
        texts = [" ".join(pair) for row in others for pair in ((words[first], words[row]), (words[row], words[first]))]
        if not texts:
            return [words[first]]
        scores = self._scores(texts)
        stands_out = (scores[:, best] - scores.mean(1)) / np.maximum(scores.std(1), 1e-9)
        return [texts[row] for row in np.argsort(-stands_out)[:2]] + [words[first]]

    def _scores(self, texts: Sequence[str]) -> Float[np.ndarray, "text segment"]:
        index, parts = self._index, []
        for begin in range(0, len(texts), TEXTS_AT_ONCE):
            if self._is_over():
                raise _GivenUpError
            encoded = index.matcher.encode_texts(texts[begin : begin + TEXTS_AT_ONCE])
            parts.append(full_scores(index.codec, encoded.encoding, self._segments))
        return torch.cat(parts).double().numpy()


def _tried(index: VideoIndex, text: str) -> tuple[float, SampleQuery] | None:
    """Return a text as a sample, after the share of its words that are found at its best match.

    None where that is no good match, or a word of it is not found there.
    """
    hits = index.search(text, limit=1).hits
    if not hits or not hits[0].is_good or any(word.verdict in ("not found", "unknown") for word in hits[0].words):
        return None
    share = sum(word.verdict == "found" for word in hits[0].words) / max(1, len(hits[0].words))
    return share, SampleQuery(text, hits[0].segment_id, hits[0].best_frame_seconds)
