"""The demo's last step: its test videos as an index, and a few searches in it."""

from collections.abc import Iterable
from pathlib import Path

from hbi.cli.terminal import say

NOT_THERE = "a man flips a pancake in the kitchen"
"""What none of the videos shows."""


def make_searchable(videos: Path, run: Path, index: Path, texts: Iterable[str]) -> bool:
    """Index the videos of a folder, search them for two of the texts and for what is not there.

    Returns whether it was done: searching needs an extra, whose lack is said in a line.
    """
    from hbi.cli.index import ingest_bar, print_report
    from hbi.cli.search import print_result
    from hbi.matching import load_matcher
    from hbi.search import VideoIndex
    from hbi.search.index_errors import MissingExtra

    try:
        # A video is one segment: the network was trained on whole videos, and the search ranks as the evaluation does.
        opened = VideoIndex.create(index, load_matcher(run, device="cpu"), window_seconds=None)
    except MissingExtra as error:
        say("[yellow]left out:[/] {error}", error=error)
        return False
    with ingest_bar() as progress:
        report = opened.add([videos], progress=progress)
    print_report(report, index)
    for text in (*list(texts)[:2], NOT_THERE):
        say('\n[bold]hbi search {index} "{text}" --limit 3[/]', index=index, text=text)
        print_result(opened.search(text, limit=3))
    return True
