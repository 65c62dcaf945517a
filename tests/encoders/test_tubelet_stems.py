"""Towers that read tubelets: they start as they were, from the middle frame, and learn to see the others."""

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModel, PeVideoConfig, VideoPrismConfig, XCLIPConfig

import hbi
from hbi.encoders.families import FAMILIES
from hbi.encoders.sentence import SentenceEncoder
from hbi.encoders.stem import centered
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel, ModelError
from hbi.models.model_folder import processor_for, save_model_folder
from small_encoders import small_encoder

INFLATED = ("clip", "metaclip_2", "altclip", "siglip", "siglip2")
MASK = torch.tensor([[True, True, True], [True, True, False]])


@pytest.fixture(scope="module", params=INFLATED)
def folder(request, tmp_path_factory):
    """A small encoder of a family whose patch projection can be inflated."""
    return small_encoder(request.param, tmp_path_factory.mktemp(request.param))


def from_family(folder, **config):
    return GlobalContrastModel.from_encoder(folder, aggregator="none", **config)


def tubelets(config, size):
    """Random pixels [video, frame, tubelet, 3, height, width]."""
    height, width = config.image_size
    pixels = torch.randn(*MASK.shape, size, 3, height, width, generator=torch.Generator().manual_seed(size))
    if config.encoder_config.model_type == "siglip2":  # the last patch says 4 rows and 4 columns
        pixels[..., -height:] = 0.0
        pixels[..., :2, 0, -height : -height + 4] = 1.0
    return pixels


def with_another_first_frame(pixels):
    changed = pixels.clone()
    changed[:, :, 0, :, :, :8] = changed[:, :, 0, :, :, :8].flip(-1)  # of siglip2, a patch that is no count
    return changed


def tokens_of(model, pixels):
    return model.encoder.encode_videos(pixels, MASK).sequence.tokens


@torch.no_grad()
@pytest.mark.parametrize("size", [2, 3])
def test_a_pretrained_tower_starts_as_if_each_tubelet_were_its_middle_frame(folder, size):
    single, inflated = from_family(folder), from_family(folder, tubelet_size=size)
    pixels = tubelets(single.config, size)
    found = tokens_of(inflated, pixels)
    assert_close(found, tokens_of(single, pixels[:, :, size // 2]), atol=1e-6, rtol=1e-5)
    assert_close(tokens_of(inflated, with_another_first_frame(pixels)), found, atol=1e-6, rtol=0)
    assert (found - tokens_of(single, pixels[:, :, 0]))[MASK].abs().max() > 1e-3, "any frame would do"
    assert inflated.config.tubelet_size == size


def test_after_a_step_the_other_frames_matter(folder):
    model = from_family(folder, tubelet_size=3)
    pixels = tubelets(model.config, 3)
    target = torch.randn(16, generator=torch.Generator().manual_seed(0))
    (tokens_of(model, pixels)[MASK] @ target).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
        before, after = (tokens_of(model, each) for each in (pixels, with_another_first_frame(pixels)))
    assert (before - after)[MASK].abs().max() > 1e-4


@torch.no_grad()
def test_saved_and_opened_they_read_the_same_tubelets(folder, tmp_path):
    model = from_family(folder, tubelet_size=3, tubelet_seconds=0.2)
    draw = torch.Generator().manual_seed(0)
    for parameter in model.encoder.towers.get_submodule(model.encoder.patch_projection).parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=draw))  # as after a training
    processor = processor_for(model, hbi.load(folder, device="cpu").tokenizer, folder)
    assert (processor.picture.tubelet_size, processor.picture.tubelet_seconds) == (3, 0.2)
    save_model_folder(model, processor, tmp_path)
    pixels = tubelets(model.config, 3)
    for opened in (AutoModel.from_pretrained(tmp_path), hbi.load(tmp_path, device="cpu").model):
        assert_close(tokens_of(opened, pixels), tokens_of(model, pixels), atol=1e-6, rtol=0)
        assert (opened.config.tubelet_size, opened.config.tubelet_seconds) == (3, 0.2)
    assert hbi.load(tmp_path, device="cpu").picture == processor.picture


@torch.no_grad()
def test_the_whole_network_starts_as_with_single_frames(tmp_path):
    folder = small_encoder("clip", tmp_path)
    torch.manual_seed(0)
    single = HBIModel.from_encoder(folder, temporal_layers=1, merge_heads=2)
    inflated = HBIModel.from_encoder(folder, temporal_layers=1, merge_heads=2, tubelet_size=3)
    rest = {name: value for name, value in single.state_dict().items() if "patch_embedding" not in name}
    assert inflated.load_state_dict(rest, strict=False).unexpected_keys == []
    pixels = tubelets(single.config, 3)
    expected, found = single.encode_videos(pixels[:, :, 1], MASK), inflated.encode_videos(pixels, MASK)
    for level, players in expected.levels.items():
        assert_close(found.levels[level].sequence.tokens, players.sequence.tokens, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", [XCLIPConfig, VideoPrismConfig, PeVideoConfig])
def test_towers_with_a_video_side_take_single_frames(config):
    with pytest.raises(ModelError, match=r"tubelet_size=3, but encoders of type '\w+' take single frames: leave it"):
        HBIConfig(encoder_config=config(), max_words=8, max_frames=2, tubelet_size=3)


def test_every_family_says_whether_it_reads_tubelets():
    without = {kind for kind, family in FAMILIES.items() if family.patch_projection is None}
    own = {"xclip", "videoprism_clip_model", "pe_video", SentenceEncoder.model_class.config_class.model_type}
    assert len(without) == len(own) == len(FAMILIES) - len(INFLATED)
    assert SentenceEncoder.patch_projection is None


def test_pixels_of_other_tubelets_are_refused(tmp_path):
    folder = small_encoder("clip", tmp_path)
    model = from_family(folder, tubelet_size=3)
    pixels = tubelets(model.config, 2)
    with pytest.raises(ModelError, match=r"tubelets of 2 frames, but the encoder reads 3 at a time"):
        tokens_of(model, pixels)
    with pytest.raises(ModelError, match=r"tubelets of 1 frames, but the encoder reads 3 at a time"):
        tokens_of(model, pixels[:, :, 0])
    with pytest.raises(ModelError, match=r"tubelets of 2 frames, but the encoder reads 1 at a time"):
        tokens_of(from_family(folder), pixels)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_the_weights_of_the_middle_are_the_given_ones_and_the_others_zero(size):
    draw = torch.Generator().manual_seed(0)
    convolution = torch.randn(4, 3, 2, 2, generator=draw)
    by_frame = centered(convolution, size).unflatten(1, (size, 3))
    assert torch.equal(by_frame[:, size // 2], convolution)
    assert by_frame.count_nonzero() == convolution.numel()
    linear = torch.randn(4, 2 * 2 * 3, generator=draw)  # row, column, color
    by_frame = centered(linear, size).view(4, 2, 2, size, 3)
    assert torch.equal(by_frame[..., size // 2, :], linear.view(4, 2, 2, 3))
    assert by_frame.count_nonzero() == linear.numel()
