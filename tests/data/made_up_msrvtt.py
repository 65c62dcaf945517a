"""A data set laid out as MSR-VTT under ids of its style, with small generated videos, and faults to put in."""

from pathlib import Path

import av
import numpy as np

from data.annotation_samples import msrvtt_data, write

TRAIN, TEST = tuple(f"video{number}" for number in range(10)), tuple(f"video{9770 + number}" for number in range(4))
SIDE = 32


def write_video(path: Path, *, seed: int, num_frames: int = 8, is_cut: bool = False) -> Path:
    """A few frames of one color with noise, no two seeds the same."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        color = random.integers(40, 200, 3)
        for _ in range(num_frames):
            pixels = (color + random.integers(-20, 20, (SIDE, SIDE, 3))).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    if is_cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_msrvtt(folder: Path) -> tuple[Path, Path]:
    """A whole data set without faults; return its annotations and its videos."""
    annotations, videos = folder / "annotations", folder / "videos"
    splits = dict.fromkeys(TRAIN, "train") | dict.fromkeys(TEST, "test")
    write(annotations / "MSRVTT_data.json", msrvtt_data(splits=splits, captions_per_video=3))
    write(annotations / "MSRVTT_train.9k.csv", "video_id\n" + "".join(f"{name}\n" for name in TRAIN))
    rows = "".join(f"ret{row},msr{row},{name},a person does {row}\n" for row, name in enumerate(TEST))
    write(annotations / "MSRVTT_JSFUSION_test.csv", "key,vid_key,video_id,sentence\n" + rows)
    for seed, name in enumerate((*TRAIN, *TEST)):
        write_video(videos / ("TrainValVideo" if name in TRAIN else "TestVideo") / f"{name}.mp4", seed=seed)
    return annotations, videos
