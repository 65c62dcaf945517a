"""Training on features that were kept: the same as on pixels with frozen towers, and refused where they do not fit."""

import json
import shutil

import pytest
import torch
from safetensors import safe_open

from end_to_end.conftest import fail_here, overrides, succeed_here
from hbi.experiments.reading import read_recipe
from hbi.experiments.training import start_training

pytestmark = pytest.mark.slow


def losses(data, folder, **changes):
    settings = overrides(data_root=str(data), training_freeze_towers="true", training_num_steps="6", **changes)[1::2]
    trainer = start_training(
        read_recipe("shape-stories", settings), folder, resume=False, device=torch.device("cpu"), progress=None
    )
    trainer.run(lambda progress: None)
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records if record["kind"] == "train"], [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in records
        if record["kind"] == "validation"
    ]


def test_kept_features_train_as_pixels_do(data, tmp_path):
    options = overrides(data_root=str(data))
    for dtype in ("float16", "float32"):
        succeed_here("cache-features", "shape-stories", *options, "--out", tmp_path / dtype, "--dtype", dtype)
    with safe_open(tmp_path / "float16" / "train.safetensors", "pt") as file:
        assert file.get_tensor("features").shape == (18, 12, 16)
        assert file.get_tensor("features").dtype == torch.float16
    pixels, scores = losses(data, tmp_path / "pixels")
    for dtype, tolerance in (("float16", 1e-3), ("float32", 1e-6)):
        kept, kept_scores = losses(data, tmp_path / f"run-{dtype}", data_features=str(tmp_path / dtype))
        assert kept == pytest.approx(pixels, rel=tolerance)
        if dtype == "float32":
            assert kept_scores == scores
    assert "already there" in succeed_here("cache-features", "shape-stories", *options, "--out", tmp_path / "float16")

    folder = f"data.features={tmp_path / 'float16'}"
    train = ["train", "shape-stories", *options, "--out", tmp_path / "run", "--set", folder]
    assert "training.freeze_towers=true" in fail_here(*train)
    train += ["--set", "training.freeze_towers=true"]
    assert "other towers" in fail_here(*train, "--set", "training.seed=1")
    fail_folder = [*train[:-4], "--set", folder, "--set", "training.freeze_towers=true"]
    assert "num_frames 12, not 6" in fail_here(
        *fail_folder, "--out", tmp_path / "r2", "--set", "data.frames_per_position=1"
    )


def test_features_are_made_from_packed_frames_too(data, tmp_path):
    settings = overrides(data_root=str(shutil.copytree(data, tmp_path / "stories")))  # packing leaves a note there
    options = [*settings, "--set", f"data.frames={tmp_path / 'frames'}"]
    succeed_here("data", "pack", "shape-stories", tmp_path / "frames", *settings)
    succeed_here("cache-features", "shape-stories", *options, "--out", tmp_path / "features", "--dtype", "float32")
    options += ["--set", "training.freeze_towers=true"]
    logs = []
    for name, more in (("pixels", []), ("kept", ["--set", f"data.features={tmp_path / 'features'}"])):
        succeed_here("train", "shape-stories", *options, *more, "--out", tmp_path / name)
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        logs.append([record["loss"] for record in map(json.loads, lines) if record["kind"] == "train"])
    assert logs[1] == pytest.approx(logs[0], rel=1e-5)


def test_towers_of_another_run_are_taken_over(trained, data, tmp_path):
    run, features = tmp_path / "run", tmp_path / "features"
    options = [*overrides(data_root=str(data)), "--set", f"model.clip={trained}"]
    succeed_here("cache-features", "shape-stories", *options, "--out", features)
    kept = ["--set", f"data.features={features}", "--set", "training.freeze_towers=true"]
    succeed_here("train", "shape-stories", *options, *kept, "--out", run)
    succeed_here("evaluate", run)
    from safetensors.torch import load_file

    before, after = (load_file(folder / "model.safetensors") for folder in (trained, run))
    towers = [name for name in before if name.startswith("encoder.clip.") and not name.endswith("logit_scale")]
    assert towers
    assert all(torch.equal(before[name], after[name]) for name in towers)
    assert not torch.equal(before["words.weight_heads.entity.0.weight"], after["words.weight_heads.entity.0.weight"])


def test_features_of_a_recipe_that_augments_are_of_frames_as_they_are(data, tmp_path):
    options = [*overrides(data_root=str(data)), "--set", "training.augment_operations=2"]
    printed = succeed_here("cache-features", "shape-stories", *options, "--out", tmp_path / "features")
    assert "--set training.augment_operations=0" in " ".join(printed.split())
    options += ["--set", f"data.features={tmp_path / 'features'}", "--set", "training.freeze_towers=true"]
    said = fail_here("train", "shape-stories", *options, "--out", tmp_path / "run")
    assert "training.augment_operations changes pictures, and data.features has none: set it to 0" in said
