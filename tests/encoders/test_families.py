"""Every family of encoders, from disk: what `hbi.load` computes is the model's own."""

import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import AutoModel, AutoProcessor, AutoTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import hbi
from hbi.models import GlobalContrastModel
from hbi.models.processor import HBIProcessor
from hbi.video import read_frames
from small_clips import write_clip
from small_encoders import KINDS, NUM_FRAMES, SIDE, small_encoder

TEXTS = ["a red circle turns left", "the dog runs"]
WITH_VIDEO_SIDE = ("xclip", "videoprism")
PADDED = {"siglip": 16, "siglip2": 64}
"""To how many tokens the family's processor pads."""


@pytest.fixture(scope="module", params=KINDS)
def family(request, tmp_path_factory):
    """The name of a family, the folder of a small model of it, and that model opened."""
    folder = small_encoder(request.param, tmp_path_factory.mktemp(request.param))
    return request.param, folder, hbi.load(folder, device="cpu")


@pytest.fixture(scope="module")
def own(family):
    """The same model as `transformers` opens it."""
    return AutoModel.from_pretrained(family[1]).eval()


@pytest.fixture(scope="module")
def clips(family):
    """Two videos whose frames are of odd sizes; of equal length where the model asks for that."""
    lengths = (NUM_FRAMES, NUM_FRAMES) if family[0] in WITH_VIDEO_SIDE else (3, 2)
    draw = torch.Generator().manual_seed(1)
    sizes = ((45, 71), (83, 37))
    return [
        torch.randint(0, 256, (count, 3, *size), generator=draw, dtype=torch.uint8)
        for count, size in zip(lengths, sizes, strict=True)
    ]


def own_tokens(kind, folder):
    """The texts as the family's own tokenizer gives them to the model."""
    length = {"padding": "max_length", "max_length": PADDED[kind]} if kind in PADDED else {"padding": True}
    return AutoTokenizer.from_pretrained(folder)(TEXTS, return_tensors="pt", truncation=True, **length)


def own_pictures(kind, folder, frames):
    """What the family's own image processor makes of frames."""
    if kind == "videoprism":  # a video processor, which asks for torchvision: this is what its fields say
        prepare = CLIPImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, resample=3, do_center_crop=False, do_normalize=False
        )
    else:
        prepare = AutoProcessor.from_pretrained(folder).image_processor
    pictures = [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in frames]
    return prepare(pictures, return_tensors="pt")


@torch.no_grad()
def own_frames(kind, folder, own, frames):
    """The model's vector of each frame."""
    return own.get_image_features(**own_pictures(kind, folder, frames)).pooler_output


def own_clips(kind, folder, clips):
    return torch.stack([own_pictures(kind, folder, clip)["pixel_values"].flatten(0, -4) for clip in clips])


@torch.no_grad()
def test_text_vectors_are_the_models_own(family, own):
    kind, folder, matcher = family
    expected = own.get_text_features(**own_tokens(kind, folder)).pooler_output
    torch.testing.assert_close(matcher.encode_texts(TEXTS).encoding, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_video_vectors_are_the_models_own(family, own, clips):
    kind, folder, matcher = family
    batch = matcher.processor(videos=clips)
    found = matcher.model.encode_videos(batch["pixels"], batch["frame_mask"])
    if kind == "xclip":
        expected = own.get_video_features(pixel_values=own_clips(kind, folder, clips)).pooler_output
        found = found[:, -1]
    elif kind == "videoprism":
        pixels = own_clips(kind, folder, clips)
        expected = own.get_video_features(pixel_values_videos=pixels).pooler_output[:, 0]
    else:
        vectors = [own_frames(kind, folder, own, clip) for clip in clips]
        expected = torch.stack([normalize(each, dim=-1).mean(0) for each in vectors])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_scores_are_the_models_own_logits_without_scale_and_bias(family, own, clips):
    kind, folder, matcher = family
    tokens = own_tokens(kind, folder)
    if kind == "xclip":
        expected = own(**tokens, pixel_values=own_clips(kind, folder, clips)).logits_per_text / own.logit_scale.exp()
    elif kind == "videoprism":
        output = own(**tokens, pixel_values_videos=own_clips(kind, folder, clips))
        expected = output.text_embeds @ output.video_embeds.T
    else:  # of a video with one frame, which is a picture
        clips = [clip[:1] for clip in clips]
        pictures = [own_pictures(kind, folder, clip) for clip in clips]
        logits = torch.cat([own(**tokens, **each).logits_per_text for each in pictures], 1)
        expected = (logits - getattr(own, "logit_bias", torch.zeros(()))) / own.logit_scale.exp()
    batch = matcher.processor(videos=clips)
    videos = matcher.model.encode_videos(batch["pixels"], batch["frame_mask"])
    found = matcher.similarity(TEXTS, videos)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.std() > 1e-3, "all scores are the same: this would hold of wrong ones, too"


@torch.no_grad()
def test_words_are_what_the_text_says(family):
    _, folder, matcher = family
    tokens = matcher.tokenize(TEXTS)
    words = matcher.model.encoder.encode_texts(tokens.input_ids, tokens.attention_mask).sequence
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for row, text in enumerate(TEXTS):
        said = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokens.input_ids[row][words.mask[row]].tolist() == said
    assert words.tokens.shape[-1] == matcher.config.width
    assert torch.equal(words.mask, tokens.spans[..., 1] > tokens.spans[..., 0]), "a word has characters, all else none"


def test_padding_of_texts_is_the_processors(family):
    kind, _, matcher = family
    tokens = matcher.tokenize(TEXTS)
    longest = int(tokens.attention_mask.sum(1).max())
    assert tokens.input_ids.shape[1] == PADDED.get(kind, longest)


@torch.no_grad()
def test_a_video_file_is_seen_as_its_frames_are(family, tmp_path):
    """What the decoder prepares is what the processor makes of the same frames in their own size."""
    _, _, matcher = family
    file = write_clip(tmp_path / "clip.mp4", seconds=2, size=50)
    frames = read_frames(file, matcher.num_frames).pixels
    assert frames.shape == (matcher.num_frames, 3, 50, 50)
    batch = matcher.processor(videos=[frames])
    expected = matcher.similarity(TEXTS, matcher.model.encode_videos(batch["pixels"], batch["frame_mask"]))
    torch.testing.assert_close(matcher.similarity(TEXTS, file), expected, atol=1e-5, rtol=1e-5)


def test_a_saved_encoder_is_the_same(family, clips, tmp_path):
    _, _, matcher = family
    matcher.save_pretrained(tmp_path / "saved")
    again = hbi.load(tmp_path / "saved", device="cpu")
    assert again.fingerprint == matcher.fingerprint
    assert again.num_frames == matcher.num_frames
    assert again.picture == matcher.picture
    batch = matcher.processor(videos=clips)
    torch.testing.assert_close(again.processor(videos=clips)["pixels"], batch["pixels"])
    scores = [
        each.similarity(TEXTS, each.model.encode_videos(batch["pixels"], batch["frame_mask"]).detach())
        for each in (matcher, again)
    ]
    assert torch.equal(*scores)
    assert isinstance(AutoModel.from_pretrained(tmp_path / "saved"), GlobalContrastModel)
    processor = AutoProcessor.from_pretrained(tmp_path / "saved")
    assert isinstance(processor, HBIProcessor)
    torch.testing.assert_close(processor(videos=clips)["pixels"], batch["pixels"])
    assert torch.equal(processor(text=TEXTS)["input_ids"], matcher.tokenize(TEXTS).input_ids)
