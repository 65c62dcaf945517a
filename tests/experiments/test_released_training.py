"""Training as the authors' released code does it: their frames, RandAugment, a patch convolution that stays."""

import pytest
import torch

from hbi.data.samples import DataError
from hbi.encoders.tokenizer import train_tokenizer
from hbi.errors import HBIError
from hbi.experiments.batches import augmentation
from hbi.experiments.network import build_model, start_picture, start_tokenizer
from hbi.experiments.packing import pack_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split
from hbi.experiments.training import start_training
from hbi.matching import load_matcher
from hbi.models.model_folder import processor_for
from hbi.shape_stories import generate_shape_stories
from hbi.training.augmentation import RandAugment
from hbi.training.loop import Trainer
from hbi.training.towers import freeze_patches
from hbi.video import PictureFormat, read_frames
from training.tiny import network

CPU, RELEASED = torch.device("cpu"), PictureFormat.released(16)
PAPER = ("msrvtt", "activitynet", "didemo", "msrvtt-qa", "msvd-qa")
OURS = ("shape-stories", "shape-stories-global", "shape-stories-qa")


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released") / "data"
    generate_shape_stories(folder, num_train=4, num_val=2, num_test=2)
    return folder


def recipe(stories, *more):
    sizes = ("data.image_size=16", "data.max_words=12", "data.num_frames=4", "data.frames_per_position=1")
    training = ("training.num_steps=4", "training.warmup_steps=1", "training.batch_size=2", "training.lr=1e-2")
    heads = ("model.merge_heads=2", "model.head_channels=4", "model.width=16", "model.heads=2", "model.patch_size=8")
    single = ("model.tubelet_size=1", "model.tubelet_seconds=null", "model.stem=patch")
    released = ("data.released_loader=true", "training.augment_operations=4", "training.freeze_patches=true")
    every = ("training.checkpoint_every=1", "training.validate_every=4")
    return read_recipe(
        "shape-stories", [f"data.root={stories}", *sizes, *training, *heads, *single, *released, *every, *more]
    )


def trainer(wanted, out, *, resume: bool = False) -> Trainer:
    return start_training(wanted, out, resume=resume, device=CPU, progress=None)


def test_recipes_of_the_paper_train_as_the_released_code_and_ours_as_before():
    for name in PAPER:
        content = read_recipe(name)
        assert content.data.released_loader
        assert content.training.freeze_patches
        assert augmentation(content) == RandAugment(4, 7.0, 0.5)
    for name in ("msrvtt-qa", "msvd-qa"):
        model = read_recipe(name).model
        assert (model.merge_ratio, model.frame_merge_ratio) == ((0.25, 0.125), (0.25, 0.25))
    for name in OURS:
        content = read_recipe(name)
        assert not content.data.released_loader
        assert not content.training.freeze_patches
        assert augmentation(content) is None


def test_ratios_of_words_and_frames_reach_the_network(stories):
    wanted = recipe(stories, "model.merge_ratio=[0.25, 0.125]", "model.frame_merge_ratio=[0.5, 0.75]")
    network = build_model(wanted, start_tokenizer(wanted, decode_split(wanted, "train").split))
    assert network.config.merge_ratio == (0.25, 0.125)
    assert network.config.frame_merge_ratio == (0.5, 0.75)


def test_a_run_sees_its_frames_everywhere_and_its_patches_stay(stories, tmp_path):
    wanted = recipe(stories)
    assert start_picture(wanted) == RELEASED
    decoded = decode_split(wanted, "val")
    for video, pixels, mask in zip(decoded.split.videos, decoded.frames.pixels, decoded.frames.mask, strict=True):
        assert torch.equal(pixels[mask], read_frames(video.path, 4, image_size=RELEASED).pixels)
    packed = tuple(pack_frames(wanted, tmp_path / "frames", splits=["val"], num_workers=1))
    assert packed[0].sampling.picture == RELEASED
    usual = recipe(stories, f"data.frames={tmp_path / 'frames'}", "data.released_loader=false")
    with pytest.raises(DataError, match="as the released loader"):
        decode_split(usual, "val")

    training = trainer(wanted, tmp_path / "run")
    before = {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}
    training.run(lambda progress: None)
    after = dict(training.model.named_parameters())
    stayed = {name for name, values in before.items() if torch.equal(values, after[name])}
    assert "encoder.clip.vision_model.embeddings.patch_embedding.weight" in stayed
    assert "encoder.clip.vision_model.embeddings.position_embedding.weight" not in stayed
    assert load_matcher(tmp_path / "run", device="cpu").picture == RELEASED
    going_on = recipe(stories, "data.released_loader=null", f"model.encoder={tmp_path / 'run'}")
    assert start_picture(going_on) == RELEASED, "what towers were trained with goes with them"


def test_a_run_that_is_killed_and_resumed_is_an_unbroken_one(stories, tmp_path):
    whole = trainer(recipe(stories), tmp_path / "whole")
    whole.run(lambda progress: None)

    def killed(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(recipe(stories), tmp_path / "killed").run(killed)
    resumed = trainer(recipe(stories), tmp_path / "killed", resume=True)
    assert resumed.step == 2
    resumed.run(lambda progress: None)
    for (name, values), others in zip(
        whole.model.state_dict().items(), resumed.model.state_dict().values(), strict=True
    ):
        assert torch.equal(values, others), name
    plain = trainer(recipe(stories, "training.augment_operations=0"), tmp_path / "plain")
    plain.run(lambda progress: None)
    assert any(
        not torch.equal(values, others)
        for values, others in zip(whole.model.state_dict().values(), plain.model.state_dict().values(), strict=True)
    )


def test_what_is_not_known_to_cut_pictures_cannot_be_frozen():
    model = network()
    freeze_patches(model)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name in frozen if "patch_embedding" in name} != set()
    model.encoder.patch_projection = None
    with pytest.raises(HBIError, match="of type 'clip': leave it out"):
        freeze_patches(model)


def test_who_prepares_videos_alone_is_not_asked_for_the_released_loader():
    model, tokenizer = network(), train_tokenizer(["a red circle"])
    model.encoder.brings_processor = True
    with pytest.raises(HBIError, match="somebody/model prepares videos by itself"):
        processor_for(model, tokenizer, "somebody/model", released_loader=True)


def test_a_baseline_without_pictures_is_not_given_any():
    content = read_recipe("msrvtt-qa")
    blank = content.model_copy(update={"data": content.data.model_copy(update={"blank": True})})
    assert augmentation(blank) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["training.augment_magnitude=5", "training.augment_operations=0"], "augment_operations above 0"),
        (["training.augment_magnitude=11"], "less than or equal to 10"),
        (["data.features=f", "training.freeze_towers=true"], "set it to 0"),
    ],
)
def test_what_does_not_fit_together_is_one_line(stories, changes, message):
    with pytest.raises(HBIError, match=message) as raised:
        recipe(stories, *changes)
    assert "\n" not in str(raised.value)
