"""`hbi train-estimator`, run as a command."""

import torch
import typer
from safetensors.torch import save_file
from typer.testing import CliRunner

from hbi.cli.train_estimator import train_estimator
from hbi.errors import HBIError
from hbi.training.estimator_training import load_estimator
from hbi.training.game_source import RandomGames

app = typer.Typer()
app.command("train-estimator")(train_estimator)
BRIEF = ["--steps", "2", "--batch-size", "2", "--channels", "4", "--device", "cpu"]


def test_trains_on_random_games(tmp_path):
    out = tmp_path / "estimator.safetensors"
    result = CliRunner().invoke(app, ["--out", str(out), "--words", "4", "--frames", "3", *BRIEF])
    assert result.exit_code == 0, result.output
    assert "correlation" in result.output
    assert load_estimator(out)(torch.rand(1, 4, 3)).shape == (1, 4, 3)


def test_trains_on_recorded_games_and_refuses_too_few(tmp_path):
    games = RandomGames(4, 3).draw(12, torch.Generator().manual_seed(0))
    names = ("similarity", "word_weights", "frame_weights", "word_mask", "frame_mask")
    path, out = tmp_path / "games.safetensors", tmp_path / "estimator.safetensors"
    save_file({name: getattr(games, name) for name in names}, path)
    assert CliRunner().invoke(app, ["--out", str(out), "--games", str(path), *BRIEF]).exit_code == 0
    save_file({name: getattr(games, name)[:9].clone() for name in names}, path)
    result = CliRunner().invoke(app, ["--out", str(out), "--games", str(path), *BRIEF])
    assert isinstance(result.exception, HBIError)
    assert "record at least 10" in str(result.exception)
