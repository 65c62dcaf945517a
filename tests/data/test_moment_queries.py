"""Where moments come from: benchmarks with times, and own tables with start and end."""

import json
from pathlib import Path

import pytest

from hbi.data.benchmarks import find_benchmark
from hbi.data.loading import load_split
from hbi.data.moment_queries import moment_split
from hbi.data.samples import DataError, MomentQuery, Split, Text, Video


def loaded(name, annotations, videos=None, split="test"):
    benchmark = find_benchmark(name, asks_questions=False)
    return load_split(benchmark, None, split, annotations=annotations, videos=videos).split


def test_didemo_keeps_what_each_annotator_chose(tmp_path):
    record = {"video": "one.mp4", "description": "a dog jumps", "times": [[0, 0], [0, 1], [3, 3]]}
    (tmp_path / "test_data.json").write_text(json.dumps([record]))
    (query,) = loaded("didemo", tmp_path).moments
    assert query == MomentQuery("a dog jumps", 0, ((0.0, 5.0), (0.0, 10.0), (15.0, 20.0)))


def test_activitynet_says_how_long_a_video_is(tmp_path):
    video = {"duration": 30.5, "sentences": ["it begins", "it ends"], "timestamps": [[0, 10], [30.5, 20]]}
    (tmp_path / "val_1.json").write_text(json.dumps({"v_one": video}))
    moments = loaded("activitynet", tmp_path).moments
    assert moments == (
        MomentQuery("it begins", 0, ((0.0, 10.0),), duration_seconds=30.5),
        MomentQuery("it ends", 0, ((20.0, 30.5),), duration_seconds=30.5),
    )


def test_parts_of_own_files_are_moments_of_the_whole_files(tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text(
        "video,caption,start,end,split\na.mp4,a dog jumps,1,3,test\na.mp4,it rests,3,,test\nb.mp4,a cat,,,test\n"
    )
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    split = loaded("own", table, tmp_path)
    assert not split.moments
    found = moment_split(split)
    assert found.videos == (Video("a.mp4", tmp_path / "a.mp4"),)
    assert found.moments == (
        MomentQuery("a dog jumps", 0, ((1.0, 3.0),)),
        MomentQuery("it rests", 0, ((3.0, float("inf")),)),
    )


def test_a_split_without_any_time_is_refused_and_one_with_moments_is_taken_as_it_is():
    videos, texts = (Video("a", Path("a.mp4")),), (Text("a dog", 0, (0,)),)
    with pytest.raises(DataError, match=r"--moments needs start and end"):
        moment_split(Split("test", videos, texts))
    split = Split("test", videos, texts, moments=(MomentQuery("a dog", 0, ((1.0, 2.0),)),))
    assert moment_split(split) is split
