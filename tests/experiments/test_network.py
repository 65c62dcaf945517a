"""A network that starts from a CLIP, as a recipe names it."""

import pytest
import torch
from transformers import CLIPModel

from hbi.data.samples import DataError, Split, Text, Video
from hbi.encoders.tokenizer import train_tokenizer
from hbi.errors import HBIError
from hbi.experiments.network import build_model, start_tokenizer
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import read_split
from small_networks import small_config

CORPUS = ["a red circle slides left", "a blue square spins"]


@pytest.fixture
def clip(tmp_path):
    """A folder with a small CLIP of 16-pixel pictures and its tokenizer."""
    tokenizer = train_tokenizer(CORPUS)
    special_tokens = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    torch.manual_seed(5)
    config = small_config(special_tokens=special_tokens, vocab_size=len(tokenizer)).encoder_config
    CLIPModel(config).save_pretrained(tmp_path / "clip")
    tokenizer.save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def recipe(clip, *more):
    sizes = ("data.image_size=16", "data.max_words=12", "model.merge_heads=2", "model.tubelet_size=1")
    sizes = (*sizes, "model.interaction=weighted")
    return read_recipe("shape-stories", [f"model.clip={clip}", "model.tubelet_seconds=null", *sizes, *more])


def test_towers_and_tokenizer_are_those_of_the_clip(clip):
    split = Split("train", (Video("0", clip),), (Text("other words", 0, (0,)),))
    tokenizer = start_tokenizer(recipe(clip), split)
    assert tokenizer.get_vocab() == train_tokenizer(CORPUS).get_vocab()
    source = CLIPModel.from_pretrained(clip)
    for kind in ("hbi", "global"):
        model = build_model(recipe(clip, f"model.kind={kind}"), tokenizer)
        assert model.config.width == 16
        for name, tensor in source.state_dict().items():
            assert torch.equal(model.encoder.clip.state_dict()[name], tensor), name
    again = build_model(recipe(clip), tokenizer)
    other = build_model(recipe(clip, "training.seed=1"), tokenizer)
    name = "words.weight_heads.entity.0.weight"
    first = build_model(recipe(clip), tokenizer).state_dict()[name]
    assert torch.equal(first, again.state_dict()[name])
    assert not torch.equal(first, other.state_dict()[name])


def test_what_does_not_fit_is_said_in_one_line(clip, tmp_path):
    tokenizer = train_tokenizer(CORPUS)
    with pytest.raises(HBIError, match=r"takes pictures of 16 pixels, data.image_size is 32"):
        build_model(recipe(clip, "data.image_size=32"), tokenizer)
    with pytest.raises(HBIError, match="no encoder"):
        build_model(recipe(tmp_path / "none"), tokenizer)
    with pytest.raises(HBIError, match="brings no tokenizer"):
        start_tokenizer(recipe(tmp_path / "none"), Split("train", (), ()))


@pytest.mark.parametrize(
    ("name", "num_frames", "max_words"), [("msrvtt", 12, 24), ("activitynet", 64, 64), ("didemo", 64, 64)]
)
def test_a_recipe_of_the_paper_names_what_is_missing_in_one_line(name, num_frames, max_words, tmp_path):
    content = read_recipe(name, [f"data.root={tmp_path}"])
    assert (content.data.num_frames, content.data.max_words) == (num_frames, max_words)
    assert (content.training.batch_size, content.training.lr, content.training.encoder_lr) == (128, 1e-4, 1e-7)
    assert (content.model.merge_ratio, content.objective.alpha, content.objective.beta) == ((0.25, 0.5), 1, 2)
    with pytest.raises(DataError, match=str(tmp_path / "annotations")) as raised:
        read_split(content, "train")
    assert "\n" not in str(raised.value)
