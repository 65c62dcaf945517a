"""What a file says about itself."""

from pathlib import Path

import av
import numpy as np
import pytest
from clip_writing import HEIGHT, WIDTH, Clip, write_clip

from hbi.video import probe_video, read_frames


@pytest.mark.parametrize(
    ("clip", "codec", "num_frames"),
    [
        (Clip(".mp4", num_frames=20), "h264", 20),
        (Clip(".mkv", num_frames=20, num_b_frames=2), "h264", None),
        (Clip(".avi", "mpeg4", num_frames=20), "mpeg4", 20),
        (Clip(".gif", "gif", num_frames=20, pixel_format="rgb8"), "gif", 20),
        (Clip(".mp4", num_frames=20, num_b_frames=2, pts=[10 * number - 100 for number in range(20)]), "h264", 10),
        (Clip(".mp4", num_frames=20, rotation=90), "h264", 20),
    ],
    ids=["mp4", "mkv", "avi", "gif", "mp4 with hidden frames", "mp4 turned"],
)
def test_facts_of_a_clip(clip: Clip, codec: str, num_frames: int | None, tmp_path: Path) -> None:
    path = write_clip(tmp_path / f"clip{clip.suffix}", clip)
    info = probe_video(path)
    assert info.path == path
    assert info.codec == codec
    assert info.num_frames == num_frames
    assert info.duration_seconds == pytest.approx((num_frames or 20) / 10)
    assert info.frames_per_second == pytest.approx(10)
    assert (info.width, info.height) == ((HEIGHT, WIDTH) if clip.rotation else (WIDTH, HEIGHT))
    assert not info.has_audio


def test_the_video_of_many_streams(tmp_path: Path) -> None:
    """Of two video streams the one marked as default counts; longer sound does not make the video longer."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        small, large = container.add_stream("libx264", rate=10), container.add_stream("libx264", rate=10)
        sound = container.add_stream("aac", rate=44100)
        for stream, size in ((small, 32), (large, 64)):
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
        small.disposition = av.stream.Disposition.default
        for number in range(10):
            for stream, size in ((small, 32), (large, 64)):
                frame = av.VideoFrame.from_ndarray(np.full((size, size, 3), 20 * number, np.uint8))
                frame.pts = number
                container.mux(stream.encode(frame))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100 * 3), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        for stream in (small, large):
            container.mux(stream.encode())
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    info = probe_video(path)
    assert (info.width, info.has_audio) == (32, True)
    assert info.duration_seconds == pytest.approx(1)
    assert read_frames(path, 10).pixels.shape == (10, 3, 32, 32)


def test_a_duration_not_stated_is_measured(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", Clip(".mkv", num_frames=20, container_options={"live": "1"}))
    assert probe_video(path).duration_seconds == pytest.approx(2)
