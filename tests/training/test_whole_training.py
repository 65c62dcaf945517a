"""Training with the whole as a level and with weights that learn: gradients, runs, cards."""

import copy

import pytest
import torch
from torch.testing import assert_close

from hbi.experiments.content import RecipeError
from hbi.experiments.model_card import write_model_card
from hbi.experiments.network import build_model
from hbi.matching import load
from hbi.models import HBIConfig, HBIModel
from training.tiny import assert_same_gradients, gradients, network, recipe_of, run_folder

FOUR = "model.level_weights=[0.4, 0.2, 0.1, 0.3]"
LEARNED = (FOUR, "model.learns_level_weights=true")


@pytest.fixture(scope="module")
def model():
    """The tiny network, with the whole and with weights that learn."""
    values = network().config.to_dict()
    values.pop("model_type")
    torch.manual_seed(0)
    weights = {"level_weights": (0.4, 0.2, 0.1, 0.3), "learns_level_weights": True}
    return HBIModel(HBIConfig(**values | weights)).train()


@pytest.mark.parametrize("micro_batch_size", [1, 3])
def test_the_cached_gradient_is_the_whole_one(model, micro_batch_size):
    loss, whole = gradients(model)
    cached_loss, cached = gradients(model, micro_batch_size=micro_batch_size)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert_same_gradients(cached, whole)
    assert (whole["level_logits"] != 0).all()


def test_everything_that_learns_gets_a_gradient(model):
    _, found = gradients(model)
    learns = {name for name, each in model.named_parameters() if each.requires_grad}
    assert learns == {name for name, gradient in found.items() if gradient is not None}


def test_the_whole_reaches_what_the_parts_alone_do_not(model):
    alone = copy.deepcopy(model)
    alone.config.level_weights, alone.config.learns_level_weights = (0.4, 0.2, 0.1), False
    _, with_whole = gradients(model)
    _, without = gradients(alone)
    name = "encoder.clip.text_projection.weight"
    assert not torch.allclose(with_whole[name], without[name])


def test_a_run_learns_its_weights_and_shows_them(tmp_path):
    run = run_folder(tmp_path / "four", "hbi", *LEARNED)
    opened = load(run, device="cpu")
    assert opened.config.has_whole
    learned = opened.model.weight_of_level
    assert list(learned) == ["entity", "action", "event", "whole"]
    assert sum(learned.values()) == pytest.approx(1.0)
    assert list(learned.values()) != pytest.approx([0.4, 0.2, 0.1, 0.3], abs=1e-6)
    assert f"entity {learned['entity']:g}" in opened.description
    assert f"whole {round(learned['whole'], 3):g}, as it learned" in write_model_card(run).read_text()


def test_a_run_of_fixed_weights_says_them(tmp_path):
    run = run_folder(tmp_path / "fixed", "hbi", FOUR)
    assert "Levels weigh entity 0.4, action 0.2, event 0.1, whole 0.3 in" in write_model_card(run).read_text()
    assert load(run, device="cpu").model.weight_of_level["whole"] == 0.3


@pytest.mark.parametrize(
    ("kind", "changes", "problem"),
    [
        ("hbi", ("model.level_weights=[1, 0]",), "level_weights"),
        ("hbi", ("model.level_weights=[1, 0, 0, 0, 1]",), "level_weights"),
        ("hbi", ("model.level_weights=[1, 0, 0, 1]", "model.learns_level_weights=true"), "start above 0"),
        ("answering", (FOUR,), "answers questions"),
        ("answering", ("model.learns_level_weights=true",), "answers questions"),
    ],
)
def test_recipes_of_weights_that_say_nothing_are_refused(kind, changes, problem):
    with pytest.raises(RecipeError, match=problem):
        recipe_of(kind, *changes)


def test_a_recipe_can_express_what_the_global_baseline_does(tmp_path):
    """Never worse by construction: with the whole alone it ranks as the baseline does with the same towers."""
    run = run_folder(tmp_path / "global", "global")
    baseline = load(run, device="cpu")
    model = build_model(recipe_of("hbi", "model.level_weights=[0, 0, 0, 1]"), baseline.processor.tokenizer).eval()
    model.encoder.load_state_dict(baseline.model.encoder.state_dict())
    random = torch.Generator().manual_seed(5)
    ids = torch.tensor([[1, 5, 9, 2, 0], [1, 7, 2, 0, 0], [1, 4, 6, 8, 2]])
    texts = ids, (ids != 0).long()
    videos = torch.randn(4, 5, 3, 16, 16, generator=random), torch.arange(5) < torch.tensor([5, 2, 4, 1])[:, None]
    with torch.no_grad():
        ours, theirs = (
            each.similarity(each.encode_texts(*texts), each.encode_videos(*videos)) for each in (model, baseline.model)
        )
    assert ours.std() > 1e-4
    assert_close(ours, theirs, atol=1e-6, rtol=0)
