import csv
import json
import shutil
import signal
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from end_to_end.conftest import call, fail_here, overrides, succeed, succeed_here
from hbi.matching.loading import model_folder_of_run
from hbi.training.objective import OF_THE_LOG

pytestmark = pytest.mark.slow


def metrics(folder, kind):
    """The lines of a run's log without what depends on the clock."""
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if line["kind"] == kind]


def test_help_teaches_every_verb():
    text = succeed("--help")
    for verb in ("data", "demo", "train", "evaluate", "explain", "train-estimator"):
        assert verb in text
        assert "--help" in succeed_here(verb, "--help")
    assert succeed_here("--version").strip()[0].isdigit()


def test_a_run_folder_holds_everything(trained):
    of_training = ("recipe.yaml", "environment.json", "metrics.jsonl", "checkpoint.pt", "README.md")
    of_model = ("config.json", "model.safetensors", "tokenizer.json", "processor_config.json", "SHA256SUMS")
    for name in (*of_training, *of_model):
        assert (trained / name).is_file(), name
    (events,) = (trained / "tensorboard").iterdir()
    assert b"validation/text_to_video/recall@1" in events.read_bytes()
    assert json.loads((trained / "environment.json").read_text())["seed"] == 0
    last = metrics(trained, "train")[-1]
    parts = {name: value for name, value in last.items() if name not in OF_THE_LOG}
    assert last["step"] == 12
    assert last["loss"] == pytest.approx(sum(parts.values()), rel=1e-5)
    assert [line["step"] for line in metrics(trained, "validation")] == [4, 8, 12]
    for which in ("best", "last"):
        assert load_file(model_folder_of_run(trained, which) / "model.safetensors")


def test_evaluate_prints_a_table_and_writes_metrics_and_ranks(trained):
    text = succeed_here("evaluate", trained)
    assert "R@10" in text
    assert "chance" in text
    values = json.loads((trained / "metrics.json").read_text())
    assert values["num_videos"] == 6
    assert {pair["kind"] for pair in values["minimal_pairs"]} == {"color", "shape", "action", "order"}
    assert [level["level"] for level in values["localization"]] == ["entity", "action", "event"]
    with (trained / "ranks-test.csv").open(newline="") as file:
        ranks = [float(row["rank"]) for row in csv.DictReader(file)]
    assert len(ranks) == values["num_texts"]
    assert values["text_to_video"]["mean_rank"] == pytest.approx(sum(ranks) / len(ranks))
    assert values["protocol"]["selection"] == "best on the validation split"
    assert "ShapeStories, test, 6 videos" in text
    assert "post-processing: none" in text

    said = succeed_here("evaluate", trained, "--split", "val", "--weights", "last", "--dsl")
    assert "on val" in said
    assert "after the last step" in said
    assert "post-processing: dual softmax" in said
    assert json.loads((trained / "metrics-val.json").read_text())["protocol"]["post_processing"] == "dual softmax"


def test_compare_tells_two_runs_apart_by_their_ranks(trained, tmp_path):
    succeed_here("evaluate", trained)
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    for file in other.glob("ranks-test*.csv"):
        rows = list(csv.DictReader(file.open(newline="")))
        with file.open("w", newline="") as target:
            writer = csv.DictWriter(target, ("video_id", "rank", "text"), extrasaction="ignore")  # as of before
            writer.writeheader()
            writer.writerows(row | {"rank": 1.0} for row in rows)
    text = succeed_here("compare", trained, other)
    assert text.count("recall@10") == 2
    assert "100.0" in text
    assert "hbi evaluate" in fail_here("compare", trained, tmp_path)
    assert "hbi evaluate" in fail_here("compare", trained, other, "--split", "train")


@pytest.mark.parametrize("ending", ["html", "png", "json"])
def test_explain_writes_one_file(trained, data, tmp_path, ending):
    out = tmp_path / "new" / f"explanation.{ending}"
    video = data / "videos" / "test" / "00000.mp4"
    succeed_here("explain", trained, video, "a red circle slides left", "--out", out, "--start", 1, "--end", 6)
    assert out.stat().st_size > 1000
    if ending == "json":
        values = json.loads(out.read_text())
        assert [level["level"] for level in values["levels"]] == ["entity", "action", "event"]
        assert values["frames"][0]["start_seconds"] >= 1


def test_teachers_are_interchangeable(data, trained, tmp_path):
    estimator = tmp_path / "estimator.safetensors"
    succeed_here("train-estimator", "--out", estimator, "--steps", 3, "--batch-size", 4, "--words", 5, "--frames", 4)
    short = {"data_root": str(data), "training_num_steps": "2"}
    losses = {"exact": metrics(trained, "train")[0]["interaction/entity"]}
    for teacher, changes in {
        "sampled": {"objective_num_samples": "3"},
        "estimator": {"objective_estimator": str(estimator)},
    }.items():
        settings = overrides(**short, objective_teacher=teacher, **changes)
        succeed_here("train", "shape-stories", *settings, "--out", tmp_path / teacher)
        losses[teacher] = metrics(tmp_path / teacher, "train")[0]["interaction/entity"]
    assert len(set(losses.values())) == 3
    # What is drawn depends on the seed and the step alone.
    again = overrides(**short, objective_teacher="sampled", objective_num_samples="3")
    succeed_here("train", "shape-stories", *again, "--out", tmp_path / "again")
    assert metrics(tmp_path / "sampled", "train") == metrics(tmp_path / "again", "train")
    assert "estimator" in fail_here("train", "shape-stories", *overrides(**short, objective_teacher="estimator"))


def test_the_demo_runs_and_continues_from_what_exists(tmp_path):
    command = [
        "demo",
        "--out",
        tmp_path / "demo",
        "--train",
        12,
        "--val",
        4,
        "--test",
        8,
        *overrides(training_num_steps="4"),
    ]
    first = succeed_here(*command)
    page = (tmp_path / "demo" / "index.html").read_text()
    assert "global contrast" in page
    assert page.count("What truly happens") == 3
    assert (
        page.index("<video data-plays") < page.index("What this is") < page.index("<table") < page.index("Where to go")
    )
    assert "| text to video R@1 |" in (tmp_path / "demo" / "results.md").read_text()
    assert "already trained" not in first
    assert "8 new; 8 segments" in first
    assert first.count("8 segments, all looked at") in (2, 3)
    assert "No good match" in first[first.index("pancake") :]
    assert "8 sentences of the test videos, searched for: " in first
    assert f"hbi serve {tmp_path / 'demo' / 'search'}" in first
    (tmp_path / "demo" / "index.html").unlink()
    again = succeed_here(*command)
    assert again.count("already trained") == 2
    assert "8 unchanged" in again
    assert (tmp_path / "demo" / "index.html").is_file()


def test_mistakes_end_in_one_line(trained, data, tmp_path):
    video = data / "videos" / "test" / "00000.mp4"
    assert "missing.mp4" in fail_here(
        "explain", trained, tmp_path / "missing.mp4", "a red circle", "--out", tmp_path / "x.html"
    )
    assert "holds no words" in fail_here("explain", trained, video, "   ", "--out", tmp_path / "x.html")
    assert ".html" in fail_here("explain", trained, video, "a red circle", "--out", tmp_path / "x.doc")
    assert "holds no model" in fail_here("evaluate", tmp_path)
    assert "did you mean 'num_steps'" in fail_here(
        "train", "shape-stories", "--set", "training.num_step=1", "--out", tmp_path / "r"
    )
    assert "did you mean 'shape-stories'" in fail_here("train", "shape-story", "--out", tmp_path / "r")
    assert "already holds a run" in fail_here(
        "train", "shape-stories", *overrides(data_root=str(data)), "--out", trained
    )
    assert "another recipe" in fail_here(
        "train", "shape-stories", *overrides(data_root="elsewhere"), "--out", trained, "--resume"
    )
    for name in ("none", "neither"):  # a start that failed leaves the folder free for the corrected recipe
        settings = overrides(data_root=str(tmp_path / name))
        assert "hbi data shape-stories" in fail_here("train", "shape-stories", *settings, "--out", tmp_path / "r")
    assert "no such device" in fail_here("evaluate", trained, "--device", "cuda:77")
    assert not list(tmp_path.glob("x.*")), "nothing is left behind"


def test_debug_shows_the_traceback(tmp_path):
    code, _, error = call("--debug", "evaluate", tmp_path)
    assert code == 2
    assert "Traceback" in error


def test_a_video_that_cannot_be_decoded_is_counted_and_passed_over(data, tmp_path):
    damaged = tmp_path / "data"
    shutil.copytree(data, damaged)
    (damaged / "videos" / "train" / "00003.mp4").write_bytes(b"no video")
    settings = overrides(data_root=str(damaged), training_num_steps="2")
    text = succeed_here("train", "shape-stories", *settings, "--out", tmp_path / "run")
    assert "passed over" in text
    assert "00003.mp4" in text


def test_a_full_disk_ends_in_one_line_and_loses_nothing(trained, data, tmp_path):
    # A limit on the size of files stands for the full disk: writing the next checkpoint fails in the same place.
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "last")
    checkpoint = (folder / "checkpoint.pt").read_bytes()
    recipe = (folder / "recipe.yaml").read_text().replace("num_steps: 12", "num_steps: 15")
    (folder / "recipe.yaml").write_text(recipe)
    with small_files_only():
        line = fail_here("train", folder / "recipe.yaml", "--out", folder, "--resume")
    assert "cannot write" in line
    assert "nothing that was there is lost" in line
    assert (folder / "checkpoint.pt").read_bytes() == checkpoint
    assert "Trained" in succeed_here("train", folder / "recipe.yaml", "--out", folder, "--resume")


@contextmanager
def small_files_only():
    import resource

    ours = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ours)


def test_a_checkpoint_of_before_there_were_several_optimizers_is_named(trained, data, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(trained, folder)
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    state["optimizer"] = state.pop("optimizers")[0]
    torch.save(state, folder / "checkpoint.pt")
    (folder / "SHA256SUMS").unlink()  # there were none, either
    said = fail_here("train", "shape-stories", *overrides(data_root=str(data)), "--out", folder, "--resume")
    assert "was written by an older hbi: delete it to start anew" in said


def test_a_run_opens_without_what_resuming_needs(trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "checkpoint.pt").write_bytes(b"damaged")
    assert "R@10" in succeed_here("evaluate", folder)
    (folder / "checkpoint.pt").unlink()
    assert "R@10" in succeed_here("evaluate", folder)
    assert "Trained" in succeed_here("train", folder / "recipe.yaml", "--out", folder, "--resume")
    assert metrics(folder, "train") == metrics(trained, "train")
