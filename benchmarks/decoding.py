"""What planning on packets saves: `read_frames` against decoding every frame in order, same frames out, in one run.

    python benchmarks/decoding.py                    # clips written on the spot
    python benchmarks/decoding.py --videos FOLDER    # and the files of a folder

Prints a table and writes benchmarks/results/decoding.json. Times are processor milliseconds of this thread, the best of
several repeats that take turns, for twelve frames of the whole clip at 224x224.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from hbi.video import VideoError, probe_video, read_frames
from hbi.video.picture import PictureMaker, stack_pictures

RESULTS = Path(__file__).parent / "results" / "decoding.json"
NUM_FRAMES, IMAGE_SIZE = 12, 224
# name: (side, frames per second, seconds, frames from key frame to key frame)
CLIPS = {
    "96x96, 15 s, groups of 250": (96, 8, 15, 250),
    "256x256, 10 s, groups of 12": (256, 30, 10, 12),
    "256x256, 10 s, groups of 250": (256, 30, 10, 250),
    "256x256, 60 s, groups of 12": (256, 30, 60, 12),
    "256x256, 60 s, groups of 250": (256, 30, 60, 250),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, help="a folder of videos to read as well")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            name: write_clip(Path(folder) / f"{number}.mp4", *clip) for number, (name, clip) in enumerate(CLIPS.items())
        }
        if arguments.videos:
            paths |= {path.name: path for path in sorted(arguments.videos.rglob("*")) if is_video(path)}
        rows = [row(name, path, arguments.repeats) for name, path in paths.items()]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"processor": platform.machine(), "pyav": av.__version__, "rows": rows}, indent=1) + "\n"
    )


def row(name: str, path: Path, num_repeats: int) -> dict[str, str | float]:
    planned, in_order = [], []
    for _ in range(num_repeats):
        planned.append(milliseconds(lambda: read_frames(path, NUM_FRAMES, image_size=IMAGE_SIZE)))
        in_order.append(milliseconds(lambda: read_in_order(path)))
    result = {"clip": name, "planned_ms": min(planned), "in_order_ms": min(in_order)}
    result["times_faster"] = result["in_order_ms"] / result["planned_ms"]
    print("{clip:32} {planned_ms:8.1f} ms  {in_order_ms:8.1f} ms  {times_faster:5.2f} times faster".format(**result))
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in result.items()}


def read_in_order(path: Path) -> None:
    """Decode up to the last frame wanted, and picture those on screen at the middles."""
    maker = PictureMaker(path, IMAGE_SIZE, "crop")
    duration = probe_video(path).duration_seconds
    middles = [(part + 0.5) * duration / NUM_FRAMES for part in range(NUM_FRAMES)]
    pictures, previous = [], None
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            while (
                previous is not None
                and middles
                and float((frame.pts - stream.start_time) * stream.time_base) > middles[0]
            ):
                middles.pop(0)
                pictures.append(maker.picture(previous))
            if not middles:
                break
            previous = frame
        pictures += [maker.picture(previous) for _ in middles]
    stack_pictures(pictures)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1e3


def is_video(path: Path) -> bool:
    try:
        return (
            path.is_file() and probe_video(path).duration_seconds > 0 and read_frames(path, NUM_FRAMES).damage is None
        )
    except VideoError:
        return False


def write_clip(path: Path, side: int, frames_per_second: int, seconds: int, group_size: int) -> Path:
    """A square that wanders over a noisy ramp, with B-frames."""
    generator = np.random.default_rng(0)
    ramp = np.linspace(40, 200, side)[:, None, None] + np.zeros((side, side, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=frames_per_second, options={"preset": "veryfast", "sc_threshold": "0"}
        )
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = group_size
        stream.codec_context.max_b_frames = 3
        for number in range(seconds * frames_per_second):
            pixels = ramp + generator.normal(0, 4, (side, side, 1))
            left, top = number % (side * 3 // 4), number // 3 % (side * 3 // 4)
            pixels[top : top + side // 4, left : left + side // 4] = (220, 40, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8))))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main()
