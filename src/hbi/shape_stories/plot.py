"""The plot of one video: which events happen, one after the other, and when."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from hbi.shape_stories.records import SPLITS, Event, Split
from hbi.shape_stories.world import ACTIONS, Look, World, looks

Purpose = Literal["plot", "film", "captions", "minimal pairs", "questions"]
PURPOSES: tuple[Purpose, ...] = ("plot", "film", "captions", "minimal pairs", "questions")


@dataclass(frozen=True)
class Scene:
    """One event on the film's own clock: `look` is seen in the frames `[start_frame, end_frame)`."""

    look: Look
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class Plot:
    """The scenes of one video and its length."""

    scenes: tuple[Scene, ...]
    num_frames: int

    @property
    def looks(self) -> tuple[Look, ...]:
        """What is seen, in order."""
        return tuple(scene.look for scene in self.scenes)

    def events(self, world: World) -> tuple[Event, ...]:
        """Return the scenes with their times in seconds."""
        rate = world.frames_per_second
        return tuple(
            Event(s.look.color, s.look.shape, s.look.action, s.start_frame / rate, s.end_frame / rate)
            for s in self.scenes
        )


def generator(seed: int, split: Split, index: int, purpose: Purpose) -> np.random.Generator:
    """Return the random numbers of one video and one purpose, so that changing one thing leaves the others alone.

    Args:
        seed: Of the whole benchmark.
        split: "train", "val" or "test".
        index: Number of the video in its split, from 0.
        purpose: What is drawn with it: the plot, the film or one kind of texts.
    """
    entropy = [seed, SPLITS.index(split), index, PURPOSES.index(purpose)]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def draw_plot(world: World, seed: int, split: Split, index: int) -> Plot:
    """Return the plot of a video; the same arguments give the same plot.

    Args:
        world: The numbers that decide how hard the benchmark is.
        seed: Of the whole benchmark.
        split: "train", "val" or "test"; only test videos show combinations that are held out.
        index: Number of the video in its split, from 0.
    """
    rng = generator(seed, split, index, "plot")
    num_events = int(rng.integers(world.num_events[0], world.num_events[1], endpoint=True))
    chosen: list[Look] = []
    while len(chosen) < num_events:
        look = _draw_look(rng, world, chosen, held_out=split == "test" and rng.random() < world.held_out_share)
        if look not in chosen:
            chosen.append(look)
    starts, ends, num_frames = _draw_times(rng, world, num_events)
    return Plot(tuple(Scene(*parts) for parts in zip(chosen, starts, ends, strict=True)), num_frames)


def _draw_look(rng: np.random.Generator, world: World, before: list[Look], *, held_out: bool) -> Look:
    """Return a random look, all actions equally likely; now and then with the color or shape of an earlier event."""
    choices = _looks_by_action(world, held_out=held_out)
    similar = choices[int(rng.integers(len(choices)))]
    if before and rng.random() < world.repeat_probability:
        earlier = before[int(rng.integers(len(before)))]
        attribute = ("color", "shape")[int(rng.integers(2))]
        same = tuple(look for look in similar if getattr(look, attribute) == getattr(earlier, attribute))
        similar = same or similar
    return similar[int(rng.integers(len(similar)))]


@lru_cache(maxsize=8)
def _looks_by_action(world: World, *, held_out: bool) -> tuple[tuple[Look, ...], ...]:
    """Return the looks of each action that has any."""
    everything = looks(world, held_out=held_out)
    groups = (tuple(look for look in everything if look.action == action) for action in ACTIONS)
    return tuple(group for group in groups if group)


def _draw_times(rng: np.random.Generator, world: World, num_events: int) -> tuple[list[int], list[int], int]:
    """Return start frames, end frames and the number of frames; drawn again until the whole has the right length."""
    rate = world.frames_per_second
    low, high = (round(seconds * rate) for seconds in world.story_seconds)
    shortest, longest = (round(seconds * rate) for seconds in world.event_seconds)
    narrowest, widest = (round(seconds * rate) for seconds in world.gap_seconds)
    while True:
        lengths = rng.integers(shortest, longest, endpoint=True, size=num_events)
        gaps = rng.integers(narrowest, widest, endpoint=True, size=num_events + 1)
        ends = np.cumsum(gaps[:-1] + lengths)
        num_frames = int(ends[-1] + gaps[-1])
        if low <= num_frames <= high:
            return (ends - lengths).tolist(), ends.tolist(), num_frames
