"""ShapeStories on disk: what generation writes, what loading reads back, and what either refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from hbi.errors import HBIError
from hbi.shape_stories import ShapeStoriesError, World, generate_shape_stories, load_stories
from hbi.shape_stories.folder import MANIFEST, UNFINISHED

COUNTS = {"num_train": 3, "num_val": 2, "num_test": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("stories") / "shape_stories"
    generate_shape_stories(root, **COUNTS, seed=3, num_workers=1)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_folder_holds_what_was_asked_for_and_nothing_else(root):
    videos = [
        f"videos/{split}/{n:05d}.mp4" for split, count in (("train", 3), ("val", 2), ("test", 2)) for n in range(count)
    ]
    assert set(contents(root)) == {MANIFEST, "train.jsonl", "val.jsonl", "test.jsonl", *videos}
    manifest = json.loads((root / MANIFEST).read_text())
    assert manifest["seed"] == 3
    assert manifest["counts"] == {"train": 3, "val": 2, "test": 2}
    assert ["red", "star"] in manifest["world"]["held_out_color_shapes"]
    assert "crimson" in manifest["vocabulary"]["color"]["red"]


def test_loaded_stories_are_whole(root):
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        stories = load_stories(root, split)
        assert [story.video_id for story in stories] == [f"{split}-{index:05d}" for index in range(count)]
        for story in stories:
            assert story.video.is_file()
            assert story.video.is_relative_to(root)
            assert bool(story.minimal_pairs) == (split != "train")
            for caption in story.captions:
                assert story.video_id in caption.satisfied_by
                assert all(caption.text[m.start : m.end].strip() for m in caption.mentions)


def test_videos_are_h264_of_the_promised_size_rate_and_length(root):
    for split in ("train", "val", "test"):
        for story in load_stories(root, split):
            with av.open(str(story.video)) as container:
                stream = container.streams.video[0]
                assert stream.codec_context.name == "h264"
                assert stream.codec_context.pix_fmt == "yuv420p"
                assert (stream.width, stream.height) == (World().size_pixels,) * 2
                assert stream.average_rate == World().frames_per_second
                assert container.duration / av.time_base == pytest.approx(story.duration_seconds, abs=0.01)
                times = [frame.time for frame in container.decode(stream)]
            assert times == [index / World().frames_per_second for index in range(len(times))]
            assert len(times) / World().frames_per_second == story.duration_seconds


def test_same_seed_gives_the_same_bytes_with_any_number_of_processes(root, tmp_path):
    generate_shape_stories(tmp_path / "again", **COUNTS, seed=3, num_workers=2)
    assert contents(tmp_path / "again") == contents(root)


def test_another_seed_gives_other_stories(root, tmp_path):
    generate_shape_stories(tmp_path / "other", num_train=1, num_val=0, num_test=0, seed=4, num_workers=1)
    assert load_stories(tmp_path / "other", "train")[0].events != load_stories(root, "train")[0].events
    assert load_stories(tmp_path / "other", "test") == []


def test_finished_folder_is_left_alone(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    calls = []
    generate_shape_stories(root, **COUNTS, seed=3, progress=lambda *numbers: calls.append(numbers))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert calls == []


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 4}, "seed"), ({"num_val": 9}, "counts"), ({"world": World(noise_contrast=(0.0, 0.0))}, "world")],
)
def test_folder_of_other_settings_is_refused(root, change, named):
    before = contents(root)
    with pytest.raises(ShapeStoriesError, match=f"of another {named}; delete") as error:
        generate_shape_stories(root, **(COUNTS | {"seed": 3} | change))
    assert "\n" not in str(error.value)
    assert contents(root) == before


def test_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ShapeStoriesError, match="is not ShapeStories"):
        generate_shape_stories(tmp_path, **COUNTS)
    assert contents(tmp_path) == {"thesis.tex": b"precious"}
    with pytest.raises(ShapeStoriesError, match="is not ShapeStories"):
        generate_shape_stories(tmp_path / "thesis.tex", **COUNTS)


def test_what_cannot_be_written_is_one_line_and_keeps_what_is_drawn(tmp_path):
    out = tmp_path / "out"
    in_the_way = out / "videos" / "val" / f"00000.{os.getpid()}.partial"
    with pytest.raises(ShapeStoriesError, match=r"cannot write .*val/00000\.mp4") as error:
        generate_shape_stories(
            out, **COUNTS, num_workers=1, progress=lambda *_: in_the_way.mkdir(parents=True, exist_ok=True)
        )
    assert "\n" not in str(error.value)
    assert len(list(out.rglob("*.mp4"))) == 3
    in_the_way.rmdir()
    generate_shape_stories(out, **COUNTS, num_workers=1)
    assert len(list(out.rglob("*.mp4"))) == 7


KILLED_RUN = """
import multiprocessing, os, pathlib, signal, sys
from hbi.shape_stories import generate_shape_stories
if __name__ == "__main__":
    def tell(done, total):
        print(done, *(child.pid for child in multiprocessing.active_children()), flush=True)
        if done:  # killed from inside: a signal from the test may come when all is drawn
            os.kill(os.getpid(), signal.SIGKILL)
    generate_shape_stories(
        pathlib.Path(sys.argv[1]), num_train=28, num_val=2, num_test=2, seed=3, num_workers=2, progress=tell)
"""


def test_killed_generation_goes_on_where_it_stopped(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(KILLED_RUN)
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, str(script), str(out)], stdout=subprocess.PIPE, text=True)
    with process.stdout:
        _, *workers = map(int, process.stdout.readlines()[-1].split())
    assert process.wait() == -signal.SIGKILL
    assert len(workers) == 2
    assert all(ends_soon(worker) for worker in workers), "a killed run leaves no process behind"
    assert (out / UNFINISHED).exists()
    with pytest.raises(ShapeStoriesError, match="no finished ShapeStories"):
        load_stories(out, "train")
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    # Not all 32, unless the workers were quicker than the kill, which a busy machine may delay.
    assert len(kept) >= 8

    arguments = {"num_train": 28, "num_val": 2, "num_test": 2, "seed": 3, "num_workers": 1}
    progress = []
    generate_shape_stories(out, **arguments, progress=lambda *numbers: progress.append(numbers))
    assert progress[0] == (len(kept), 32)
    assert progress[-1] == (32, 32)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    generate_shape_stories(tmp_path / "unbroken", **arguments)
    assert contents(out) == contents(tmp_path / "unbroken")


def ends_soon(process: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


def test_unfinished_folder_of_another_seed_is_refused(tmp_path, root):
    (tmp_path / UNFINISHED).write_text((root / MANIFEST).read_text())
    with pytest.raises(ShapeStoriesError, match="another seed"):
        generate_shape_stories(tmp_path, **COUNTS, seed=4)


def damaged(root: Path, folder: Path, line: str) -> Path:
    folder.joinpath(MANIFEST).write_text((root / MANIFEST).read_text())
    lines = (root / "train.jsonl").read_text().splitlines()
    folder.joinpath("train.jsonl").write_text("\n".join([lines[0], line, lines[2]]))
    return folder


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", '{"video_id": "train-00001"}', '{"video_id": 3, "events": [{"hue": 1}]}', '"text"'],
)
def test_malformed_line_is_named(root, tmp_path, line):
    with pytest.raises(ShapeStoriesError, match=r"train\.jsonl, line 2 is malformed") as error:
        load_stories(damaged(root, tmp_path, line), "train")
    assert "\n" not in str(error.value)


def test_fields_of_the_wrong_type_are_named(root, tmp_path):
    good = json.loads((root / "train.jsonl").read_text().splitlines()[1])
    for key, value in (
        ("duration_seconds", "long"),
        ("captions", [{"text": 3, "mentions": [], "satisfied_by": []}]),
        ("events", [[1, 2]]),
        ("video", 5),
        ("video_id", None),
    ):
        with pytest.raises(ShapeStoriesError, match=rf"train\.jsonl, line 2 is malformed \({key}"):
            load_stories(damaged(root, tmp_path, json.dumps(good | {key: value})), "train")


def test_missing_things_are_named(root, tmp_path):
    with pytest.raises(ShapeStoriesError, match="does not exist; run: hbi data shape-stories"):
        load_stories(tmp_path / "nowhere", "train")
    with pytest.raises(ShapeStoriesError, match="no split 'dev'"):
        load_stories(root, "dev")
    tmp_path.joinpath(MANIFEST).write_text((root / MANIFEST).read_text())
    with pytest.raises(ShapeStoriesError, match=r"val\.jsonl cannot be read"):
        load_stories(tmp_path, "val")
    tmp_path.joinpath(MANIFEST).write_text("not json")
    with pytest.raises(ShapeStoriesError, match="is not JSON"):
        generate_shape_stories(tmp_path, **COUNTS)
    assert issubclass(ShapeStoriesError, HBIError)


def test_a_drawing_process_does_not_load_the_engine():
    code = "import sys, hbi.shape_stories; print({'torch', 'transformers', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
