"""Packed frames: the same as decoded ones, read picture by picture, whatever killed the packing."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_msrvtt import write_sound, write_video

from hbi.data import packing
from hbi.data.frames import decode_frames
from hbi.data.packed_frames import PICTURES, VIDEOS, FrameSampling, open_frames, read_sampling
from hbi.data.packing import pack_videos
from hbi.data.samples import DataError, Video
from hbi.video import PictureFormat

SAMPLING = FrameSampling(num_frames=6, picture=PictureFormat.square(24))


def make_videos(folder, number=5):
    """Some videos, one of them short, one broken and one without a picture."""
    videos = [
        Video(f"clip{n}", write_video(folder / f"clip{n}.mp4", seed=n, num_frames=4 if n == 1 else 8))
        for n in range(number)
    ]
    (folder / "broken.mp4").write_bytes(b"")
    part = Video("clip0@0.5-1.5", videos[0].path, 0.5, 1.5)
    return [*videos, part, Video("broken", folder / "broken.mp4"), Video("sound", write_sound(folder / "sound.mp4"))]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Videos, the folder that they were packed to, and the frames in memory."""
    folder = tmp_path_factory.mktemp("packed")
    videos = make_videos(folder)
    entries = pack_videos(videos, folder / "frames", SAMPLING, num_workers=1)
    assert [bool(entry.offsets) for entry in entries] == [True] * 6 + [False] * 2
    return videos, folder / "frames", decode_frames(videos, num_frames=6, picture=PictureFormat.square(24))


def test_frames_are_those_of_the_videos(made):
    videos, folder, decoded = made
    store = open_frames(folder, videos, SAMPLING)
    assert torch.equal(store.mask, decoded.mask)
    assert torch.equal(store.timestamps_seconds, decoded.timestamps_seconds)
    assert store.mask.sum(-1).tolist() == [6, 4, 6, 6, 6, 4, 0, 0]
    assert store.pixels.shape == decoded.pixels.shape
    error = (store.pixels[:].int() - decoded.pixels.int()).abs()
    assert error.float().mean() < 2
    assert error.max() < 40
    assert [fault.split(":")[0] for fault in store.problems] == ["broken", "sound"]
    assert "the file is empty" in store.problems[0]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_pixels_are_indexed_as_a_tensor_is(made, data):
    videos, folder, _ = made
    pixels = open_frames(folder, videos, SAMPLING).pixels
    whole = pixels[:]
    rows = torch.tensor(data.draw(st.lists(st.integers(-8, 7), max_size=4)), dtype=torch.long)
    columns = torch.tensor(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))
    start = data.draw(st.integers(0, 9))
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=8, max_size=8)))
    for index in (
        rows,
        slice(start, start + 3),
        mask,
        data.draw(st.integers(0, 7)),
        (rows[:, None], columns),
        (rows, 2),
    ):
        assert torch.equal(pixels[index], whole[index])


def test_other_sampling_is_refused_in_one_line(made):
    videos, folder, _ = made
    with pytest.raises(DataError, match=r"was packed with num_frames 6, not 12: pack it again"):
        open_frames(folder, videos, FrameSampling(12, PictureFormat.square(24)))
    with pytest.raises(DataError, match=r"was packed with image_size 24, not 224"):
        pack_videos(videos, folder, FrameSampling(6, PictureFormat.square(224)), num_workers=1)
    with pytest.raises(DataError, match=r"holds no packed frames: make them with hbi data pack"):
        open_frames(folder / "nowhere", videos, SAMPLING)
    with pytest.raises(DataError, match=r"is not empty and holds no packed frames: choose another"):
        pack_videos(videos, folder.parent, SAMPLING, num_workers=1)
    store = open_frames(folder, [videos[0], Video("new", videos[0].path)], SAMPLING)
    assert store.problems == (f"new: not in {folder}; run hbi data pack again",)
    with pytest.raises(DataError, match=r"holds frames of none of the 1 videos"):
        open_frames(folder, [Video("new", videos[0].path)], SAMPLING)


FORMATS = [PictureFormat(20, 30, "crop", "bicubic", 26), PictureFormat(24, 24, "squash", "bilinear")]


@pytest.mark.parametrize("picture", FORMATS, ids=str)
def test_pictures_of_other_models_are_packed_in_their_format(made, tmp_path, picture):
    videos, ours, _ = made
    sampling = FrameSampling(6, picture)
    pack_videos(videos[:2], tmp_path / "frames", sampling, num_workers=1)
    assert read_sampling(tmp_path / "frames") == sampling
    store = open_frames(tmp_path / "frames", videos[:2], sampling)
    decoded = decode_frames(videos[:2], num_frames=6, picture=picture)
    assert store.pixels.shape == decoded.pixels.shape == (2, 6, 3, picture.height, picture.width)
    assert (store.pixels[:].int() - decoded.pixels.int()).abs().float().mean() < 2
    with pytest.raises(DataError, match=rf"was packed with image_size {re.escape(str(picture))}, not 24: pack it"):
        open_frames(tmp_path / "frames", videos[:2], SAMPLING)
    with pytest.raises(DataError, match=rf"was packed with image_size 24, not {re.escape(str(picture))}: pack it"):
        open_frames(ours, videos[:2], sampling)


def test_strips_of_patches_keep_their_counts_when_packed(made, tmp_path):
    videos, _, _ = made
    picture = PictureFormat.strip(14, 20)  # not in step with the blocks of JPEG
    pack_videos(videos[:1], tmp_path / "frames", FrameSampling(6, picture), num_workers=1)
    store = open_frames(tmp_path / "frames", videos[:1], FrameSampling(6, picture))
    decoded = decode_frames(videos[:1], num_frames=6, picture=picture)
    marks, expected = (each.pixels[0][:, :2, :, -14:] > 127 for each in (store, decoded))
    assert torch.equal(marks, expected)
    assert expected.sum((-1, -2)).tolist() == [[4, 4]] * 6


def test_a_sampling_of_a_square_is_written_as_it_always_was(made):
    _, folder, _ = made
    text = (folder / "sampling.json").read_text()
    assert text == '{\n "num_frames": 6,\n "image_size": 24,\n "quality": 95,\n "format": 2\n}\n'


def test_nothing_but_broken_videos_is_a_mistake(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 1 videos could be decoded; the first: .*the file is empty"):
        pack_videos([Video("broken", tmp_path / "broken.mp4")], tmp_path / "frames", SAMPLING, num_workers=1)


def test_mended_videos_are_packed_when_it_runs_again(tmp_path):
    videos = make_videos(tmp_path, number=2)
    pack_videos(videos, tmp_path / "frames", SAMPLING, num_workers=1)
    write_video(tmp_path / "broken.mp4", seed=9)
    entries = pack_videos(videos, tmp_path / "frames", SAMPLING, num_workers=1)
    assert [bool(entry.offsets) for entry in entries] == [True] * 4 + [False]
    store = open_frames(tmp_path / "frames", videos, SAMPLING)
    assert len(store.problems) == 1
    decoded = decode_frames(videos, num_frames=6, picture=PictureFormat.square(24))
    assert (store.pixels[3].int() - decoded.pixels[3].int()).abs().float().mean() < 2


def test_a_stopped_run_goes_on_where_it_was(made, tmp_path, monkeypatch):
    videos, whole, _ = made
    done = []
    real = packing.picture_video

    def count(task):
        done.append(task.video.video_id)
        if len(done) == 4:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(packing, "picture_video", count)
    with pytest.raises(KeyboardInterrupt):
        pack_videos(videos, tmp_path, SAMPLING, num_workers=1)
    # What a power cut may leave besides: half a picture, half a line.
    with (tmp_path / PICTURES).open("ab") as file:
        file.write(b"\xff\xd8 half")
    with (tmp_path / VIDEOS).open("a") as file:
        file.write('{"video_id": "clip3", "off')
    monkeypatch.setattr(packing, "picture_video", real)
    seen = []
    pack_videos(videos, tmp_path, SAMPLING, num_workers=1, progress=lambda number, total: seen.append((number, total)))
    assert seen[0] == (4, 8)
    assert (tmp_path / PICTURES).read_bytes() == (whole / PICTURES).read_bytes()
    assert (tmp_path / VIDEOS).read_text() == (whole / VIDEOS).read_text()


@pytest.mark.slow
def test_a_killed_process_leaves_no_wrong_line(made, tmp_path):
    videos, whole, _ = made
    script = (
        "import sys; from pathlib import Path; from hbi.data.packing import pack_videos, FrameSampling\n"
        "from hbi.data.samples import Video\n"
        "from hbi.video import PictureFormat\n"
        "videos = [Video(f'{n}', Path(sys.argv[1]) / f'clip{n % 5}.mp4') for n in range(400)]\n"
        "pack_videos(videos, Path(sys.argv[2]), FrameSampling(6, PictureFormat.square(24)), num_workers=1)\n"
    )
    folder = tmp_path / "frames"
    process = subprocess.Popen([sys.executable, "-c", script, str(whole.parent), str(folder)])
    while not (folder / VIDEOS).is_file() or len((folder / VIDEOS).read_text().splitlines()) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    many = [Video(f"{number}", videos[number % 5].path) for number in range(400)]
    num_lines = len((folder / VIDEOS).read_text().splitlines())
    assert 20 <= num_lines < 400
    pack_videos(many[: num_lines + 5], folder, SAMPLING, num_workers=1)
    store = open_frames(folder, many[:20], SAMPLING)
    assert not store.problems
    assert torch.equal(store.pixels[:5], open_frames(whole, videos[:5], SAMPLING).pixels[:])
    assert torch.equal(store.pixels[5:10], store.pixels[:5])


def test_a_shortened_file_is_refused(made, tmp_path):
    videos, whole, _ = made
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    os.truncate(tmp_path / PICTURES, 100)
    with pytest.raises(DataError, match=r"is shorter than its videos say"):
        open_frames(tmp_path, videos, SAMPLING)
    (tmp_path / "sampling.json").write_text(json.dumps({"frames": 3}))
    with pytest.raises(DataError, match=r"sampling.json is damaged"):
        open_frames(tmp_path, videos, SAMPLING)
