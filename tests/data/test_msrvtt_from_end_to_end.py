"""Check, pack, train two steps and evaluate, on a data set laid out as MSR-VTT, with faults and without."""

import json

import pytest
from annotation_samples import msrvtt_data, write
from made_up_msrvtt import TEST, TRAIN, write_msrvtt, write_sound
from typer.testing import CliRunner

from hbi.cli.app import app

SMALL = {
    "data.num_frames": "3",
    "data.frames_per_position": "2",
    "data.image_size": "24",
    "data.max_words": "12",
    "model.clip": "null",
    "model.width": "16",
    "model.heads": "2",
    "model.patch_size": "8",
    "model.vision_layers": "1",
    "model.text_layers": "1",
    "model.temporal_layers": "1",
    "model.merge_heads": "2",
    "model.head_channels": "4",
    "training.num_steps": "2",
    "training.batch_size": "4",
    "training.micro_batch_size": "null",
    "training.warmup_steps": "0",
    "training.precision": "fp32",
    "training.log_every": "1",
    "training.validate_every": "2",
    "training.checkpoint_every": "2",
}


def hbi(*arguments):
    """Run `hbi`, which must succeed; return what it printed."""
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def options(recipe="msrvtt", **data):
    values = SMALL | {f"data.{name}": str(value) for name, value in data.items()}
    return [recipe, *(part for key, value in values.items() for part in ("--set", f"{key}={value}"))]


pytestmark = pytest.mark.slow


@pytest.fixture
def faulty(tmp_path):
    """A data set with a broken, a silent-picture and a missing video, an empty and a long caption."""
    annotations, videos = write_msrvtt(tmp_path)
    (videos / "TrainValVideo" / "video1.mp4").write_bytes(b"")
    write_sound(videos / "TrainValVideo" / "video2.mp4")
    (videos / "TrainValVideo" / "video3.mp4").unlink()
    (videos / "TestVideo" / f"{TEST[3]}.mp4").write_text("no video")
    data = msrvtt_data(splits=dict.fromkeys((*TRAIN, *TEST), "train"), captions_per_video=2)
    data["sentences"] += [
        {"video_id": "video4", "caption": " "},
        {"video_id": "video5", "caption": "a very " * 20 + "long text"},
    ]
    write(annotations / "MSRVTT_data.json", data)
    return tmp_path


def test_packed_frames_train_and_evaluate_without_the_videos(faulty):
    frames, run = faulty / "frames", faulty / "run"
    output = hbi("data", "pack", *options(root=faulty), frames, "--workers", 1)
    # Lines wrap at 80 columns, wherever the path to the temporary folder ends.
    assert "train:7of9videos,6framesof24pixels" in "".join(output.split())
    assert "test:3of4videos,3framesof24pixels" in "".join(output.split())
    assert sorted(path.name for path in frames.iterdir()) == ["test", "train"]
    faults = (frames / "train" / "faults.txt").read_text().splitlines()
    assert [fault.split(":")[0] for fault in faults] == ["video3", "video4", "train", "video1", "video2"]
    (faulty / "videos").rename(faulty / "elsewhere")
    hbi("train", *options(root=faulty, frames=frames), "--out", run)
    assert f"frames: {frames}" in (run / "recipe.yaml").read_text()
    report = check_evaluation(run)
    assert report["num_videos"] == 3


def test_videos_themselves_train_and_evaluate(faulty):
    run = faulty / "run"
    output = hbi("train", *options(root=faulty), "--out", run)
    assert "video3: no video file of this name" in output
    faults = (run / "faults.txt").read_text()
    for told in (
        "video4: a caption is empty",
        "1 of 19 texts are cut to 12 tokens",
        "the file is empty",
        "no video stream",
    ):
        assert told in faults
    assert check_evaluation(run)["num_videos"] == 3


def check_evaluation(run):
    """Evaluate; the broken test video is told and neither sought nor found."""
    hbi("evaluate", run)
    report = json.loads((run / "metrics.json").read_text())
    assert [fault for fault in report["faults"] if TEST[3] in fault]
    ranked = (run / "ranks-test.csv").read_text()
    assert all(name in ranked for name in TEST[:3])
    assert TEST[3] not in ranked
    return report


def test_other_sampling_than_packed_is_refused(faulty):
    frames = faulty / "frames"
    hbi("data", "pack", *options(root=faulty), frames, "--workers", 1, "--split", "train")
    with pytest.raises(Exception, match="was packed with num_frames 6, not 12: pack it again") as caught:
        hbi("train", *options(root=faulty, frames=frames, frames_per_position=4), "--out", faulty / "run")
    assert "\n" not in str(caught.value)


def test_own_videos_without_code(faulty):
    videos = faulty / "videos"
    rows = "".join(
        f"{name},{name} does a thing,train\n" for name in TRAIN if name not in {"video1", "video2", "video3"}
    )
    rows += "".join(
        f"{name},{name} does it,{split}\n" for name, split in zip(TEST, ("val", "test", "test"), strict=False)
    )
    table = write(faulty / "mine.csv", "video,caption,split\n" + rows)
    run = faulty / "run"
    hbi("train", *options(dataset="own", annotations=table, videos=videos), "--out", run)
    hbi("evaluate", run)
    assert json.loads((run / "metrics.json").read_text())["num_videos"] == 2
