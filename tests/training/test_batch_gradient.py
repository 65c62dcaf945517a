"""The gradient of a batch does not depend on how many of its videos the towers remember at a time."""

import pytest
import torch
from torch.testing import assert_close

from hbi.models import GlobalContrastModel, HBIModel
from hbi.training.batch_gradient import BatchGradient
from hbi.training.objective import Loss, Objective, ObjectiveError
from hbi.training.towers import checkpoint_activations, choose_attention, freeze_towers
from training.tiny import CPU, Projecting, assert_same_gradients, batch, gradients, network


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
@pytest.mark.parametrize("micro_batch_size", [1, 3, 4, 8])
def test_the_cached_gradient_is_the_whole_one(kind, micro_batch_size):
    model = network(kind)
    loss, whole = gradients(model)
    cached_loss, cached = gradients(model, micro_batch_size=micro_batch_size)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert_same_gradients(cached, whole)


def test_the_cached_gradient_of_an_objective_with_weights_is_the_whole_one():
    model, objective = network(), Projecting()
    loss, whole = gradients(model, objective)
    assert whole["matrix"].norm() > 0
    cached_loss, cached = gradients(model, Projecting(), micro_batch_size=3)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert_same_gradients(cached, whole)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda loss: loss.total, "the objective returned Tensor, not a Loss"),
        (lambda loss: None, "the objective returned NoneType, not a Loss"),
        (lambda loss: loss.plus("own", torch.zeros(3)), r"'total' of the loss is no tensor of one number but \[3\]"),
        (lambda loss: Loss(loss.total, {"own": 3.0}), "'own' of the loss is no tensor of one number but float"),
        (lambda loss: loss.plus("step", loss.total), "a term of the loss is called 'step', which is taken"),
        (lambda loss: loss.plus("contrast/entity", loss.total), "is called 'contrast/entity', which is taken"),
        (lambda loss: Loss(loss.total, {"lr": loss.total}), "a term of the loss is called 'lr', which is taken"),
        (lambda loss: Loss(loss.total.detach(), loss.parts), "the loss depends on no weight"),
    ],
)
def test_what_is_no_loss_is_said_in_one_line(wrong, problem):
    with pytest.raises(ObjectiveError, match=problem) as raised:
        gradients(network(), lambda *batch, **known: wrong(Objective()(*batch, **known)))
    assert "\n" not in str(raised.value)


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
    kept = []
    encode = BatchGradient.encode

    def remember(self, part, encoder):
        with torch.enable_grad():
            kept.append(encode(self, part, encoder))
        return kept[-1]

    monkeypatch.setattr(BatchGradient, "encode", remember)
    monkeypatch.setattr(BatchGradient, "encode_again", lambda self, part, states: kept.pop(0))
    _, remembered = gradients(model, micro_batch_size=3)
    assert kept == []
    assert_same_gradients(again, remembered)


def test_bf16_passes_do_not_share_their_cast_weights():
    _, whole = gradients(network(), precision="bf16")
    _, cached = gradients(network(), precision="bf16", micro_batch_size=3)
    towers = [name for name, gradient in whole.items() if ".clip." in name and gradient is not None]
    assert_same_gradients({n: cached[n] for n in towers}, {n: whole[n] for n in towers}, tolerance=0.2)


def test_attention_is_chosen_for_bf16_on_a_processor_and_changes_no_result():
    loss, expected = gradients(network())
    model = network()
    choose_attention(model, CPU, "fp32")
    assert model.encoder.clip.config._attn_implementation == "sdpa"
    choose_attention(model, CPU, "bf16")
    assert model.encoder.clip.config._attn_implementation == "eager"
    chosen_loss, found = gradients(model)  # in float32, where rounding hides nothing
    assert chosen_loss == pytest.approx(loss, rel=1e-6)
    assert_same_gradients(found, expected)


def test_a_loss_that_is_no_number_is_named():
    model = network()
    with torch.no_grad():
        model.encoder.clip.logit_scale.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="loss became nan"):
        gradients(model, micro_batch_size=3)


def test_checkpointed_activations_give_the_same_gradient():
    _, expected = gradients(network())
    model = network()
    checkpoint_activations(model)
    assert_same_gradients(gradients(model)[1], expected)
    assert_same_gradients(gradients(model, micro_batch_size=3)[1], expected)


def test_frozen_towers_learn_nothing_and_the_rest_what_it_would():
    _, expected = gradients(network())
    model = network()
    freeze_towers(model)
    for settings in ({}, {"micro_batch_size": 3}):
        _, found = gradients(model, **settings)
        frozen = {n for n in expected if n.startswith("encoder.clip.") and not n.endswith("logit_scale")}
        assert frozen
        assert all(found[name] is None for name in frozen)
        rest = set(expected) - frozen
        assert_same_gradients({n: found[n] for n in rest}, {n: expected[n] for n in rest})
