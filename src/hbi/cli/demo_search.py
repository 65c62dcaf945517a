"""The demo's last step: its test videos as an index, and a few searches in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.cli.demo_moment import ToldEvent
    from hbi.search import SearchResult, VideoIndex
    from hbi.shape_stories import Caption, Story

NOT_THERE = "a man flips a pancake in the kitchen"
"""What none of the videos shows."""
MOST_TRIED, NUM_SHOWN, LIMIT = 20, 2, 3
"""Sentences that are searched for, those of them that are shown, and hits of each."""


@dataclass(frozen=True)
class Trial:
    """A sentence that is true of a test video, and what searching for it finds.

    Attributes:
        text: The sentence.
        result: Of the search.
        events: What it tells, as it happens in the video found first; empty where it is not true of that video.
    """

    text: str
    result: "SearchResult"
    events: "tuple[ToldEvent, ...]"

    @property
    def is_found(self) -> bool:
        """Whether a video that the sentence is true of is found first, as a strong or fair match."""
        return bool(self.events) and self.result.hits[0].is_good


def make_searchable(videos: Path, run: Path, index: Path) -> "VideoIndex | None":
    """Index the videos of a folder and return the index; None, said in a line, where the extra for it is missing.

    Args:
        videos: The folder.
        run: Of the network that encodes them.
        index: The folder of the index.
    """
    from hbi.cli.index import ingest_bar, print_report
    from hbi.matching import load_matcher
    from hbi.search import VideoIndex
    from hbi.search.index_errors import MissingExtra

    try:
        # A video is one segment: the network was trained on whole videos, and the search ranks as the evaluation does.
        opened = VideoIndex.create(index, load_matcher(run, device="cpu"), window_seconds=None)
    except MissingExtra as error:
        say("[yellow]left out:[/] {error}", error=error)
        return None
    with ingest_bar() as progress:
        report = opened.add([videos], progress=progress)
    print_report(report, index)
    return opened


def try_sentences(opened: "VideoIndex", stories: "Sequence[Story]") -> list[Trial]:
    """Search for sentences of the test videos, chosen without looking at what is found: see `sentences_to_try`."""
    from hbi.cli.demo_moment import told_events

    by_path = {story.video.resolve(): story for story in stories}
    trials = []
    for story, caption in sentences_to_try(stories):
        result = opened.search(caption.text, limit=LIMIT)
        found = by_path[result.hits[0].path]
        events = told_events(caption, story, found) if found.video_id in caption.satisfied_by else ()
        trials.append(Trial(caption.text, result, events))
    return trials


def sentences_to_try(stories: "Sequence[Story]") -> "list[tuple[Story, Caption]]":
    """Return one sentence of each of some videos: those that tell most, and leave least doubt what is meant."""
    pairs = [(story, caption) for story in stories for caption in story.captions]
    pairs.sort(key=lambda pair: -len(pair[1].told_events))
    chosen: dict[str, tuple[Story, Caption]] = {}
    for story, caption in pairs:
        chosen.setdefault(story.video_id, (story, caption))
    return list(chosen.values())[:MOST_TRIED]


def print_searches(opened: "VideoIndex", trials: Sequence[Trial]) -> None:
    """Print a search for what is not there, how the sentences fared, and at last some that were found.

    Args:
        opened: The index.
        trials: Of `try_sentences`.
    """
    found = [trial for trial in trials if trial.is_found]
    _print_search(NOT_THERE, opened.search(NOT_THERE, limit=LIMIT))
    say(
        "\n{tried} sentences of the test videos, searched for: {right} find a video first that they are true of, "
        "{found} of these as a strong or fair match.",
        tried=len(trials),
        right=sum(bool(trial.events) for trial in trials),
        found=len(found),
    )
    if not found:
        say("So no search ends on a moment found; the first of them:")
    for trial in found[:NUM_SHOWN] or trials[:1]:
        _print_search(trial.text, trial.result)


def _print_search(text: str, result: "SearchResult") -> None:
    from hbi.cli.search import print_result

    say("\n[bold]Searching for “{text}”[/]", text=text)
    print_result(result)
