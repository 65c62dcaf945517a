"""What is no video, or no span of one, ends in one line; nothing hangs, and FFmpeg keeps quiet."""

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from clip_writing import Clip, write_clip, write_sound

from hbi.errors import HBIError
from hbi.video import VideoError, probe_video, read_frames

READ_ALL = """
import sys
from hbi.video import VideoError, read_frames
for path in sys.argv[1:]:
    try:
        frames = read_frames(path, 6, image_size=32)
        print("frames", frames.damage)
    except VideoError as error:
        print("error", error)
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("errors") / "clip.mp4", Clip(".mp4"))


def write_cover(path: Path) -> Path:
    """Sound with a still picture attached, as music files have it."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44100)
        cover = container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def write_bad_files(folder: Path, clip: Path) -> dict[Path, str]:
    """Files that give no frames, and what the error must say of them."""
    content = clip.read_bytes()
    texts = {
        "zero.mp4": (b"", "the file is empty"),
        "text.txt": (b"Once upon a time\n" * 99, "not a video"),
        "text.mp4": (b"Once upon a time\n" * 99, "not a readable video"),
        "noise.mp4": (random.Random(0).randbytes(50_000), "not a readable video"),
        "half.mp4": (content[: len(content) // 2], "not a readable video"),
        "playlist.m3u8": (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{clip}\n#EXT-X-ENDLIST\n".encode(),
            "not a video",
        ),
        "list.mp4": (f"ffconcat version 1.0\nfile {clip.name}\n".encode(), "not a video"),
    }
    expected = {folder / name: cause for name, (_, cause) in texts.items()}
    for name, (text, _) in texts.items():
        (folder / name).write_bytes(text)
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    return expected | {
        write_sound(folder / "sound.m4a"): "no video stream",
        write_cover(folder / "cover.mp4"): "no video stream",
        folder / "folder.mp4": "not a regular file",
        folder / "pipe.mp4": "not a regular file",
        folder / "missing.mp4": "No such file",
        folder / "nul\0.mp4": "cannot be opened",
    }


def test_what_is_no_video_ends_in_one_line(tmp_path: Path, clip: Path) -> None:
    for path, cause in write_bad_files(tmp_path, clip).items():
        for read in (read_frames, probe_video):
            with pytest.raises(VideoError) as caught:
                read(path)
            error = caught.value
            assert isinstance(error, HBIError)
            assert cause in error.cause
            assert error.path == path
            assert repr(str(path)) in str(error)
            assert error.cause in str(error)
            assert "\n" not in str(error)


def test_nothing_hangs_and_ffmpeg_keeps_quiet(tmp_path: Path, clip: Path) -> None:
    paths = [path for path in write_bad_files(tmp_path, clip) if "\0" not in str(path)]
    for suffix, codec in ((".mkv", "libx264"), (".avi", "mpeg4"), (".gif", "gif")):
        whole = write_clip(
            tmp_path / f"whole{suffix}", Clip(suffix, codec, pixel_format="rgb8" if codec == "gif" else "yuv420p")
        )
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        flipped = bytearray(whole.read_bytes())
        flipped[len(flipped) // 3 :: 97] = bytes(len(flipped[len(flipped) // 3 :: 97]))
        (tmp_path / f"flipped{suffix}").write_bytes(flipped)
        paths += [whole, cut, tmp_path / f"flipped{suffix}"]
    command = [sys.executable, "-c", READ_ALL, *map(str, [clip, *paths])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths) + 1
    assert lines[0] == "frames None"
    assert sum(line.startswith("error") for line in lines) >= len(paths) - 9


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"start_seconds": 6.0}, "the video ends at 6.00 s"),
        ({"start_seconds": 99.0, "end_seconds": 100.0}, "the video ends at 6.00 s"),
        ({"start_seconds": 2.0, "end_seconds": 2.0}, "is empty"),
        ({"start_seconds": 2.0, "end_seconds": 1.0}, "is empty"),
        ({"start_seconds": -2.0, "end_seconds": -1.0}, "is empty"),
        ({"end_seconds": 0.0}, "is empty"),
        ({"start_seconds": float("nan")}, "is no span"),
        ({"end_seconds": float("nan")}, "is no span"),
        ({"num_frames": 0}, "0 frames were asked for"),
        ({"num_frames": -1}, "-1 frames were asked for"),
    ],
)
def test_wrong_questions_end_in_one_line(clip: Path, wrong: dict[str, float], cause: str) -> None:
    with pytest.raises(VideoError, match=cause) as caught:
        read_frames(clip, **wrong)
    assert "\n" not in str(caught.value)


def test_the_error_crosses_process_borders(tmp_path: Path) -> None:
    error = VideoError(tmp_path / "a.mp4", "it is broken", "mend it")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.path, copy.cause, str(copy)) == (error.path, error.cause, str(error))


def test_titles_in_odd_encodings_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    clip = write_clip(path, Clip(".mkv", num_frames=5))
    content = clip.read_bytes()
    assert b"ENCODER" in content
    clip.write_bytes(content.replace(b"ENCODER", b"ENC\xd6DER"))
    assert len(read_frames(clip, 5).pixels) == 5


def test_names_that_look_like_addresses_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "take.mp4", Clip(".mp4", num_frames=5)).rename("concat:a|http:b%03d.mp4")
    assert len(read_frames("concat:a|http:b%03d.mp4", 5).pixels) == 5
