"""`hbi index`, `hbi search` and `hbi serve` as a user runs them."""

import json
import subprocess
import urllib.request

import pytest

from end_to_end.conftest import ENVIRONMENT, HBI, fail_here, succeed, succeed_here

pytest.importorskip("lancedb", reason="the extra `search` is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(trained, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("searched") / "videos.index"
    text = succeed("index", data / "videos" / "test", "--index", path, "--model", trained, "--whole-videos")
    assert "6 new" in text
    return path


def test_index_again_and_check(index, data):
    assert "6 unchanged" in succeed_here("index", data / "videos" / "test", "--index", index)
    assert "recall@10 1.000" in succeed_here("index", "--index", index, "--check")


def test_search_prints_moments_and_json_and_writes_files(index, data, tmp_path):
    text = succeed("search", index, "a red circle slides left", "--limit", 3)
    assert "unrelated questions" in text
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


def test_mistakes_end_in_one_line(index, data, trained, tmp_path):
    videos = data / "videos" / "test"
    assert "--like" in fail_here("search", index)
    assert "is no index" in fail_here("search", tmp_path, "red")
    assert "--model RUN" in fail_here("index", videos, "--index", tmp_path / "new")
    assert "nothing to index" in fail_here("index", "--index", index)
    assert "does not exist" in fail_here("index", tmp_path / "nowhere", "--index", index)
    assert "other segments" in fail_here("index", videos, "--index", index, "--model", trained, "--window", 5)
    assert "holds no words" in fail_here("search", index, "  ")


def test_serve_says_where_and_answers(index):
    with subprocess.Popen(
        [HBI, "serve", index, "--port", "0"],
        env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            line = server.stdout.readline()
            address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
            with urllib.request.urlopen(f"{address}api/search?q=red", timeout=60) as answer:
                assert json.load(answer)["hits"]
        finally:
            server.terminate()
