"""`hbi index` and `hbi search` as a user runs them; `hbi serve`: tests/web/test_many_clients.py."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from end_to_end.conftest import fail_here, succeed_here
from hbi.video import probe_video
from hbi.video.cutting import ClipWriteError, cut_clip
from small_films import Film, write_film

pytest.importorskip("lancedb", reason="the extra `search` is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(trained, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("searched") / "videos.index"
    text = succeed_here("index", data / "videos" / "test", "--index", path, "--model", trained, "--whole-videos")
    assert "6 new" in text
    return path


def test_index_again_and_check(index, data):
    assert "6 unchanged" in succeed_here("index", data / "videos" / "test", "--index", index)
    assert "recall@10 1.000" in succeed_here("index", "--index", index, "--check")


def test_search_prints_moments_and_json_and_writes_files(index, data, tmp_path):
    text = succeed_here("search", index, "a red circle slides left", "--limit", 3)
    assert text.count(" Score ") == 3
    assert "6 segments" in text
    command = ["search", index, "a red circle", "--limit", 2, "--json"]
    answer = json.loads(succeed_here(*command, "--save-clip", tmp_path / "clips", "--explain", tmp_path / "why.html"))
    assert len(answer["hits"]) == 2
    assert len(list((tmp_path / "clips").iterdir())) == 2
    assert "hbi-explanation" in (tmp_path / "why.html").read_text()
    video = data / "videos" / "test" / "00003.mp4"
    assert json.loads(succeed_here("search", index, "--like", video, "--json"))["hits"][0]["path"] == str(
        video.resolve()
    )


def test_moments_of_films_with_sound_are_cut_out_and_what_fails_costs_one_line(trained, tmp_path):
    videos, out = tmp_path / "videos", tmp_path / "clips"
    write_film(videos / f"{'日本の動画' * 16} [official].mkv", Film(".mkv", sound="ac3", picture_start=3.0))
    write_film(videos / "camcorder.mts", Film(".mts", sound="mp2", format="mpegts"))
    broken = write_film(videos / "broken.avi", Film(".avi", sound="pcm_s16le"))
    succeed_here("index", videos, "--index", tmp_path / "index", "--model", trained)
    with monkeypatched_cutting(broken):
        text = succeed_here("search", tmp_path / "index", "a red circle", "--save-clip", out)
        answer = json.loads(succeed_here("search", tmp_path / "index", "a red circle", "--save-clip", out, "--json"))
    assert text.count("cut out: ") == 3
    assert len([line for line in text.splitlines() if "not cut out: " in line and "broken.avi" in line]) == 1
    assert [hit["clip_fault"] for hit in answer["hits"] if "clip_fault" in hit] == [f"{broken}: on purpose"]
    clips = [Path(hit["clip"]) for hit in answer["hits"] if "clip" in hit]
    assert sorted(out.iterdir()) == sorted(clips)
    for hit, clip in zip([hit for hit in answer["hits"] if "clip" in hit], clips, strict=True):
        info = probe_video(clip)
        assert info.has_audio
        assert info.duration_seconds == pytest.approx(hit["end_seconds"] - hit["start_seconds"], abs=1e-3)
        assert len(clip.name.encode()) <= 255
    late = next(hit for hit in answer["hits"] if hit["path"].endswith("[official].mkv"))
    assert late["segment_start_seconds"] == pytest.approx(3.0, abs=0.05)
    assert late["start_seconds"] >= late["segment_start_seconds"] - 0.05
    (tmp_path / "file").touch()
    text = succeed_here("search", tmp_path / "index", "a red circle", "--save-clip", tmp_path / "file")
    assert text.count("not cut out: cannot write ") == 3
    assert text.count(" Score ") == 3


@contextmanager
def monkeypatched_cutting(broken: Path):
    """One file cannot be cut: damage that only decoding to the end would meet."""

    def cut(video, *arguments):
        if video == broken:
            raise ClipWriteError(f"{broken}: on purpose")
        cut_clip(video, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hbi.video.cutting.cut_clip", cut)
        yield


def test_mistakes_end_in_one_line(index, data, trained, tmp_path):
    videos = data / "videos" / "test"
    assert "--like" in fail_here("search", index)
    assert "is no index" in fail_here("search", tmp_path, "red")
    assert "--model MODEL" in fail_here("index", videos, "--index", tmp_path / "new")
    assert "nothing to index" in fail_here("index", "--index", index)
    assert "does not exist" in fail_here("index", tmp_path / "nowhere", "--index", index)
    assert "other segments" in fail_here("index", videos, "--index", index, "--model", trained, "--window", 5)
    assert "holds no words" in fail_here("search", index, "  ")
