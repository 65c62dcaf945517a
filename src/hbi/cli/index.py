"""`hbi index`: make the videos of some folders searchable."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbi.cli.arguments import DEVICE, SOURCE
from hbi.cli.progress import FittingProgress
from hbi.cli.terminal import say, visible

if TYPE_CHECKING:
    import torch

    from hbi.search.ingest import IngestProgress, IngestReport
    from hbi.search.video_index import VideoIndex
    from hbi.video.folders import PassedOver

DEFAULT_WINDOW, DEFAULT_OVERLAP = 10.0, 0.5
ENDINGS_TOLD = 5


def index(
    index: Annotated[Path, typer.Option(help="The index folder. It is created if it does not exist.")],
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR…", help="Video files, or folders to search for videos, with their subfolders."),
    ] = None,
    model: Annotated[str | None, typer.Option(help=f"The model of a new index: {SOURCE}.")] = None,
    window: Annotated[
        float | None, typer.Option(min=0.1, help="Length of a segment in seconds.", show_default=f"{DEFAULT_WINDOW:g}")
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.9, help="Overlap of neighboring segments, as a share of their length.", show_default="0.5"
        ),
    ] = None,
    whole_videos: Annotated[bool, typer.Option("--whole-videos", help="Make each video one segment.")] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Skip files and folders with this name or path (wildcards: *, ?). Repeatable."
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove videos from the index that no longer exist, or are excluded.")
    ] = False,
    is_sure: Annotated[
        bool, typer.Option("--yes", help="With --prune: remove them without asking, even if a whole folder is gone.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Print the recall@10 of the search, against an exhaustive search.")
    ] = False,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Index videos for hbi search and hbi serve: cut them into overlapping segments and encode these.

    Run it again to update the index: unchanged files are skipped, changed files
    are encoded again, moved files are recognized. It may be interrupted at any
    moment; run it again, and it continues.
    """
    from hbi.errors import HBIError
    from hbi.matching.device import choose_device

    if not folders and not check:
        raise HBIError("nothing to index: give folders of videos, or --check")
    chosen = _open(index, model, window, overlap, is_whole=whole_videos, device=choose_device(device))
    if folders:
        print_report(_add(chosen, folders, exclude or [], prune=prune, is_sure=is_sure), index)
    if check:
        _print_check(chosen)


def _open(
    path: Path,
    model: str | None,
    window: float | None,
    overlap: float | None,
    *,
    is_whole: bool,
    device: "torch.device",
) -> "VideoIndex":
    from hbi.errors import HBIError
    from hbi.matching import load_matcher
    from hbi.search import VideoIndex
    from hbi.search.index_settings import IndexSettings

    file = path / "index.json"
    there = IndexSettings.read(file) if file.is_file() else None
    if there is None and model is None:
        raise HBIError(f"{path} is a new index: name the model that encodes it: --model MODEL")
    if there is not None and model is None and window is None and overlap is None and not is_whole:
        return VideoIndex.open(path, device=device)
    matcher = load_matcher(model, device=device) if model is not None else VideoIndex.open(path, device=device).matcher
    if there is not None:  # what is not said stays as it is
        seconds = window if window is not None else there.window_seconds
        share = overlap if overlap is not None else there.overlap
    else:
        seconds = window if window is not None else DEFAULT_WINDOW
        share = overlap if overlap is not None else DEFAULT_OVERLAP
    return VideoIndex.create(path, matcher, window_seconds=None if is_whole else seconds, overlap=share)


def _add(
    chosen: "VideoIndex", folders: list[Path], exclude: list[str], *, prune: bool, is_sure: bool
) -> "IngestReport":
    """Bring the index up to date; ask before everything that is known of a folder is forgotten."""
    from hbi.search.ingest import LostFolderError

    try:
        with ingest_bar() as progress:
            return chosen.add(folders, exclude=exclude, prune=prune, is_sure=is_sure, progress=progress)
    except LostFolderError as refusal:
        if not _is_at_terminal() or not typer.confirm(f"{visible(refusal)}\nForget it?"):
            raise
    return _add(chosen, folders, exclude, prune=True, is_sure=True)


def _is_at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def ingest_bar() -> "Iterator[Callable[[IngestProgress], None]]":
    """Show videos, hours of video a minute, and the time that is left."""
    with FittingProgress() as bar:
        task = bar.add_task("indexing", total=None, is_counted=False, state="looking for videos")

        def show(progress: "IngestProgress") -> None:
            speed = progress.video_seconds / 60 / max(progress.elapsed_seconds, 1e-9)
            state = f"{progress.num_files}/{progress.total_files} videos  {speed:.2f} hours of video/min"
            bar.update(task, completed=progress.bytes_done, total=max(1, progress.total_bytes), state=state)

        yield show


def print_report(report: "IngestReport", path: Path) -> None:
    """Print what an ingest did, and every file that could not be read."""
    counts = (
        ("new", report.num_new),
        ("changed", report.num_changed),
        ("moved", report.num_moved),
        ("removed", report.num_removed),
        ("unchanged", report.num_unchanged),
    )
    listed = ", ".join(f"{count} {name}" for name, count in counts if count) or "no videos"
    minutes = report.video_seconds / 60
    say(
        "{listed}; {segments} segments of {minutes} minutes written in {seconds} s to [bold]{path}[/]",
        listed=listed,
        segments=report.num_segments,
        minutes=f"{minutes:.1f}",
        seconds=f"{report.elapsed_seconds:.1f}",
        path=path,
    )
    passed_over = _passed_over(report.passed_over)
    if passed_over:
        say("passed over: {what}", what=passed_over)
    if report.num_gone:
        say("{count} files exist no more, or are excluded; --prune forgets them", count=report.num_gone)
    for record in report.broken:
        say("[yellow]not readable:[/] {path}: {problem}", path=record.path, problem=record.problem)
    for record in report.damaged:
        say("[yellow]damaged:[/] {path}: {problem}", path=record.path, problem=record.problem)
    for line in report.skipped:
        say("[yellow]skipped:[/] {line}", line=line)


def _passed_over(passed_over: "PassedOver") -> str:
    """Return how many files and folders were not taken for videos, by reason; "" for none."""
    num_others = sum(count for _, count in passed_over.endings)
    kinds = [f"{count} {ending or 'without an ending'}" for ending, count in passed_over.endings[:ENDINGS_TOLD]]
    kinds += ["…"] if len(passed_over.endings) > ENDINGS_TOLD else []
    counts = (
        (passed_over.num_system, "hidden or system file", "hidden or system files"),
        (passed_over.num_excluded, "excluded", "excluded"),
        (passed_over.num_irregular, "link to nowhere or the like", "links to nowhere or the like"),
        (num_others, f"other file ({', '.join(kinds)})", f"other files ({', '.join(kinds)})"),
    )
    return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)


def _print_check(chosen: "VideoIndex") -> None:
    from hbi.search.recall_check import check_recall

    check = check_recall(chosen)
    looking = (
        f"a search {1000 * check.search_seconds:.0f} ms, looking at everything "
        f"{1000 * check.exhaustive_seconds:.0f} ms; scores of a text spread by {check.score_spread:.2g}"
    )
    say(
        "recall@10 {recall} of {queries} random texts against all {segments} segments; {looking}",
        recall=f"{check.recall_at_10:.3f}",
        queries=check.num_queries,
        segments=check.num_segments,
        looking=looking,
    )
    if check.is_low:
        say(
            "[yellow]searches miss {missed} of the ten best segments: this index finds candidates by vectors in few "
            "bits, and the scores of {model} lie too close together for them; search parts of it (hbi search --path), "
            "or cut videos into fewer, longer segments (hbi index --window)[/]",
            missed=f"{1 - check.recall_at_10:.0%}",
            model=chosen.settings.model,
        )
