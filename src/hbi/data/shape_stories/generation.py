"""Makes ShapeStories: annotations and videos of every split, resumable, with all cores."""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hbi.data.shape_stories.annotation import annotate_split
from hbi.data.shape_stories.encoding import write_video
from hbi.data.shape_stories.film import draw_film
from hbi.data.shape_stories.loading import MANIFEST, ShapeStoriesError, story_to_json
from hbi.data.shape_stories.plot import draw_plot, generator
from hbi.data.shape_stories.records import SPLITS, Split
from hbi.data.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.data.shape_stories.world import World

FORMAT_VERSION = 1
UNFINISHED = "shape_stories.unfinished.json"
VIDEOS_PER_TASK = 8
Progress = Callable[[int, int], None]


def generate_shape_stories(
    out: Path,
    *,
    num_train: int = 2500,
    num_val: int = 200,
    num_test: int = 500,
    seed: int = 0,
    num_workers: int | None = None,
    progress: Progress | None = None,
    world: World | None = None,
) -> None:
    """Write the benchmark to `out`; the same seed and counts give the same frames and annotations.

    A killed run continues where it stopped; a finished folder is left as it is. `progress` is called with the number
    of videos done and of all videos. `num_workers` is the number of processes that draw (default: one a core).

    Raises:
        ShapeStoriesError: `out` holds other files, or ShapeStories of another seed, other counts or another world.
    """
    world = world or World()
    counts: dict[Split, int] = {"train": num_train, "val": num_val, "test": num_test}
    manifest = _manifest(world, seed, counts)
    if _is_finished(out, manifest):
        return
    _write_atomically(out / UNFINISHED, json.dumps(manifest, indent=1))
    for split in SPLITS:
        stories = annotate_split(world, seed, split, counts[split])
        lines = "".join(json.dumps(story_to_json(story)) + "\n" for story in stories)
        _write_atomically(out / f"{split}.jsonl", lines)
        (out / "videos" / split).mkdir(parents=True, exist_ok=True)
    _draw_videos(out, world, seed, counts, num_workers or os.cpu_count() or 1, progress)
    os.replace(out / UNFINISHED, out / MANIFEST)


def _manifest(world: World, seed: int, counts: dict[Split, int]) -> dict[str, Any]:
    """Return what `shape_stories.json` says, in JSON's own types."""
    manifest = {
        "format": FORMAT_VERSION,
        "seed": seed,
        "counts": counts,
        "world": asdict(world),
        "vocabulary": {
            "color": COLOR_WORDS,
            "shape": SHAPE_WORDS,
            "action": {action: [asdict(verb) for verb in verbs] for action, verbs in ACTION_VERBS.items()},
        },
    }
    return json.loads(json.dumps(manifest))


def _is_finished(out: Path, manifest: dict[str, Any]) -> bool:
    """Return whether `out` already holds exactly this; refuse to mix it with anything else."""
    for name in (MANIFEST, UNFINISHED):
        path = out / name
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_text())
        except ValueError:
            raise ShapeStoriesError(f"{path} is not JSON; delete {out} or choose another folder") from None
        if found != manifest:
            differing = next(key for key in manifest if not isinstance(found, dict) or found.get(key) != manifest[key])
            raise ShapeStoriesError(
                f"{out} already holds ShapeStories of another {differing}; delete it or choose another folder"
            )
        return name == MANIFEST
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ShapeStoriesError(f"{out} exists and is not ShapeStories; choose a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    return False


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)


def video_path(root: Path, split: Split, index: int) -> Path:
    """Return where video `index` of a split lies."""
    return root / "videos" / split / f"{index:05d}.mp4"


def _draw_videos(
    out: Path, world: World, seed: int, counts: dict[Split, int], num_workers: int, progress: Progress | None
) -> None:
    videos = [(split, index) for split in SPLITS for index in range(counts[split])]
    missing = [video for video in videos if not video_path(out, *video).exists()]
    num_done = len(videos) - len(missing)
    if progress:
        progress(num_done, len(videos))
    tasks = [missing[start : start + VIDEOS_PER_TASK] for start in range(0, len(missing), VIDEOS_PER_TASK)]
    for num_new in _run(out, world, seed, tasks, min(num_workers, len(tasks))):
        num_done += num_new
        if progress:
            progress(num_done, len(videos))


def _run(out: Path, world: World, seed: int, tasks: list[list[tuple[Split, int]]], num_workers: int) -> Iterator[int]:
    """Draw all tasks, here or in new processes, and yield how many videos each has made as it ends."""
    if num_workers <= 1:
        for task in tasks:
            yield _draw_task(out, world, seed, task)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            for future in as_completed([pool.submit(_draw_task, out, world, seed, task) for task in tasks]):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when the one that started it is killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _draw_task(out: Path, world: World, seed: int, task: list[tuple[Split, int]]) -> int:
    for split, index in task:
        plot = draw_plot(world, seed, split, index)
        film = draw_film(generator(seed, split, index, "film"), world, plot)
        write_video(video_path(out, split, index), film, world.frames_per_second)
    return len(task)
