"""The learned estimator: any size of matrix, and the formula it is meant to compute."""

import torch

from hbi.games import BanzhafEstimator


def test_computes_the_convolution_and_unscaled_attention():
    torch.manual_seed(0)
    estimator = BanzhafEstimator(channels=8)
    similarity = torch.randn(2, 5, 4)
    cells = estimator.encode(similarity[:, None]).relu().flatten(2).mT
    scores = (cells @ estimator.query) @ (cells @ estimator.key).mT
    expected = estimator.decode((cells + scores.softmax(-1) @ (cells @ estimator.value)).mT.unflatten(2, (5, 4)))[:, 0]
    torch.testing.assert_close(estimator(similarity), expected)


def test_takes_any_number_of_words_and_frames_and_has_a_gradient_for_every_parameter():
    estimator = BanzhafEstimator()
    loss = estimator(torch.randn(1, 1, 1)).sum() + estimator(torch.randn(2, 7, 3)).square().sum()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in estimator.parameters())
