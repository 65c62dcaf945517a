"""Which words can stand in each other's place, and which of those mean the same: found from captions alone.

Words that stand between the same neighbors are of a class (the distributional hypothesis, Harris 1954): vectors of
neighbors, weighted by positive pointwise mutual information, and average linkage. Which of a class mean the same shows
where videos have several captions: of one video one person says "slides" and another "glides", but not "rises". Such
captions also tell words that say something of the video, which come again in its other captions, from those that say
nothing ("then", "shows", "a clip of").
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hbi.data.caption_units import END, START, CaptionUnits, Unit, words_of

Array = np.ndarray
MOST_UNITS = 2000
"""The most frequent ones are classified; what is rarer is left as it is."""
LEAST_COUNT = 5
SIMILAR_CONTEXTS = 0.35
"""Cosine of the vectors of neighbors, on average between the words of a class."""
SAME_MEANING = 0.2
"""Cosine of the vectors that say with what words a word comes again in other captions of its videos."""
LEAST_LIFT, LEAST_DEVIATIONS = 1.4, 5.0
"""How much more often than by chance, and by how many standard deviations, a word that tells of the video stands in one
caption while some word stands in another."""
FEWEST_SIBLINGS = 200
"""Pairs of captions of one video; with fewer nothing is known of meaning."""
_FUNCTION_WORDS = """
    a the is are was were be been being am and or but of to in on at by for with from into onto it its this that these
    those there here then than as while when where who whom whose which what how i we you he she they his her their our
    your my me us him them has have had do does did will would can could some any each other another after before later
    next first finally lastly followed preceded comes front screen video clip scene shows show see seems
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that say nothing by themselves; where videos have one caption each, nothing else tells them."""


@dataclass(frozen=True, eq=False)
class WordClasses:
    """Units of captions, what class each is of, and which mean the same.

    Attributes:
        units: What is known, the most frequent first.
        counts: How often each one was seen.
        class_of: The number of each one's class, -1 where it is of none.
        names: Of the classes: their most frequent words.
        means_same: Which units mean the same, bool [unit, unit].
        neighbors: Units that were seen beside each other, in this order.
    """

    units: tuple[str, ...]
    counts: tuple[int, ...]
    class_of: tuple[int, ...]
    names: tuple[str, ...]
    means_same: Array
    neighbors: frozenset[tuple[str, str]]


@lru_cache(maxsize=100_000)
def content_words(caption: str) -> tuple[Unit, ...]:
    """Return the words of a caption that say something to look for: no punctuation, no function word.

    >>> [word.text for word in content_words("A red ring spins, then it falls.")]
    ['red', 'ring', 'spins', 'falls']
    """
    return tuple(unit for unit in words_of(caption) if unit.is_word and unit.text not in FUNCTION_WORDS)


def find_word_classes(captions_of_videos: Sequence[Sequence[str]], units: CaptionUnits) -> WordClasses:
    """Return the classes of the words of some captions.

    Args:
        captions_of_videos: The captions of each video.
        units: Cuts them.
    """
    cut = [[[unit.text for unit in units.cut(text)] for text in texts] for texts in captions_of_videos]
    counts = Counter(unit for texts in cut for text in texts for unit in text)
    frequent = [(unit, count) for unit, count in counts.most_common(MOST_UNITS) if count >= LEAST_COUNT]
    known = [unit for unit, _ in frequent if unit[0].isalnum()]
    row = {unit: at for at, unit in enumerate(known)}
    beside = Counter(pair for texts in cut for text in texts for pair in zip([START, *text], [*text, END], strict=True))
    observed, expected = recurrence(cut, row)
    has_siblings = observed.sum() >= FEWEST_SIBLINGS
    is_content = np.array([not FUNCTION_WORDS.issuperset(unit.split()) for unit in known], dtype=bool)
    if has_siblings:
        is_content &= tells_something(observed, expected)
    class_of = -np.ones(len(known), dtype=np.int64)
    chosen = np.flatnonzero(is_content)
    class_of[chosen] = linked(cosines(context_vectors(known, beside))[np.ix_(chosen, chosen)], SIMILAR_CONTEXTS)
    names, class_of = _named(known, class_of)
    same = mean_same(observed, expected) if has_siblings else np.eye(len(known), dtype=bool)
    return WordClasses(
        tuple(known), tuple(counts[unit] for unit in known), tuple(class_of.tolist()), names, same, frozenset(beside)
    )


def context_vectors(units: Sequence[str], beside: Counter[tuple[str, str]]) -> Array:
    """Return for each unit how informative its left and its right neighbors are, [unit, 2 * neighbor].

    Args:
        units: The units.
        beside: How often two units stand beside each other.
    """
    row = {unit: at for at, unit in enumerate(units)}
    column = {unit: at for at, unit in enumerate(dict.fromkeys(unit for pair in beside for unit in pair))}
    counts = np.zeros((2, len(units), len(column)))
    for (left, right), count in beside.items():
        if right in row:
            counts[0, row[right], column[left]] += count
        if left in row:
            counts[1, row[left], column[right]] += count
    return np.concatenate([_positive_information(side) for side in counts], axis=1)


def recurrence(cut: Sequence[Sequence[Sequence[str]]], row: dict[str, int]) -> tuple[Array, Array]:
    """Return how often two units are in two captions of one video, and how often by chance, both [unit, unit].

    Args:
        cut: The units of the captions of each video.
        row: The row of each unit.
    """
    observed = np.zeros((len(row), len(row)))
    for texts in cut:
        if len(texts) < 2:
            continue
        has = np.zeros((len(texts), len(row)), dtype=np.float32)
        for place, text in enumerate(texts):
            has[place, [row[unit] for unit in text if unit in row]] = 1.0
        used = np.flatnonzero(has.any(0))
        of_video = has[:, used]
        total = of_video.sum(0)
        observed[np.ix_(used, used)] += np.outer(total, total) - of_video.T @ of_video
    weights = sum_of_siblings(cut, row)
    pairs = sum(len(texts) * (len(texts) - 1) for texts in cut)
    return observed, np.outer(weights, weights) / max(pairs, 1)


def tells_something(observed: Array, expected: Array) -> Array:
    """Return which units tell of the video: some unit comes with them in its other captions, far more than by chance.

    Args:
        observed: How often two units are in two captions of one video, [unit, unit].
        expected: How often by chance.
    """
    is_lifted = (observed >= LEAST_LIFT * expected) & (expected >= 1.0)
    return np.any(is_lifted & (deviations(observed, expected) >= LEAST_DEVIATIONS), axis=1)


def mean_same(observed: Array, expected: Array) -> Array:
    """Return which units mean the same, [unit, unit].

    They come with the same words in other captions of their videos; or one comes with the other, more than half as
    readily as with itself.

    Args:
        observed: How often two units are in two captions of one video, [unit, unit].
        expected: How often by chance.
    """
    lift = observed / np.maximum(expected, 1.0)
    with_itself = np.maximum(lift.diagonal()[:, None], lift.diagonal()[None])
    is_beside = (deviations(observed, expected) >= LEAST_DEVIATIONS) & (lift >= LEAST_LIFT) & (lift > with_itself / 2)
    return is_beside | (cosines(deviations(observed, expected)) >= SAME_MEANING)


def deviations(observed: Array, expected: Array) -> Array:
    """Return by how many standard deviations of a Poisson distribution each count differs from what is expected.

    Args:
        observed: Counts.
        expected: Of the same shape.
    """
    return (observed - expected) / np.sqrt(np.maximum(expected, 1.0))


def sum_of_siblings(cut: Sequence[Sequence[Sequence[str]]], row: dict[str, int]) -> Array:
    """Return for each unit the other captions of the videos of the captions that have it, [unit].

    Args:
        cut: The units of the captions of each video.
        row: The row of each unit.
    """
    weights = np.zeros(len(row))
    for texts in cut:
        for text in texts:
            weights[[row[unit] for unit in set(text) if unit in row]] += len(texts) - 1
    return weights


def cosines(vectors: Array) -> Array:
    """Return the cosine of any two rows."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T


def linked(similarity: Array, least: float) -> Array:
    """Return the number of each row's cluster by average linkage: the two that are most alike on average become one.

    Args:
        similarity: Of any two rows, symmetric.
        least: The average similarity at which it ends.
    """
    sums = similarity.astype(np.float64).copy()
    sizes = np.ones(len(sums))
    cluster = np.arange(len(sums))
    means = sums.copy()
    np.fill_diagonal(means, -np.inf)
    best = means.max(1, initial=-np.inf)
    while len(best) and best.max() >= least:
        first = int(best.argmax())
        second = int(means[first].argmax())
        sums[first] += sums[second]
        sums[:, first] += sums[:, second]
        sizes[first] += sizes[second]
        cluster[cluster == second] = first
        means[first] = means[:, first] = sums[first] / (sizes * sizes[first])
        sizes[second] = np.inf  # it is a part of the first now
        means[second] = means[:, second] = -np.inf
        means[first, ~np.isfinite(sizes)] = means[~np.isfinite(sizes), first] = means[first, first] = -np.inf
        best = means.max(1)
    return cluster


def _positive_information(counts: Array) -> Array:
    total = max(counts.sum(), 1.0)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / total
    return np.log(np.maximum(counts / np.maximum(expected, 1e-12), 1.0))


def _named(units: Sequence[str], class_of: Array) -> tuple[tuple[str, ...], Array]:
    """Return the names of classes of two units or more, the most frequent first, and their new numbers."""
    members: dict[int, list[int]] = {}
    for unit, number in enumerate(class_of.tolist()):
        members.setdefault(number, []).append(unit)
    names: list[str] = []
    numbers = -np.ones(len(units), dtype=np.int64)
    for number, chosen in members.items():
        if number >= 0 and len(chosen) > 1:
            numbers[chosen] = len(names)
            names.append(", ".join(units[unit] for unit in chosen[:3]) + (", …" if len(chosen) > 3 else ""))
    return tuple(names), numbers
