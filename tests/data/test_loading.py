"""Annotations and video files brought together."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from annotation_samples import msrvtt_data, write

from hbi.data.annotation_files import read_pickle
from hbi.data.benchmarks import find_benchmark
from hbi.data.frames import FrameStore
from hbi.data.loading import load_split
from hbi.data.samples import DataError, Evidence, MinimalPair, Question, Split, Text, Video
from hbi.data.video_files import VideoFiles


def test_files_are_found_by_name_in_any_layout(tmp_path):
    clip = "0001_American_Beauty_00.00.51.926-00.00.54.129"
    for name in ("video1.mp4", f"0001_American_Beauty/{clip}.avi", "a/b/video2.WebM", "a/notes.txt", "1@N00_2.mov"):
        write(tmp_path / name, b"")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    files = VideoFiles(tmp_path)
    assert len(files.paths) == 4
    assert files.find("video1").name == "video1.mp4"
    assert files.find("video2.mp4").name == "video2.WebM"
    assert files.find(clip).name == f"{clip}.avi"
    assert files.find("1@N00_2.mp4").name == "1@N00_2.mov"
    assert files.find("unknown", "video1").name == "video1.mp4"
    assert files.find("notes") is None
    with pytest.raises(DataError, match=r"no folder .*nowhere: give the one that holds the videos"):
        VideoFiles(tmp_path / "nowhere")


def test_what_is_left_out_is_listed(tmp_path):
    data = msrvtt_data(splits={"video0": "train", "video1": "train", "video2": "train"}, captions_per_video=1)
    data["sentences"] += [{"video_id": "video0", "caption": " "}]
    data["videos"] += [{"video_id": "video3", "split": "train"}]
    write(tmp_path / "MSRVTT_data.json", data)
    for name in ("video0.mp4", "video2.mkv", "video3.mp4"):
        write(tmp_path / "videos" / name, b"")
    loaded = load_split(find_benchmark("msrvtt"), "full", "train", annotations=tmp_path, videos=tmp_path / "videos")
    assert [video.video_id for video in loaded.split.videos] == ["video0", "video2"]
    assert [(text.text, text.video, text.satisfied_by) for text in loaded.split.texts] == [
        ("video0 does thing 0", 0, (0,)),
        ("video2 does thing 0", 1, (1,)),
    ]
    assert loaded.problems == (
        "video0: a caption is empty",
        f"video1: no video file of this name below {tmp_path / 'videos'}",
        "video3: it has no caption",
    )


def test_paragraphs_keep_their_moments(tmp_path):
    told = {"duration": 9.0, "timestamps": [[0, 4], [4, 9]], "sentences": ["A man  sits.", " He stands. "]}
    write(tmp_path / "val_1.json", {"v_abc": told})
    write(tmp_path / "abc.mkv", b"")
    split = load_split(find_benchmark("activitynet"), None, "test", annotations=tmp_path, videos=tmp_path).split
    assert [text.text for text in split.texts] == ["A man sits. He stands."]
    moments = [(item.text[item.start : item.end], item.start_seconds, item.end_seconds) for item in split.evidence]
    assert moments == [("A man sits.", 0.0, 4.0), ("He stands.", 4.0, 9.0)]


def test_a_folder_of_other_videos_is_a_mistake(tmp_path):
    write(tmp_path / "MSRVTT_JSFUSION_test.csv", "key,vid_key,video_id,sentence\nr,m,video9,a man\n")
    write(tmp_path / "other.mp4", b"")
    with pytest.raises(DataError, match=r"holds none of the 1 videos of MSR-VTT test \(looked for video9.mp4"):
        load_split(find_benchmark("msrvtt"), None, "test", annotations=tmp_path, videos=tmp_path)
    with pytest.raises(DataError, match=r"holds no list of the training videos of MSR-VTT 1k-A-9k: looked for MSRVTT"):
        load_split(find_benchmark("msrvtt"), None, "train", annotations=tmp_path, videos=tmp_path)


class Harmful:
    def __reduce__(self):
        return os.system, ("true",)


def test_pickles_cannot_run_code(tmp_path):
    path = write(tmp_path / "raw-captions.pkl", {"a": [["b"]]})
    assert read_pickle(path) == {"a": [["b"]]}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"a": [["b", "b", "\u00e9"], ["b"]]}, protocol))
        assert read_pickle(path) == {"a": [["b", "b", "\u00e9"], ["b"]]}
        path.write_bytes(pickle.dumps({"a": Harmful()}, protocol))
        with pytest.raises(DataError, match=r"more than dictionaries, lists and texts \((STACK_)?GLOBAL at byte"):
            read_pickle(path)
    path.write_bytes(b"\x80\x04nonsense")
    with pytest.raises(DataError, match="not a readable pickle"):
        read_pickle(path)


def test_some_videos_of_a_split_keep_what_was_written_for_them():
    videos = tuple(Video(name, Path(name)) for name in "abc")
    texts = (Text("of a", 0, (0, 1)), Text("of b", 1, (1,)), Text("of c", 2, (1, 2)))
    pairs = (MinimalPair("color", 1, "x", "y"), MinimalPair("color", 2, "z", "w"))
    evidence = (Evidence("of c", 0, 2, 2, 0.0, 1.0, None), Evidence("of b", 0, 2, 1, 0.0, 1.0, None))
    kept = Split("test", videos, texts, pairs, evidence).only(torch.tensor([True, False, True]))
    assert [video.video_id for video in kept.videos] == ["a", "c"]
    assert kept.texts == (Text("of a", 0, (0,)), Text("of c", 1, (1,)))
    assert kept.minimal_pairs == (MinimalPair("color", 1, "z", "w"),)
    assert kept.evidence == (Evidence("of c", 0, 2, 1, 0.0, 1.0, None),)
    assert torch.equal(kept.relevance, torch.eye(2, dtype=torch.bool))


def test_which_frames_a_span_of_a_video_shows():
    times = torch.tensor([[0.0, 1.2, 2.4], [0.0, 1.2, 0.0]], dtype=torch.float64)
    store = FrameStore(
        torch.zeros(2, 3, 3, 2, 2, dtype=torch.uint8), torch.tensor([[True] * 3, [True, True, False]]), times, ()
    )
    shown = store.is_shown_between(
        [
            Evidence("from a frame to before the next", 0, 1, 0, 1.2, 2.4, None),
            Evidence("no padding", 0, 1, 1, 0.0, 9.0, None),
            Question("the whole video?", 0, (0,), "yes", "what"),
        ]
    )
    assert shown.tolist() == [[False, True, False], [True, True, False], [True, True, True]]
