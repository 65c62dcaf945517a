"""`hbi data check` on a data set with faults put in, as a person runs it."""

import json
import os
import shutil

import pytest
from annotation_samples import msrvtt_data, write
from made_up_msrvtt import TEST, TRAIN, write_msrvtt, write_sound, write_video
from typer.testing import CliRunner

from hbi.cli.data import data_app
from hbi.data.samples import DataError
from hbi.experiments.checking import decoding
from hbi.processes import map_in_processes


def check(folder, *options, dataset="msrvtt"):
    """Run the command; return its exit code, what it printed, and its report."""
    arguments = ["check", dataset, "--annotations", str(folder / "annotations"), "--videos", str(folder / "videos")]
    result = CliRunner().invoke(
        data_app, [*arguments, "--json", str(folder / "out.json"), "--workers", "1", *options], env={"COLUMNS": "160"}
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output, json.loads((folder / "out.json").read_text())


@pytest.fixture
def faulty(tmp_path):
    """A data set with one fault of each kind."""
    annotations, videos = write_msrvtt(tmp_path)
    train = videos / "TrainValVideo"
    (train / "video0.mp4").unlink()
    (train / "video1.mp4").write_bytes(b"")
    write_sound(train / "video2.mp4")
    (train / "video3.mp4").write_text("this is no video")
    write_video(train / "video4.mkv", seed=4, num_frames=40, is_cut=True)
    (train / "video4.mp4").unlink()
    shutil.copy(videos / "TestVideo" / f"{TEST[0]}.mp4", train / "video5.mp4")
    write(train / "copies" / "video6.mkv", b"")
    shutil.copy(train / "video6.mp4", train / "video9.mp4")
    data = msrvtt_data(splits=dict.fromkeys(TRAIN, "train"), captions_per_video=2)
    data["sentences"] += [
        {"video_id": "video7", "caption": ""},
        {"video_id": "video7", "caption": "a very " * 20 + "long text"},
        {"video_id": "video8", "caption": "a person does 2"},
        {"video_id": "video9", "caption": "A person does 2"},
    ]
    write(annotations / "MSRVTT_data.json", data)
    write(annotations / "MSRVTT_train.9k.csv", "video_id\n" + "".join(f"{name}\n" for name in (*TRAIN, TEST[1])))
    return tmp_path


def test_every_fault_is_counted_and_listed(faulty):
    code, output, report = check(faulty)
    assert code == 1
    train, test = report["splits"]
    assert train["missing"] == ["video0"]
    assert {fault["video_id"]: fault["cause"] for fault in train["undecodable"]} == {
        "video1": "the file is empty",
        "video2": "it has no video stream",
        "video3": "not a readable video (Invalid data found when processing input)",
    }
    (damaged,) = train["damaged"]
    assert damaged["video_id"] == "video4"
    assert damaged["cause"].startswith("truncated")
    assert train["empty_captions"] == ["video7", TEST[1]]
    (cut,) = train["cut_captions"]
    assert (cut["video_id"], cut["num_words"]) == ("video7", 44)
    assert train["num_repeated_captions"] == 2
    assert train["rival_files"] == ["video6"]
    assert (train["copies"], test["copies"]) == (["video9 = video6"], [])
    assert (train["num_videos"], train["num_decoded"], test["num_decoded"]) == (11, 10, 4)
    assert [(leak["kind"], leak["video_ids"]) for leak in report["leaks"]] == [
        ("videos", [TEST[1]]),
        ("files of the same content", [f"video5 = {TEST[0]}"]),
    ]
    assert report["num_shared_captions"] == 1
    for line in (
        "train: 11 videos, but 9000 are published",
        "test: 4 texts, but 1000 are published",
        "train: 1 videos have no file",
        "train: 3 videos cannot be decoded",
        "train: 1 videos are damaged",
        "train: 2 captions are empty",
        "train and test share 1 videos",
        "train and test share 1 files of the same content",
    ):
        assert line in output
        assert any(line in problem for problem in report["problems"])
    assert "published work chooses its weights on the test split" in " ".join(output.split())


def test_a_stopped_check_goes_on_where_it_was(tmp_path, monkeypatch):
    write_msrvtt(tmp_path)
    journal = tmp_path / "out.videos.jsonl"
    decoded = []
    real = decoding.decode

    def stop_after_six(task):
        if len(decoded) == 6:
            raise KeyboardInterrupt
        decoded.append(task.path)
        return real(task)

    monkeypatch.setattr(decoding, "decode", stop_after_six)
    with pytest.raises((KeyboardInterrupt, FileNotFoundError)):
        check(tmp_path)
    assert len(journal.read_text().splitlines()) == 6
    with journal.open("a") as file:
        file.write('[{"path": "half a li')
    monkeypatch.setattr(decoding, "decode", lambda task: decoded.append(task.path) or real(task))
    _, _, first = check(tmp_path)
    assert len(decoded) == len(set(decoded)) == len(TRAIN) + len(TEST)
    path = tmp_path / "videos" / "TestVideo" / f"{TEST[0]}.mp4"
    write_video(path, seed=99, num_frames=12)
    _, _, second = check(tmp_path)
    assert decoded[len(TRAIN) + len(TEST) :] == [str(path)]
    assert second["splits"][1]["durations_seconds"]["most"] > first["splits"][1]["durations_seconds"]["most"]


def test_a_whole_data_set_is_no_trouble(tmp_path):
    for number in range(4):
        write_video(tmp_path / "videos" / f"clip{number}.mp4", seed=number)
    rows = "".join(
        f"clip{number}.mp4,caption {number},{split}\n" for number, split in enumerate(("train", "val", "test"))
    )
    write(tmp_path / "annotations" / "mine.csv", "video,caption,split\n" + rows)
    code, output, report = check(tmp_path, dataset="own")
    assert (code, report["problems"]) == (0, [])
    assert "no problems" in output
    assert report["splits"][0]["durations_seconds"]["total"] == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "valid"], "unknown split 'valid'; the splits are train, val, test"),
        (["--protocol", "1k"], "MSR-VTT has no protocol '1k'"),
        (["--protocol", "full", "--split", "val"], "holds no videos of the split 'val' of MSR-VTT"),
        (["--tokenizer", "nowhere"], "no folder nowhere: give one with a saved tokenizer"),
    ],
)
def test_mistakes(tmp_path, options, message):
    write_msrvtt(tmp_path)
    with pytest.raises(DataError) as caught:
        check(tmp_path, *options)
    assert message in str(caught.value)


def negate_unless_deadly(number):
    if number == 3:
        os._exit(1)
    return -number


@pytest.mark.slow
def test_an_item_that_kills_its_process_does_not_stop_the_others():
    results = dict(map_in_processes(negate_unless_deadly, range(8), num_workers=2))
    assert results == {number: None if number == 3 else -number for number in range(8)}


def test_questions_are_checked_too(tmp_path):
    row = {"question": "what is it?", "answer": "a dog", "video_id": "video1"}
    write(tmp_path / "annotations" / "val.jsonl", [row, row | {"question": "who is it?"}, row | {"video_id": "video2"}])
    write_video(tmp_path / "videos" / "video1.mp4", seed=1)
    code, output, report = check(tmp_path, "--split", "val", dataset="msrvtt-qa")
    assert code == 1
    (val,) = report["splits"]
    assert (val["num_videos"], val["num_texts"], val["missing"], val["num_decoded"]) == (2, 3, ["video2"], 1)
    assert "val: 3 texts, but 12278 are published" in output
