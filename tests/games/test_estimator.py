"""The learned estimator: any size of matrix, the formula it is meant to compute, and what the released one gave."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hbi.games import BanzhafEstimator

RELEASED = Path(__file__).parents[1] / "fixtures" / "estimator" / "released.safetensors"
"""Weights under the names of the released checkpoints, with the matched pairs 0 and 3 of a batch (3 has padding) and
what the authors' network made of them. Made once from `official/retrieval_A_w128` of the recorded runs."""

RELEASED_NAMES = {
    "encode.weight": "cnn1.weight",
    "encode.bias": "cnn1.bias",
    "query": "Q",
    "key": "K",
    "value": "V",
    "decode.weight": "cnn2.weight",
    "decode.bias": "cnn2.bias",
}


def test_computes_the_convolution_and_unscaled_attention():
    torch.manual_seed(0)
    estimator = BanzhafEstimator(channels=8)
    similarity = torch.randn(2, 5, 4)
    cells = estimator.encode(similarity[:, None]).relu().flatten(2).mT
    scores = (cells @ estimator.query) @ (cells @ estimator.key).mT
    expected = estimator.decode((cells + scores.softmax(-1) @ (cells @ estimator.value)).mT.unflatten(2, (5, 4)))[:, 0]
    torch.testing.assert_close(estimator(similarity), expected)


@pytest.mark.parametrize(("level", "network"), [("entity", "banzhafmodel"), ("action", "banzhafmodel0")])
def test_gives_what_the_released_network_gave(level, network):
    recorded = load_file(RELEASED)
    estimator = BanzhafEstimator()
    estimator.load_state_dict({ours: recorded[f"{network}.{theirs}"] for ours, theirs in RELEASED_NAMES.items()})
    predicted = estimator(recorded[f"token_sim_{level}"])
    torch.testing.assert_close(predicted, recorded[f"estimator_{level}"], rtol=0, atol=2e-5)


def test_takes_any_number_of_words_and_frames_and_has_a_gradient_for_every_parameter():
    estimator = BanzhafEstimator()
    loss = estimator(torch.randn(1, 1, 1)).sum() + estimator(torch.randn(2, 7, 3)).square().sum()
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in estimator.parameters())
