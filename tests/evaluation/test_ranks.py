import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.evaluation.ranks import best_over_captions, chance_recall, dual_softmax, ranks, retrieval_scores
from oracles import possible_ranks


@given(data=st.data(), num_candidates=st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_ranks_and_hits_are_means_over_all_orders_of_those_that_tie(data, num_candidates):
    scores = data.draw(st.lists(st.integers(0, 2), min_size=num_candidates, max_size=num_candidates))
    relevant = data.draw(st.lists(st.booleans(), min_size=num_candidates, max_size=num_candidates).filter(any))
    result, possible = ranks(torch.tensor([scores]).float(), torch.tensor([relevant])), possible_ranks(scores, relevant)
    assert result.expected.item() == pytest.approx(statistics.mean(possible))
    for k in range(1, num_candidates + 2):
        assert result.within(k).item() == pytest.approx(statistics.mean(rank <= k for rank in possible))


def test_of_three_that_tie_two_are_right():
    result = ranks(torch.tensor([[0.5, 0.5, 0.5, 0.1]]), torch.tensor([[True, False, True, False]]))
    assert result.expected.item() == pytest.approx(4 / 3)
    assert [result.within(k).item() for k in (1, 2)] == pytest.approx([2 / 3, 1.0])


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_constant_similarity_earns_chance(seed, num_candidates):
    torch.manual_seed(seed)
    relevance = torch.rand(7, num_candidates) < 0.3
    relevance[:, torch.randint(num_candidates, ())] = True
    scores = retrieval_scores(ranks(torch.full((7, num_candidates), 0.25), relevance)).to_dict()
    for k in (1, 5, 10):
        assert scores[f"recall@{k}"] == pytest.approx(chance_recall(relevance, k))


def test_ranks_of_some_queries():
    some = ranks(torch.tensor([[0.5, 0.5], [0.1, 0.9]]), torch.eye(2, dtype=torch.bool))[torch.tensor([1])]
    assert len(some) == 1
    assert some.expected.tolist() == [1.0]


def test_a_perfect_similarity_finds_everything_first():
    scores = retrieval_scores(ranks(torch.eye(7), torch.eye(7, dtype=torch.bool)))
    assert scores.to_dict() == {
        "recall@1": 100.0,
        "recall@5": 100.0,
        "recall@10": 100.0,
        "recall@50": 100.0,
        "median_rank": 1.0,
        "mean_rank": 1.0,
        "num_queries": 7,
    }


def test_other_right_answers_do_not_stand_in_the_way():
    similarity = torch.tensor([[0.9, 0.8, 0.7]])
    assert ranks(similarity, torch.tensor([[True, True, False]])).expected.item() == 1.0
    assert ranks(similarity, torch.tensor([[False, False, True]])).expected.item() == 3.0


def test_chance_is_what_random_orders_give():
    torch.manual_seed(0)
    relevance = torch.rand(200, 12) < 0.15
    relevance[torch.arange(200), torch.randint(0, 12, (200,))] = True
    trials = [retrieval_scores(ranks(torch.rand(200, 12), relevance)) for _ in range(300)]
    for k, name in ((1, "recall@1"), (5, "recall@5"), (10, "recall@10")):
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


def test_a_candidate_that_everyone_likes_is_worth_less():
    # Both queries like candidate 0 best, and only the second likes nothing else: it gets candidate 0.
    similarity = torch.tensor([[0.50, 0.49], [0.60, 0.10]])
    assert similarity.argmax(1).tolist() == [0, 0]
    assert dual_softmax(similarity, 20.0).argmax(1).tolist() == [1, 0]


def test_dual_softmax_computed_by_hand():
    similarity = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    share = torch.tensor(2.0).exp() / (1 + torch.tensor(2.0).exp())
    torch.testing.assert_close(dual_softmax(similarity, 1.0), torch.tensor([[0.0, 0.5], [2 * share, 0.5]]))


def test_captions_of_a_video_are_one_candidate():
    # Videos x captions; captions 0, 1 and 2 are those of video 0, 1 and 0.
    scores = torch.tensor([[0.1, 0.5, 0.9], [0.8, 0.2, 0.7]])
    owners = torch.tensor([0, 1, 0])
    relevance = owners[None, :] == torch.arange(2)[:, None]
    best, is_right = best_over_captions(scores, relevance, owners)
    torch.testing.assert_close(best, torch.tensor([[0.9, 0.5], [0.8, 0.2]]))
    assert is_right.tolist() == [[True, False], [False, True]]
    assert ranks(best, is_right).expected.tolist() == [1.0, 2.0]
    assert ranks(scores, relevance).expected.tolist() == [1.0, 3.0], "as sentences, two stand before it"


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_ranks_over_captions_are_those_of_a_plain_loop(seed, num_videos, most_captions):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, most_captions + 1, (num_videos,), generator=generator)
    owners = torch.arange(num_videos).repeat_interleave(counts)
    scores = torch.rand(num_videos, len(owners), generator=generator)
    relevance = owners[None, :] == torch.arange(num_videos)[:, None]
    expected = []
    for video in range(num_videos):
        best = [scores[video][owners == other].max() for other in range(num_videos)]
        expected.append(1.0 + sum(float(score > best[video]) for score in best))
    assert ranks(*best_over_captions(scores, relevance, owners)).expected.tolist() == expected
