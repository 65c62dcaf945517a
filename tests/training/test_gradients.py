"""The gradient of a batch does not depend on how many of its videos the towers remember at a time."""

import pytest
import torch
from torch.testing import assert_close
from training.tiny import batch, gradients, network

from hbi.models import GlobalContrastModel, HBIModel


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
@pytest.mark.parametrize("micro_batch_size", [1, 3, 4, 8])
def test_the_cached_gradient_is_the_whole_one(kind, micro_batch_size):
    model = network(kind)
    loss, whole = gradients(model)
    cached_loss, cached = gradients(model, micro_batch_size=micro_batch_size)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert [name for name, gradient in cached.items() if gradient is None] == [
        name for name, gradient in whole.items() if gradient is None
    ]
    largest = max(gradient.norm() for gradient in whole.values() if gradient is not None)
    for name, gradient in whole.items():
        # A key's bias moves all of a query's scores by the same: its true gradient is zero, what is left is rounding.
        if gradient is not None and gradient.norm() > 1e-6 * largest:
            assert relative_error(cached[name], gradient) < 1e-5, name


def test_parts_hold_every_video_with_its_texts():
    whole = batch()
    parts = list(whole.parts(3))
    assert [len(part) for part in parts] == [3, 3, 2]
    assert_close(torch.cat([part.input_ids for part in parts]), whole.input_ids)
    assert_close(torch.cat([part.frames for part in parts]), whole.frames)
    assert_close(torch.cat([part.video_of_text + 3 * i for i, part in enumerate(parts)]), whole.video_of_text)


def test_dropout_is_the_same_when_a_part_is_encoded_again(monkeypatch):
    # With the graph of the first pass kept instead of encoding again, the gradient must be the same.
    model = network(dropout=0.3)
    _, again = gradients(model, micro_batch_size=3)
    from hbi.training.gradients import BatchGradient

    kept = []
    encode = BatchGradient._encode

    def remember(self, part, encoder):
        with torch.enable_grad():
            kept.append(encode(self, part, encoder))
        return kept[-1]

    monkeypatch.setattr(BatchGradient, "_encode", remember)
    monkeypatch.setattr(BatchGradient, "_encode_again", lambda self, part, states: kept.pop(0))
    _, remembered = gradients(model, micro_batch_size=3)
    assert kept == []
    for name, gradient in remembered.items():
        if gradient is not None:
            assert_close(again[name], gradient, rtol=1e-4, atol=1e-7)


def test_bf16_passes_do_not_share_their_cast_weights():
    _, whole = gradients(network(), precision="bf16")
    _, cached = gradients(network(), precision="bf16", micro_batch_size=3)
    for name, gradient in whole.items():
        assert (gradient is None) == (cached[name] is None), name
        if gradient is not None and ".clip." in name and gradient.norm() > 1e-3:
            assert relative_error(cached[name], gradient) < 0.1, name


def test_a_loss_that_is_no_number_is_named():
    model = network()
    with torch.no_grad():
        model.encoder.clip.logit_scale.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="loss became nan"):
        gradients(model, micro_batch_size=3)
