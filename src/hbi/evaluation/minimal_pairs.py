"""Minimal pairs of any data set: true captions above the same made wrong by one word or by the order, class by class.

Wrong captions come from `hbi.data.exchanged_captions`, by a rule: nobody has looked whether they are wrong. What can be
told without looking is measured as well: on another video, half the split further, the texts of a pair should do
alike.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hbi.data.exchanged_captions import ORDER, CaptionExchanger
from hbi.data.frames import KeptFrames
from hbi.data.samples import MinimalPair, Split
from hbi.evaluation.similarity_matrix import pair_similarity
from hbi.matching import Matcher
from hbi.processes import Progress

CAPTIONS_PER_VIDEO = 2
"""Captions of a video that pairs are made of: of each one pair of each kind."""
FEWEST_PAIRS, MOST_KINDS = 20, 8
"""Where there are more kinds, classes of fewer pairs are taken together: of a few alone nothing can be said."""
OTHER_WORDS = "other words"
NUM_DRAWS = 2000
_BATCH = 512


@dataclass(frozen=True)
class PairKind:
    """How often the true caption of a pair scores higher, for the pairs of one kind; a tie counts half.

    Attributes:
        kind: Examples of the words that were exchanged, or what the data set calls it.
        accuracy: In percent; chance is 50.
        low, high: 95 % bootstrap interval over videos.
        num_pairs: How many.
        elsewhere: The same on another video: what language alone tells.
    """

    kind: str
    accuracy: float
    low: float
    high: float
    num_pairs: int
    elsewhere: float


@dataclass(frozen=True)
class MinimalPairReport:
    """Minimal pairs of a split.

    Attributes:
        split: Its name.
        num_videos: Videos that have a pair.
        exchanged: Pairs made by a rule, by class of word.
        own: Pairs that come with the data set, by kind; the wrong text is known to be wrong.
        problems: One line for each video that could not be decoded wholly.
    """

    split: str
    num_videos: int
    exchanged: tuple[PairKind, ...]
    own: tuple[PairKind, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        return values | {"faults": values.pop("problems")}


def exchanged_pairs(
    split: Split, exchanger: CaptionExchanger, *, captions_per_video: int = CAPTIONS_PER_VIDEO, seed: int = 0
) -> Iterator[MinimalPair]:
    """Yield pairs of the captions of a split: one of each kind that a caption allows.

    Args:
        split: Videos and captions.
        exchanger: Makes captions wrong.
        captions_per_video: How many of a video's captions are made wrong.
        seed: Decides which, and by what.
    """
    for video, owned in enumerate(split.texts_of_video):
        texts = [split.texts[text].text for text in owned]
        chosen = np.random.default_rng((seed, video)).permutation(len(texts))[:captions_per_video]
        for text in (texts[place] for place in chosen.tolist()):
            others = [other for other in texts if other != text]
            for wrong in exchanger.draw(text, others, seed=seed, step=0, number=len(exchanger.kinds)):
                yield MinimalPair(wrong.kind, video, text, wrong.text)


def minimal_pair_report(
    matcher: Matcher,
    split: Split,
    frames: KeptFrames,
    exchanger: CaptionExchanger,
    *,
    progress: Progress | None = None,
) -> MinimalPairReport:
    """Return how well a model tells true captions from exchanged ones.

    Args:
        matcher: The opened model.
        split: Videos and captions.
        frames: Of the videos.
        exchanger: Makes captions wrong.
        progress: Called with the pairs that are compared, and all.
    """
    exchanged = list(exchanged_pairs(split, exchanger))
    total, done = len(exchanged) + len(split.minimal_pairs), 0
    measured = []
    for pairs in (exchanged, split.minimal_pairs):
        parts = []
        for start in range(0, len(pairs), _BATCH):
            part = pairs[start : start + _BATCH]
            parts.append(torch.stack([_right(matcher, part, frames, shift) for shift in (0, len(frames.mask) // 2)]))
            done += len(part)
            if progress:
                progress(done, total)
        measured.append(tuple(_kinds(pairs, torch.cat(parts, 1))) if parts else ())
    num_videos = len({pair.video for pair in (*exchanged, *split.minimal_pairs)})
    return MinimalPairReport(split.name, num_videos, measured[0], measured[1], frames.problems)


def share_interval(values: Float[Tensor, " pair"], videos: Sequence[int], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean, in percent; videos, with all their pairs, are what is drawn.

    Args:
        values: Of each pair, 0 to 1.
        videos: The video of each pair.
        seed: Of the draws.
    """
    _, row = torch.tensor(videos).unique(return_inverse=True)
    counts = torch.bincount(row).double()
    sums = torch.zeros_like(counts).index_add_(0, row, values.double())
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(counts), (NUM_DRAWS, len(counts)), generator=generator)
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return 100.0 * low, 100.0 * high


def _right(matcher: Matcher, pairs: Sequence[MinimalPair], frames: KeptFrames, shift: int) -> Float[Tensor, " pair"]:
    """Return 1 where the true text scores higher, 0.5 for a tie, on the video that comes so many later in the split."""
    videos = (torch.tensor([pair.video for pair in pairs]) + shift) % len(frames.mask)
    true = pair_similarity(matcher, [pair.true_text for pair in pairs], videos, frames)
    false = pair_similarity(matcher, [pair.false_text for pair in pairs], videos, frames)
    return (true > false).double() + (true == false).double() / 2


def _kinds(pairs: Sequence[MinimalPair], right: Float[Tensor, "shift pair"]) -> Iterator[PairKind]:
    """Yield what was measured by kind, the kinds of the most pairs first, what is rare together."""
    counts = Counter(pair.kind for pair in pairs)
    rows: dict[str, list[int]] = {}
    for row, pair in enumerate(pairs):
        is_rare = pair.kind != ORDER and counts[pair.kind] < FEWEST_PAIRS and len(counts) > MOST_KINDS
        rows.setdefault(OTHER_WORDS if is_rare else pair.kind, []).append(row)
    for kind, chosen in sorted(rows.items(), key=lambda each: (each[0] == OTHER_WORDS, -len(each[1]))):
        own, elsewhere = (100.0 * values.mean().item() for values in right[:, chosen])
        low, high = share_interval(right[0, chosen], [pairs[row].video for row in chosen])
        yield PairKind(kind, own, low, high, len(chosen), elsewhere)
