"""Encoders whose frames see one another: short videos, scores of pairs, kept features, PE video in memory."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import normalize
from transformers import AutoModel

import hbi
from hbi.encoders.pe_video import PEVideoEncoder
from hbi.encoders.sizes import ModelError
from hbi.models import GlobalConfig, GlobalContrastModel
from hbi.models.config import HBIConfig
from hbi.models.from_encoder import build_encoder
from hbi.models.temporal import TemporalTransformer
from hbi.search.segment_encoding import SegmentCodec
from small_encoders import NUM_FRAMES, SIDE, WIDTH, small_encoder, small_pe_video


def pixels(num_videos=2, num_frames=NUM_FRAMES, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(num_videos, num_frames, 3, SIDE, SIDE, generator=draw)


@pytest.fixture(scope="module", params=["xclip", "videoprism"])
def encoder(request, tmp_path_factory):
    """An encoder of clips of one length."""
    folder = small_encoder(request.param, tmp_path_factory.mktemp(request.param))
    return GlobalContrastModel.from_encoder(folder).encoder.requires_grad_(False)


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        ([1, 1, 1, 1], [0, 1, 2, 3]),
        ([1, 1, 0, 0], [0, 1, 1, 1]),
        ([1, 1], [0, 1, 1, 1]),
        ([1], [0, 0, 0, 0]),
        ([0, 1, 0, 1], [1, 1, 1, 3]),
        ([0, 0, 1, 0], [2, 2, 2, 2]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_a_frame_that_is_missing_shows_the_one_before(encoder, mask, shown):
    given = pixels(1, len(mask))
    mask = torch.tensor([mask]).bool()
    found = encoder.encode_videos(given, mask)
    expected = encoder.encode_videos(given[:, shown], torch.ones(1, NUM_FRAMES, dtype=torch.bool))
    torch.testing.assert_close(found.summary, expected.summary)
    count = mask.shape[1]
    torch.testing.assert_close(found.sequence.tokens[mask], expected.sequence.tokens[:, :count][mask])
    assert torch.equal(found.sequence.mask, mask)


def test_frames_see_one_another(encoder):
    """So that no frame has a token, or features, of its own."""
    whole = torch.ones(1, NUM_FRAMES, dtype=torch.bool)
    given, other = pixels(1), pixels(1)
    other[:, -1] = pixels(1, 1, seed=5)[:, 0]
    first = [encoder.encode_videos(each, whole).sequence.tokens[:, 0] for each in (given, other)]
    assert not torch.allclose(*first, atol=1e-4)
    for refused in (
        lambda: encoder.frame_features(given, whole),
        lambda: encoder.encode_videos(given[..., 0, 0], whole),
    ):
        with pytest.raises(ModelError, match=r"features kept of single frames are of no use to it, give pixels$"):
            refused()


def test_more_frames_than_the_model_takes_are_refused(encoder):
    with pytest.raises(ModelError, match=r"a video of 5 frames, but the encoder is made for 4: give no more"):
        encoder.encode_videos(pixels(1, 5), torch.ones(1, 5, dtype=torch.bool))


def test_a_network_asks_for_no_more_frames(encoder):
    with pytest.raises(ModelError, match=r"num_frames=5, but the encoder is made for 4 frames of a video"):
        HBIConfig(encoder_config=encoder.towers.config, max_frames=5, max_words=8)


def test_other_numbers_of_frames_are_refused_when_loading(tmp_path):
    small_encoder("xclip", tmp_path)
    with pytest.raises(hbi.HBIError, match=r"is made for 4 frames of a video, not for 8"):
        hbi.load(tmp_path, device="cpu", num_frames=8)


def test_a_temporal_transformer_of_ours_replaces_the_models_pooling(encoder):
    config = GlobalConfig(encoder_config=encoder.towers.config, max_frames=NUM_FRAMES, max_words=8, temporal_layers=1)
    both = build_encoder(config).requires_grad_(False)
    assert isinstance(both.temporal, TemporalTransformer)
    mask = torch.tensor([[True] * NUM_FRAMES, [True, True, False, False]])
    found = both.encode_videos(pixels(), mask)
    assert found.summary.shape == (2, WIDTH)
    assert both.num_summary_vectors == 1
    texts = torch.randn(3, WIDTH)
    assert both.similarity(texts, found.summary).shape == (3, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small X-CLIP."""
    return small_encoder("xclip", tmp_path_factory.mktemp("xclip"))


class TestXCLIP:
    """The score of X-CLIP is of the pair."""

    @torch.no_grad()
    def test_pairs_are_scored_alike_in_parts_of_any_size(self, folder, monkeypatch):
        encoder = GlobalContrastModel.from_encoder(folder).encoder
        texts, videos = torch.randn(3, WIDTH), torch.randn(5, 17, WIDTH)
        whole = encoder.similarity(texts, videos)
        assert whole.shape == (3, 5)
        for most in (1, 2 * 3 * WIDTH):
            monkeypatch.setattr("hbi.encoders.x_clip.MOST_NUMBERS", most)
            torch.testing.assert_close(encoder.similarity(texts, videos), whole)
        alone = torch.stack([encoder.similarity(texts, video[None])[:, 0] for video in videos], 1)
        torch.testing.assert_close(alone, whole)

    @torch.no_grad()
    def test_patches_change_what_a_text_is(self, folder):
        """Two videos with the same vector and other patches: a cosine of vectors would call them equal."""
        encoder = GlobalContrastModel.from_encoder(folder).encoder
        videos = torch.randn(1, 17, WIDTH).repeat(2, 1, 1)
        videos[1, :-1] = torch.randn(16, WIDTH)
        scores = encoder.similarity(torch.randn(1, WIDTH), videos)
        assert abs(scores[0, 0] - scores[0, 1]) > 1e-3

    def test_the_number_of_vectors_is_told(self, folder):
        model = GlobalContrastModel.from_encoder(folder)
        found = model.encode_videos(pixels(), torch.ones(2, NUM_FRAMES, dtype=torch.bool))
        assert found.shape == (2, model.encoder.num_summary_vectors, WIDTH) == (2, 17, WIDTH)

    def test_an_index_keeps_all_vectors(self, folder):
        matcher = hbi.load(folder, device="cpu")
        codec = SegmentCodec(matcher)
        frames = torch.randint(0, 256, (3, NUM_FRAMES, 3, SIDE, SIDE), dtype=torch.uint8)
        mask = torch.ones(3, NUM_FRAMES, dtype=torch.bool)
        arrays = codec.encode(frames, mask)
        assert arrays.tokens.shape == (3, codec.num_tokens, codec.width) == (3, 17, WIDTH)
        texts = ["a red circle", "the dog runs"]
        kept, anew = (
            matcher.similarity(texts, codec.decode(arrays)),
            matcher.similarity(texts, matcher.encode_frames(frames, mask)),
        )
        torch.testing.assert_close(kept, anew, atol=2e-3, rtol=0)
        coarse = codec.coarse(codec.decode(arrays)).vectors[:, 0]
        torch.testing.assert_close(
            coarse, normalize(matcher.encode_frames(frames, mask)[:, -1], dim=-1), atol=2e-3, rtol=0
        )


@pytest.fixture(scope="module")
def own():
    """A small PE video as the library has it."""
    return small_pe_video().requires_grad_(False)


@pytest.fixture(scope="module")
def pe_video():
    """The same as an encoder."""
    return PEVideoEncoder(small_pe_video(), None, (0, 1, 2)).eval().requires_grad_(False)


class TestPEVideo:
    """With a ViT in place of the `timm` model that its folders ask for; everything else is the library's."""

    ids = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])

    def videos(self):
        return pixels(2, 5) * self.mask[..., None, None, None]

    def test_vectors_and_scores_are_the_models_own(self, own, pe_video):
        attended = (self.ids != 0).long()
        expected = own(
            input_ids=self.ids,
            attention_mask=attended,
            pixel_values_videos=self.videos(),
            padding_mask_videos=self.mask,
        )
        texts = pe_video.encode_texts(self.ids, attended)
        videos = pe_video.encode_videos(self.videos(), self.mask)
        torch.testing.assert_close(texts.summary, expected.text_video_embeds, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(videos.summary, expected.video_embeds, atol=1e-5, rtol=1e-5)
        logits = (expected.logits_video_text.T - own.text_video_logit_bias) / own.text_video_logit_scale
        torch.testing.assert_close(pe_video.similarity(texts.summary, videos.summary), logits, atol=1e-5, rtol=1e-5)
        assert texts.sequence.mask.sum(1).tolist() == [3, 1]

    def test_without_padding_it_is_the_same_again(self, own, pe_video):
        expected = own.video_encoder(self.videos()[:1]).pooler_output
        found = pe_video.encode_videos(self.videos()[:1], self.mask[:1]).summary
        torch.testing.assert_close(found, own.video_head(expected), atol=1e-5, rtol=1e-5)

    def test_kept_features_stand_for_pixels(self, pe_video):
        features = pe_video.frame_features(self.videos(), self.mask)
        assert features.shape == (2, 5, WIDTH)
        kept, anew = pe_video.encode_videos(features, self.mask), pe_video.encode_videos(self.videos(), self.mask)
        assert torch.equal(kept.summary, anew.summary)
        assert torch.equal(kept.sequence.tokens, anew.sequence.tokens)

    def test_frames_that_are_missing_anywhere_leave_no_trace(self, pe_video):
        """The model takes the first frame's mask for the whole video's: a missing first frame would hide all."""
        mask = torch.tensor([[False, True, True, False, True]])
        features = pe_video.frame_features(pixels(1, 5), torch.ones_like(mask))
        found = pe_video.encode_features(features, mask)
        expected = pe_video.encode_features(features[:, mask[0]], torch.ones(1, 3, dtype=torch.bool))
        torch.testing.assert_close(found.summary, expected.summary, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.sequence.tokens[mask], expected.sequence.tokens[0], atol=1e-5, rtol=1e-5)
        assert pe_video.encode_features(features, torch.zeros_like(mask)).summary.isfinite().all()

    def test_the_size_of_pictures_is_in_the_name(self, own):
        assert PEVideoEncoder.image_size_of(own.config) == (SIDE, SIDE)
        named = SimpleNamespace(architecture="vit_pe_core_large_patch14_336")
        assert PEVideoEncoder.image_size_of(SimpleNamespace(video_config=SimpleNamespace(vision_config=named))) == (
            336,
            336,
        )
        with pytest.raises(ModelError, match=r"does not say how large pictures are"):
            PEVideoEncoder.image_size_of(SimpleNamespace(video_config=SimpleNamespace(vision_config=SimpleNamespace())))


def test_a_trained_network_opens_with_the_library(tmp_path):
    folder = small_encoder("videoprism", tmp_path / "encoder")
    model = GlobalContrastModel.from_encoder(folder)
    model.encoder.log_scale.data.fill_(1.5)
    model.save_pretrained(tmp_path / "network")
    opened = AutoModel.from_pretrained(tmp_path / "network")
    assert opened.encoder.log_scale.item() == 1.5, "a scale of ours beside towers that have none"
