"""What is kept between calls must not remember that the first of them was in inference mode."""

import torch

from hbi.games import LateInteractionGame, banzhaf_interactions, shapley_values
from hbi.games.quadrature import _exponential_sum_up_to


def test_gradients_flow_after_a_call_in_inference_mode():
    _exponential_sum_up_to.cache_clear()
    similarity = torch.rand(3, 4)
    weights = torch.rand(3) + 0.1, torch.rand(4) + 0.1
    with torch.inference_mode():
        banzhaf_interactions(LateInteractionGame(similarity, *weights))
        shapley_values(LateInteractionGame(similarity, *weights))
    similarity.requires_grad_()
    word_weights = weights[0].clone().requires_grad_()
    game = LateInteractionGame(similarity, word_weights, weights[1])
    (banzhaf_interactions(game).square().sum() + shapley_values(game)[0].sum()).backward()
    assert similarity.grad.isfinite().all()
    assert word_weights.grad.isfinite().all()
