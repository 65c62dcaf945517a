"""Damaged videos: whatever is read of them, nothing is made up, nobody waits, and what goes wrong is one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import video_reader
from fuzz.campaign import damaged, try_many
from small_films import Film, write_film

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

FILMS = (
    Film(end=2, sound=None),
    Film(end=2, format="mov"),
    Film(".mkv", end=2, sound=None),
    Film(".webm", "libvpx-vp9", end=2, sound="libopus", num_b_frames=0),
    Film(".avi", "mpeg4", end=2, sound="mp3", num_b_frames=0),
    Film(".ts", end=2),
    Film(".mpg", "mpeg2video", end=2, sound="mp2"),
    Film(".flv", end=2, sound_rate=44_100),
    Film(".wmv", "wmv2", end=2, sound="wmav2", num_b_frames=0),
    Film(".ivf", "libvpx", end=2, sound=None, num_b_frames=0),
    Film(".mkv", picture_seconds=(0, 0.1, 0.5, 1.9), end=2, sound=None),
    Film(".mp4", "libx265", end=2, sound=None),
    Film(".mkv", "libsvtav1", end=2, sound=None, num_b_frames=0),
    Film(".mkv", "ffv1", end=1, sound=None, num_b_frames=0),
    Film(".nut", "mpeg4", end=2, sound=None, num_b_frames=0),
    Film(".mxf", "mpeg2video", end=2, sound=None),
    Film(".y4m", "rawvideo", end=0.4, sound=None, num_b_frames=0),
)
NUM_FILES = 60
SECONDS_A_FILE = 20


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [write_film(folder / f"{number}{film.suffix}", film) for number, film in enumerate(FILMS)]


def test_damaged_videos_are_read_as_far_as_they_hold_or_refused_in_one_line(originals, tmp_path):
    cases = iter(range(NUM_FILES))

    def write(chance):
        original = chance.choice(originals)
        (tmp_path / f"{next(cases):05}{original.suffix}").write_bytes(damaged(chance, original.read_bytes()))

    try_many(write, NUM_FILES)
    command = [sys.executable, "-W", "error", video_reader.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NUM_FILES * SECONDS_A_FILE)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(told)) == (0, NUM_FILES), done.stderr
    assert [file["surprise"] for file in told if "surprise" in file] == []
    for file in told:
        assert "\n" not in str(file)
        for way in ("probed", "read", "indexed", "cut"):
            assert file[f"{way}_seconds"] < SECONDS_A_FILE, file
    # The films have up to 50 pictures; each can begin in two windows, and stand in one more.
    assert max(file["indexed"] for file in told if isinstance(file["indexed"], int)) <= 3 * 50
    assert sum(isinstance(file["read"], int) and file["read"] > 0 for file in told) > NUM_FILES / 4
