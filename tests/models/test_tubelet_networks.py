"""Networks of ours that read tubelets: the stem that learns from random weights, what is saved, what is refused."""

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoProcessor

from hbi.encoders.preprocessing import normalize_pixels
from hbi.models import HBIConfig, HBIModel, HBIProcessor, ModelError
from hbi.video import PictureFormat
from small_networks import small_model

MASK = torch.tensor([[True] * 4, [True, True, False, False]])


def build(config: HBIConfig, **fields: object) -> HBIModel:
    torch.manual_seed(0)
    return HBIModel(HBIConfig(**(config.to_dict() | fields))).eval()


def tubelets(size: int) -> torch.Tensor:
    return torch.randn(2, 4, size, 3, 16, 16, generator=torch.Generator().manual_seed(size))


@torch.no_grad()
@pytest.mark.parametrize("stem", ["patch", "convolutional"])
def test_from_random_weights(config, stem, tmp_path):
    model = build(config, stem=stem, tubelet_size=3, tubelet_seconds=0.5)
    pixels = tubelets(3)
    expected = model.encoder.frame_features(pixels, MASK)
    for frame in range(3):
        changed = pixels.clone()
        changed[:, :, frame] += 1.0
        is_seen = not torch.allclose(model.encoder.frame_features(changed, MASK), expected, atol=1e-5)
        assert is_seen == (stem == "convolutional" or frame == 1)
    model.save_pretrained(tmp_path)
    opened = HBIModel.from_pretrained(str(tmp_path))
    assert (opened.config.tubelet_size, opened.config.tubelet_seconds) == (3, 0.5)
    assert_close(opened.encoder.frame_features(pixels, MASK), expected, atol=0, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("stem", ["patch", "convolutional"])
def test_weights_of_single_frames_become_those_of_the_middle(config, stem):
    single, model = build(config, stem=stem), build(config, stem=stem, tubelet_size=4)
    model.encoder.load_towers(single.encoder.towers.state_dict())
    pixels = tubelets(4)
    expected = single.encoder.frame_features(pixels[:, :, 2], MASK)
    assert_close(model.encoder.frame_features(pixels, MASK), expected, atol=1e-6, rtol=0)
    again = build(config, stem=stem, tubelet_size=4)
    again.encoder.load_towers(model.encoder.towers.state_dict(), tubelet_size=4)
    assert_close(again.encoder.frame_features(pixels, MASK), expected, atol=1e-6, rtol=0)
    with pytest.raises(ModelError, match=r"tubelet_size=1, but the towers read 4 frames at a time: give 4, or towers"):
        single.encoder.load_towers(model.encoder.towers.state_dict(), tubelet_size=4)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"tubelet_size": 0}, r"tubelet_size=0: give a whole number from 1 to 64"),
        ({"tubelet_size": 65}, r"tubelet_size=65: give a whole number from 1 to 64"),
        ({"tubelet_size": 3, "tubelet_seconds": -1.0}, r"tubelet_seconds=-1\.0: give seconds above 0"),
        ({"tubelet_seconds": 0.2}, r"tubelet_seconds=0\.2 needs a tubelet_size of 2 frames or more"),
        ({"tubelet_size": 3, "released_behavior": True}, r"tubelet_size=3, but the released code sees single frames"),
    ],
)
def test_tubelets_that_cannot_be_are_named(config, fields, problem):
    with pytest.raises(ModelError, match=problem):
        build(config, **fields)


def test_a_processor_prepares_tubelets_and_is_saved_with_them(tmp_path):
    single, tokenizer = small_model(["a red circle moves left"])
    model = build(single.config, tubelet_size=3, tubelet_seconds=0.25)
    processor = HBIProcessor.for_model(model.config, tokenizer)
    assert processor.picture == PictureFormat.square(16).in_tubelets(3, 0.25)
    videos = [torch.randint(0, 256, (count, 3, 3, 16, 16), dtype=torch.uint8) for count in (2, 4)]
    batch = processor(videos=videos)
    assert_close(batch["pixels"][0, :2], normalize_pixels(videos[0]))
    assert not batch["pixels"][0, 2:].any()
    larger = torch.full((2, 3, 3, 50, 80), 128, dtype=torch.uint8)
    assert processor(videos=[larger])["pixels"].shape == (1, 2, 3, 3, 16, 16)
    assert model.encode_videos(batch["pixels"], batch["frame_mask"]).levels.keys() == {"entity", "action", "event"}
    with pytest.raises(ValueError, match=r"give every position 3 frames, as this model reads them"):
        processor(videos=[videos[0][:, 0]])
    processor.save_pretrained(tmp_path)
    assert AutoProcessor.from_pretrained(tmp_path).picture == processor.picture
