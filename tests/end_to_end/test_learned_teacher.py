"""docs/how-to/use-a-learned-teacher.md, followed: recorded games, an estimator, a network that learns from it."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch

from end_to_end.conftest import fail_here, overrides, succeed_here
from hbi.experiments.reading import read_recipe
from hbi.games import ExactTeacher
from hbi.training.estimator_training import load_estimator
from hbi.training.game_source import read_games
from released_weights import released_state

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-a-learned-teacher.md"
BRIEF = {
    "record-games": ["--pairs", 24],
    "train-estimator": ["--steps", 150, "--batch-size", 16, "--channels", 8, "--learning-rate", 0.003],
}


def commands() -> list[list[str]]:
    """The commands of the page, in order, without `hbi`."""
    lines = PAGE.read_text().replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("    hbi ")]


def test_the_page_is_followed(trained, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "runs/first")
    estimator = {name: tensor for name, tensor in released_state().items() if name.startswith("banzhafteacher.")}
    torch.save({name.removeprefix("banzhafteacher."): tensor for name, tensor in estimator.items()}, "estimator.pth")
    followed, settings = [], overrides(data_root=str(data), training_num_steps="2")
    for command in commands():
        out = ["--out", "runs/again"] if "--out" not in command else []
        more = [*settings, *out] if command[0] == "train" else BRIEF.get(command[0], [])
        printed = succeed_here(*command, *more)
        followed.append(command[0])
        if command[0] == "train-estimator":
            assert float(re.search(r"relative error (\d\.\d+)", printed)[1]) < 1, "it predicts more than nothing"
            assert "hbi train RECIPE --set objective.teacher=estimator" in " ".join(printed.split())
    assert followed == ["record-games", "train-estimator", "train", "convert", "train"]
    games, exact = read_games(Path("games.safetensors")), ExactTeacher()
    assert len(games.similarity) == 3 * 24
    own, released = (
        load_estimator(Path("estimator.safetensors")),
        load_estimator(Path("released/estimator.safetensors")),
    )
    assert (own.unit, released.unit) == (1.0, 1000.0)
    similarity = games.playing_similarity()
    torch.testing.assert_close(released.interactions(similarity), released(similarity) / 1000)
    predicted, wanted = own.interactions(similarity), exact(games)
    there = games.playing_cells(torch.ones_like(wanted)).bool()
    assert torch.corrcoef(torch.stack([predicted[there], wanted[there]]))[0, 1] > 0.5
    for run, file in (("taught", "estimator.safetensors"), ("again", "released/estimator.safetensors")):
        objective = read_recipe(f"runs/{run}/recipe.yaml").objective
        assert (objective.teacher, objective.estimator) == ("estimator", file)


def test_a_mistake_is_one_line(trained, data, tmp_path):
    out = tmp_path / "games.safetensors"
    assert "there is no folder" in fail_here("record-games", tmp_path / "nothing", out)
    assert f"{tmp_path / 'nowhere'}" in fail_here("record-games", trained, out, "--data", tmp_path / "nowhere")
    assert "objective.estimator" in fail_here("train", "shape-stories", "--set", "objective.teacher=estimator")
    assert not out.exists()
