from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from hbi.games import ExactTeacher, LateInteractionGame, SampledTeacher, banzhaf_interactions
from hbi.models import LevelOutput, MatchOutput, Players
from hbi.models.outputs import all_games
from hbi.ops import TokenSequence
from hbi.training.interaction_terms import coalition_similarities
from hbi.training.objective import (
    Objective,
    contrast,
    interaction_divergence,
    interaction_logits,
    self_distillation,
)


def test_contrast_of_one_text_a_video_is_symmetric_cross_entropy():
    logits = torch.randn(5, 5)
    rows = torch.nn.functional.cross_entropy(logits, torch.arange(5))
    columns = torch.nn.functional.cross_entropy(logits.T, torch.arange(5))
    assert_close(contrast(logits, torch.arange(5)), (rows + columns) / 2)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_siblings_are_no_negatives(seed):
    torch.manual_seed(seed)
    video_of_text = torch.tensor([0, 0, 1, 2, 2, 2])
    logits = torch.randn(6, 3)
    expected = 0.0
    for text, video in enumerate(video_of_text.tolist()):
        against = [text] + [other for other in range(6) if video_of_text[other] != video]
        expected -= logits[text].log_softmax(0)[video].item() / 12
        expected -= logits[against, video].log_softmax(0)[0].item() / 12
    assert abs(contrast(logits, video_of_text).item() - expected) < 1e-5


def test_divergence_is_zero_for_the_same_map_and_ignores_padding():
    target = torch.randn(2, 4, 3)
    cells = torch.ones(2, 4, 3, dtype=torch.bool)
    cells[1, 2:], cells[1, :, 1:] = False, False
    noisy = torch.where(cells, target, torch.full_like(target, 50.0))
    assert_close(interaction_divergence(noisy, target, cells), torch.zeros(()))
    moved = target.clone()
    moved[0, 0, 0] += 1.0
    assert interaction_divergence(moved, target, cells) > 0


def test_divergence_is_the_sum_of_two_means_over_cells():
    predicted, target = torch.randn(1, 2, 3), torch.randn(1, 2, 3)
    expected = 0.0
    for axis in (1, 0):
        p, q = predicted[0].softmax(axis), target[0].softmax(axis)
        expected += (q * (q / p).log()).mean().item()
    cells = torch.ones(1, 2, 3, dtype=torch.bool)
    assert abs(interaction_divergence(predicted, target, cells).item() - expected) < 1e-5


def test_distillation_is_zero_between_equals_only():
    teacher = torch.randn(4, 3)
    assert_close(self_distillation(teacher, teacher), torch.zeros(()))
    assert self_distillation(torch.randn(4, 3), teacher) > 0


def players(num_tokens: int) -> Players:
    mask = torch.ones(3, num_tokens, dtype=torch.bool)
    mask[1, 2:] = False
    weights = torch.rand(3, num_tokens) * mask
    return Players(TokenSequence.unmerged(torch.randn(3, num_tokens, 8), mask), weights / weights.sum(1, keepdim=True))


def outputs(*, requires_grad: bool = False) -> MatchOutput:
    levels = {}
    for name in ("entity", "action", "event"):
        similarity = torch.randn(3, 4, 5)
        game = LateInteractionGame(
            similarity.requires_grad_(requires_grad), torch.full((3, 4), 0.25), torch.full((3, 5), 0.2)
        )
        words, frames = players(4), players(5)
        levels[name] = LevelOutput(
            torch.randn(3, 3, requires_grad=requires_grad),
            words,
            frames,
            game,
            torch.randn(3, 4, 5, requires_grad=requires_grad),
            torch.ones(3, 4, 5, dtype=torch.bool),
        )
    return MatchOutput(levels, torch.randn(3, 3), torch.tensor(10.0))


def test_parts_are_named_weighted_and_sum_to_the_total():
    torch.manual_seed(0)
    output = outputs()
    loss = Objective(alpha=2.0, beta=3.0)(output, torch.arange(3))
    assert set(loss.parts) == {
        *(f"{term}/{level}" for term in ("contrast", "interaction") for level in ("entity", "action", "event")),
        "distillation/action",
        "distillation/event",
    }
    assert_close(loss.total, torch.stack(list(loss.parts.values())).sum())
    once = Objective(alpha=1.0, beta=1.0)(output, torch.arange(3))
    assert_close(loss.parts["interaction/event"], 2 * once.parts["interaction/event"])
    assert_close(loss.parts["distillation/action"], 3 * once.parts["distillation/action"])


def test_neither_the_game_nor_the_entity_level_is_pulled_by_what_it_teaches():
    output = outputs(requires_grad=True)
    loss = Objective()(output, torch.arange(3))
    taught = sum(value for name, value in loss.parts.items() if not name.startswith("contrast"))
    taught.backward()
    assert output.levels["entity"].similarity.grad is None
    assert all(level.game.similarity.grad is None for level in output.levels.values())
    assert output.levels["action"].similarity.grad is not None
    assert output.levels["event"].predicted.grad is not None


def test_the_target_is_the_exact_interaction_as_a_logit():
    level = outputs().levels["entity"]
    target = interaction_logits(level, torch.tensor(10.0), ExactTeacher())
    assert_close(target, banzhaf_interactions(level.game) * 10.0 * (4 + 5))


def test_levels_that_are_not_trained_have_no_part():
    output = outputs()
    assert set(Objective(levels=("entity",))(output, torch.arange(3)).parts) == {
        "contrast/entity",
        "interaction/entity",
    }
    assert "distillation/event" in Objective(levels=("event",))(output, torch.arange(3)).parts


def test_the_whole_has_a_contrast_and_nothing_else():
    output = outputs()
    whole = torch.randn(3, 3)
    before = Objective(gamma=0.5)(output, torch.arange(3)).parts
    after = Objective(gamma=0.5)(replace(output, whole=whole), torch.arange(3)).parts
    assert after.keys() - before.keys() == {"contrast/whole"}
    assert_close(after["contrast/whole"], contrast(10.0 * whole, torch.arange(3)))
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_weights_that_are_learned_get_the_gradient_of_what_ranks():
    output = outputs()
    logits = torch.zeros(3, requires_grad=True)
    levels = torch.stack([level.similarity for level in output.levels.values()]).requires_grad_()
    ranking = torch.einsum("l,lab->ab", logits.softmax(0), levels)
    parts = Objective()(replace(output, similarity=ranking, learns_weights=True), torch.arange(3)).parts
    assert_close(parts["contrast/ranking"], contrast(10.0 * levels.mean(0), torch.arange(3)))
    parts["contrast/ranking"].backward()
    assert (logits.grad != 0).all()
    assert (levels.grad != 0).any()
    assert "contrast/ranking" not in Objective()(output, torch.arange(3)).parts


def test_a_sampled_teacher_teaches_nearly_the_same():
    torch.manual_seed(0)
    output = outputs()
    exact = Objective()(output, torch.arange(3)).parts
    sampled = Objective(teacher=SampledTeacher(20_000))(output, torch.arange(3)).parts
    assert sampled["interaction/entity"] != exact["interaction/entity"]
    assert_close(sampled["interaction/entity"], exact["interaction/entity"], rtol=0.05, atol=0.05)


def test_the_baseline_has_contrast_alone():
    output = MatchOutput({}, torch.randn(3, 3), torch.tensor(10.0))
    assert list(Objective()(output, torch.arange(3)).parts) == ["contrast"]


def test_coalitions_are_worth_what_random_ones_are_on_average():
    torch.manual_seed(0)
    level = outputs().levels["entity"]
    game = all_games(level.words, level.frames)
    drawn = torch.stack([game.value(torch.rand(3, 3, 4) < 0.5, torch.rand(3, 3, 5) < 0.5) for _ in range(4000)])
    error = drawn.std(0) / len(drawn) ** 0.5
    (similarity,) = coalition_similarities(level)
    assert ((similarity - drawn.mean(0)).abs() < 4.5 * error).all()
    assert "coalition/event" in Objective(gamma=0.5)(outputs(), torch.arange(3)).parts
