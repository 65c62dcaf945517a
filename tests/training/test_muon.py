"""Muon does what torch's does, to the precision of bfloat16, and exactly what its iteration says."""

import pytest
import torch

from hbi.training.muon import Muon, alike_singular_values

COEFFICIENTS = (3.4445, -4.775, 2.0315)


def moved(optimizer, num_steps: int, shape: tuple[int, int]) -> torch.Tensor:
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(shape))
    other = torch.nn.Parameter(torch.randn(3, 3))  # without a gradient it stays where it is
    optimizer = optimizer([matrix, other])
    for _ in range(num_steps):
        matrix.grad = torch.randn(shape)
        optimizer.step()
    return matrix.detach()


@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (12, 5), (1, 7)])
def test_matrices_move_as_with_torch(shape):
    def of_torch(params):
        return torch.optim.Muon(params, lr=0.1, adjust_lr_fn="match_rms_adamw")

    expected = moved(of_torch, 4, shape)
    found = moved(lambda params: Muon(params, lr=0.1), 4, shape)
    start = moved(lambda params: Muon(params, lr=0.1), 0, shape)
    assert not torch.equal(found, start)
    assert (found - expected).norm() < 0.02 * (expected - start).norm()  # bfloat16 has eight bits


def test_singular_vectors_stay_and_values_become_alike():
    torch.manual_seed(0)
    matrix = torch.randn(6, 9, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    values = values / matrix.norm()
    for _ in range(5):
        values = sum(c * values**power for c, power in zip(COEFFICIENTS, (1, 3, 5), strict=True))
    found = alike_singular_values(matrix, COEFFICIENTS, 5, 1e-7)
    torch.testing.assert_close(found, left @ values.diag() @ right)
    assert 0.6 < values.min() <= values.max() < 1.3
    torch.testing.assert_close(alike_singular_values(matrix.T, COEFFICIENTS, 5, 1e-7), found.T)


def test_no_gradient_at_all_is_no_division_by_zero():
    assert torch.equal(alike_singular_values(torch.zeros(3, 4), COEFFICIENTS, 5, 1e-7), torch.zeros(3, 4))


def test_the_state_of_torch_is_taken_over():
    matrix = torch.nn.Parameter(torch.ones(2, 3))
    ours, theirs = Muon([matrix], lr=0.1), torch.optim.Muon([matrix], lr=0.1, adjust_lr_fn="match_rms_adamw")
    matrix.grad = torch.ones(2, 3)
    theirs.step()
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours.state[matrix]["momentum_buffer"], theirs.state[matrix]["momentum_buffer"])


def test_a_closure_is_called_with_gradients():
    matrix = torch.nn.Parameter(torch.ones(2, 3))

    def closure() -> torch.Tensor:
        loss = (matrix**2).sum()
        loss.backward()
        return loss

    assert Muon([matrix], lr=0.1).step(closure) == 6
    assert not torch.equal(matrix, torch.ones(2, 3))
