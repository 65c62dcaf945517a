"""Damaged indexes: a search finds exactly what it found before, or says in one line that the index is damaged."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("lancedb", reason="the extra `search` is not installed")

from fuzz.campaign import damaged, try_many
from hbi.errors import HBIError
from hbi.search import VideoIndex
from small_clips import write_clip
from small_networks import small_matcher

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

WORDS = ["a red square moves left and right", "the green circle falls down", "one blue star spins at night"]
NUM_INDEXES = 25


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    for number, seconds in enumerate((12, 5, 8)):
        write_clip(folder / "clips" / f"clip-{number}.mp4", seconds=seconds, seed=number)
    index = VideoIndex.create(folder / "index", small_matcher(WORDS), window_seconds=4.0)
    index.add([folder / "clips"])
    index.add([write_clip(folder / "clips" / "later.mp4", seconds=5, seed=9)])
    index.search("a red square")  # calibrated
    return folder / "index"


def found(path: Path):
    """All that a person is shown for a question, and what the index says of its videos."""
    index = VideoIndex.open(path)
    result = index.search("a red square falls", limit=100)
    hits = [
        (
            hit.path,
            hit.segment_id,
            hit.start_seconds,
            hit.end_seconds,
            hit.score,
            hit.is_good,
            index.store.thumbnail(hit.segment_id),
        )
        for hit in result.hits
    ]
    return hits, sorted((record.path, record.num_segments, record.problem) for record in index.videos())


def test_a_damaged_index_finds_the_same_or_says_that_it_is_damaged(original, tmp_path):
    files = sorted(path.relative_to(original) for path in original.rglob("*") if path.is_file())
    expected = found(original)
    outcomes = {"same": 0, "refused": 0}

    def check(chance):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy)
        file = copy / chance.choice(files)
        data = file.read_bytes()
        if chance.random() < 0.1:
            file.unlink()
        else:
            file.write_bytes(damaged(chance, data))
        try:
            now = found(copy)
        except HBIError as error:
            now = str(error)
        outcomes["same" if now == expected else "refused"] += 1
        assert now == expected or (isinstance(now, str) and "\n" not in now), file

    try_many(check, NUM_INDEXES)
    assert min(outcomes.values()) > NUM_INDEXES / 10
