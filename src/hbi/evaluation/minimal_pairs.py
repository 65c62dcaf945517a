"""How often a model prefers the true one of two texts that differ in one thing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank
from hbi.data.samples import MinimalPair
from hbi.evaluation.similarity import Matcher, pair_similarity


@dataclass(frozen=True)
class PairAccuracy:
    """Minimal pairs of one kind: percent where the true text scores higher; a tie counts half, chance is 50."""

    kind: str
    accuracy: float
    num_pairs: int


def minimal_pair_accuracy(
    model: Matcher, tokenizer: CLIPTokenizer, pairs: Sequence[MinimalPair], bank: FrameBank
) -> list[PairAccuracy]:
    """Return the accuracy on each kind of minimal pair, in the order in which the kinds first appear."""
    videos = torch.tensor([pair.video for pair in pairs], dtype=torch.long)
    true = pair_similarity(model, tokenizer, [pair.true_text for pair in pairs], videos, bank)
    false = pair_similarity(model, tokenizer, [pair.false_text for pair in pairs], videos, bank)
    correct = (true > false).double() + (true == false).double() / 2
    return list(_by_kind(pairs, correct.tolist()))


def _by_kind(pairs: Sequence[MinimalPair], correct: Sequence[float]) -> Iterator[PairAccuracy]:
    for kind in dict.fromkeys(pair.kind for pair in pairs):
        of_kind = [value for pair, value in zip(pairs, correct, strict=True) if pair.kind == kind]
        yield PairAccuracy(kind, 100.0 * sum(of_kind) / len(of_kind), len(of_kind))
