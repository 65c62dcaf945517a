"""How fast and how complete searches are as an index grows, and what an hour of video costs.

    python benchmarks/search.py                          # 1,000 and 10,000 segments
    python benchmarks/search.py --sizes 100000 1000000   # needs 2.4 GB of disk per 100,000 segments, in --folder
    python benchmarks/search.py --ingest FOLDER          # and how fast the videos of a folder are indexed

Segments are synthetic, with the sizes of CLIP ViT-B/32 (width 512, 12 frames, merged to 3 and 2): videos of thirty
segments; frames of a video lie around a center of its own, and centers around those of a thousand themes. Questions are
texts of ten tokens around the frames of a segment drawn at random. Recall@10 is against comparing all in full.

Prints a table and writes benchmarks/results/search.json after every row: run again, it does what is missing.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch

from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching import Matcher
from hbi.models import HBIConfig, HBIModel, Hierarchy, Players
from hbi.models.processor import HBIProcessor
from hbi.ops import TokenSequence
from hbi.search import VideoIndex
from hbi.search.arrow_tables import SegmentRows
from hbi.search.candidates import build_vector_index
from hbi.search.ranking import full_scores, rank
from hbi.search.segment_encoding import SegmentArrays
from hbi.search.snapshot import EXHAUSTIVE_UP_TO
from hbi.search.video_records import VideoRecord
from hbi.shapes import LEVELS

RESULTS = Path(__file__).parent / "results" / "search.json"
WIDTH, NUM_FRAMES, PER_VIDEO, NUM_THEMES = 512, 12, 30, 1000
ROWS_AT_ONCE = 1500
THUMBNAIL = bytes(4000)
NUM_WORDS = 10
SIZES_OF_WORDS = (NUM_WORDS, 3, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where indexes are kept for the next run; default: thrown away")
    parser.add_argument("--ingest", type=Path, help="a folder of videos to index")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        for size in arguments.sizes:
            if str(size) not in results.get("searches", {}):
                results.setdefault("searches", {})[str(size)] = measure(
                    folder / f"{size}.index", size, arguments.queries
                )
                write(results)
        if arguments.ingest:
            results["ingest"] = measure_ingest(Path(scratch) / "ingest.index", arguments.ingest)
            write(results)
    show(results)


def write(results: dict) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def show(results: dict) -> None:
    names = ("segments", "way", "p50 ms", "p99 ms", "cpu p50", "recall@10", "MB/hour", "load s", "MB memory")
    print("{:>9} {:>12} {:>8} {:>8} {:>8} {:>10} {:>8} {:>7} {:>10}".format(*names))
    for size, row in sorted(results.get("searches", {}).items(), key=lambda item: int(item[0])):
        print(
            f"{int(size):9,} {row['way']:>12} {row['p50_ms']:8.1f} {row['p99_ms']:8.1f} {row['p50_processor_ms']:8.1f} "
            f"{row['recall_at_10']:10.3f} {row['megabytes_per_hour']:8.1f} {row['load_seconds']:7.2f} "
            f"{row['resident_megabytes']:10.0f}"
        )
    if "ingest" in results:
        print("ingest: " + ", ".join(f"{name} {value:g}" for name, value in results["ingest"].items()))


def benchmark_model() -> Matcher:
    """A network of which only the comparison is used: token sizes are those of ViT-B/32, towers are tiny."""
    tokenizer = train_tokenizer(["a man flips a pancake in the kitchen"])
    tower = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = tower | marks | {"vocab_size": len(tokenizer), "projection_dim": WIDTH}
    vision = tower | {"image_size": 32, "patch_size": 16, "projection_dim": WIDTH}
    config = HBIConfig(
        encoder_config={"projection_dim": WIDTH, "text_config": text, "vision_config": vision},
        max_frames=NUM_FRAMES,
        temporal_layers=0,
    )
    torch.manual_seed(0)
    return Matcher(HBIModel(config).eval(), HBIProcessor.for_model(config, tokenizer), "benchmark")


class World:
    """Clustered tokens: the same for the same seed, made a video at a time."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        self.counts = counts
        self.themes = np.random.default_rng(0).standard_normal((NUM_THEMES, WIDTH)).astype(np.float32)

    def videos(self, first: int, count: int) -> SegmentArrays:
        """The segments of some videos; a later level is the mean of neighbors on the one before."""
        draw = np.random.default_rng(1 + first)
        centers = self.themes[draw.integers(0, NUM_THEMES, count)] + 0.7 * normal(draw, count, WIDTH)
        scenes = centers[:, None] + 0.7 * normal(draw, count, PER_VIDEO, WIDTH)
        frames = (scenes[:, :, None] + 0.5 * normal(draw, count, PER_VIDEO, NUM_FRAMES, WIDTH)).reshape(
            -1, NUM_FRAMES, WIDTH
        )
        return arrays_of(levels_of(frames, self.counts))

    def question(self, frames: np.ndarray, seed: int) -> Hierarchy:
        """A text whose words lie around some frames of a segment."""
        draw = np.random.default_rng(10**6 + seed)
        words = frames[draw.integers(0, len(frames), NUM_WORDS)] + 0.9 * normal(draw, NUM_WORDS, WIDTH)
        return hierarchy_of(levels_of(words[None].astype(np.float32), SIZES_OF_WORDS))


def normal(draw: np.random.Generator, *shape: int) -> np.ndarray:
    return draw.standard_normal(shape, dtype=np.float32)


def levels_of(tokens: np.ndarray, counts: tuple[int, ...]) -> list[np.ndarray]:
    levels = [tokens]
    for count in counts[1:]:
        parts = np.array_split(np.arange(levels[-1].shape[1]), count)
        levels.append(np.stack([levels[-1][:, part].mean(1) for part in parts], axis=1))
    return levels


def arrays_of(levels: list[np.ndarray]) -> SegmentArrays:
    tokens = np.concatenate(levels, axis=1).astype(np.float16)
    weights = np.concatenate([np.full(level.shape[:2], 1 / level.shape[1], np.float32) for level in levels], axis=1)
    members = np.zeros((len(tokens), len(levels) * NUM_FRAMES), np.int16)
    return SegmentArrays(tokens, weights, np.ones(weights.shape, bool), members)


def hierarchy_of(levels: list[np.ndarray]) -> Hierarchy:
    players = {}
    for level, tokens in zip(LEVELS, levels, strict=True):
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
        players[level] = Players(TokenSequence.unmerged(torch.from_numpy(tokens), mask), mask / mask.shape[1])
    return Hierarchy(players)


def fill(index: VideoIndex, world: World, size: int) -> None:
    """Add what is missing of `size` segments, in whole videos."""
    start = index.store.segments.count_rows() // PER_VIDEO
    num_videos = size // PER_VIDEO  # never more segments than were asked for: 100,000 is where the way changes
    at_once = ROWS_AT_ONCE // PER_VIDEO
    for first in range(start - start % at_once, num_videos, at_once):
        numbers = range(first, min(first + at_once, num_videos))
        contents = [f"{number:032x}" for number in numbers]
        rows = SegmentRows(
            tuple(content for content in contents for _ in range(PER_VIDEO)),
            tuple(5.0 * place for _ in numbers for place in range(PER_VIDEO)),
            tuple(5.0 * place + 10 for _ in numbers for place in range(PER_VIDEO)),
            world.videos(first, at_once)[: len(numbers) * PER_VIDEO],
            (THUMBNAIL,) * (len(numbers) * PER_VIDEO),
        )
        index.store.add_segments(rows)
        duration = 5.0 * (PER_VIDEO - 1) + 10
        index.store.put_videos(
            [VideoRecord(f"/synthetic/{each}.mp4", each, 1, 1, duration, PER_VIDEO) for each in contents]
        )


def measure(path: Path, size: int, num_queries: int) -> dict[str, float | str]:
    index = VideoIndex.create(path, benchmark_model())
    world = World(index.codec.counts)
    fill(index, world, size)
    for table in (index.store.segments, index.store.videos):
        table.optimize(cleanup_older_than=timedelta(0))
    build_seconds = 0.0
    if size > EXHAUSTIVE_UP_TO:
        begun = time.perf_counter()
        build_vector_index(index.store)
        build_seconds = time.perf_counter() - begun
    index = VideoIndex.open(path)
    before = resident_megabytes()
    snapshot = index.snapshot()
    questions = [question(index, world, seed) for seed in range(num_queries)]
    milliseconds, processor, found = [], [], []
    for encoding in questions:
        begun, spent = time.perf_counter(), time.process_time()
        ranking = rank(index.codec, snapshot, encoding)
        milliseconds.append(1000 * (time.perf_counter() - begun))
        processor.append(1000 * (time.process_time() - spent))
        found.append([ranking.segments.id(row) for row in range(10)])
    resident = resident_megabytes() - before
    recalls = [len(set(a) & set(b)) / 10 for a, b in zip(found, exhaustive(index, questions), strict=True)]
    megabytes = sum(file.stat().st_size for file in path.rglob("tables/**/*") if file.is_file()) / 2**20
    hours = size * 5.0 / 3600
    whole = snapshot.in_memory is not None and snapshot.in_memory.whole is not None
    return {
        "way": "all in full" if whole else "exhaustive" if snapshot.in_memory else "approximate",
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "p50_processor_ms": float(np.percentile(processor, 50)),
        "recall_at_10": float(np.mean(recalls)),
        "num_queries": num_queries,
        "megabytes_per_hour": megabytes / hours,
        "load_seconds": snapshot.load_seconds,
        "resident_megabytes": resident,
        "vector_index_seconds": build_seconds,
        "cores": float(len(os.sched_getaffinity(0))),
        "threads": float(torch.get_num_threads()),
        "load_of_machine": os.getloadavg()[0],
    }


def question(index: VideoIndex, world: World, seed: int) -> Hierarchy:
    row = np.random.default_rng(seed).integers(0, index.snapshot().num_stored, 1)
    frames = index.snapshot().at_offsets(row).arrays.tokens[0, :NUM_FRAMES].astype(np.float32)
    return world.question(frames, seed)


def exhaustive(index: VideoIndex, questions: list[Hierarchy]) -> list[list[str]]:
    """The ten best of each question by comparing every segment in full."""
    snapshot = index.snapshot()
    best: list[list[tuple[float, str]]] = [[] for _ in questions]
    for offset in range(0, snapshot.num_stored, 2048):
        segments = snapshot.at_offsets(np.arange(offset, min(offset + 2048, snapshot.num_stored)))
        for row, encoding in enumerate(questions):
            scores = full_scores(index.codec, encoding, segments)[0].numpy()
            top = np.argsort(-scores)[:10]
            best[row] = sorted([*best[row], *((float(scores[each]), segments.id(each)) for each in top)])[-10:]
    return [[key for _, key in each] for each in best]


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure_ingest(path: Path, videos: Path) -> dict[str, float]:
    shutil.rmtree(path, ignore_errors=True)
    index = VideoIndex.create(path, benchmark_model())
    report = index.add([videos])
    size = sum(file.stat().st_size for file in path.rglob("tables/**/*") if file.is_file()) / 2**20
    hours = report.video_seconds / 3600
    return {
        "videos": report.num_new,
        "hours_of_video": hours,
        "hours_of_video_per_minute": hours / (report.elapsed_seconds / 60),
        "megabytes_per_hour": size / hours,
        "load_of_machine": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
