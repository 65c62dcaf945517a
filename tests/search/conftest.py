"""Small clips, a small network with random weights, and an index of them."""

from pathlib import Path

import pytest

pytest.importorskip("lancedb", reason="the extra `search` is not installed")

from hbi.matching import Matcher
from hbi.search import VideoIndex
from small_clips import write_clip
from small_networks import small_matcher

WORDS = ["a red square moves left and right", "the green circle falls down", "one blue star spins at night"]


@pytest.fixture(scope="session")
def matcher() -> Matcher:
    return small_matcher(WORDS)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Five clips of 3 to 27 seconds, one of them a folder deeper; read only."""
    folder = tmp_path_factory.mktemp("clips")
    for number, seconds in enumerate((27, 12, 10, 6)):
        write_clip(folder / f"clip-{number}.mp4", seconds=seconds, seed=number)
    write_clip(folder / "deeper" / "clip-4.mkv", seconds=3, seed=4)
    return folder


@pytest.fixture(scope="session")
def index(clips, matcher, tmp_path_factory) -> VideoIndex:
    """An index of the clips; read only."""
    made = VideoIndex.create(tmp_path_factory.mktemp("index") / "videos.index", matcher)
    made.add([clips])
    return made
