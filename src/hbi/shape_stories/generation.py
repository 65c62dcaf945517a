"""Makes ShapeStories: annotations and videos of every split, with all cores, from where a killed run stopped."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from av.error import FFmpegError

from hbi.files import write_atomically
from hbi.processes import Progress
from hbi.shape_stories.annotation import annotate_split
from hbi.shape_stories.film import draw_film, write_video
from hbi.shape_stories.folder import ShapeStoriesError, annotations_path, claim, describe, finish, video_path
from hbi.shape_stories.plot import draw_plot, generator
from hbi.shape_stories.records import SPLITS, Split
from hbi.shape_stories.story_files import to_line
from hbi.shape_stories.world import World

VIDEOS_PER_TASK = 8


@dataclass(frozen=True)
class Task:
    """A few videos for one process to draw."""

    out: Path
    world: World
    seed: int
    videos: tuple[tuple[Split, int], ...]


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

    A killed run goes on where it stopped; a finished folder is left as it is.

    Args:
        out: The folder to write; it is made where it is missing.
        num_train: Number of training videos.
        num_val: Number of validation videos.
        num_test: Number of test videos.
        seed: Decides everything that is drawn at random.
        num_workers: Processes that draw videos; None: one for each core. With more than one, a script that calls this
            needs the usual `if __name__ == "__main__":`.
        progress: Called with the videos that are done, and all; None: nobody watches.
        world: The numbers that decide how hard the benchmark is; None: the usual ones.

    Raises:
        ShapeStoriesError: `out` holds something else (another seed, other counts, another world, other files), or
            cannot be written.
    """
    world = world or World()
    counts: dict[Split, int] = {"train": num_train, "val": num_val, "test": num_test}
    try:
        if claim(out, describe(world, seed, counts)):
            return
        for split in SPLITS:
            stories = annotate_split(world, seed, split, counts[split])
            write_atomically(out / annotations_path(split), "".join(map(to_line, stories)))
            (out / "videos" / split).mkdir(parents=True, exist_ok=True)
        _draw_videos(out, world, seed, counts, num_workers or os.cpu_count() or 1, progress)
        finish(out)
    except OSError as error:
        raise _cannot_write(out, error) from error


def _cannot_write(path: Path, error: Exception) -> ShapeStoriesError:
    return ShapeStoriesError(f"cannot write {path} ({error}); mend that and run it again, what is drawn is kept")


def _draw_videos(
    out: Path, world: World, seed: int, counts: dict[Split, int], num_workers: int, progress: Progress | None
) -> None:
    """Draw every video that is not there yet."""
    videos = [(split, index) for split in SPLITS for index in range(counts[split])]
    missing = [video for video in videos if not (out / video_path(*video)).exists()]
    tasks = [
        Task(out, world, seed, tuple(missing[start : start + VIDEOS_PER_TASK]))
        for start in range(0, len(missing), VIDEOS_PER_TASK)
    ]
    num_done = len(videos) - len(missing)
    if progress:
        progress(num_done, len(videos))
    for num_drawn in _run(tasks, min(num_workers, len(tasks))):
        num_done += num_drawn
        if progress:
            progress(num_done, len(videos))


def _run(tasks: list[Task], num_workers: int) -> Iterator[int]:
    """Run the tasks, here or in new processes, and yield how many videos each has drawn, as it ends."""
    if num_workers <= 1:
        yield from map(_draw, tasks)
        return
    # Spawned, since forking a process in which other libraries have started threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context, initializer=_obey_parent) as pool:
        try:
            for future in as_completed([pool.submit(_draw, task) for task in tasks]):
                yield future.result()
        except BrokenProcessPool:
            raise ShapeStoriesError(
                "a process that draws videos was killed (out of memory?); run it again, what is drawn is kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _obey_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it; this one would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _draw(task: Task) -> int:
    """Draw and write the videos of one task; return how many."""
    for split, index in task.videos:
        path = task.out / video_path(split, index)
        film = draw_film(
            generator(task.seed, split, index, "film"), task.world, draw_plot(task.world, task.seed, split, index)
        )
        try:
            write_video(path, film, task.world.frames_per_second)
        except (OSError, FFmpegError) as error:
            raise _cannot_write(path, error) from None
    return len(task.videos)
