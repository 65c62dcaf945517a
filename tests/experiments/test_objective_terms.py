"""Terms of the objective in recipes: refused in one line where they mean nothing, and runs that have them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hbi.data.samples import DataError, Split, Text, Video
from hbi.experiments.batches import dropped_words, exchanged_captions, turned_videos
from hbi.experiments.content import RecipeError
from hbi.experiments.reading import read_recipe
from hbi.experiments.retrieval import build_objective
from hbi.experiments.training import start_training
from hbi.shape_stories import generate_shape_stories
from hbi.training.dropped_words import DroppedWords
from hbi.training.objective import Objective
from training.tiny import CPU, SIZES

EVERYTHING = (
    "objective.gamma=0.5",
    "objective.coalition_probabilities=[0.25, 0.75]",
    "objective.interaction_contrast=0.5",
    "objective.concentration=1",
    "objective.function_words=1",
    "objective.reconstruction=2",
    "objective.exchanged=1",
    "objective.exchanged_share=0.5",
    "objective.exchanged_from=1",
    "objective.turned=1",
    "objective.turned_from=2",
)


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("shape-stories", "objective.exchanged_share=0.5", r"exchanged_share needs an objective\.exchanged above 0"),
        ("shape-stories", "objective.turned_parts=2", r"turned_parts needs an objective\.turned above 0"),
        ("shape-stories", "objective.coalition_probabilities=[0.5, 1]", r"needs an objective\.gamma above 0"),
        ("shape-stories", "objective={gamma: 1, coalition_probabilities: [0]}", "greater than 0"),
        ("shape-stories", "objective={turned: 1, turned_parts: 1}", "greater than or equal to 2"),
        ("shape-stories", "objective={exchanged: 1, exchanged_share: 2}", "less than or equal to 1"),
        ("shape-stories", "objective={exchanged: 1, exchanged_from: 100000}", "training ends before"),
        ("shape-stories", "objective={concentration: 1, levels: [event]}", "is of the entity level"),
        ("shape-stories-global", "objective.function_words=1", r"set model\.kind=hbi"),
        ("shape-stories-global", "objective.interaction_contrast=1", r"set model\.kind=hbi"),
        (
            "shape-stories",
            ["objective.function_words=1", "model.interaction=global"],
            r"set model\.interaction=weighted",
        ),
        ("shape-stories-qa", "objective.turned=1", "answers questions has no such term"),
        ("shape-stories-qa", "objective.concentration=1", "answers questions has no such term"),
    ],
)
def test_a_term_that_means_nothing_is_refused(recipe, changes, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(recipe, [changes] if isinstance(changes, str) else changes)


def test_recipes_without_have_the_objective_that_they_had():
    assert build_objective(read_recipe("msrvtt", []), CPU) == Objective(), "the paper's"
    recipe = read_recipe("shape-stories", EVERYTHING)
    objective = build_objective(recipe, CPU)
    weighed = {"interaction_contrast", "concentration", "function_words", "reconstruction", "exchanged", "turned"}
    assert {name for name in weighed if getattr(objective, name)} == weighed
    assert objective.coalition_probabilities == (0.25, 0.75)


@pytest.mark.parametrize(
    ("changes", "tells"),
    [
        ([], True),
        (["objective.reconstruction=0"], False),
        (["model.kind=global"], False),
        (["model.interaction=global"], False),
        (["objective.levels=[action]"], False),
        (["model.kind=answering", "data.captions=1"], True),
    ],
)
def test_words_are_told_where_there_are_words(changes, tells):
    assert read_recipe("shape-stories", changes).tells_words == tells


def test_captions_that_allow_no_exchange_and_tell_no_order_are_refused():
    split = Split("train", (Video("0", Path("0.mp4")),), (Text("ein Hund bellt", 0, (0,)),))
    recipe = read_recipe("shape-stories", EVERYTHING)
    with pytest.raises(DataError, match="no caption of the training split can be exchanged"):
        exchanged_captions(recipe, split)
    with pytest.raises(DataError, match="no caption of the training split tells what comes first"):
        turned_videos(recipe, split)
    ordered = replace(split, texts=(Text("a dog barks and then a cat runs", 0, (0,)),))
    made = exchanged_captions(recipe, ordered)  # its clauses change places
    assert (made.share, made.first_step) == (0.5, 1)
    turned = turned_videos(recipe, ordered)
    assert (turned.share, turned.num_parts, turned.first_step) == (0.25, 4, 2)
    assert exchanged_captions(read_recipe("shape-stories", []), split) is None
    assert turned_videos(read_recipe("shape-stories", []), split) is None


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stories")
    generate_shape_stories(folder, num_train=12, num_val=4, num_test=4, seed=0, num_workers=1)
    return folder


def train(data: Path, folder: Path, *changes: str, stop_after: int | None = None) -> list[dict]:
    """Train four tiny steps, or stop after some of them as if killed; return the log of the steps."""
    settings = [
        *SIZES,
        f"data.root={data}",
        "data.frames_per_position=1",
        "training.batch_size=4",
        "training.num_steps=4",
        "training.log_every=1",
    ]
    recipe = read_recipe("shape-stories", [*settings, *changes])
    trainer = start_training(recipe, folder, resume=True, device=CPU, progress=None)

    def stop(progress) -> None:
        if progress.step == stop_after:
            raise KeyboardInterrupt

    try:
        trainer.run(stop)
    except KeyboardInterrupt:
        assert stop_after is not None
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if line["kind"] == "train"]


def test_a_run_with_every_term_resumes_and_logs_them(data, tmp_path):
    whole = train(data, tmp_path / "whole", *EVERYTHING)
    assert len(train(data, tmp_path / "stopped", *EVERYTHING, stop_after=2)) == 2
    assert train(data, tmp_path / "stopped", *EVERYTHING) == whole
    terms = {"contrast/interaction", "concentration", "function_words"}
    assert all(terms < line.keys() for line in whole)
    assert ["contrast/exchanged" in line for line in whole] == [False, True, True, True]
    assert ["contrast/turned" in line and line["contrast/turned"] > 0 for line in whole] == [False, False, True, True]


def test_before_their_first_step_wrong_rows_change_nothing(data, tmp_path):
    """The steps before, to the last bit, and what they leave behind."""
    late = ("objective.exchanged=1", "objective.exchanged_from=2", "objective.turned=1", "objective.turned_from=2")
    found, plain = train(data, tmp_path / "late", *late), train(data, tmp_path / "plain")
    assert found[:2] == plain[:2]
    assert found[2]["contrast/entity"] == pytest.approx(plain[2]["contrast/entity"], rel=1e-4)
    assert found[3]["contrast/entity"] != plain[3]["contrast/entity"]


@pytest.mark.parametrize("kind", ["hbi", "global"])
def test_both_kinds_of_network_learn_from_wrong_rows(data, tmp_path, kind):
    recipe = "objective={exchanged: 1, turned: 1, turned_share: 1}"
    kind_of = [] if kind == "hbi" else ["model.kind=global"]
    log = train(data, tmp_path / kind, recipe, *kind_of)
    assert all(torch.isfinite(torch.tensor(line["loss"])) for line in log)
    assert {"contrast/exchanged", "contrast/turned"} < log[0].keys()


def test_words_are_dropped_as_the_recipe_says():
    assert dropped_words(read_recipe("didemo", [])) is None
    recipe = read_recipe("didemo", ["training.dropped_words=0.3", "training.shortened_captions=0.25"])
    assert dropped_words(recipe) == DroppedWords(chance=0.3, share=0.25)
