"""Runs whose network reads tubelets: trained, measured, opened and started from without saying so again."""

import pytest
import torch

import hbi
from hbi.data.samples import DataError
from hbi.errors import HBIError
from hbi.experiments.content import RecipeError
from hbi.experiments.evaluating import evaluate
from hbi.experiments.frame_features import cache_features
from hbi.experiments.network import build_model, start_picture, start_tokenizer
from hbi.experiments.packing import pack_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split, read_split
from hbi.experiments.training import train
from hbi.shape_stories import generate_shape_stories
from hbi.video import PictureFormat, read_frames
from small_encoders import small_encoder
from small_networks import small_matcher

SINGLE = "model.tubelet_size=1", "model.tubelet_seconds=null"
TUBELETS = "model.tubelet_size=3", "model.tubelet_seconds=0.25"
SHORT = "training.validate_every=2", "training.checkpoint_every=2"
PICTURE = PictureFormat.square(32).in_tubelets(3, 0.25)


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories") / "data"
    generate_shape_stories(folder, num_train=3, num_val=2, num_test=2)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return small_encoder("clip", tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    return small_encoder("siglip", tmp_path_factory.mktemp("siglip"))


def recipe(stories, encoder, *more):
    sizes = ("data.image_size=32", "data.max_words=12", "data.num_frames=4", "data.frames_per_position=1")
    training = ("training.num_steps=2", "training.warmup_steps=1", "training.batch_size=2")
    heads = ("model.merge_heads=2", "model.head_channels=4", "model.width=16", "model.heads=2")
    start = [f"model.encoder={encoder}"] if encoder else []
    return read_recipe("shape-stories", [f"data.root={stories}", *sizes, *training, *heads, *SINGLE, *start, *more])


@pytest.fixture(scope="module")
def run(stories, tmp_path_factory):
    """A run of two steps with a convolutional stem that reads three frames at a time."""
    folder = tmp_path_factory.mktemp("tubelets") / "run"
    train(recipe(stories, None, *TUBELETS, *SHORT, "data.frames_per_position=2"), folder, device="cpu")
    return folder


def test_a_run_is_opened_measured_and_asked_without_saying_it_again(stories, run):
    matcher = hbi.load(run, device="cpu")
    assert (matcher.config.tubelet_size, matcher.config.tubelet_seconds, matcher.picture) == (3, 0.25, PICTURE)
    evaluate(run, split="val", device="cpu")
    video = read_split(recipe(stories, None), "val").split.videos[0].path
    pixels, mask = matcher.read_videos(video)
    assert torch.equal(pixels[0], read_frames(video, 4, image_size=PICTURE).pixels)
    explanation = matcher.explain(video, "a red square spins")
    expected = matcher.similarity(["a red square spins"], matcher.encode_frames(pixels, mask))
    assert explanation.similarity == pytest.approx(float(expected), abs=1e-5)
    assert len(explanation.frames) == 4


def test_training_draws_whole_tubelets(stories):
    own = recipe(stories, None, *TUBELETS, "data.frames_per_position=2")
    decoded = decode_split(own, "train")
    assert decoded.frames.content.shape == (3, 8, 3, 3, 32, 32)
    expected = [read_frames(video.path, 8, image_size=PICTURE).pixels for video in decoded.split.videos]
    assert torch.equal(decoded.frames.content[:], torch.stack(expected))


def test_a_network_that_starts_from_a_run_reads_its_tubelets(stories, run):
    start = recipe(stories, run)
    assert start_picture(start) == PICTURE
    tokenizer = start_tokenizer(start, read_split(start, "train").split)
    model, opened = build_model(start, tokenizer), hbi.load(run, device="cpu").model
    for name, tensor in opened.encoder.towers.state_dict().items():
        assert torch.equal(model.encoder.towers.state_dict()[name], tensor)
    with pytest.raises(HBIError, match=r"model\.encoder=.*: tubelet_size=5, but the towers read 3 frames at a time"):
        build_model(recipe(stories, run, "model.tubelet_size=5"), tokenizer)


@torch.no_grad()
def test_a_pretrained_encoder_starts_as_it_is(stories, clip, siglip):
    for encoder in (clip, siglip):
        start = recipe(stories, encoder, *TUBELETS)
        single = recipe(stories, encoder)
        assert start_picture(start) == start_picture(single).in_tubelets(3, 0.25)
        tokenizer = start_tokenizer(start, read_split(start, "train").split)
        frames = decode_split(start, "val").frames
        found, expected = (build_model(each, tokenizer).eval().encoder for each in (start, single))
        pixels = frames.content[:].float() / 255
        features = expected.frame_features(pixels[:, :, 1], frames.mask)
        torch.testing.assert_close(found.frame_features(pixels, frames.mask), features, atol=1e-6, rtol=0)
        assert torch.equal(frames.content[:][:, :, 1], decode_split(single, "val").frames.content)


def test_packed_frames_and_kept_features_are_those_of_the_tubelets(stories, clip, tmp_path):
    own = recipe(stories, clip, *TUBELETS)
    (packed,) = pack_frames(own, tmp_path / "frames", splits=["val"], num_workers=1)
    assert packed.sampling.picture == PICTURE
    frames = decode_split(recipe(stories, clip, *TUBELETS, f"data.frames={tmp_path / 'frames'}"), "val").frames
    assert frames.content[:].shape == (2, 4, 3, 3, 32, 32)
    with pytest.raises(DataError, match=r"was packed with tubelet_size 3, not 1: pack it again"):
        decode_split(recipe(stories, clip, f"data.frames={tmp_path / 'frames'}"), "val")
    features = f"data.features={tmp_path / 'features'}", "training.freeze_towers=true"
    kept = cache_features(recipe(stories, clip, *TUBELETS, *features), dtype=torch.float32, device="cpu")
    assert [each.is_new for each in kept] == [True, True]
    train(recipe(stories, clip, *TUBELETS, *features, *SHORT), tmp_path / "run", device="cpu")
    with pytest.raises(DataError, match=r"was made with tubelet_size 3, not 1: make this recipe's features in another"):
        train(recipe(stories, clip, *features, *SHORT), tmp_path / "other", device="cpu")


def test_a_network_of_single_frames_keeps_the_hash_that_indexes_know_it_by(run):
    """What earlier versions did not say of a network is not in what is hashed, unless it is something else."""
    later = {"special_token_ids", "tubelet_size", "tubelet_seconds", "learns_level_weights"}
    assert not later & small_matcher(["a red circle"])._settings().keys()
    assert later & hbi.load(run, device="cpu")._settings().keys() == {"tubelet_size", "tubelet_seconds"}


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["model.tubelet_size=0"], r"model\.tubelet_size"),
        (
            [SINGLE[0], "model.tubelet_seconds=0.2"],
            r"model\.tubelet_seconds needs a model\.tubelet_size of 2 frames or more",
        ),
        (["model.tubelet_size=64", "data.num_frames=100000"], r"lower num_frames, .* or model\.tubelet_size"),
    ],
)
def test_recipes_that_cannot_be_are_refused(stories, overrides, problem):
    with pytest.raises(RecipeError, match=problem):
        recipe(stories, None, *overrides)
