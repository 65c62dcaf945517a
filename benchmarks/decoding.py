"""Twelve uniform frames of a clip at 224x224: `read_frames` against OpenCV, decord and torchcodec, in one run.

    python benchmarks/decoding.py                    # clips written on the spot
    python benchmarks/decoding.py --videos FOLDER    # and the files of a folder

The others are no dependencies of hbi; those that are not installed are left out, and the script says so. Each is used
as the field's code uses it, then its frames are scaled and cropped as CLIP does:

- `opencv, field`: a frame of every second by `cap.set` and `cap.read`, all of them scaled, twelve kept (CLIP4Clip and
  what builds on it, HBI too);
- `opencv, 12 seeks`: only the twelve frames;
- `decord, field`: twelve frames of a grid of seconds, by `get_batch` (DRL and HBI);
- `torchcodec`: the twelve middles by `get_frames_played_at`, with its exact and its approximate seeking;
- `in order`: PyAV without planning on packets, up to the last frame wanted.

Then, for hbi alone: what colors of high dynamic range cost (the same HEVC of 10 bits, once marked as BT.709 and once as
PQ or HLG), and what cutting a long film into segments costs, by how often it has a key frame.

Prints tables and writes benchmarks/results/decoding.json. Times are processor milliseconds of the whole process, the
best of several repeats that take turns: what decoding costs where every core decodes another video.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import av
import numpy as np
import torch
from av.video.reformatter import ColorPrimaries, ColorTrc
from PIL import Image

from hbi.search.index_settings import IndexSettings
from hbi.search.segment_frames import read_segments
from hbi.video import PictureFormat, VideoError, probe_video, read_frames
from hbi.video.opening import open_video
from hbi.video.picture import PictureMaker, stack_pictures

RESULTS = Path(__file__).parent / "results" / "decoding.json"
NUM_FRAMES, IMAGE_SIZE = 12, 224
# name: (width, height, frames per second, seconds, frames from key frame to key frame)
CLIPS = {
    "320x240, 15 s, key frame each 12": (320, 240, 25, 15, 12),
    "320x240, 15 s, key frame each 250": (320, 240, 25, 15, 250),
    "640x360, 30 s, key frame each 250": (640, 360, 25, 30, 250),
    "480x360, 120 s, key frame each 250": (480, 360, 25, 120, 250),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, help="a folder of videos to read as well")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    readers = {"hbi": lambda path: read_frames(path, NUM_FRAMES, image_size=IMAGE_SIZE).pixels, "in order": in_order}
    versions = {"av": av.__version__}
    for module, group in OTHERS.items():
        try:
            versions[module] = import_module(module).__version__
            readers |= group
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{module} is left out: {str(error).splitlines()[0]}")
    print(f"{'processor ms':36}" + "".join(f"{name:>26}" for name in readers))
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: write_clip(Path(folder) / f"{n}.mp4", *clip) for n, (name, clip) in enumerate(CLIPS.items())}
        if arguments.videos:
            paths |= {path.name: path for path in sorted(arguments.videos.rglob("*")) if is_video(path)}
        content = {"processor": platform.machine(), "versions": versions, "rows": []}
        for name, path in paths.items():
            content["rows"].append(row(name, path, readers, arguments.repeats))
            keep(content)
        content["colors"] = colors(Path(folder), arguments.repeats)
        keep(content)
        content["segments"] = segments(Path(folder))
        keep(content)


def keep(content: dict[str, object]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")


def colors(folder: Path, num_repeats: int) -> dict[str, float]:
    """Milliseconds of twelve frames of the same coded pictures, by what the file says of their colors."""
    marks = {"BT.709": (ColorTrc.BT709, ColorPrimaries.BT709)}
    marks |= {"PQ": (ColorTrc.SMPTE2084, ColorPrimaries.BT2020), "HLG": (ColorTrc.ARIB_STD_B67, ColorPrimaries.BT2020)}
    paths = {name: write_marked(folder / f"{name}.mp4", *mark) for name, mark in marks.items()}
    taken: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(num_repeats):
        for name, path in paths.items():
            start = time.process_time()
            read_frames(path, NUM_FRAMES, image_size=IMAGE_SIZE)
            taken[name].append((time.process_time() - start) * 1e3)
    best = {name: round(min(times), 2) for name, times in taken.items()}
    print("HEVC of 10 bits, 1280x720, 10 s, by its colors:", best)
    return best


def segments(folder: Path) -> dict[str, float]:
    """Seconds for all segments of ten minutes, by the number of frames from key frame to key frame."""
    taken = {}
    for group_size in (25, 250, 15_000):
        path = write_clip(folder / f"long-{group_size}.mp4", 320, 240, 25, 600, group_size)
        picture = PictureFormat.square(IMAGE_SIZE)
        windows = IndexSettings(10.0, 0.5, NUM_FRAMES, picture, "", "hbi", "").windows(0.0, 600.0)
        start = time.process_time()
        for stretch in read_segments(path, windows, num_frames=NUM_FRAMES, picture=picture):
            assert stretch.problem is None
        taken[str(group_size)] = round(time.process_time() - start, 2)
    print("ten minutes in segments, by frames from key frame to key frame:", taken)
    return taken


def row(name: str, path: Path, readers: dict[str, Callable], num_repeats: int) -> dict[str, object]:
    times: dict[str, list[float]] = {reader: [] for reader in readers}
    for _ in range(num_repeats):
        for reader, read in readers.items():
            start = time.process_time()
            try:
                frames = read(path)
            except Exception as error:  # another library may fail on a file in its own way
                print(
                    f"  {reader} fails on {name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
                )
                times[reader].append(float("nan"))
                continue
            times[reader].append((time.process_time() - start) * 1e3)
            assert frames.shape[1:] == (3, IMAGE_SIZE, IMAGE_SIZE), (reader, frames.shape)
    best = {reader: min(taken) for reader, taken in times.items()}
    ratios = {reader: taken / best["hbi"] for reader, taken in best.items()}
    cells = (f"{best[reader]:10.1f} ({ratios[reader]:5.2f} x)" for reader in readers)
    print(f"{name:36}" + "".join(f"{cell:>26}" for cell in cells))
    milliseconds = {reader: round(value, 2) if value == value else None for reader, value in best.items()}
    return {"clip": name, "milliseconds": milliseconds}


def in_order(path: Path) -> torch.Tensor:
    """Decode up to the last frame wanted, and picture those on screen at the middles."""
    wanted = middles(path)
    pictures, previous = [], None
    with open_video(path) as video, av.open(str(path)) as container:
        maker = PictureMaker(video, IMAGE_SIZE)
        stream = container.streams.best("video")
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            seconds = float((frame.pts - (stream.start_time or 0)) * stream.time_base) if frame.pts is not None else 0.0
            while previous is not None and wanted and seconds > wanted[0]:
                wanted.pop(0)
                pictures.append(maker.picture(previous))
            if not wanted:
                break
            previous = frame
        pictures += [maker.picture(previous) for _ in wanted]
    return stack_pictures(pictures)


def opencv_field(path: Path) -> torch.Tensor:
    import cv2

    capture = cv2.VideoCapture(str(path))
    rate = int(capture.get(cv2.CAP_PROP_FPS))
    num_seconds = (int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) + rate - 1) // rate
    frames = grab(capture, [second * rate for second in range(num_seconds + 1)])
    chosen = np.linspace(0, len(frames) - 1, num=min(NUM_FRAMES, len(frames)), dtype=int)
    return clip_pictures(frames)[chosen]


def opencv_seeks(path: Path) -> torch.Tensor:
    import cv2

    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return clip_pictures(grab(capture, [int((part + 0.5) * count / NUM_FRAMES) for part in range(NUM_FRAMES)]))


def grab(capture, numbers: list[int]) -> list[np.ndarray]:
    import cv2

    frames = []
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        is_read, frame = capture.read()
        if not is_read:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def decord_field(path: Path) -> torch.Tensor:
    from decord import VideoReader, cpu

    reader = VideoReader(str(path), ctx=cpu(0))
    grid = list(range(0, len(reader), max(1, round(reader.get_avg_fps()))))
    chosen = [grid[place] for place in np.linspace(0, len(grid) - 1, num=min(NUM_FRAMES, len(grid)), dtype=int)]
    return clip_pictures(list(reader.get_batch(chosen).asnumpy()))


def torchcodec_with(seek_mode: str) -> Callable[[Path], torch.Tensor]:
    def read(path: Path) -> torch.Tensor:
        from torchcodec.decoders import VideoDecoder

        decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, seek_mode=seek_mode)
        begin, end = decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds
        seconds = [begin + (part + 0.5) * (end - begin) / NUM_FRAMES for part in range(NUM_FRAMES)]
        frames = decoder.get_frames_played_at(seconds).data
        return clip_pictures([frame.permute(1, 2, 0).numpy() for frame in frames])

    return read


def clip_pictures(frames: list[np.ndarray]) -> torch.Tensor:
    """Scale the shorter side by Pillow's bicubic and crop the middle, as CLIP's own preparation does."""
    pictures = []
    for frame in frames:
        height, width = frame.shape[:2]
        scale = IMAGE_SIZE / min(height, width)
        size = (max(IMAGE_SIZE, round(width * scale)), max(IMAGE_SIZE, round(height * scale)))
        picture = Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - IMAGE_SIZE) // 2, (size[1] - IMAGE_SIZE) // 2
        pictures.append(np.asarray(picture.crop((left, top, left + IMAGE_SIZE, top + IMAGE_SIZE))))
    return stack_pictures(pictures)


OTHERS: dict[str, dict[str, Callable]] = {
    "cv2": {"opencv, field": opencv_field, "opencv, 12 seeks": opencv_seeks},
    "decord": {"decord, field": decord_field},
    "torchcodec": {"torchcodec": torchcodec_with("exact"), "torchcodec, approximate": torchcodec_with("approximate")},
}


def middles(path: Path) -> list[float]:
    duration = probe_video(path).duration_seconds
    return [(part + 0.5) * duration / NUM_FRAMES for part in range(NUM_FRAMES)]


def is_video(path: Path) -> bool:
    try:
        return path.is_file() and read_frames(path, NUM_FRAMES).damage is None
    except VideoError:
        return False


def write_marked(path: Path, transfer: ColorTrc, primaries: ColorPrimaries) -> Path:
    """Ten seconds of 10 bits that say of themselves what their colors are; the pictures are the same whatever it is."""
    generator = np.random.default_rng(0)
    noisy = [generator.integers(0, 60, (720, 1280, 3), np.uint8) + np.uint8(60) for _ in range(4)]
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = int(transfer), int(primaries)
        for number in range(250):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy[number // 25 % 4])))
        container.mux(stream.encode())
    return path


def write_clip(path: Path, width: int, height: int, frames_per_second: int, seconds: int, group_size: int) -> Path:
    """A square that wanders over a noisy ramp, with B-frames."""
    generator = np.random.default_rng(0)
    ramp = np.linspace(40, 200, height)[:, None, None] + np.zeros((height, width, 3))
    noisy = [(ramp + generator.normal(0, 4, (height, width, 1))).clip(0, 255).astype(np.uint8) for _ in range(8)]
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "sc_threshold": "0"}
        stream = container.add_stream("libx264", rate=frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = group_size
        stream.codec_context.max_b_frames = 3
        for number in range(seconds * frames_per_second):
            pixels = noisy[number % 8].copy()
            left, top = number % (width * 3 // 4), number // 3 % (height * 3 // 4)
            pixels[top : top + height // 4, left : left + width // 4] = (220, 40, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    main()
