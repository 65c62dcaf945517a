"""Whether explanations of a dual encoder are faithful: pointing, curves, leaving one out, and coalitions foretold."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.data.frames import FrameStore
from hbi.evaluation.dual_attributions import DualAttribution, DualMethod
from hbi.evaluation.dual_pairs import DualPair, encode_dual_pairs
from hbi.evaluation.explained_pairs import ExplainedPair, TimedWords
from hbi.evaluation.removal import Curves, curves_of, nested_masks, order_of
from hbi.evaluation.surrogates import (
    area_between,
    drawn_coalitions,
    extreme_coalitions,
    kept_in_order,
    r_squared,
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

PROBABILITIES = (0.3, 0.5, 0.7)
"""With which players join the coalitions that are foretold: FIxLIP's."""
NUM_FORETOLD = 1000
"""How many coalitions are foretold of a pair, for each probability: FIxLIP's."""


@dataclass(frozen=True)
class DualPairScore:
    """How one method explained one pair. Curves are in the unit of the score, correlations are Spearman's.

    Attributes:
        words: Those of known time.
        score: Of the whole pair: what the curves start or end at.
        frame_deletion, frame_insertion, word_deletion, word_insertion: See `removal.Curves`.
        frame_correlation, word_correlation: Of what a method says of the players with what the score loses without each
            of them.
        cell_correlation: Of the map with the interplay of leaving out a word and a frame.
        foretold_3, foretold_5, foretold_7: `r_squared` of 1,000 coalitions that players joined with 0.3, 0.5 and 0.7.
        area: `area_between`, all words and frames in the order of their own numbers.
        area_of_pairs: The same where the surrogate says of pairs, too, which coalitions are worth least and most.
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
    foretold_3: float = NAN
    foretold_5: float = NAN
    foretold_7: float = NAN
    area: float = NAN
    area_of_pairs: float = NAN


MEASURES = tuple(field.name for field in fields(DualPairScore) if field.name != "words")
"""Of a pair, each a number."""


@dataclass(frozen=True)
class DualMethodScore:
    """A method over many pairs.

    Attributes:
        measures: The mean over the pairs of each of `MEASURES`, and of `foretold_3` and its like, which have no lowest
            value, the median; NaN where it does not apply.
        num_curves: Pairs for which more was measured than where their words point.
    """

    method: str
    title: str
    pointing: tuple[Pointing, ...]
    measures: dict[str, float]
    num_pairs: int
    num_curves: int


DualScores = dict[str, list[DualPairScore]]
"""By the method's name, one for every pair, in order."""


@torch.no_grad()
def dual_explanation_scores(
    matcher: Matcher,
    pairs: Sequence[ExplainedPair],
    frames: FrameStore,
    methods: Sequence[DualMethod],
    *,
    num_curves: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[list[ExplainedPair], DualScores]:
    """Return the pairs that could be measured, and how every method explained each of them.

    Args:
        matcher: The opened model: see `encode_dual_pairs`.
        pairs: Texts, each with the row of its video.
        frames: Of the videos, as pixels.
        methods: Ways to explain.
        num_curves: How many pairs, from the first on, get more than pointing; None: all.
        seed: Of the coalitions that are foretold: the same ones for all methods.
        progress: Called with the pairs that are done, and all.
    """
    measured: list[ExplainedPair] = []
    scores: DualScores = defaultdict(list)
    generator = torch.Generator().manual_seed(seed)
    for pair in encode_dual_pairs(matcher, pairs, frames):
        attributions = [method.attribute(pair) for method in methods]
        judge = _Judge(pair, generator) if num_curves is None or len(measured) < num_curves else None
        for method, attribution in zip(methods, attributions, strict=True):
            words = _word_scores(pair, attribution)
            scores[method.name].append(judge.score(attribution, words) if judge else DualPairScore(words))
        measured.append(pair.pair)
        if progress:
            progress(len(measured), len(pairs))
    return measured, scores


def dual_summary(
    methods: Iterable[DualMethod], scores: DualScores, is_counted: Sequence[bool] | None = None
) -> list[DualMethodScore]:
    """Return the means of every method over all pairs, or over those that are counted.

    Args:
        methods: Those that were measured.
        scores: What `dual_explanation_scores` returned.
        is_counted: For every pair whether it counts; None: all do.
    """
    counted = {name: counted_of(of_pairs, is_counted) for name, of_pairs in scores.items()}
    return [
        DualMethodScore(
            method=method.name,
            title=method.title,
            pointing=pointing_by_kind([word for score in counted[method.name] for word in score.words]),
            measures={name: _summarized(name, counted[method.name]) for name in MEASURES},
            num_pairs=len(counted[method.name]),
            num_curves=sum(not math.isnan(score.score) for score in counted[method.name]),
        )
        for method in methods
    ]


def _summarized(name: str, scores: Sequence[DualPairScore]) -> float:
    values = [getattr(score, name) for score in scores]
    if not name.startswith("foretold"):
        return mean_of_known(values)
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else NAN


class _Judge:
    """What is the same for all methods that explain a pair: coalitions to foretell, and what is lost without each."""

    def __init__(self, pair: DualPair, generator: torch.Generator) -> None:
        self.pair = pair
        self.foretold = [
            drawn_coalitions(pair.num_players, NUM_FORETOLD, probability, generator) for probability in PROBABILITIES
        ]
        self.of_words, self.of_frames, self.interplay = leave_one_out(pair)

    def score(self, said: DualAttribution, words: tuple[WordScore, ...]) -> DualPairScore:
        """Return how a method did."""
        pair = self.pair
        by_words, by_frames = self._curves(said.words, is_word=True), self._curves(said.frames, is_word=False)
        foretold = [NAN] * len(PROBABILITIES)
        area_of_pairs = NAN
        if said.make_surrogate is not None:
            surrogate = said.make_surrogate()
            foretold = [r_squared(pair.values(coalitions), surrogate(coalitions)) for coalitions in self.foretold]
            lowest, highest = (extreme_coalitions(surrogate, largest=largest) for largest in (False, True))
            area_of_pairs = area_between(pair.values, lowest, highest)
        order = order_of(torch.cat((said.words, said.frames)), _all(pair.num_players))
        return DualPairScore(
            words=words,
            score=pair.value,
            frame_deletion=by_frames.deletion,
            frame_insertion=by_frames.insertion,
            word_deletion=by_words.deletion,
            word_insertion=by_words.insertion,
            frame_correlation=rank_correlation(said.frames, self.of_frames),
            word_correlation=rank_correlation(said.words, self.of_words),
            cell_correlation=rank_correlation(said.cells.flatten(), self.interplay.flatten()),
            foretold_3=foretold[0],
            foretold_5=foretold[1],
            foretold_7=foretold[2],
            area=area_between(pair.values, kept_in_order(order), kept_in_order(order[::-1])),
            area_of_pairs=area_of_pairs,
        )

    def _curves(self, relevance: Float[Tensor, " player"], *, is_word: bool) -> Curves:
        """Return the curves of one side, the other one being whole."""
        num_players = len(relevance)
        order = order_of(relevance, _all(num_players))
        kept = nested_masks(order, num_players)
        whole = torch.ones(len(kept), self.pair.num_players - num_players, dtype=torch.bool)
        return curves_of(self.pair.values(torch.cat((kept, whole) if is_word else (whole, kept), dim=1)))


def leave_one_out(pair: DualPair) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the score loses without each word, without each frame, and their interplay [word, frame].

    interplay[t, v] = score - score without t - score without v + score without both

    Args:
        pair: A text and a video.
    """
    (texts, words), (videos, frames) = (
        (table[-1].double(), table[len(table) - 1 - 2 ** torch.arange(count)].double())
        for table, count in ((pair.texts, pair.num_words), (pair.videos, pair.num_frames))
    )
    without_word, without_frame = texts - words, videos - frames
    return without_word @ videos, without_frame @ texts, without_word @ without_frame.T


def _word_scores(pair: DualPair, said: DualAttribution) -> tuple[WordScore, ...]:
    times = pair.timestamps_seconds
    scores = []
    for timed in pair.pair.timed_words:
        inside = (times >= timed.start_seconds) & (times < timed.end_seconds)
        for word in _words_of(pair, timed):
            scores.append(word_score(timed.kind, said.cells[word], said.cells[word], inside))
    return tuple(scores)


def _words_of(pair: DualPair, timed: TimedWords) -> list[int]:
    """Return the words with a letter of known time: a word may end with a comma that is not part of it."""
    return [index for index, word in enumerate(pair.words) if word.start < timed.end and word.end > timed.start]


def _all(count: int) -> Bool[Tensor, " player"]:
    return torch.ones(count, dtype=torch.bool)
