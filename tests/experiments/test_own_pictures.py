"""A recipe that starts from somebody's encoder, and a model that is measured, are given pictures as they want them."""

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from hbi.data.samples import DataError
from hbi.encoders.tokenizer import train_tokenizer
from hbi.experiments import splits
from hbi.experiments.evaluating import evaluate
from hbi.experiments.frame_features import cache_features
from hbi.experiments.network import start_picture
from hbi.experiments.packing import pack_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split
from hbi.experiments.training import start_training
from hbi.matching import load_matcher
from hbi.shape_stories import generate_shape_stories
from hbi.video import PictureFormat, read_frames

WORDS = ["a red square spins", "a blue circle moves up", "the green cross jumps"]
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
SIGLIP = PictureFormat(16, 16, "squash", "bilinear")


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "data"
    generate_shape_stories(folder, num_train=3, num_val=2, num_test=2)
    return folder


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    """A folder with a small SigLIP of random weights."""
    folder, tokenizer = tmp_path_factory.mktemp("siglip"), train_tokenizer(WORDS)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = TOWER | special | {"vocab_size": len(tokenizer), "max_position_embeddings": 16, "projection_size": 16}
    torch.manual_seed(0)
    SiglipModel(
        SiglipConfig(text_config=text, vision_config=TOWER | {"image_size": 16, "patch_size": 8})
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 16, "width": 16}, resample=2).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A folder with a small CLIP of random weights."""
    folder, tokenizer = tmp_path_factory.mktemp("clip"), train_tokenizer(WORDS)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = TOWER | special | {"vocab_size": len(tokenizer), "max_position_embeddings": 16}
    vision = TOWER | {"image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(projection_dim=16, text_config=text, vision_config=vision)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def recipe(stories, encoder, *more):
    sizes = ("data.image_size=16", "data.max_words=12", "data.num_frames=4", "data.frames_per_position=1")
    training = ("training.num_steps=2", "training.warmup_steps=1", "training.batch_size=2", "training.precision=fp32")
    heads = ("model.merge_heads=2", "model.head_channels=4", "model.width=16", "model.heads=2", "model.patch_size=8")
    start = [f"model.encoder={encoder}"] if encoder else []
    single = ("model.tubelet_size=1", "model.tubelet_seconds=null")
    return read_recipe("shape-stories", [f"data.root={stories}", *sizes, *training, *heads, *single, *start, *more])


def test_what_a_network_starts_from_says_how_pictures_are_made(stories, siglip, clip):
    assert start_picture(recipe(stories, None)) == PictureFormat.square(16)
    assert start_picture(recipe(stories, clip)) == PictureFormat.square(16)  # as the paper has them
    assert start_picture(recipe(stories, siglip)) == SIGLIP
    assert start_picture(recipe(stories, siglip, "model.kind=global")) == SIGLIP


def test_frames_are_decoded_packed_and_kept_as_features_in_that_format(stories, siglip, tmp_path):
    own = recipe(stories, siglip)
    decoded = decode_split(own, "val")
    expected = [read_frames(video.path, 4, image_size=SIGLIP).pixels for video in decoded.split.videos]
    assert torch.equal(decoded.frames.content, torch.stack(expected))
    (packed,) = pack_frames(own, tmp_path / "frames", splits=["val"], num_workers=1)
    assert packed.sampling.picture == SIGLIP
    assert decode_split(recipe(stories, siglip, f"data.frames={tmp_path / 'frames'}"), "val").frames.mask.all()
    with pytest.raises(DataError, match=r"was packed with image_size 16x16 \(squash, bilinear\), not 16: pack it"):
        decode_split(recipe(stories, None, f"data.frames={tmp_path / 'frames'}"), "val")
    features = f"data.features={tmp_path / 'features'}", "training.freeze_towers=true"
    cache_features(recipe(stories, siglip, *features), dtype=torch.float32, device="cpu")
    kept = splits.load_featured_split(recipe(stories, siglip, *features), "val", SIGLIP)
    encoder = load_matcher(siglip, device="cpu").model.encoder
    pixels = SiglipImageProcessorPil.from_pretrained(siglip)(
        [whole for video in kept.split.videos for whole in read_frames(video.path, 4).pixels], return_tensors="pt"
    )["pixel_values"]
    torch.testing.assert_close(kept.frames.content.flatten(0, 1), encoder.picture_features(pixels), rtol=0, atol=1e-5)
    with pytest.raises(DataError, match=r"was made with image_size 16x16 \(squash, bilinear\), not 16: make this"):
        splits.load_featured_split(recipe(stories, siglip, *features), "val", PictureFormat.square(16))


def test_training_and_measuring_see_the_same_pictures(stories, siglip, tmp_path, monkeypatch):
    seen = []

    def decode(recipe, name, progress, picture):
        seen.append(picture)
        return decode_split(recipe, name, progress, picture)

    cpu = torch.device("cpu")
    more = ("training.validate_every=2", "training.checkpoint_every=2")
    trained = recipe(stories, siglip, *more)
    start_training(trained, tmp_path / "run", resume=False, device=cpu, progress=None, decode=decode).run(
        lambda _: None
    )
    assert seen == [SIGLIP, SIGLIP]
    monkeypatch.setattr("hbi.experiments.evaluating.decode_split", decode)
    for source, data in ((tmp_path / "run", None), (siglip, stories)):
        evaluate(source, split="val", data=data, device="cpu")
        assert seen.pop() == SIGLIP == load_matcher(source, device="cpu").picture
