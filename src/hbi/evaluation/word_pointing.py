"""Where the words of known time point, and what measures of explanations share: means, and correlations of ranks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.evaluation.localization import share_inside

NAN = float("nan")
Score = TypeVar("Score")


@dataclass(frozen=True)
class WordScore:
    """How one word (token) of known time was explained.

    Attributes:
        kind: What it describes.
        pointing: 1 where its strongest frame lies inside its event; of equally strong frames, the share inside.
        share_inside: The part of its positive numbers inside (`localization.share_inside`).
        share_of_frames: Of the frames, the part inside: what a uniform map scores.
    """

    kind: str
    pointing: float
    share_inside: float
    share_of_frames: float


@dataclass(frozen=True)
class Pointing:
    """The words of known time of a kind: percent, and how many tokens."""

    kind: str
    pointing: float
    share_inside: float
    share_of_frames: float
    num_words: int


def word_score(
    kind: str, values: Float[Tensor, " frame"], shared_out: Float[Tensor, " frame"], inside: Bool[Tensor, " frame"]
) -> WordScore:
    """Return how a word with these numbers was explained.

    Args:
        kind: What it describes.
        values: Its number with every frame.
        shared_out: The same with the number of a merged token in equal parts to its members.
        inside: True where a frame lies inside its event.
    """
    strongest = values >= values.max() - 1e-9 * values.abs().max()
    share = share_inside(shared_out[None], inside, torch.ones_like(inside))
    pointing, uniform = inside[strongest].double().mean(), inside.double().mean()
    return WordScore(kind, float(pointing), float(share), float(uniform))


def pointing_by_kind(words: Sequence[WordScore]) -> tuple[Pointing, ...]:
    """Return the means of all words, and of those of each kind."""
    kinds = ["all", *sorted({word.kind for word in words} - {"all"})]
    return tuple(_pointing(kind, [word for word in words if kind in ("all", word.kind)]) for kind in kinds)


def _pointing(kind: str, words: list[WordScore]) -> Pointing:
    names = ("pointing", "share_inside", "share_of_frames")
    percent = {name: 100 * mean_of_known(getattr(word, name) for word in words) for name in names}
    return Pointing(kind, **percent, num_words=len(words))


def counted_of(scores: Sequence[Score], is_counted: Sequence[bool] | None) -> list[Score]:
    """Return the scores of the pairs that count.

    Args:
        scores: One for every pair.
        is_counted: For every pair whether it counts; None: all do.
    """
    if is_counted is None:
        return list(scores)
    return [score for score, counts in zip(scores, is_counted, strict=True) if counts]


def mean_of_known(values: Iterable[float]) -> float:
    """Return the mean of what is a number; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else NAN


def rank_correlation(ours: Float[Tensor, " item"], theirs: Float[Tensor, " item"]) -> float:
    """Return Spearman's correlation, equal values sharing their ranks; NaN where one side has no order.

    Args:
        ours: A number for each item.
        theirs: Other numbers for the same items.

    >>> rank_correlation(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 0.1, 0.2]))
    1.0
    """
    one, other = (_ranks(values) for values in (ours, theirs))
    one, other = one - one.mean(), other - other.mean()
    scale = float((one.square().sum() * other.square().sum()).sqrt())
    return round(float((one * other).sum()) / scale, 12) if scale else NAN


def _ranks(values: Float[Tensor, " item"]) -> Float[Tensor, " item"]:
    values = values.double()
    below = (values[None, :] < values[:, None]).sum(1).double()
    equal = (values[None, :] == values[:, None]).sum(1).double()
    return below + (equal - 1) / 2
