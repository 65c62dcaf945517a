"""What a reproduction says it needs, and what its report makes of the measures, against numbers that are known."""

import json
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from hbi.data.samples import Video
from hbi.errors import HBIError
from hbi.evaluation.published import ACCURACIES, ROWS
from hbi.evaluation.rank_files import RankedQuery, ranks_csv
from hbi.experiments.network import sized_network
from hbi.experiments.reading import read_recipe, recipe_yaml
from hbi.experiments.reproducing import needs, planning
from hbi.experiments.reproducing.needs import DiskNeed, activation_bytes, decoding_cost, in_gib, in_hours, shortage
from hbi.experiments.reproducing.page import report_rows, reproduction_page
from hbi.experiments.reproducing.plan import BENCHMARKS, Plan
from hbi.experiments.reproducing.planning import make_plan
from hbi.experiments.reproducing.report import Reproduction
from hbi.experiments.reproducing.stages import reproduce
from hbi.experiments.reproducing.timing import VideoCost, cost_of_videos, reckoned
from small_benchmarks import SMALL, small_clip, small_msrvtt

CPU = torch.device("cpu")
SETTINGS = [f"{key}={value}" for key, value in SMALL.items()]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return small_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return small_msrvtt(tmp_path_factory.mktemp("data"))


def plan_of(data: Path, clip: object, out: Path, **options: object) -> Plan:
    return make_plan("msrvtt", root=data, clip=str(clip), out=out, overrides=SETTINGS, is_partial=True, **options)


def test_known_encoders_have_the_parameters_that_they_are_known_for():
    published = {"openai/clip-vit-base-patch32": 151_277_313, "openai/clip-vit-base-patch16": 149_620_737}
    with torch.device("meta"):
        found = {
            name: sum(each.numel() for each in CLIPModel(config).parameters())
            for name, config in planning._KNOWN.items()
        }
    assert found == published
    assert {read_recipe(name).model.encoder for name in BENCHMARKS} == published.keys()


def test_a_step_is_reckoned_from_two_smaller_ones():
    assert reckoned((2, 3.0), (4, 5.0), 128) == 129.0
    assert reckoned((2, 1.0), (4, 2.0), 128) == 64.0
    assert reckoned((2, 3.0), (2, 3.0), 6) == 9.0  # there is one size only
    for noise in (0.5, 2.9, 7.0):  # the larger step took less, or far more: never less than nothing a video
        assert reckoned((2, 3.0), (4, noise), 128) >= noise


def test_decoding_counts_what_is_left_and_assumes_where_nothing_can_be_measured():
    measured, num_bytes = decoding_cost([(VideoCost(0.5, 1000, 4), 100, 12), (VideoCost(2.0, 10, 4), 10, 12)], 2)
    assert (measured.seconds, num_bytes) == (35.0, 100_100)
    assert measured.how == "measured now on 8 of the videos, for 2 processes"
    assumed, num_bytes = decoding_cost([(None, 9000, 12)], 4)
    assert assumed.how.startswith("assumed: 8.2 ms and 20.9 kB a frame")
    assert num_bytes == 9000 * 12 * 20_900  # the 2.3 GB of docs/decisions/0004
    assert decoding_cost([(None, 0, 12)], 4)[0].how == ""


def test_a_video_costs_what_its_own_frames_take(data):
    [split] = [each for each in plan_of(data, "none", data / "out").splits if each.name == "test"]
    cost = cost_of_videos(split.found, split.sampling)
    assert cost.num_sampled == 4
    assert cost.num_bytes > 500
    assert cost.seconds > 0
    assert cost_of_videos([Video("gone", data / "gone.mp4")], split.sampling) is None
    assert cost_of_videos((), split.sampling) is None


@pytest.mark.parametrize(
    ("patch_size", "micro_batch_size", "measured_gib"), [(32, 16, 6.3), (16, 16, 15.0), (32, 128, 28.0)]
)
def test_memory_is_about_what_was_measured_on_a_gpu(patch_size, micro_batch_size, measured_gib):
    # docs/results/gpu.md: nine of twelve places hold a frame there.
    recipe = read_recipe("msrvtt", [f"training.micro_batch_size={micro_batch_size}", "data.num_frames=9"])
    with torch.device("meta"):
        network = sized_network(recipe, CLIPConfig(vision_config={"patch_size": patch_size}))
        [need] = needs.memory_needs(recipe, network, None, CPU)
    computed = (need.num_bytes - needs.PROGRAM_BYTES) / 2**30
    assert measured_gib * 0.7 < computed < measured_gib * 1.3


def test_memory_follows_the_recipe():
    recipes = {
        name: read_recipe("msrvtt", [f"training.{name}"])
        for name in ("micro_batch_size=8", "precision=fp32", "activation_checkpointing=true", "freeze_towers=true")
    }
    usual = read_recipe("msrvtt")
    with torch.device("meta"):
        network = sized_network(usual, CLIPConfig())
    whole = activation_bytes(usual, network)
    assert activation_bytes(recipes["micro_batch_size=8"], network) == whole / 2
    assert activation_bytes(recipes["precision=fp32"], network) == whole * 2
    assert activation_bytes(recipes["activation_checkpointing=true"], network) < whole / 10
    assert activation_bytes(recipes["freeze_towers=true"], network) == 0


def test_a_disk_that_is_too_small_is_in_the_way(data, clip, tmp_path, monkeypatch):
    needed = [DiskNeed("frames", tmp_path / "a" / "b", 3 * 2**30), DiskNeed("checkpoints", tmp_path, 2**30)]
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda folder: Usage(0, 0, 4 * 2**30 - 1))
    [line] = shortage(needed)
    assert "4.0 GiB are needed (3.0 GiB for frames in" in line
    assert shortage(needed[:1]) == []
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda folder: Usage(0, 0, 100))
    plan = plan_of(data, clip, tmp_path / "out")
    [line] = plan.obstacles
    assert line.startswith("the disk has 0.0 MiB free and ")
    with pytest.raises(HBIError, match="nothing was begun: the disk has"):
        reproduce(plan)
    assert not (tmp_path / "out").exists()
    assert not (data / "packed-frames").exists()


def test_what_is_to_be_downloaded_is_counted_and_not_downloaded(data, tmp_path, monkeypatch):
    small = CLIPConfig(
        text_config={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 100},
        vision_config={
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8
        },
    )  # fmt: skip
    monkeypatch.setitem(planning._KNOWN, "openai/clip-vit-base-patch32", small)
    monkeypatch.setattr(planning, "is_only_here", lambda name: False)  # the hub answers
    plan = make_plan("msrvtt", root=data, out=tmp_path / "out", overrides=SETTINGS, is_partial=True)
    assert plan.obstacles == ()
    assert [need.what for need in plan.disk] == ["frames", "checkpoints", "the encoder"]
    assert all(need.num_bytes > 0 for need in plan.disk)
    assert plan.costs["train"].seconds > 0


def test_a_step_that_does_not_fit_is_in_the_way(data, clip, tmp_path, monkeypatch):
    def cost_of_step(*arguments):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(planning, "cost_of_step", cost_of_step)
    plan = plan_of(data, clip, tmp_path / "out")
    assert plan.costs["train"].seconds is None
    [line] = plan.obstacles
    assert line.startswith("out of memory: lower training.batch_size (or set training.micro_batch_size)")


def test_a_folder_that_others_own_is_not_written_to(data, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(planning.os, "access", lambda path, mode: False)
    assert plan_of(data, clip, tmp_path / "out").frames == tmp_path / "out" / "packed-frames"


def test_an_experiment_that_the_paper_has_not_is_named(tmp_path):
    with pytest.raises(HBIError, match="no experiment 'msrvt' here: did you mean 'msrvtt'"):
        make_plan("msrvt", out=tmp_path)


def done(folder: Path, *, num_videos: int = 1000, recall: float = 48.0, **changes: str) -> Plan:
    """The plan of a reproduction of the whole test split, whose files are made up."""
    recipe = read_recipe("msrvtt", [f"{key}={value}" for key, value in changes.items()])
    scores = {"recall@1": recall, "recall@5": 70.0, "recall@10": 80.0, "median_rank": 2.0, "mean_rank": 12.5}
    intervals = [
        {"measure": name, "value": scores[name], "low": scores[name] - 3, "high": scores[name] + 3}
        for name in ("recall@1", "recall@5", "recall@10", "mean_rank")
    ]
    values = {"weights": "best", "num_videos": num_videos, "num_texts": num_videos}
    for way in ("text_to_video", "video_to_text"):
        values |= {way: scores, f"intervals_{way}": intervals}
    run = folder / "run"
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text(recipe_yaml(recipe))
    (run / "metrics.json").write_text(json.dumps(values))
    (run / "metrics.jsonl").write_text('{"step": 7031, "kind": "train", "seconds": 7200.0}\n')
    (run / "environment.json").write_text('{"hbi": "1", "set": ["data.root=/home/me"], "device": "<cuda>"}')
    return Plan("msrvtt", recipe, (), folder, CPU, 1, is_partial=False)


def test_ours_stands_beside_the_paper_and_it_is_said_whether_that_lies_inside(tmp_path):
    reproduction = Reproduction.of(done(tmp_path))
    found = {(each.task, each.measure): (each.paper, each.is_paper_inside) for each in reproduction.measures}
    paper = {row.direction: row for row in ROWS if row.benchmark == "msrvtt"}
    assert found["text to video", "recall@1"] == (48.6, True)
    assert found["text to video", "recall@5"] == (74.6, False)
    assert found["text to video", "median_rank"] == (2.0, None)
    assert found["text to video", "mean_rank"] == (12.0, True)
    assert found["video to text", "recall@10"] == (paper["video to text"].recalls[2], False)
    assert "arXiv 2303.14369" in reproduction.paper
    assert reproduction.differences == ()
    assert ("text to video R@1", "48.0", "45.0 – 51.0", "48.6", "yes") in report_rows(reproduction)
    page = reproduction_page(reproduction)
    assert "In nothing that its recipe" in page
    assert "2.0 hours" in page
    assert "&lt;cuda&gt;" in page
    assert "/home/me" not in page
    json.dumps(reproduction.to_dict())


def test_other_settings_are_differences_and_where_the_data_are_is_none(tmp_path):
    changed = {
        "data.root": "elsewhere",
        "training.micro_batch_size": "128",
        "training.seed": "1",
        "data.num_frames": "8",
    }
    told = Reproduction.of(done(tmp_path, **changed)).differences
    assert told == ("data.num_frames=8, not 12", "training.seed=1, not 0")


def test_a_smaller_gallery_is_not_compared(tmp_path):
    reproduction = Reproduction.of(done(tmp_path, num_videos=999))
    assert {each.paper for each in reproduction.measures} == {None}
    assert reproduction.why_no_paper.startswith("999 of 1,000 test videos")
    other = Reproduction.of(done(tmp_path / "other", **{"data.protocol": "1k-A-7k"}))
    assert other.why_no_paper == "no figures of the paper are known for 1k-A-7k"


def test_answers_are_compared_with_an_interval_over_videos(tmp_path):
    plan = done(tmp_path)
    recipe = read_recipe("msrvtt-qa")
    (plan.run / "recipe.yaml").write_text(recipe_yaml(recipe))
    queries = [RankedQuery(f"video{number % 2990}", 1 + (number % 5 > 1)) for number in range(14_950)]
    (plan.run / "ranks-test-question-to-answer.csv").write_text(ranks_csv(queries))
    values = {"weights": "best", "num_videos": 2990, "accuracies": [{"accuracy": 40.0, "num_questions": 14_950}]}
    (plan.run / "metrics.json").write_text(json.dumps(values))
    [accuracy] = Reproduction.of(replace(plan, benchmark="msrvtt-qa", recipe=recipe)).measures
    assert (accuracy.ours, accuracy.paper) == (40.0, ACCURACIES[0].accuracy)
    assert accuracy.low <= 40.0 <= accuracy.high < accuracy.paper
    assert accuracy.is_paper_inside is False


def test_damaged_measures_are_named(tmp_path):
    plan = done(tmp_path)
    (plan.run / "metrics.json").write_text("{")
    with pytest.raises(HBIError, match=r"metrics.json is damaged .*: remove it, and run the same command again"):
        Reproduction.of(plan)


def test_sizes_and_times_are_said_as_people_say_them():
    assert in_gib(2.25 * 2**30) == "2.2 GiB"
    assert in_gib(100 * 2**20) == "100.0 MiB"
    assert [in_hours(seconds) for seconds in (59, 600, 36_000)] == ["59 seconds", "10 minutes", "10.0 hours"]


def test_what_a_run_goes_on_from_is_its_checkpoint_and_not_its_log(tmp_path):
    recipe = read_recipe("msrvtt", ["training.checkpoint_every=100"])
    run = done(tmp_path).run
    (run / "metrics.jsonl").write_text('{"step": 250, "kind": "train", "seconds": 1.0}\n')
    assert planning._kept_steps(run, recipe) == 0
    (run / "checkpoint.pt").write_bytes(b"")
    assert planning._kept_steps(run, recipe) == 200
    (run / "last").mkdir()
    (run / "last" / "model.safetensors").write_bytes(b"")
    assert planning._kept_steps(run, recipe) == 250
