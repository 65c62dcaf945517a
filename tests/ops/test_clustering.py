import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.ops import cluster_dpc_knn
from oracles import dpc_knn


def padded(length: int, total: int) -> torch.Tensor:
    return torch.arange(total)[None] < length


@given(
    length=st.integers(1, 14),
    padding=st.integers(0, 5),
    ratio=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
    num_neighbors=st.integers(1, 5),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=80, deadline=None)
def test_agrees_with_the_plain_loops(length, padding, ratio, num_neighbors, seed):
    torch.manual_seed(seed)
    tokens = torch.randn(1, length + padding, 4)
    clusters = cluster_dpc_knn(tokens, padded(length, length + padding), ratio, num_neighbors=num_neighbors)
    num_clusters = max(1, math.ceil(length * ratio - 1e-9))
    assignment, centers = dpc_knn(tokens[0, :length].double().tolist(), num_clusters, num_neighbors)
    assert clusters.assignment[0, :length].tolist() == assignment
    assert clusters.center[0].tolist() == centers
    assert clusters.mask[0].all()
    assert (clusters.assignment[0, length:] == -1).all()


@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(0, 9), min_size=2, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_sequence_does_not_depend_on_its_batch(seed, lengths):
    torch.manual_seed(seed)
    total = max(*lengths, 1) + 2
    tokens = torch.randn(len(lengths), total, 5)
    tokens[~torch.cat([padded(length, total) for length in lengths])] = 1e6  # what stands at padding must not matter
    together = cluster_dpc_knn(tokens, torch.cat([padded(length, total) for length in lengths]), 0.4)
    for row, length in enumerate(lengths):
        if length == 0:
            assert not together.mask[row].any()
            assert (together.assignment[row] == -1).all()
            continue
        alone = cluster_dpc_knn(tokens[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool), 0.4)
        assert together.assignment[row, :length].tolist() == alone.assignment[0].tolist()
        assert together.center[row][together.mask[row]].tolist() == alone.center[0].tolist()


def test_equal_tokens_are_clustered_without_chance():
    tokens = torch.ones(1, 6, 3)
    mask = torch.ones(1, 6, dtype=torch.bool)
    first, second = (cluster_dpc_knn(tokens, mask, 0.5) for _ in range(2))
    assert first.assignment.tolist() == second.assignment.tolist()
    assert first.center.tolist() == [[0, 1, 2]]
    assert sorted(set(first.assignment[0].tolist())) == [0, 1, 2], "every center keeps its own cluster"


def test_two_groups_are_found():
    tokens = torch.tensor([[[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 9.0], [9.1, 9.0], [9.0, 9.1]]])
    clusters = cluster_dpc_knn(tokens, torch.ones(1, 6, dtype=torch.bool), 0.3)
    assert clusters.assignment.tolist() == [[0, 0, 0, 1, 1, 1]]


@pytest.mark.parametrize(("ratio", "num_neighbors"), [(0.0, 3), (1.5, 3), (0.5, 0)])
def test_wrong_numbers_are_refused(ratio, num_neighbors):
    with pytest.raises(ValueError, match="ratio"):
        cluster_dpc_knn(torch.ones(1, 2, 2), torch.ones(1, 2, dtype=torch.bool), ratio, num_neighbors=num_neighbors)
