import math

import pytest
import torch
from torch.testing import assert_close

from hbi.ops import TokenSequence, compose_members, merge_tokens


def test_a_merged_token_is_the_weighted_mean_of_its_members():
    tokens, score = torch.randn(1, 4, 3), torch.tensor([[0.0, math.log(3.0), 5.0, 0.0]])
    merged = merge_tokens(tokens, score, torch.tensor([[0, 0, 1, -1]]), 2)
    assert_close(merged[0, 0], (tokens[0, 0] + 3 * tokens[0, 1]) / 4)
    assert_close(merged[0, 1], tokens[0, 2])
    tokens[0, 3] = math.nan  # padding is never looked at
    assert torch.equal(merge_tokens(tokens, score, torch.tensor([[0, 0, 1, -1]]), 2), merged)


def test_huge_scores_and_empty_clusters_stay_finite_in_value_and_gradient():
    tokens = torch.randn(1, 3, 2, requires_grad=True)
    score = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    merged = merge_tokens(tokens, score, torch.tensor([[0, 0, -1]]), 3)
    assert_close(merged[0, 0], tokens[0, 0])
    assert (merged[0, 1:] == 0).all()
    merged.square().sum().backward()
    assert tokens.grad.isfinite().all()
    assert score.grad.isfinite().all()


def test_members_are_followed_through_two_merges():
    first = TokenSequence.unmerged(torch.randn(1, 4, 2), torch.tensor([[True, True, True, False]]))
    assert first.members.tolist() == [[0, 1, 2, -1]]
    then = compose_members(first.members, torch.tensor([[1, 0, 1, -1]]))
    assert then.tolist() == [[1, 0, 1, -1]]
    assert compose_members(then, torch.tensor([[0, 0]])).tolist() == [[0, 0, 0, -1]]


def test_a_sequence_validates_itself_and_shows_its_shapes():
    sequence = TokenSequence.unmerged(torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    assert repr(sequence) == "TokenSequence(batch=2, token=3, width=4, real=6, original=3)"
    assert sequence[:1].tokens.shape == (1, 3, 4)
    with pytest.raises(Exception, match=r"mask|bool"):
        TokenSequence(torch.zeros(2, 3, 4), torch.ones(2, 3), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="fit"):
        TokenSequence.__post_init__(
            type("Wrong", (), {"tokens": torch.zeros(2, 3, 4), "mask": torch.ones(2, 2, dtype=torch.bool)})()
        )
