"""The convolutional stem: where it sits, what it leaves alone, and that it survives saving."""

import pytest
import torch
from torch.testing import assert_close

from hbi.encoders.stem import ConvolutionalStem
from hbi.models import HBIConfig, HBIModel, ModelError


def build(config: HBIConfig, **fields: object) -> HBIModel:
    torch.manual_seed(0)
    return HBIModel(HBIConfig(**(config.to_dict() | {"stem": "convolutional"} | fields))).eval()


def test_the_stem_takes_the_place_of_the_patches(config):
    embeddings = build(config).encoder.clip.vision_model.embeddings
    assert isinstance(embeddings.patch_embedding, ConvolutionalStem)
    assert embeddings.patch_embedding(torch.randn(2, 3, 16, 16)).shape == (2, 16, 2, 2)
    plain = HBIModel(config).encoder.clip.vision_model.embeddings
    assert not isinstance(plain.patch_embedding, ConvolutionalStem)


def test_the_last_convolution_keeps_its_scale(config):
    """CLIP draws its patches at a scale of 0.02; after convolutions that would leave frames without content."""
    patches = build(config).encoder.clip.vision_model.embeddings.patch_embedding(torch.randn(8, 3, 16, 16))
    assert 0.1 < float(patches.detach().std()) < 2


@torch.no_grad()
def test_a_frame_is_seen_the_same_alone_and_among_others(config, videos):
    model = build(config)
    pixels, mask = videos
    together = model.encoder.frame_features(pixels, mask)
    alone = model.encoder.frame_features(pixels[2:3], mask[2:3])
    assert_close(together[2:3], alone, atol=1e-6, rtol=0)


@torch.no_grad()
def test_saved_and_opened_it_sees_the_same(config, videos, tmp_path):
    model = build(config)
    model.save_pretrained(tmp_path)
    opened = HBIModel.from_pretrained(str(tmp_path))
    assert opened.config.stem == "convolutional"
    assert_close(opened.encoder.frame_features(*videos), model.encoder.frame_features(*videos), atol=0, rtol=0)


def test_patches_that_cannot_be_halved_are_named(config):
    towers = config.encoder_config.to_dict()
    towers["vision_config"]["patch_size"] = 12
    with pytest.raises(ModelError, match="patch_size=12 is no power of two"):
        build(config, encoder_config=towers)
    with pytest.raises(ModelError, match="no stem 'resnet': choose one of patch, convolutional"):
        build(config, stem="resnet")
