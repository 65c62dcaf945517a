"""Experiments as one does them: a run goes on from its folder, becomes longer, is done again; frames are found."""

import json
import shutil

import pytest
import yaml

from end_to_end.conftest import call, fail_here, overrides, succeed_here
from end_to_end.test_interrupted_training import log_of
from hbi.matching import load

pytestmark = pytest.mark.slow


def test_a_run_goes_on_from_its_folder_alone_and_becomes_longer(trained, data, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    for command in (
        ["train", run],
        ["train", "--out", run, "--resume"],
        ["train", "shape-stories", "--out", run, "--resume"],
    ):
        said = succeed_here(*command)
        assert "after step 12 of 12" in said
        assert "for more: --set training.num_steps" in said
        assert log_of(run) == log_of(trained)
    assert "training.lr=0.002, not 3.0" in fail_here("train", run, "--set", "training.lr=3")
    assert "training.num_steps=12, not 6" in fail_here("train", run, "--set", "training.num_steps=6")
    assert f"hbi train {run} continues it" in fail_here("train", "shape-stories", "--out", run)

    assert "after step 12 of 16" in succeed_here("train", run, "--set", "training.num_steps=16")
    log = log_of(run)
    assert log[: len(log_of(trained))] == log_of(trained)
    assert max(line["step"] for line in log) == 16
    assert yaml.safe_load((run / "recipe.yaml").read_text())["training"]["num_steps"] == 16
    assert "after the last step" in succeed_here("evaluate", run, "--weights", "last")
    for command in (["train", run], ["train", "shape-stories", "--out", run, "--resume"]):
        assert "after step 16 of 16" in succeed_here(*command)


def test_the_recipe_of_a_run_is_trained_again_elsewhere(trained, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    succeed_here("train", trained, "--out", again)
    assert log_of(again) == log_of(trained)
    assert load(again, device="cpu").fingerprint == load(trained, device="cpu").fingerprint
    succeed_here("train", trained, "--out", other, "--set", "training.seed=1", "--set", "training.num_steps=2")
    assert json.loads((other / "environment.json").read_text())["seed"] == 1
    assert "no recipe" in fail_here("train", tmp_path / "none")
    assert "holds no run that could go on" in fail_here("train", "--out", tmp_path / "none", "--resume")
    assert "name a recipe" in fail_here("train")


def test_what_was_packed_is_trained_on_without_being_named(data, tmp_path):
    stories = shutil.copytree(data, tmp_path / "stories")
    settings = overrides(data_root=str(stories), training_num_steps="2")
    said = succeed_here("data", "pack", "shape-stories", *settings, "--split", "train", "--split", "val")
    assert str(stories / "packed-frames" / "train") in said
    assert "it finds these frames" in said
    code, _, notes = call("train", "shape-stories", *settings, "--out", tmp_path / "run")
    assert code == 0
    assert f"frames are read from {stories / 'packed-frames'}" in notes
    code, _, notes = call("evaluate", tmp_path / "run")
    assert code == 0
    assert "holds train and val, not test: its videos are decoded" in notes


def test_recipes_are_listed_shown_and_explained(tmp_path):
    listed = succeed_here("recipe", "list")
    assert "shape-stories-qa" in listed
    assert "The paper's model on MSR-VTT" in listed
    text = succeed_here("recipe", "show", "msrvtt")
    assert text.startswith("# hbi train msrvtt\n")
    file = tmp_path / "mine.yaml"
    file.write_text("extends: msrvtt\ntraining: {seed: 5}\n")
    merged = yaml.safe_load(succeed_here("recipe", "show", file, "--set", "model.kind=global"))
    wanted = yaml.safe_load(text)
    wanted["training"]["seed"], wanted["model"]["kind"] = 5, "global"
    assert merged == wanted
    whole = yaml.safe_load(succeed_here("recipe", "show", file, "--all"))
    assert whole["objective"]["gamma"] == 0
    assert whole["training"]["seed"] == 5
    assert "must be given" in succeed_here("recipe", "keys", "dataset")
    (key,) = json.loads(succeed_here("recipe", "keys", "learning_rate", "--format", "json"))
    assert key["name"] == "training.lr"
    assert "| `lr` |" in succeed_here("recipe", "keys", "lr", "--format", "markdown")
    assert "no key of a recipe" in fail_here("recipe", "keys", "xyzzy")
    assert "did you mean 'lr'?" in fail_here("recipe", "show", "msrvtt", "--set", "training.learning_rate=1")
