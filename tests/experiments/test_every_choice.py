"""Every field of a network's configuration can be set from a recipe, and has its line in the reference."""

import inspect
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hbi
from hbi.data.samples import Split, Text, Video
from hbi.encoders.tokenizer import train_tokenizer
from hbi.experiments.content import RecipeError
from hbi.experiments.model_section import ModelSection
from hbi.experiments.network import build_model
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.experiments.schema import Recipe
from hbi.experiments.training import number_of_steps
from hbi.models import AnsweringConfig, HBIConfig
from hbi.training.batches import TrainingBatches
from training.tiny import SIZES, run_folder

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "network.md"
TOKENIZER = train_tokenizer(["a red circle slides left"], num_merges=20)
CHOICES = {
    "encoder_config": ("model.vision_layers=2", lambda towers: towers.vision_config.num_hidden_layers == 2),
    "stem": ("model.stem=patch", "patch"),
    "tubelet_size": ("model={kind: hbi, tubelet_size: 3}", 3),
    "tubelet_seconds": ("model={kind: hbi, tubelet_size: 3, tubelet_seconds: 0.2}", 0.2),
    "max_words": ("data.max_words=9", 9),
    "num_frames": ("data.num_frames=4", 4),
    "max_frames": ("model.max_frames=20", 20),
    "aggregator": ("model.aggregator=lstm", "lstm"),
    "temporal_layers": ("model.temporal_layers=3", 3),
    "interaction": ("model.interaction=plain", "plain"),
    "weight_channels": ("model.weight_channels=6", 6),
    "merge_ratio": ("model.merge_ratio=[0.3, 0.7]", (0.3, 0.7)),
    "frame_merge_ratio": ("model.frame_merge_ratio=[0.2, 0.9]", (0.2, 0.9)),
    "merge_heads": ("model.merge_heads=8", 8),
    "num_neighbors": ("model.num_neighbors=5", 5),
    "head_channels": ("model.head_channels=6", 6),
    "level_weights": ("model.level_weights=[1, 2, 3, 4]", (1.0, 2.0, 3.0, 4.0)),
    "learns_level_weights": ("model.learns_level_weights=true", True),
    "special_token_ids": ("model.special_token_ids=[3, 5]", (3, 5)),
    "released_behavior": ("model={kind: hbi, width: 64, heads: 1, released_behavior: true}", True),
    "answers": ("model.kind=answering", ("no", "yes")),
    "answer_channels": ("model={kind: answering, width: 16, heads: 2, answer_channels: 12}", 12),
}
"""For every field a `--set` option and what the field then is, or what then holds of it."""


def fields() -> set[str]:
    named = {name for each in (HBIConfig, AnsweringConfig) for name in inspect.signature(each.__init__).parameters}
    return named - {"self", "kwargs", "config"}


def test_all_fields_are_here_and_no_other():
    assert fields() == CHOICES.keys()


@pytest.mark.parametrize("field", CHOICES)
def test_a_recipe_sets_it(field):
    override, expected = CHOICES[field]
    plain, chosen = (read_recipe("shape-stories", [*SIZES, *more]) for more in ((), (override,)))
    found = getattr(build_model(chosen, TOKENIZER, ("no", "yes")).config, field)
    assert expected(found) if callable(expected) else found == expected
    before = getattr(build_model(plain, TOKENIZER).config, field, None)
    assert not (expected(before) if callable(expected) else before == expected), "the option changes something"
    assert Recipe.model_validate(chosen.model_dump(mode="json")) == chosen
    assert read_back(chosen) == chosen


@pytest.mark.parametrize(
    "changes",
    [
        ["model.interaction=plain", "model.num_neighbors=1", "model.frame_merge_ratio=[0.9, 0.9]"],
        ["model.interaction=global"],
        ["model.aggregator=lstm", "model.temporal_layers=2"],
        ["model.aggregator=none"],
        ["model.released_behavior=true", "model.weight_channels=32", "model.merge_heads=1"],
        ["model.special_token_ids=[0, 1, 2]", "model.max_frames=9"],
    ],
)
def test_a_network_of_other_choices_is_trained_and_opened(changes, tmp_path):
    run = run_folder(tmp_path / "run", "hbi", *changes)
    matcher = hbi.load(run, device="cpu")
    pixels = torch.randint(0, 256, (2, 5, 3, 16, 16), dtype=torch.uint8)
    similarity = matcher.similarity(["a red circle"], matcher.encode_frames(pixels, torch.ones(2, 5, dtype=torch.bool)))
    assert similarity.isfinite().all()
    for change in changes:
        key, value = change.removeprefix("model.").split("=")
        found = getattr(matcher.config, key)
        assert str(list(found) if isinstance(found, tuple) else found).lower() == value


def read_back(recipe: Recipe) -> Recipe:
    import yaml

    return Recipe.model_validate(yaml.safe_load(recipe_yaml(recipe)))


def rows_of_reference() -> dict[str, list[str]]:
    """The cells of the table's rows by the field in the first."""
    lines = (re.split(r"\s*\|\s*", line)[1:-1] for line in REFERENCE.read_text().splitlines() if line.startswith("| `"))
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_reference_has_a_line_on_each_with_its_key_and_its_place_in_the_paper():
    rows = rows_of_reference()
    assert rows.keys() == fields()
    for field, (key, meaning, place) in rows.items():
        assert len(meaning) > 10, field
        assert place, field
        sections = re.findall(r"`(model|data)\.(\w+)`", key)
        assert sections, f"{field}: names no key"
        for section, name in sections:
            assert name in Recipe.model_fields[section].annotation.model_fields, f"{section}.{name}"


def test_every_key_of_the_model_is_described():
    for name, field in ModelSection.model_fields.items():
        assert field.description, name
    named = " ".join(" ".join(cells) for cells in rows_of_reference().values())
    for name in ModelSection.model_fields.keys() - {"kind", "network", "logit_scale"}:
        assert f"model.{name}" in named or f"`{name}`" in named, f"{name} is in no line of the reference"


def test_an_answer_to_how_long_is_given_once():
    assert read_recipe("shape-stories", ["training.epochs=2"]).training.num_steps is None, "what is set anew counts"
    assert read_recipe("shape-stories", ["training.epochs=null"]).training.num_steps == 1000
    with pytest.raises(RecipeError, match=r"num_steps or training\.epochs: give one of them \(both are given\)"):
        read_recipe("shape-stories", ["training.epochs=2", "training.num_steps=10"])
    with pytest.raises(RecipeError, match=r"give one of them \(neither is given\)"):
        read_recipe("shape-stories", ["training.num_steps=null"])


class Store:
    """Frames of nobody, all usable."""

    def __init__(self, num_videos: int) -> None:
        self.is_usable = torch.ones(num_videos, dtype=torch.bool)


def batches(captions: list[int], *, batch_size: int, captions_per_video: int, labels=None) -> TrainingBatches:
    """Of videos with so many captions each."""
    videos = tuple(Video(str(number), Path(f"{number}.mp4")) for number in range(len(captions)))
    texts = tuple(Text("a", video, (video,)) for video, number in enumerate(captions) for _ in range(number))
    sizes = {"batch_size": batch_size, "captions_per_video": captions_per_video, "num_frames": 1, "seed": 0}
    return TrainingBatches(Split("train", videos, texts), Store(len(captions)), None, labels=labels, **sizes)


def test_epochs_are_passes_over_the_texts_as_published_work_counts_them():
    """MSR-VTT: 9,000 videos of 20 captions, 128 pairs a step, 5 epochs: the 7,031 steps of the recipe."""
    recipe = read_recipe("msrvtt", ["training.epochs=5"])
    made = batches([20] * 900, batch_size=128, captions_per_video=1)
    assert number_of_steps(recipe, made) == round(5 * 18_000 / 128)
    assert read_recipe("msrvtt").training.num_steps == 7031 == int(5 * 180_000 / 128)
    labels = torch.tensor([0, -1, -1, 1, 0, -1])  # captions ask nothing: three questions about two videos
    asked = batches([3, 3], batch_size=1, captions_per_video=1, labels=labels)
    assert number_of_steps(recipe, asked) == 15
    assert number_of_steps(read_recipe("msrvtt", ["training.epochs=0.01"]), asked) == 1
    late = read_recipe("shape-stories", ["training.epochs=2", "objective={exchanged: 1, exchanged_from: 6}"])
    with pytest.raises(RecipeError, match=r"exchanged_from=6: training ends before, at 6 \(2 epochs\)"):
        number_of_steps(late, asked)


@given(captions=st.lists(st.integers(1, 9), min_size=4, max_size=12), wanted=st.integers(1, 5), size=st.integers(1, 4))
def test_an_epoch_draws_as_many_texts_as_there_are(captions, wanted, size):
    made = batches(captions, batch_size=size, captions_per_video=wanted)
    texts_of_a_step = sum(min(number, wanted) for number in captions) / len(captions) * size
    assert made.steps_of_all_texts * texts_of_a_step == pytest.approx(sum(captions))
