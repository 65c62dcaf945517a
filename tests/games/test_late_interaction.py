"""The game itself: what a coalition is worth, and which games are refused."""

import pytest
import torch

from hbi.games import LateInteractionGame, banzhaf_interactions, banzhaf_values, multilinear_extension, shapley_values

SIMILARITY = torch.tensor([[0.5, -0.2], [0.1, 0.4], [-0.3, -0.6]])


def test_value_by_hand():
    game = LateInteractionGame(SIMILARITY, torch.tensor([1.0, 3.0, 4.0]), torch.tensor([0.5, 0.5]))
    words, frames = torch.tensor([True, True, False]), torch.tensor([False, True])
    # Words 0 and 1 weigh 1/4 and 3/4; frame 1 gives them max(-0.2, 0) and 0.4; the frame's best word is 1.
    assert game.value(words, frames).item() == pytest.approx(0.5 * (0.25 * 0 + 0.75 * 0.4 + 1.0 * 0.4))
    fixed = LateInteractionGame(
        SIMILARITY,
        torch.tensor([1.0, 3.0, 4.0]),
        torch.tensor([0.5, 0.5]),
        normalize_weights=False,
        floor_at_zero=False,
    )
    assert fixed.value(words, frames).item() == pytest.approx(0.5 * (1 * -0.2 + 3 * 0.4 + 0.5 * 0.4))


def test_empty_side_is_worth_nothing(make_game):
    game = make_game(floor_at_zero=False)
    nobody, everybody = torch.zeros(7, dtype=torch.bool), torch.ones(7, dtype=torch.bool)
    assert game.value(nobody[:4], everybody[4:]) == 0
    assert game.value(everybody[:4], nobody[4:]) == 0
    assert game(nobody[None]) == 0


def test_repr_shows_shapes_and_not_numbers(make_game):
    shown = repr(make_game(batch=(2,), with_masks=True))
    assert "batch=(2,), words=4, frames=3" in shown
    assert "word_mask and frame_mask" in shown
    assert "tensor(" not in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"similarity": torch.rand(3)}, "similarity must be"),
        ({"similarity": torch.rand(0, 2)}, "similarity must be"),
        ({"similarity": torch.ones(3, 2, dtype=torch.int64)}, "similarity must be floating"),
        ({"word_weights": torch.rand(2)}, r"word_weights must have shape \[..., 3\].*not \[2\]"),
        ({"frame_weights": torch.rand(3)}, r"frame_weights must have shape \[..., 2\]"),
        ({"word_mask": torch.ones(4, dtype=torch.bool)}, r"word_mask must have shape \[..., 3\]"),
        ({"frame_mask": torch.ones(2)}, "frame_mask must be boolean"),
        ({"word_weights": torch.ones(3, dtype=torch.int64)}, "word_weights must be floating"),
        ({"similarity": torch.full((3, 2), torch.nan)}, r"similarity of shape \[3, 2\] must be finite"),
        ({"similarity": torch.full((3, 2), torch.inf)}, "similarity .* must be finite"),
        ({"word_weights": torch.tensor([1.0, -1e-9, 1.0])}, "word_weights .* not negative"),
        ({"frame_weights": torch.tensor([1.0, torch.nan])}, "frame_weights .* must be finite"),
        ({"frame_weights": torch.tensor([1.0, torch.inf])}, "frame_weights .* must be finite"),
        ({"similarity": torch.rand(4, 3, 2), "word_weights": torch.rand(5, 3)}, "must broadcast"),
    ],
)
def test_refuses_what_is_not_a_game(changes, message):
    arguments = {"similarity": SIMILARITY, "word_weights": torch.rand(3), "frame_weights": torch.rand(2)} | changes
    with pytest.raises(ValueError, match=message):
        LateInteractionGame(**arguments)


@pytest.mark.parametrize("probability", [-0.01, 1.01, float("nan")])
def test_refuses_what_is_not_a_probability(make_game, probability):
    game = make_game()
    for index in (banzhaf_values, banzhaf_interactions):
        with pytest.raises(ValueError, match=r"probability must lie in \[0, 1\]"):
            index(game, probability)
    with pytest.raises(ValueError, match=r"frame_inclusion .* must lie in \[0, 1\]"):
        multilinear_extension(game, torch.rand(4), torch.full((3,), probability))
    with pytest.raises(ValueError, match="between must be"):
        banzhaf_interactions(game, between="everyone")


def test_half_precision_is_computed_in_float32(make_game):
    for dtype in (torch.bfloat16, torch.float16):
        game = make_game(batch=(2,), dtype=torch.float32)
        low = LateInteractionGame(*(t.to(dtype) for t in (game.similarity, game.word_weights, game.frame_weights)))
        same = LateInteractionGame(*(t.float() for t in (low.similarity, low.word_weights, low.frame_weights)))
        assert banzhaf_interactions(low).dtype == torch.float32
        torch.testing.assert_close(banzhaf_interactions(low), banzhaf_interactions(same))


def test_unchecked_games_assume_the_widest_spread_and_agree(make_game):
    game = make_game(batch=(2,), with_masks=True)
    unchecked = LateInteractionGame(
        game.similarity, game.word_weights, game.frame_weights, game.word_mask, game.frame_mask, check_values=False
    )
    torch.testing.assert_close(banzhaf_interactions(unchecked), banzhaf_interactions(game))
    torch.testing.assert_close(shapley_values(unchecked), shapley_values(game))
