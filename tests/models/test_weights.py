"""A network is opened with the weights that were written, or not at all; whatever stands in a folder's files."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from hbi.encoders.opening import read_towers
from hbi.files.checksums import FILE, DamageError
from hbi.models import CheckpointError, GlobalContrastModel, HBIModel, ModelError, open_network, save_network
from models.test_from_clip import save_clip
from small_networks import answering_config, global_config


@pytest.fixture
def folder(config, tmp_path):
    """A network's folder of before there were checksums."""
    torch.manual_seed(1)
    save_network(HBIModel(config), tmp_path)
    (tmp_path / FILE).unlink()
    return tmp_path


def change(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
def test_a_network_comes_back_bit_by_bit(config, tmp_path, kind):
    model = kind(config if kind is HBIModel else global_config(config))
    save_network(model, tmp_path)
    opened = open_network(kind, tmp_path)
    assert not opened.training
    assert opened.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(opened.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    file = tmp_path / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamageError, match="is not what was written"):
        open_network(kind, tmp_path)


NORM = "words.mergers.0.norm.weight"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tensors: tensors.pop("encoder.clip.logit_scale"), r"lacks encoder.clip.logit_scale"),
        (lambda tensors: [tensors.pop(name) for name in sorted(tensors)[:33]], r"lacks .* and 28 more"),
        (lambda tensors: tensors.update(more=torch.ones(1)), "no place for more"),
        (
            lambda t: t.update({NORM: torch.ones(17)}),
            r"float32 \(17,\), needed float32 \(16,\)",
        ),
        (lambda t: t.update({NORM: torch.ones(16).int()}), r"int32 \(16,\), needed float32"),
        (
            lambda t: t.update({NORM: torch.ones(16).half()}),
            r"float16 \(16,\), needed float32",
        ),
        (lambda t: t[NORM].fill_(torch.nan), "holds NaN, infinity"),
        (lambda t: t[NORM].fill_(1e30), "absurdly large"),
    ],
)
def test_other_tensors_are_named(folder, edit, message):
    change(folder, edit)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_network(HBIModel, folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "clip"}, "of a network of type 'clip'"),
        ({"merge_heads": 5}, "cannot be split among 5 heads"),
        ({"merge_heads": 10**12}, "merge_heads=1000000000000: give a whole number"),
        ({"max_frames": -6}, "max_frames=-6: give a whole number"),
        ({"temporal_layers": 10**6}, "temporal_layers=1000000"),
        ({"temporal_layers": 2}, "lacks encoder.temporal.encoder.layers.1"),
        ({"merge_ratio": [0.0, 0.5]}, "merge_ratio"),
        ({"level_weights": [0.0, 0.0, 0.0]}, "level_weights"),
        ({"clip_config": {"text_config": []}}, "config.json"),
        ({"width": 3}, "no configuration"),
    ],
)
def test_a_configuration_of_no_network_is_named(folder, values, message):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    with pytest.raises(CheckpointError, match=message) as caught:
        open_network(HBIModel, folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": NaN}', "[" * 100_000, "9" * 5000, "\udcff"])
def test_what_is_no_configuration_is_named(folder, text):
    (folder / "config.json").write_text(text, errors="surrogateescape")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        open_network(HBIModel, folder)


def test_from_pretrained_makes_no_weights_up(folder, config):
    change(folder, lambda tensors: tensors.pop("encoder.clip.logit_scale"))
    with pytest.raises(CheckpointError, match=r"lack encoder.clip.logit_scale: they would be made up"):
        HBIModel.from_pretrained(folder)
    _, found = HBIModel.from_pretrained(folder, output_loading_info=True)
    assert found["missing_keys"] == {"encoder.clip.logit_scale"}


@pytest.mark.parametrize(
    "changes",
    [
        {"merge_heads": 0},
        {"max_frames": True},
        {"num_neighbors": 0},
        {"weight_channels": -1},
        {"merge_ratio": (2.0, 0.5)},
    ],
)
def test_a_size_that_no_network_can_have_is_named(config, changes):
    fields = {name: getattr(config, name) for name in ("encoder_config", "max_words", "max_frames", "merge_heads")}
    with pytest.raises(ModelError, match=next(iter(changes))):
        type(config)(**fields | changes)
    with pytest.raises(ModelError, match="multiple of 4"):
        type(answering_config(config, ("yes",)))(**fields, answers=("yes",), answer_channels=3)


def test_clips_of_transformers_are_whole_or_refused(tmp_path):
    for edit, message in (
        (lambda tensors: tensors.pop("visual_projection.weight"), "lacks visual_projection.weight"),
        (lambda tensors: tensors.update(more=torch.ones(1)), "no place for more"),
        (lambda t: t.update({"logit_scale": torch.tensor(3)}), r"no floating point numbers: logit_scale \(I64\)"),
        (lambda t: t.update({"logit_scale": torch.tensor(torch.inf)}), "holds NaN, infinity"),
    ):
        save_clip(tmp_path)
        change(tmp_path, edit)
        with pytest.raises(CheckpointError, match=message):
            read_towers(tmp_path)
    save_clip(tmp_path)
    change(tmp_path, lambda tensors: tensors.update({name: value.half() for name, value in tensors.items()}))
    assert all(tensor.dtype == torch.float32 for tensor in read_towers(tmp_path).parameters())
    config = json.loads((tmp_path / "config.json").read_text())
    for tower, field, value in (("text_config", "num_hidden_layers", 10**6), ("vision_config", "hidden_size", 10**9)):
        odd = json.loads(json.dumps(config))
        odd[tower][field] = value
        (tmp_path / "config.json").write_text(json.dumps(odd))
        with pytest.raises(CheckpointError, match=f"{field}={value}: give a whole number"):
            read_towers(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is no encoder"):
        read_towers(tmp_path)
