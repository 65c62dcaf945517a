import itertools

import pytest
import torch
from torch import nn

from hbi.encoders.encoder import Encoder
from hbi.training.optimization import build_optimizers, parameter_groups, warmup_cosine


def test_the_rate_rises_falls_and_ends_at_zero():
    rates = [warmup_cosine(step, num_steps=100, num_warmup_steps=10) for step in range(101)]
    assert rates[0] == 0.1
    assert rates[9] == rates[10] == 1.0
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0.0)
    assert warmup_cosine(500, num_steps=100, num_warmup_steps=10) == pytest.approx(0.0), "it never rises again"


def test_towers_learn_at_their_own_rate_and_only_matrices_decay():
    towers = nn.ModuleList([nn.Linear(2, 2), nn.Embedding(3, 2)])
    model = nn.ModuleDict(
        {
            "encoder": Encoder(towers, None, ()),
            "head": nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)),
        }
    )
    groups = parameter_groups(model, lr=1.0, encoder_lr=0.1, weight_decay=0.2)
    found = {(group["lr"], group["weight_decay"]): len(group["params"]) for group in groups}
    assert found == {(0.1, 0.2): 1, (0.1, 0.0): 2, (1.0, 0.2): 1, (1.0, 0.0): 3}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    torch.optim.AdamW(groups)


def test_muon_moves_the_matrices_and_adamw_the_rest():
    model = nn.Sequential(nn.Embedding(3, 4), nn.Conv1d(4, 4, 3), nn.Linear(4, 2), nn.LayerNorm(2))
    muon, adamw = build_optimizers(model, "muon", lr=1.0, encoder_lr=1.0, muon_lr=0.1, weight_decay=0.2)
    matrices = [each for group in muon.param_groups for each in group["params"]]
    rest = [each for group in adamw.param_groups for each in group["params"]]
    assert [each is model[2].weight for each in matrices] == [True]
    assert len(rest) + 1 == len(list(model.parameters()))
    assert {group["lr"] for group in muon.param_groups} == {0.1}
    assert {group["lr"] for group in adamw.param_groups} == {1.0}


def test_muon_moves_every_direction_of_a_matrix_alike():
    """The gradient asks a hundred times more of one direction than of another; AdamW's scale is kept."""
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    (muon, *_) = build_optimizers(layer, "muon", lr=1.0, encoder_lr=1.0, muon_lr=0.1, weight_decay=0.0)
    layer.weight.grad = torch.tensor([[100.0, 0.0], [0.0, 1.0]])
    muon.step()
    first, second = (before - layer.weight.detach()).diag().tolist()
    assert 0.5 < first / second < 2.0
    assert (before - layer.weight.detach()).square().mean().sqrt().item() == pytest.approx(0.2 * 0.1, rel=0.5)
