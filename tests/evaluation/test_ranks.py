import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.evaluation.ranks import chance_recall, ranks, retrieval_scores
from oracles import rank


@given(data=st.data(), num_candidates=st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_ranks_agree_with_the_plain_loop(data, num_candidates):
    scores = data.draw(st.lists(st.integers(-3, 3), min_size=num_candidates, max_size=num_candidates))
    relevant = data.draw(st.lists(st.booleans(), min_size=num_candidates, max_size=num_candidates).filter(any))
    result = ranks(torch.tensor([scores], dtype=torch.float32), torch.tensor([relevant]))
    assert result.item() == rank(scores, relevant)


def test_a_constant_similarity_earns_no_hit():
    scores = retrieval_scores(ranks(torch.zeros(100, 100), torch.eye(100, dtype=torch.bool)))
    assert (scores.recall_at_1, scores.recall_at_10) == (0.0, 0.0)
    assert scores.median_rank == 50.5


def test_a_perfect_similarity_finds_everything_first():
    scores = retrieval_scores(ranks(torch.eye(7), torch.eye(7, dtype=torch.bool)))
    assert scores.to_dict() == {
        "recall@1": 100.0,
        "recall@5": 100.0,
        "recall@10": 100.0,
        "median_rank": 1.0,
        "mean_rank": 1.0,
        "num_queries": 7,
    }


def test_other_right_answers_do_not_stand_in_the_way():
    similarity = torch.tensor([[0.9, 0.8, 0.7]])
    assert ranks(similarity, torch.tensor([[True, True, False]])).item() == 1.0
    assert ranks(similarity, torch.tensor([[False, False, True]])).item() == 3.0


def test_chance_is_what_random_orders_give():
    torch.manual_seed(0)
    relevance = torch.rand(200, 12) < 0.15
    relevance[torch.arange(200), torch.randint(0, 12, (200,))] = True
    trials = [retrieval_scores(ranks(torch.rand(200, 12), relevance)) for _ in range(300)]
    for k, name in ((1, "recall@1"), (5, "recall@5")):
        mean = sum(trial.to_dict()[name] for trial in trials) / len(trials)
        assert mean == pytest.approx(chance_recall(relevance, k), abs=0.7)


def test_nothing_is_ranked_on_nan_or_without_a_right_answer():
    eye = torch.eye(2, dtype=torch.bool)
    with pytest.raises(ValueError, match="NaN"):
        ranks(torch.tensor([[0.0, torch.nan], [0.0, 1.0]]), eye)
    with pytest.raises(ValueError, match="no relevant"):
        ranks(torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="shape"):
        ranks(torch.zeros(2, 3), eye)
