"""What is no encoder, or only half of one, is said in one line; preprocessing that a video processor states."""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import SiglipVisionConfig, SiglipVisionModel, ViTConfig, ViTModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import hbi
from hbi.encoders.families import FAMILIES, family_of
from hbi.encoders.preprocessing import color_statistics, picture_format, read_picture_processor
from hbi.encoders.sizes import ModelError
from hbi.models import HBIModel
from small_encoders import SIDE, TOWER, small_encoder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small SigLIP that nobody may change."""
    return small_encoder("siglip", tmp_path_factory.mktemp("siglip"))


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "siglip")


def error_of(source):
    """The line that `hbi.load` ends with."""
    with pytest.raises(hbi.HBIError) as caught:
        hbi.load(source, device="cpu")
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 700
    return line


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    assert "holds no model (no recipe.yaml, config.json or index.json in it)" in error_of(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    assert "there is no folder or file" in error_of(tmp_path / "nowhere")


def test_a_hub_name_while_offline():
    line = error_of("nobody/siglip-that-was-never-downloaded")
    assert line.startswith("nobody/siglip-that-was-never-downloaded")


@pytest.mark.parametrize(
    "model",
    [
        lambda: ViTModel(ViTConfig(**TOWER, image_size=SIDE, patch_size=8)),
        lambda: SiglipVisionModel(SiglipVisionConfig(**TOWER, image_size=SIDE, patch_size=8)),
    ],
)
def test_a_model_without_a_text_side(model, tmp_path):
    model().save_pretrained(tmp_path)
    kind = json.loads((tmp_path / "config.json").read_text())["model_type"]
    assert f"holds a model of type {kind!r}, which hbi does not know" in error_of(tmp_path)
    with pytest.raises(hbi.HBIError, match=rf"holds a model of type '{kind}': give an encoder of one of clip, "):
        HBIModel.from_encoder(tmp_path)


def test_weights_of_one_side_alone(folder):
    state = load_file(folder / "model.safetensors")
    save_file(
        {name: each for name, each in state.items() if not name.startswith("text_model")},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    assert "is no whole SiglipModel: it lacks text_model." in error_of(folder)


def test_a_tokenizer_that_is_missing(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert "tokenizer" in error_of(folder)


def test_a_preparation_of_pictures_that_is_missing(folder):
    (folder / "processor_config.json").unlink()
    assert "does not say how pictures are prepared" in error_of(folder)


def test_a_preparation_of_pictures_for_another_size(folder):
    file = folder / "processor_config.json"
    stated = json.loads(file.read_text())
    stated["image_processor"]["size"] = {"height": 48, "width": 48}
    file.write_text(json.dumps(stated))
    assert "takes pictures of 32 x 32 pixels, its preparation makes 48 x 48" in error_of(folder)


def test_half_a_download(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    assert "is not a whole safetensors file" in error_of(folder)


def test_a_part_of_the_weights_that_is_missing(folder):
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(state)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    index = {"metadata": {"total_size": 1}, "weight_map": {name: part for part in parts for name in parts[part]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for part, own in parts.items():
        save_file({name: state[name] for name in own}, folder / part, metadata={"format": "pt"})
    assert hbi.load(folder, device="cpu").config.width == 16
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "cannot be loaded" in error_of(folder)


def test_a_configuration_of_no_known_kind(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "made-up"}))
    assert "holds a model of type 'made-up', which hbi does not know" in error_of(folder)


def test_the_families_are_named_where_one_is_not_known():
    with pytest.raises(ModelError) as caught:
        family_of(ViTConfig())
    line = str(caught.value)
    assert line == f"an encoder of type 'vit' is not known: {', '.join(FAMILIES)} are"
    assert {"clip", "siglip", "siglip2", "metaclip_2", "altclip", "xclip", "videoprism", "pe_video"} <= FAMILIES.keys()


VIDEO_PROCESSOR = {
    "video_processor_type": "PeVideoVideoProcessor",
    "do_resize": True,
    "size": {"height": 40, "width": 32},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
    "do_center_crop": None,
    "crop_size": None,
    "do_sample_frames": True,
}


@pytest.mark.parametrize(
    "form", ["video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json"]
)
def test_what_a_video_processor_says_of_frames(form, tmp_path):
    """In the three places where the library has kept it; its own class would ask for torchvision."""
    stated = {"video_processor": VIDEO_PROCESSOR} if form == "processor_config.json" else VIDEO_PROCESSOR
    (tmp_path / form).write_text(json.dumps(stated))
    made = read_picture_processor(tmp_path)
    assert str(picture_format(made)) == "40x32 (squash, bilinear)"
    assert color_statistics(made) == ((0.5, 0.4, 0.3), (0.5, 0.6, 0.7))
    picture = Image.effect_mandelbrot((70, 50), (-2, -1.5, 1, 1.5), 20).convert("RGB")
    expected = CLIPImageProcessorPil(
        size={"height": 40, "width": 32},
        resample=2,
        do_center_crop=False,
        image_mean=[0.5, 0.4, 0.3],
        image_std=[0.5, 0.6, 0.7],
    )(picture, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(made(picture, return_tensors="pt")["pixel_values"], expected)


def test_what_the_processor_of_the_family_says_counts_more(tmp_path):
    """VideoPrism's own gives pictures of 288 pixels that are not normalized, whatever stands in the file."""
    stated = {"processor_class": "VideoPrismProcessor", "video_processor": VIDEO_PROCESSOR}
    (tmp_path / "processor_config.json").write_text(json.dumps(stated))
    made = read_picture_processor(tmp_path)
    assert str(picture_format(made)) == "288x288 (squash, bilinear)"
    assert color_statistics(made) == ((0.0,) * 3, (1.0,) * 3)


def test_a_video_processor_that_does_not_say_enough(tmp_path):
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps({"video_processor_type": "X"}))
    with pytest.raises(ModelError, match=r"\(the video processor does not say resample and size\): restore it$"):
        read_picture_processor(tmp_path)
