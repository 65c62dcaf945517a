"""`hbi reproduce` as a person runs it: to its end, killed in every stage, and with what may be missing."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from end_to_end.conftest import ENVIRONMENT, HBI, call, succeed_here
from end_to_end.test_interrupted_training import drafts_in, log_of, steps_of
from hbi.experiments.reproducing.plan import BENCHMARKS
from small_benchmarks import settings, small_clip, small_msrvtt, small_msrvtt_qa

pytestmark = pytest.mark.slow

OUT = Path("runs") / "reproduce-msrvtt"
SLOWEST_SECONDS = 300.0


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a small CLIP, MSR-VTT and MSRVTT-QA; to be copied."""
    folder = tmp_path_factory.mktemp("reproduce")
    small_clip(folder / "clip")
    small_msrvtt(folder / "data" / "msrvtt")
    small_msrvtt_qa(folder / "data" / "msrvtt-qa")
    return folder


def command(benchmark: str = "msrvtt", *more: object, **changes: str) -> list[str]:
    """The words of a small reproduction in the folder that it is called in."""
    options = ["--clip", "clip", "--device", "cpu", "--workers", "1", "--partial"]
    return ["reproduce", benchmark, *options, *settings(**changes), *map(str, more)]


@pytest.fixture
def here(place, tmp_path, monkeypatch) -> Path:
    """A copy of `place`, to work in."""
    shutil.copytree(place, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def report_of(out: Path) -> dict:
    """The report without what depends on the clock and the machine."""
    report = json.loads((out / "report.json").read_text())
    return {name: value for name, value in report.items() if name not in ("environment", "training_seconds")}


def test_killed_in_every_stage_it_ends_as_one_that_was_not(here, place, tmp_path, monkeypatch):
    succeed_here(*command())
    other = shutil.copytree(place, tmp_path / "killed")
    out, frames = other / OUT, other / "data" / "msrvtt" / "packed-frames"
    moments: dict[str, Callable[[], bool]] = {
        "1/5  check": lambda: lines_in(out / "check.videos.jsonl") >= 3,
        "2/5  pack": lambda: lines_in(frames / "train" / "videos.jsonl") >= 3,
        "3/5  train": lambda: steps_of(out / "run") >= 3,
        "4/5  evaluate": lambda: True,
        "5/5  report": lambda: True,
    }
    left = {stage: kill(other, stage, has_come) for stage, has_come in moments.items()}
    # Each began where the one before was ended, and left its stage undone.
    assert not left["1/5  check"] & {"check.json", "frames"}
    assert left["2/5  pack"] >= {"check.json", "frames"}
    assert "steps" not in left["2/5  pack"]
    assert "steps" in left["3/5  train"]
    assert "last" not in left["3/5  train"]
    assert "last" in left["4/5  evaluate"]
    assert "report.json" not in left["4/5  evaluate"]
    assert "metrics.json" in left["5/5  report"]
    monkeypatch.chdir(other)
    succeed_here(*command())
    same_end(here, other)


def same_end(ours: Path, theirs: Path) -> None:
    """Compare what two reproductions left, bit by bit."""
    assert report_of(ours / OUT) == report_of(theirs / OUT)
    assert log_of(ours / OUT / "run") == log_of(theirs / OUT / "run")
    for name in ("model.safetensors", "last/model.safetensors"):
        one, other = (load_file(each / OUT / "run" / name) for each in (ours, theirs))
        assert one.keys() == other.keys()
        assert all((one[key] == other[key]).all() for key in one)
    frames = Path("data") / "msrvtt" / "packed-frames"
    for name in (*(OUT / "run" / each for each in ("metrics.json", "ranks-test.csv")), frames / "train" / "frames.jpg"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    assert not drafts_in(theirs)


def kill(folder: Path, stage: str, has_come: Callable[[], bool]) -> set[str]:
    """Start it, kill it in a stage at a moment, and return what it left by then."""
    printed = folder / "printed.txt"
    with printed.open("w") as file:
        process = subprocess.Popen(
            [HBI, *command()], cwd=folder, env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}, stdout=file, stderr=file
        )
    started = time.monotonic()
    while not (stage in printed.read_text() and has_come()):
        assert process.poll() is None, printed.read_text()
        assert time.monotonic() - started < SLOWEST_SECONDS, printed.read_text()
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    out = folder / OUT
    there = {name for name in ("check.json", "report.json") if (out / name).is_file()}
    there |= {"frames"} if (folder / "data" / "msrvtt" / "packed-frames").is_dir() else set()
    there |= {"steps"} if steps_of(out / "run") else set()
    there |= {"last"} if (out / "run" / "last" / "model.safetensors").is_file() else set()
    return there | ({"metrics.json"} if (out / "run" / "metrics.json").is_file() else set())


def lines_in(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.is_file() else 0


def test_a_finished_one_has_nothing_left_to_do_and_can_become_longer(here):
    first = succeed_here(*command())
    assert "0 of 14 videos packed" in first
    assert "The report: runs/reproduce-msrvtt/report.html" in first
    report = report_of(OUT)
    shutil.rmtree("data")
    again = succeed_here("reproduce", "msrvtt")
    assert again.count("done before") == 4
    assert report_of(OUT) == report


def test_frames_are_enough_and_a_longer_training_is_measured_anew(here):
    succeed_here(*command("msrvtt", "--until", "pack"))
    shutil.rmtree("data/msrvtt/videos")
    said = succeed_here(*command())
    assert "the videos are gone, and their frames are packed" in said
    longer = succeed_here("reproduce", "msrvtt", "--partial", "--device", "cpu", "--set", "training.num_steps=8")
    assert "14 of 14 videos packed" in longer
    assert "step 6 of 8" in longer
    assert report_of(OUT)["num_steps"] == 8
    code, _, stderr = call("reproduce", "msrvtt", "--partial", "--device", "cpu", "--set", "training.lr=3")
    assert code == 2
    assert "training.lr=0.0001, not 3.0" in stderr


def test_the_report_says_what_it_is_not(here):
    printed = succeed_here(*command())
    report = report_of(OUT)
    assert report["paper"] == ""
    assert report["why_no_paper"].startswith("4 of 1,000 test videos")
    assert all(each["paper"] is None for each in report["measures"])
    assert report["sizes"] == {"videos": 4, "texts": 4}
    told = "\n".join(report["differences"])
    assert "model.encoder=clip, not openai/clip-vit-base-patch32" in told
    assert "train: 10 videos, but 9000 are published" in told
    assert "micro_batch_size" not in told
    assert "data.root" not in told
    assert all(line in printed for line in report["differences"])
    page = (OUT / "report.html").read_text()
    for words in ("text to video R@1", "model.encoder=clip", "9000 are published", "torch", "4 of 1,000 test videos"):
        assert words in page
    by_name = {(each["task"], each["measure"]): each for each in report["measures"]}
    metrics = json.loads((OUT / "run" / "metrics.json").read_text())
    ours = by_name["text to video", "recall@1"]
    assert ours["ours"] == metrics["text_to_video"]["recall@1"]
    assert [ours["low"], ours["high"]] == [metrics["intervals_text_to_video"][0][name] for name in ("low", "high")]


def test_measures_of_other_weights_or_another_ranking_are_not_taken(here):
    succeed_here(*command())
    report = report_of(OUT)
    for other in (["--weights", "last"], ["--dsl"]):
        succeed_here("evaluate", OUT / "run", "--device", "cpu", *other)
        said = succeed_here("reproduce", "msrvtt", "--partial", "--device", "cpu")
        assert "is trained" in said
        assert report_of(OUT) == report
    (OUT / "run" / "metrics.json").write_text("{")
    succeed_here("reproduce", "msrvtt", "--partial", "--device", "cpu")
    assert report_of(OUT) == report


def test_questions_are_answered_beside_the_baseline(here):
    changes = {"data_num_answers": "3", "training_micro_batch_size": "null", "model_answer_channels": "16"}
    printed = succeed_here(*command("msrvtt-qa", **changes))
    assert "6 steps, and 2 of the baseline without videos" in printed
    out = Path("runs") / "reproduce-msrvtt-qa"
    report = report_of(out)
    [accuracy] = report["measures"]
    metrics = json.loads((out / "run" / "metrics.json").read_text())
    assert accuracy["ours"] == metrics["accuracies"][0]["accuracy"]
    assert 0 <= accuracy["low"] <= accuracy["ours"] <= accuracy["high"] <= 100
    assert accuracy["paper"] is None
    assert report["sizes"] == {"videos": 4, "questions": 8}
    assert metrics["accuracies"][0]["question_only"] is not None
    assert "accuracy of questions" in (out / "report.html").read_text()


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_plan_without_data_says_what_it_would_take_and_what_is_missing(benchmark, place, tmp_path):
    out = tmp_path / "out"
    options = ["--root", tmp_path / "none", "--clip", place / "clip", "--out", out, "--device", "cpu", *settings()]
    code, printed, stderr = call("reproduce", benchmark, *options, "--dry-run")
    assert code == 1, stderr
    published = {"msrvtt": "10,000", "activitynet": "14,926", "didemo": "10,464", "msrvtt-qa": "10,000"}[benchmark]
    assert f"0 of {published} videos packed" in printed
    assert "assumed: 8.2 ms and 20.9 kB a frame" in printed
    assert "measured now on cpu" in printed
    assert "In all about" in printed
    assert "in the way: train: no folder" in printed
    assert not out.exists()
    code, _, stderr = call("reproduce", benchmark, *options)
    assert code == 2
    assert "nothing was begun: train: no folder" in stderr.splitlines()[-1]
    assert not out.exists()


def test_what_is_in_the_way_is_said_before_anything_begins(here, monkeypatch):
    videos = here / "data" / "msrvtt" / "videos" / "TestVideo"
    next(videos.iterdir()).unlink()
    whole = [word for word in command() if word != "--partial"]
    code, printed, stderr = call(*whole)
    assert code == 2
    assert "test: 1 of 4 videos have no file (video97" in printed
    assert "10 videos and 30 texts, and 9,000 and 180,000 are published" in printed
    assert "(and " in stderr.splitlines()[-1]
    few = list(command(training_batch_size="11"))
    assert "a step takes 11 videos and 10 are there" in call(*few, "--dry-run")[1]
    code, printed, _ = call(*command("msrvtt", "--clip", "nobody/clip"), "--dry-run")
    assert code == 1
    assert "nobody/clip: there is no such folder or file" in printed
    assert "--clip names a folder" in printed
    shutil.rmtree(videos)
    assert "in the way: test:" in call(*command(), "--dry-run")[1]
    shutil.rmtree(videos.parent)
    assert f"no folder {Path('data/msrvtt/videos')}" in call(*command(), "--dry-run")[1]
    assert not (here / "runs").exists()


def test_a_video_that_cannot_be_decoded_ends_it_or_is_left_out(here):
    (here / "data" / "msrvtt" / "videos" / "TrainValVideo" / "video3.mp4").write_text("no video")
    said = succeed_here(*command("msrvtt", "--until", "check"))
    assert "train: 1 videos cannot be decoded" in said
    succeed_here(*command("msrvtt"))
    assert "train: 1 videos cannot be decoded" in report_of(OUT)["differences"]


def test_frames_of_another_kind_and_a_foreign_folder_are_not_taken(here):
    succeed_here(*command("msrvtt", "--until", "pack"))
    printed = call(*command("msrvtt", "--dry-run", data_num_frames="2"))[1]
    assert "was packed with num_frames 3, not 2" in printed
    assert "in the way" not in succeed_here(
        *command("msrvtt", "--dry-run", "--packed", "other-frames", data_num_frames="2")
    )
    (here / OUT / "run").mkdir(parents=True)
    (here / OUT / "run" / "letter.txt").write_text("mine")
    assert "is not empty and holds no run" in call(*command("msrvtt", "--dry-run"))[1]


def test_several_gpus_are_trained_on_between_two_calls(here, monkeypatch):
    said = succeed_here(*command("msrvtt", "--until", "pack"))
    line = " ".join(said.partition("torchrun ")[2].replace("\\\n", " ").split())
    words = line.replace("--no-python --nproc-per-node 8 hbi ", "").replace("'", "").split()
    succeed_here(*words, "--device", "cpu")
    printed = succeed_here(*command())
    assert "runs/reproduce-msrvtt/run is trained" in printed
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    assert "under torchrun comes hbi train" in call(*command())[2]
