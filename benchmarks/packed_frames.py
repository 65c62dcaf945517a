"""What it costs to keep frames and to read them in random batches: raw, as JPEG, in tar shards, in a Lance table.

    python benchmarks/packed_frames.py --videos FOLDER

The frames are those of random excerpts of the videos in FOLDER. pylance is no dependency of hbi; without it its row is
left out. Prints kilobytes a frame, processor and wall milliseconds a video to read, and how far pixels are off: the
table of docs/decisions/0004.
"""

import argparse
import io
import random
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hbi.data.packed_frames import PICTURES, FrameSampling, open_frames
from hbi.data.packing import pack_videos
from hbi.data.samples import Video
from hbi.data.video_files import VideoFiles
from hbi.video import PictureFormat, VideoError, probe_video, read_frames

SAMPLING = FrameSampling(num_frames=12, picture=PictureFormat.square(224))
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--num-videos", type=int, default=120)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure_all(excerpts(arguments.videos, arguments.num_videos), Path(folder))


def excerpts(folder: Path, number: int) -> list[Video]:
    """Random parts of the videos of a folder, of half their length at least, that give all frames."""
    generator = random.Random(0)
    videos: list[Video] = []
    paths = VideoFiles(folder).paths
    while len(videos) < number:
        path = generator.choice(paths)
        try:
            seconds = probe_video(path).duration_seconds
            start = generator.uniform(0, seconds * 0.3)
            end = generator.uniform(start + seconds / 2, seconds)
            if len(read_frames(path, 12, image_size=32, start_seconds=start, end_seconds=end).pixels) == 12:
                videos.append(Video(f"{len(videos)}", path, start, end))
        except VideoError:
            continue
    return videos


def measure_all(videos: list[Video], folder: Path) -> None:
    start = time.process_time()
    frames = [
        read_frames(v.path, 12, image_size=224, start_seconds=v.start_seconds, end_seconds=v.end_seconds).pixels
        for v in videos
    ]
    print(f"decoding anew: {1e3 * (time.process_time() - start) / len(videos):.1f} processor ms a video")
    truth = torch.stack(frames)
    num_frames = len(videos) * SAMPLING.num_frames
    pack_videos(videos, folder / "packed", SAMPLING, num_workers=1)
    store = open_frames(folder / "packed", videos, SAMPLING)
    size = (folder / "packed" / PICTURES).stat().st_size
    report("JPEG 95, one mapped file (hbi data pack)", size / num_frames, store.pixels.__getitem__, truth)
    (folder / "raw").write_bytes(truth.numpy().tobytes())
    raw = torch.from_numpy(np.memmap(folder / "raw", np.uint8, "r+", shape=tuple(truth.shape)))
    report("raw, one mapped file", 224 * 224 * 3, raw.__getitem__, truth)
    pictures = [picture for video in truth for picture in jpegs(video)]
    measure_tar(pictures, folder / "shard.tar", len(videos))
    try:
        import lance
        import pyarrow
    except ImportError as error:
        print(f"Lance is left out: {error}")
        return
    table = pyarrow.table({"picture": pyarrow.array(pictures, pyarrow.large_binary())})
    lance.write_dataset(table, str(folder / "lance"))
    size = sum(path.stat().st_size for path in (folder / "lance").rglob("*") if path.is_file())
    dataset = lance.dataset(str(folder / "lance"))

    def take(rows: torch.Tensor) -> torch.Tensor:
        numbers = (rows[:, None] * 12 + torch.arange(12)).flatten().tolist()
        return decode([value.as_py() for value in dataset.take(numbers)["picture"]]).view(len(rows), 12, 3, 224, 224)

    report("JPEG 95, Lance table", size / num_frames, take, truth)


def jpegs(video: torch.Tensor) -> Iterator[bytes]:
    for picture in video.numpy():
        file = io.BytesIO()
        Image.fromarray(picture.transpose(1, 2, 0)).save(file, "JPEG", quality=SAMPLING.quality, subsampling=0)
        yield file.getvalue()


def decode(pictures: list[bytes]) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(Image.open(io.BytesIO(p))).transpose(2, 0, 1) for p in pictures]))


def measure_tar(pictures: list[bytes], path: Path, num_videos: int) -> None:
    with tarfile.open(path, "w") as shard:
        for number, picture in enumerate(pictures):
            entry = tarfile.TarInfo(f"{number:06d}.jpg")
            entry.size = len(picture)
            shard.addfile(entry, io.BytesIO(picture))
    cpu, wall = time.process_time(), time.perf_counter()
    with tarfile.open(path, "r|") as shard:
        for entry in shard:
            decode([shard.extractfile(entry).read()])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    line("JPEG 95, tar shard, in order", path.stat().st_size / len(pictures), cpu / num_videos, wall / num_videos, "")


def report(name: str, frame_bytes: float, read: Callable, truth: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    cpus, walls = [], []
    for _ in range(5):
        rows = torch.randperm(len(truth), generator=generator)[:BATCH]
        cpu, wall = time.process_time(), time.perf_counter()
        batch = read(rows)
        cpus.append((time.process_time() - cpu) / len(rows))
        walls.append((time.perf_counter() - wall) / len(rows))
    error = (batch.int() - truth[rows].int()).abs()
    line(name, frame_bytes, min(cpus), min(walls), f"off by {error.double().mean():.2f}, at most {int(error.max())}")


def line(name: str, frame_bytes: float, cpu: float, wall: float, remark: str) -> None:
    print(f"{name:42} {frame_bytes / 1e3:7.1f} kB a frame  {1e3 * cpu:6.2f} / {1e3 * wall:6.2f} ms a video  {remark}")


if __name__ == "__main__":
    main()
