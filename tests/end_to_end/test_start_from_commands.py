"""Going on from a trained or converted model, as a person does it: what is printed, kept, and refused."""

import json
import signal
import subprocess

import pytest
import torch
from safetensors.torch import load_file, save_file

import hbi
from end_to_end.conftest import ENVIRONMENT, HBI, fail_here, overrides, succeed_here
from end_to_end.test_interrupted_training import log_of, steps_of, wait_until
from hbi.encoders.tokenizer import train_tokenizer
from released_weights import released_state

SHORT = {"training_num_steps": "2", "training_validate_every": "2"}


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    tokenizer = train_tokenizer(["a red circle slides left and then a blue square spins"], num_merges=20)
    tokenizer.save_pretrained(folder / "tokenizer")
    save_file(released_state(vocab=len(tokenizer)), folder / "best.safetensors")
    words = "--tokenizer", folder / "tokenizer", "--max-words", 20
    succeed_here("convert", folder / "best.safetensors", "--to", folder / "converted", *words)
    return folder / "converted"


def test_a_run_goes_on_from_a_run_on_other_data(trained, data, tmp_path):
    """The recipe is the old one's; that what it trains is another run is all that changes."""
    settings = overrides(data_root=str(data), **SHORT)
    start = ("--set", f"training.start_from={trained}")
    printed = succeed_here("train", "shape-stories", *settings, *start, "--out", tmp_path / "new")
    assert f"started from {trained}: taken towers (" in printed
    assert "new" not in printed.split("started from")[1].split("\n")[0].replace(str(trained), "")
    told = json.loads((tmp_path / "new" / "start.json").read_text())
    assert (told["source"], told["new"], told["left"]) == (str(trained), [], [])
    again = ("train", "shape-stories", *settings, *start, "--out", tmp_path / "new", "--resume")
    assert "started from" not in succeed_here(*again), "a run that is resumed goes on from itself"
    line = fail_here(
        "train", "shape-stories", *settings, *start, "--set", "model.merge_heads=4", "--out", tmp_path / "x"
    )
    assert "model.merge_heads=4, but the model of" in line
    assert not (tmp_path / "x").exists()


def test_a_converted_checkpoint_goes_on_with_a_recipe_that_names_data_alone(converted, data, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        f"data: {{dataset: shape-stories, root: {data}}}\n"
        f"model: {{kind: hbi}}\n"
        f"training: {{epochs: 0.1, batch_size: 6, start_from: {converted}}}\n"
    )
    printed = succeed_here("train", recipe, "--out", tmp_path / "new")
    assert f"started from {converted}: taken towers (" in printed
    assert "released_behavior: true" in (tmp_path / "new" / "recipe.yaml").read_text()
    tuned = hbi.load(tmp_path / "new", device="cpu")
    assert "as the released code does, texts padded to 20 tokens" in tuned.description
    assert "R@50" in succeed_here("evaluate", tmp_path / "new")


def test_a_converted_checkpoint_is_tuned_killed_and_resumed_to_the_same_numbers(converted, data, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        f"data: {{dataset: shape-stories, root: {data}}}\n"
        f"model: {{kind: hbi}}\n"
        f"training: {{num_steps: 12, batch_size: 6, log_every: 1, checkpoint_every: 3, start_from: {converted}}}\n"
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    succeed_here("train", recipe, "--out", whole)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([HBI, "train", recipe, "--out", killed], env=ENVIRONMENT, **quiet)
    wait_until(lambda: steps_of(killed) >= 4, process)  # a checkpoint was written, and a step after it
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was still training"
    assert steps_of(killed) < 12
    assert "resuming" in succeed_here("train", killed)
    assert log_of(killed) == log_of(whole)
    assert hbi.load(killed, device="cpu").fingerprint == hbi.load(whole, device="cpu").fingerprint
    ours, theirs = (load_file(run / "last" / "model.safetensors") for run in (killed, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())
    assert "released_loader: true" in (killed / "recipe.yaml").read_text()
    assert hbi.load(killed, device="cpu").picture.released_loader


def test_what_cannot_be_gone_on_from_is_said_before_any_video_is_decoded(converted, tmp_path):
    start = ("train", "shape-stories", "--set", "data.root=nowhere", "--out", tmp_path / "x", "--set")
    assert "nobody/nothing" in fail_here(*start, "training.start_from=nobody/nothing")
    checkpoint = converted.parent / "best.safetensors"
    assert "hbi convert" in fail_here(*start, f"training.start_from={checkpoint}")
    assert "no model that was trained or converted here" in fail_here(*start, f"training.start_from={tmp_path}")
