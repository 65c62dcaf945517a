"""Training the learned estimator: it learns, it is saved whole, recorded games are read or refused."""

import pytest
import torch
from safetensors.torch import save_file

from hbi.errors import HBIError
from hbi.games import BanzhafEstimator, EstimatorTeacher
from hbi.training.estimator_training import (
    EstimatorTraining,
    load_estimator,
    measure_estimator,
    save_estimator,
    train_estimator,
)
from hbi.training.game_source import RandomGames, RecordedGames, read_games

CPU = torch.device("cpu")


def test_learns_to_predict_exact_interactions_and_survives_saving(tmp_path):
    games, seen = RandomGames(5, 4, width=8), []
    settings = EstimatorTraining(num_steps=80, batch_size=16, channels=16, learning_rate=3e-3, num_evaluation_games=64)
    estimator, quality = train_estimator(
        games, games, settings, device=CPU, progress=lambda step, total, loss: seen.append((step, total))
    )
    untrained = measure_estimator(BanzhafEstimator(16), games.draw(64, torch.Generator().manual_seed(9)))
    assert quality.relative_error < min(0.8, untrained.relative_error)
    assert quality.correlation > 0.6
    assert seen[0] == (1, 80)
    assert seen[-1] == (80, 80)
    save_estimator(estimator, tmp_path / "deep" / "estimator.safetensors", quality)
    again = load_estimator(tmp_path / "deep" / "estimator.safetensors")
    similarity = torch.rand(2, 5, 4)
    torch.testing.assert_close(again(similarity), estimator(similarity))


def test_an_estimator_of_another_unit_teaches_the_same(tmp_path):
    """One that gives interactions times 1,000, as the released ones do, and says so."""
    torch.manual_seed(0)
    plain, thousands = BanzhafEstimator(8), BanzhafEstimator(8, unit=1000.0)
    state = plain.state_dict()
    last = {name: 1000 * tensor for name, tensor in state.items() if name.startswith("decode.")}
    thousands.load_state_dict(state | last)
    game = RandomGames(5, 4, width=8).draw(6, torch.Generator().manual_seed(0))
    quality = measure_estimator(plain, game)
    assert vars(measure_estimator(thousands, game)) == pytest.approx(vars(quality), rel=1e-4)
    path = tmp_path / "estimator.safetensors"
    save_estimator(thousands, path, quality)
    torch.testing.assert_close(load_estimator(path)(game.similarity), thousands(game.similarity))
    torch.testing.assert_close(EstimatorTeacher(load_estimator(path))(game), EstimatorTeacher(plain)(game))


@pytest.mark.parametrize(("metadata", "unit"), [({"quality": "{}"}, 1.0), ({}, 1000.0), ({"unit": "7"}, 7.0)])
def test_the_unit_of_a_file_that_does_not_state_it_is_that_of_who_wrote_it(tmp_path, metadata, unit):
    """Files of before: `hbi train-estimator` wrote the quality, `hbi convert` did not."""
    save_file(BanzhafEstimator(4).state_dict(), tmp_path / "weights.safetensors", {"channels": "4", **metadata})
    assert load_estimator(tmp_path / "weights.safetensors").unit == unit


@pytest.mark.parametrize("unit", ["0", "-1", "nan", "inf", "one"])
def test_a_unit_that_is_none_is_refused(tmp_path, unit):
    save_file(BanzhafEstimator(4).state_dict(), tmp_path / "weights.safetensors", {"channels": "4", "unit": unit})
    with pytest.raises(HBIError, match="is no estimator"):
        load_estimator(tmp_path / "weights.safetensors")


def test_the_seed_decides():
    settings = EstimatorTraining(num_steps=2, batch_size=2, channels=4, num_evaluation_games=4)
    games = RandomGames(3, 3, width=4)
    first, second = (train_estimator(games, games, settings, device=CPU)[0] for _ in range(2))
    torch.testing.assert_close(first.query, second.query, rtol=0, atol=0)


def test_recorded_games_are_read_drawn_and_split(tmp_path):
    game = RandomGames(4, 3).draw(20, torch.Generator().manual_seed(0))
    tensors = {"similarity": game.similarity, "word_weights": game.word_weights, "frame_weights": game.frame_weights}
    save_file({**tensors, "word_mask": game.word_mask}, tmp_path / "games.safetensors")
    recorded = RecordedGames(read_games(tmp_path / "games.safetensors"))
    assert recorded.games.frame_mask is None
    train, held_out = recorded.split(2)
    torch.testing.assert_close(held_out.games.similarity, game.similarity[18:])
    drawn = train.draw(50, torch.Generator().manual_seed(0))
    assert drawn.similarity.shape == (50, 4, 3)
    assert all((row == game.similarity[:18]).flatten(1).all(1).any() for row in drawn.similarity)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"similarity": torch.rand(2, 3, 4)}, "holds no word_weights"),
        (
            {"similarity": torch.rand(2, 3, 4), "word_weights": torch.rand(2, 4), "frame_weights": torch.rand(2, 4)},
            "word_weights must have shape",
        ),
        (
            {"similarity": torch.rand(3, 4), "word_weights": torch.rand(3), "frame_weights": torch.rand(4)},
            "one leading axis of games",
        ),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, tensors, message):
    save_file(tensors, tmp_path / "games.safetensors")
    with pytest.raises(HBIError, match=message) as caught:
        read_games(tmp_path / "games.safetensors")
    assert "\n" not in str(caught.value)
    with pytest.raises(HBIError, match="is no estimator"):
        load_estimator(tmp_path / "games.safetensors")


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(HBIError, match="cannot read recorded games"):
        read_games(tmp_path / "none.safetensors")
    with pytest.raises(HBIError, match="is no estimator"):
        load_estimator(tmp_path / "none.safetensors")
