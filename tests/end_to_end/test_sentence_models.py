"""A run that starts from a model of sentence-transformers: trained, measured and explained without its folder."""

import json
import shutil

import pytest

from end_to_end.conftest import overrides, succeed_here
from hbi.experiments.reading import read_recipe
from small_sentence_models import write_qwen

pytestmark = pytest.mark.slow


def test_a_run_on_a_sentence_model_goes_on_without_its_folder(data, tmp_path):
    run, source = tmp_path / "run", write_qwen(tmp_path / "model")
    steps = {"training_num_steps": "2", "training_validate_every": "2", "data_frames_per_position": "1"}
    single = {"model_tubelet_size": "1", "model_tubelet_seconds": "null"}
    options = overrides(data_root=str(data), model_encoder=str(source), training_encoder_lr="1e-4", **steps, **single)
    succeed_here("train", "shape-stories", *options, "--out", run)
    assert read_recipe(str(run / "recipe.yaml"), []).model.encoder == str(source)
    shutil.rmtree(source)
    succeed_here("evaluate", run)
    assert json.loads((run / "metrics.json").read_text())
    video = next(path for path in sorted((data / "videos").rglob("*")) if path.is_file())
    succeed_here("explain", run, video, "a red circle turns left", "--out", tmp_path / "why.json")
    words = json.loads((tmp_path / "why.json").read_text())["words"]
    assert [word["text"] for word in words] == ["a", "red", "circle", "turns", "left"]
