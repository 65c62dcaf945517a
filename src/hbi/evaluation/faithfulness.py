"""Whether explanations are faithful: where they point, and what the score does without what they name."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool
from torch import Tensor

from hbi.data.frames import FrameStore
from hbi.evaluation.attributions import Attribution, Method
from hbi.evaluation.explained_pairs import EncodedPairs, ExplainedPair, TimedWords, encode_pairs
from hbi.evaluation.removal import (
    Curves,
    curves_of,
    leave_one_out,
    nested_masks,
    order_of,
    scores_without_frames,
    scores_without_words,
)
from hbi.evaluation.word_pointing import (
    NAN,
    Pointing,
    WordScore,
    counted_of,
    mean_of_known,
    pointing_by_kind,
    rank_correlation,
    word_score,
)
from hbi.matching import Matcher
from hbi.processes import Progress


@dataclass(frozen=True)
class PairScore:
    """How one method explained one pair. Areas are in the unit of the score, correlations are Spearman's.

    Attributes:
        words: Those of known time.
        score: Of the whole pair: what the curves start or end at.
        frame_deletion, frame_insertion, word_deletion, word_insertion: See `removal.Curves`.
        frame_correlation, word_correlation: Of what a method says of the players with what the score loses without each
            of them.
        cell_correlation: Of the map with the interplay of leaving out a word and a frame.
    """

    words: tuple[WordScore, ...] = ()
    score: float = NAN
    frame_deletion: float = NAN
    frame_insertion: float = NAN
    word_deletion: float = NAN
    word_insertion: float = NAN
    frame_correlation: float = NAN
    word_correlation: float = NAN
    cell_correlation: float = NAN


@dataclass(frozen=True)
class MethodScore:
    """A method over many pairs: means over pairs; NaN where it does not apply."""

    method: str
    title: str
    pointing: tuple[Pointing, ...]
    score: float
    frame_deletion: float
    frame_insertion: float
    word_deletion: float
    word_insertion: float
    frame_correlation: float
    word_correlation: float
    cell_correlation: float
    num_pairs: int
    num_curves: int


Scores = dict[str, list[PairScore]]
"""By the method's name, one for every pair, in order."""


@torch.no_grad()
def explanation_scores(
    matcher: Matcher,
    pairs: Sequence[ExplainedPair],
    frames: FrameStore,
    methods: Sequence[Method],
    *,
    num_curves: int | None = None,
    progress: Progress | None = None,
) -> tuple[list[ExplainedPair], Scores]:
    """Return the pairs that could be measured, and how every method explained each of them.

    The network runs some hundred times for the curves of a pair, so that only the first `num_curves` pairs get them
    (None: all); the others are measured by where their words point.

    Args:
        matcher: The opened model.
        pairs: Texts, each with the row of its video.
        frames: Of the videos, as pixels.
        methods: Ways to explain.
        num_curves: How many pairs, from the first on, get curves; None: all.
        progress: Called with the pairs that are done, and all.
    """
    measured: list[ExplainedPair] = []
    scores: Scores = defaultdict(list)
    for batch in encode_pairs(matcher, pairs, frames):
        attributions = [method.attribute(batch) for method in methods]
        for row, pair in enumerate(batch.pairs):
            has_curves = num_curves is None or len(measured) < num_curves
            of_pair = _scores_of_pair(batch, row, attributions, has_curves=has_curves)
            for method, score in zip(methods, of_pair, strict=True):
                scores[method.name].append(score)
            measured.append(pair)
            if progress:
                progress(len(measured), len(pairs))
    return measured, scores


def summary(methods: Iterable[Method], scores: Scores, is_counted: Sequence[bool] | None = None) -> list[MethodScore]:
    """Return the means of every method over all pairs, or over those that are counted.

    Args:
        methods: Those that were measured.
        scores: What `explanation_scores` returned.
        is_counted: For every pair whether it counts; None: all do.
    """
    return [_summary(method, counted_of(scores[method.name], is_counted)) for method in methods]


def _summary(method: Method, scores: list[PairScore]) -> MethodScore:
    words = [word for score in scores for word in score.words]
    names = [field.name for field in fields(PairScore) if field.name != "words"]
    return MethodScore(
        method=method.name,
        title=method.title,
        pointing=pointing_by_kind(words),
        num_pairs=len(scores),
        num_curves=sum(not math.isnan(score.score) for score in scores),
        **{name: mean_of_known(getattr(score, name) for score in scores) for name in names},
    )


def _scores_of_pair(
    batch: EncodedPairs, row: int, attributions: Sequence[Attribution], *, has_curves: bool
) -> list[PairScore]:
    words = [_word_scores(batch, row, each) for each in attributions]
    if not has_curves:
        return [PairScore(words=of_method) for of_method in words]
    is_word, is_frame = batch.is_word[row], batch.frame_mask[row]
    word_curves = _curves(batch, row, is_word, [each.words[row] for each in attributions], scores_without_words)
    frame_curves = _curves(batch, row, is_frame, [each.frames[row] for each in attributions], scores_without_frames)
    of_words, of_frames, interplay = leave_one_out(batch, row)
    whole = float(batch.model.similarity(batch.texts[slice(row, row + 1)], batch.videos[slice(row, row + 1)]))
    scores = []
    for each, of_method, by_words, by_frames in zip(attributions, words, word_curves, frame_curves, strict=True):
        cells = None if each.cells is None else each.cells[row][is_word][:, is_frame]
        scores.append(
            PairScore(
                words=of_method,
                score=whole,
                frame_deletion=by_frames.deletion,
                frame_insertion=by_frames.insertion,
                word_deletion=by_words.deletion,
                word_insertion=by_words.insertion,
                frame_correlation=rank_correlation(each.frames[row][is_frame], of_frames),
                word_correlation=rank_correlation(each.words[row][is_word], of_words),
                cell_correlation=NAN if cells is None else rank_correlation(cells.flatten(), interplay.flatten()),
            )
        )
    return scores


def _curves(
    batch: EncodedPairs,
    row: int,
    is_player: Bool[Tensor, " player"],
    relevances: Sequence[Tensor],
    score: Callable[[EncodedPairs, int, Tensor], Tensor],
) -> list[Curves]:
    """Return the curves of every method, from one call of the network for all of them."""
    masks = [nested_masks(order_of(relevance, is_player), len(is_player)) for relevance in relevances]
    distinct, place = torch.cat(masks).unique(dim=0, return_inverse=True)  # methods that agree share their sets
    scores = score(batch, row, distinct)[place]
    return [curves_of(part) for part in scores.split([len(mask) for mask in masks])]


def _word_scores(batch: EncodedPairs, row: int, attribution: Attribution) -> tuple[WordScore, ...]:
    """Return the scores of a pair's words of known time; none where the method says nothing of cells."""
    if attribution.cells is None or attribution.shared_out is None:
        return ()
    is_frame, times = batch.frame_mask[row], batch.timestamps_seconds[row]
    cells, shared_out = (part[row][:, is_frame] for part in (attribution.cells, attribution.shared_out))
    scores = []
    for words in batch.pairs[row].timed_words:
        inside = ((times >= words.start_seconds) & (times < words.end_seconds))[is_frame]
        for token in _tokens_of(batch, row, words):
            scores.append(word_score(words.kind, cells[token], shared_out[token], inside))
    return tuple(scores)


def _tokens_of(batch: EncodedPairs, row: int, words: TimedWords) -> list[int]:
    first, last = batch.spans[row].unbind(-1)
    lies_within = (first >= words.start) & (last <= words.end) & (last > first) & batch.is_word[row]
    return lies_within.nonzero().flatten().tolist()
