"""Ranks and the numbers the field reports of them: R@K, median and mean rank, as expected where candidates tie."""

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

RECALLS = (1, 5, 10, 50)
"""Of how many first candidates the field reports a recall."""


@dataclass(frozen=True)
class RetrievalScores:
    """Retrieval in one direction. Recalls in percent of the queries, ranks from 1."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    recall_at_50: float
    median_rank: float
    mean_rank: float
    num_queries: int

    def to_dict(self) -> dict[str, float]:
        """Return the numbers under the field's names (`recall@1`, …)."""
        return {name.replace("_at_", "@"): value for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the best relevant candidate of every query stands; where candidates tie, their order is random.

    So a constant similarity earns chance, in every measure. Other relevant candidates never stand in the way.

    Attributes:
        num_better: Irrelevant candidates that score higher.
        num_tied: Irrelevant candidates that score the same.
        num_right: Relevant candidates that score the same, itself included: the first of them counts.
    """

    num_better: Float[Tensor, " query"]
    num_tied: Float[Tensor, " query"]
    num_right: Float[Tensor, " query"]

    @classmethod
    def certain(cls, ranks: Float[Tensor, " query"]) -> "Ranks":
        """Return ranks, from 1, that no tie leaves open."""
        ranks = ranks.double()
        return cls(ranks - 1, torch.zeros_like(ranks), torch.ones_like(ranks))

    @property
    def expected(self) -> Float[Tensor, " query"]:
        """Return the expected ranks, from 1: the irrelevant ones that tie are as likely in each gap of the right."""
        return 1 + self.num_better + self.num_tied / (self.num_right + 1)

    def within(self, k: int) -> Float[Tensor, " query"]:
        """Return the probability that a relevant candidate is among the k first.

        None is where all places left, `m = k - num_better`, go to irrelevant ones: `C(tied, m) / C(tied + right, m)`.
        """
        miss = torch.ones_like(self.num_better)
        for place in range(k):
            missed = (self.num_tied - place).clamp(min=0) / (self.num_tied + self.num_right - place).clamp(min=1)
            miss = torch.where(self.num_better + place + 1 <= k, miss * missed, miss)
        return 1 - miss

    def __len__(self) -> int:
        return len(self.num_better)

    def __getitem__(self, queries: slice | Tensor) -> "Ranks":
        """Return the ranks of some queries (a slice, or indices [queries])."""
        return Ranks(self.num_better[queries], self.num_tied[queries], self.num_right[queries])


def ranks(similarity: Float[Tensor, "query candidate"], relevance: Bool[Tensor, "query candidate"]) -> Ranks:
    """Return the rank of the best relevant candidate of every query.

    >>> ranks(torch.tensor([[0.1, 0.9, 0.5]]), torch.tensor([[True, False, True]])).expected
    tensor([2.], dtype=torch.float64)

    Args:
        similarity: Higher is better.
        relevance: True where a candidate is right.

    Raises:
        ValueError: The shapes differ, a similarity is NaN, or a query has no relevant candidate.
    """
    if similarity.shape != relevance.shape:
        raise ValueError(f"similarity {tuple(similarity.shape)} and relevance {tuple(relevance.shape)} differ in shape")
    if similarity.isnan().any():
        raise ValueError("the similarity matrix holds NaN: nothing can be ranked")
    if not relevance.any(dim=1).all():
        raise ValueError("some query has no relevant candidate")
    best = similarity.masked_fill(~relevance, -torch.inf).amax(dim=1, keepdim=True)
    is_better, is_tied = similarity > best, similarity == best
    counts = (is_better & ~relevance, is_tied & ~relevance, is_tied & relevance)
    return Ranks(*(count.sum(dim=1).double() for count in counts))


def retrieval_scores(ranks: Ranks) -> RetrievalScores:
    """Return recalls, and median and mean of the expected ranks.

    Args:
        ranks: Of the queries.
    """
    recall_at_1, recall_at_5, recall_at_10, recall_at_50 = (100.0 * float(ranks.within(k).mean()) for k in RECALLS)
    return RetrievalScores(
        recall_at_1,
        recall_at_5,
        recall_at_10,
        recall_at_50,
        median_rank=float(ranks.expected.quantile(0.5)),
        mean_rank=float(ranks.expected.mean()),
        num_queries=len(ranks),
    )


def best_over_captions(
    scores: Float[Tensor, "video text"], relevance: Bool[Tensor, "video text"], video_of_text: Int[Tensor, " text"]
) -> tuple[Float[Tensor, "video owner"], Bool[Tensor, "video owner"]]:
    """Return scores and relevance of all captions of a video taken as one candidate, which scores as its best caption.

    So the literature ranks the captions of benchmarks with several a video (CLIP4Clip, Luo et al. 2022): a rank counts
    videos, not sentences. A candidate is right if one of its captions is.

    Args:
        scores: Of every caption for every video.
        relevance: True where a caption is true of a video.
        video_of_text: The video that each caption was written for.
    """
    _, owner = video_of_text.unique(return_inverse=True)
    num_owners = int(owner.max()) + 1
    index = owner.expand(len(scores), -1)
    best = scores.new_full((len(scores), num_owners), -torch.inf).scatter_reduce(1, index, scores, "amax")
    is_right = torch.zeros(len(scores), num_owners, dtype=torch.uint8)
    return best, is_right.scatter_reduce(1, index, relevance.byte(), "amax").bool()


def chance_recall(relevance: Bool[Tensor, "query candidate"], k: int) -> float:
    """Return the percentage of queries whose k first candidates, in random order, hold a relevant one.

    For n candidates of which r are relevant this is 1 - C(n - r, k) / C(n, k), averaged over queries.

    Args:
        relevance: True where a candidate is right.
        k: How many candidates are looked at.
    """
    num_candidates = relevance.shape[1]
    miss = torch.ones(len(relevance), dtype=torch.float64)
    irrelevant = (~relevance).sum(1).double()
    for drawn in range(min(k, num_candidates)):
        miss *= (irrelevant - drawn).clamp(min=0) / (num_candidates - drawn)
    return 100.0 * float((1.0 - miss).mean())


def dual_softmax(similarity: Float[Tensor, "query candidate"], logit_scale: float) -> Float[Tensor, "query candidate"]:
    """Return similarities times each query's share of its candidate: softmax over the queries of scaled similarities.

    A candidate that many queries like is worth less to each of them (Cheng et al. 2021, "CAMoE", section 3.3). It looks
    at all queries at once, which someone who searches with one text cannot, so numbers with it are no search results.

    Args:
        similarity: One row for each query; for the other direction give the transpose.
        logit_scale: What turns a similarity into a logit; the model's own.
    """
    return similarity * (logit_scale * similarity).softmax(dim=0)
