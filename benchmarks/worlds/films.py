"""Films of small made-up worlds, and their folders: a data set for `dataset: own` beside the truth about it."""

import json
import multiprocessing
import os
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

SPLITS = {"train": 2500, "val": 200, "test": 500}
ENCODER_OPTIONS = {"preset": "superfast", "crf": "20"}
FILMS_PER_TASK = 16


@dataclass(frozen=True, eq=False)
class Film:
    """What a world draws.

    Attributes:
        frames: Pictures in uint8 [frame, height, width, 3], RGB.
        caption: A sentence that is true of the film.
        claim: What the caption says, as the world's `is_true` takes it.
        seen: What can be seen in the film, as the world's `is_true` takes it.
    """

    frames: np.ndarray
    caption: str
    claim: Hashable
    seen: object


@dataclass(frozen=True)
class World:
    """A world that films are made of.

    Attributes:
        name: Of the world.
        frames_per_second: How fast its films are played.
        draw: Returns a film, everything by chance from the generator.
        is_true: Returns whether a claim is true of what is seen in a film.
    """

    name: str
    frames_per_second: int
    draw: Callable[[np.random.Generator], Film]
    is_true: Callable[[Hashable, object], bool]


def make_world(world: World, out: Path, *, seed: int, splits: dict[str, int], num_workers: int) -> None:
    """Write the data set of a world; a finished folder of the same seed and counts is left as it is.

    `captions.csv` has a line for each film, in `videos/`. `truth.json` has for each split a list for each film: the
    numbers of the films that its caption is true of.

    Args:
        world: The world.
        out: The folder.
        seed: Decides everything that is drawn by chance.
        splits: Films of each split.
        num_workers: Processes that draw.

    Raises:
        SystemExit: The folder holds another world, or another seed or number of films.
    """
    description = {"world": world.name, "seed": seed, "films": splits}
    done = out / "world.json"
    if done.is_file():
        if json.loads(done.read_text()) != description:
            raise SystemExit(f"{out} holds {done.read_text().strip()}: choose another folder")
        return
    films = [(split, index) for split, count in splits.items() for index in range(count)]
    for split in splits:
        (out / "videos" / split).mkdir(parents=True, exist_ok=True)
    tasks = [films[start : start + FILMS_PER_TASK] for start in range(0, len(films), FILMS_PER_TASK)]
    draw = partial(_draw_films, world, out, seed)
    if num_workers > 1:
        with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
            drawn = [film for task in pool.imap(draw, tasks) for film in task]
    else:
        drawn = [film for task in tasks for film in draw(task)]
    lines = [f'{_name(*film)},"{caption}",{film[0]}' for film, (caption, _, _) in zip(films, drawn, strict=True)]
    (out / "captions.csv").write_text("\n".join(["video,caption,split", *lines, ""]))
    by_split: dict[str, list[tuple[Hashable, object]]] = {split: [] for split in splits}
    for (split, _), (_, claim, seen) in zip(films, drawn, strict=True):
        by_split[split].append((claim, seen))
    truth = {split: true_films(world, parts) for split, parts in by_split.items() if split != "train"}
    (out / "truth.json").write_text(json.dumps(truth) + "\n")
    done.write_text(json.dumps(description) + "\n")


def true_films(world: World, films: Sequence[tuple[Hashable, object]]) -> list[list[int]]:
    """Return for each film the films that its claim is true of, its own among them.

    Args:
        world: Says what is true.
        films: Claim, and what is seen.
    """
    found: dict[Hashable, list[int]] = {}
    for claim, _ in films:
        if claim not in found:
            found[claim] = [number for number, (_, seen) in enumerate(films) if world.is_true(claim, seen)]
    return [found[claim] for claim, _ in films]


def generator(world: World, seed: int, split: str, index: int) -> np.random.Generator:
    """Return what a film draws chance from: its own, whoever draws it and in which order.

    Args:
        world: The film's world.
        seed: Of the data set.
        split: Of the film.
        index: Number of the film in its split.
    """
    return np.random.default_rng([seed, zlib.crc32(f"{world.name} {split}".encode()), index])


def write_film(path: Path, frames: np.ndarray, frames_per_second: int) -> None:
    """Write a film as H.264; the file appears whole or not at all.

    Args:
        path: The MP4 file.
        frames: RGB in uint8 [frame, height, width, 3].
        frames_per_second: How fast it is played.
    """
    partial_path = path.with_suffix(".partial")
    with av.open(str(partial_path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=ENCODER_OPTIONS)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        stream.codec_context.thread_count = 1  # x264 gives other bytes for other thread counts
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    os.replace(partial_path, path)


def _draw_films(
    world: World, out: Path, seed: int, films: Sequence[tuple[str, int]]
) -> list[tuple[str, Hashable, object]]:
    drawn = []
    for split, index in films:
        film = world.draw(generator(world, seed, split, index))
        write_film(out / _name(split, index), film.frames, world.frames_per_second)
        drawn.append((film.caption, film.claim, film.seen))
    return drawn


def _name(split: str, index: int) -> str:
    return f"videos/{split}/{index:05d}.mp4"
