"""`hbi explain`: which words of a text match which seconds of a video, and why this and not that."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from hbi.cli.arguments import DEVICE, SOURCE, Split
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.explanation import Explanation
    from hbi.explanation.solve import Index
    from hbi.figures import VideoAddresses
    from hbi.matching import Matcher

Words: TypeAlias = Literal["tokens", "input"]


def explain(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=f"The model: {SOURCE}.")],
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="VIDEO... TEXT", help="One or more video files, then the text in quotes."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The file to write: .html, .png, .svg, .pdf or .json.")] = Path(
        "explanation.html"
    ),
    view: Annotated[
        Literal["words", "levels", "timeline"],
        typer.Option(
            help="What a figure shows: where each word matches, one matrix for each level, or all levels over the "
            "seconds."
        ),
    ] = "words",
    instead_of: Annotated[
        str | None, typer.Option("--instead-of", metavar="TEXT", help="Compare with another text on the same video.")
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(min=1, help="Instead of a video, explain this many retrieval failures, the worst first."),
    ] = None,
    split: Annotated[Split, typer.Option(help="With --worst: the split to evaluate.")] = "test",
    data: Annotated[
        Path | None, typer.Option(help="With --worst: the folder of the data set. Default: that of the run.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="With --data: the kind of data set (msrvtt, msvd, didemo, own, …).")
    ] = "shape-stories",
    start: Annotated[float | None, typer.Option(min=0, help="Start at this second of the video.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Stop at this second of the video.")] = None,
    words: Annotated[
        Words | None,
        typer.Option(
            help="What it means that a word is left out: its token (tokens), or the word before the text is encoded "
            "(input). Default: tokens, where the model compares them."
        ),
    ] = None,
    index: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Whose interactions: banzhaf, shapley, or a function of yours as MODULE:NAME."
        ),
    ] = "banzhaf",
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Number of frames of a video. Default: as in training, 12 for most encoders."),
    ] = None,
    second_stage: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Explain the score of this second stage, of hbi train-second-stage."),
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Explain why a text matches a video: which words match which seconds.

    Shows the exact Banzhaf interaction of every word with every frame; where
    there are too many coalitions, an estimate with its standard error. Networks
    of hbi have an entity, action and event level. Positive means that the two
    are worth more together than apart. The page works offline.

    With several videos, the page ranks them and compares the first with the
    second. --instead-of compares two texts on one video. --worst 20 evaluates
    the model and explains its 20 worst failures.
    """
    from hbi.errors import HBIError
    from hbi.explanation.solve import find_index
    from hbi.figures import write_explanation
    from hbi.figures.write import WRITERS, require_ending
    from hbi.matching import load_matcher
    from hbi.matching.seen_words import unknown_words

    videos, text = _videos_and_text(what or [], worst=worst, instead_of=instead_of)
    require_ending(out, WRITERS if len(videos) == 1 and not instead_of else (".html",))
    sys.path.append(os.getcwd())  # where an index of one's own may lie
    of_game = find_index(index)
    matcher = load_matcher(source, device=device, num_frames=frames)
    if worst and (words or index != "banzhaf"):
        raise HBIError("--worst explains what the model compares: leave --words and --index out")
    if second_stage and (worst or instead_of or len(videos) > 1 or words or index != "banzhaf"):
        raise HBIError(
            "--second-stage explains one text on one video: leave --worst, --instead-of, --words and --index out"
        )
    if worst:
        _explain_failures(matcher, worst, split, data, dataset, out)
    elif instead_of:
        _explain_instead(matcher, videos[0], text, instead_of, out, start=start, end=end, words=words, index=of_game)
    elif len(videos) > 1:
        _explain_videos(matcher, videos, text, out, start=start, end=end, words=words, index=of_game)
    else:
        if second_stage:
            explanation = _explain_second_stage(matcher, second_stage, videos[0], text, start=start, end=end)
        else:
            explanation = matcher.explain(
                videos[0], text, start_seconds=start, end_seconds=end, words=words, index=of_game
            )
        unknown = unknown_words(matcher, explanation)
        note = write_explanation(explanation, out, video=videos[0], view=view, verdicts=unknown)
        if note:
            say("[yellow]note:[/] {note}", note=note)
        if explanation.remark:
            say("[yellow]note:[/] {remark}", remark=explanation.remark)
        say("{score}; written to {out}", score=_score_of(explanation), out=out)


def _videos_and_text(what: list[str], *, worst: int | None, instead_of: str | None) -> tuple[list[Path], str]:
    """Return the videos and the text of the command line; raises HBIError where they do not fit the options."""
    from hbi.errors import HBIError

    if worst and (what or instead_of):
        raise HBIError("--worst explains the failures of an evaluation: give no video, no text and no --instead-of")
    if not worst and len(what) < 2:
        raise HBIError("nothing to explain: give a video and a text (hbi explain MODEL VIDEO TEXT), or --worst 20")
    if instead_of and len(what) > 2:
        raise HBIError(f"--instead-of compares two texts on one video, not on {len(what) - 1}: give one video")
    return [Path(video) for video in what[:-1]], what[-1] if what else ""


def _explain_second_stage(
    matcher: "Matcher", file: Path, video: Path, text: str, *, start: float | None, end: float | None
) -> "Explanation":
    """Return which words and frames the score of a second stage rests on."""
    from hbi.matching.explaining_second_stage import explain_second_stage
    from hbi.matching.second_stage import SecondStage

    opened = SecondStage.open(file, matcher)
    return explain_second_stage(opened, matcher, text, matcher.read_sample(video, start_seconds=start, end_seconds=end))


def _explain_instead(
    matcher: "Matcher",
    video: Path,
    text: str,
    other: str,
    out: Path,
    *,
    start: float | None,
    end: float | None,
    words: Words | None,
    index: "Index",
) -> None:
    """Write the page that says why one text fits a video and not another; the video is read once."""
    from hbi.figures import Explained, VideoAddresses, comparison_page, shown_span, write_page

    sample = matcher.read_sample(video, start_seconds=start, end_seconds=end)
    first, second = (matcher.explain(video, each, sample=sample, words=words, index=index) for each in (text, other))
    addresses = VideoAddresses(page=out)
    address = addresses.address(video, shown_span(first))
    write_page(comparison_page(Explained(first, address), Explained(second)), out)
    _say_of_videos(addresses)
    both = f"{first.score_name} {first.similarity:.3f} and {second.similarity:.3f}"
    say("{both}; written to {out}", both=both, out=out)


def _explain_videos(
    matcher: "Matcher",
    videos: list[Path],
    text: str,
    out: Path,
    *,
    start: float | None,
    end: float | None,
    words: Words | None,
    index: "Index",
) -> None:
    """Explain one text with several videos; those that cannot be decoded are named and passed over."""
    from hbi.figures import Explained, VideoAddresses, shown_span, videos_page, write_page
    from hbi.matching.seen_words import unknown_words
    from hbi.video import VideoError

    found: list[Explanation] = []
    pages: list[Explained] = []
    problems: list[VideoError] = []
    addresses = VideoAddresses(page=out)
    with progress_bar("explaining videos") as progress:
        for number, video in enumerate(videos, start=1):
            try:
                found.append(
                    matcher.explain(video, text, start_seconds=start, end_seconds=end, words=words, index=index)
                )
                address = addresses.address(video, shown_span(found[-1]))
                pages.append(Explained(found[-1], address, unknown_words(matcher, found[-1])))
            except VideoError as error:
                problems.append(error)
            progress(number, len(videos))
    for problem in problems:
        say("[yellow]passed over:[/] {problem}", problem=problem)
    if not found:
        raise problems[0]
    write_page(videos_page(pages), out)
    _say_of_videos(addresses)
    best = max(found, key=lambda explanation: explanation.similarity)
    say(
        "best of {count}: {video}, {score}; written to {out}",
        count=len(found),
        video=best.video,
        score=_score_of(best),
        out=out,
    )


def _say_of_videos(addresses: "VideoAddresses") -> None:
    """Say what became of videos that browsers do not play."""
    if addresses.note:
        say("[yellow]note:[/] {note}", note=addresses.note)


def _score_of(explanation: "Explanation") -> str:
    """Return `similarity 0.310 (exact)`, or what else the score is."""
    from hbi.explanation.certainty import exact_or_drawn

    score = f"{explanation.score_name} {explanation.similarity:.3f} ({exact_or_drawn(explanation)})"
    return f"{score}; {explanation.whole}" if explanation.whole else score


def _explain_failures(matcher: "Matcher", count: int, split: Split, data: Path | None, dataset: str, out: Path) -> None:
    """Write the page of the worst failures of an evaluation."""
    from hbi.experiments.evaluating import recipe_of
    from hbi.experiments.failures import explain_failures
    from hbi.figures import Explained, Failure, VideoAddresses, failures_page, shown_span, write_page

    recipe = recipe_of(matcher, data, dataset)
    found = explain_failures(matcher, recipe, count, split=split, bars=progress_bar)
    if not found.explained:
        every = f"every one of the {found.num_texts} texts of the split {split}"
        say("{every} found its video first: no failures", every=every)
        return
    addresses = VideoAddresses(page=out)
    failures = []
    for each in found.explained:
        pages = [
            Explained(explanation, addresses.address(video.path, shown_span(explanation)))
            for video, explanation in (each.found, each.wanted)
        ]
        failures.append(Failure(pages[0], pages[1], each.rank))
    shown = f"{len(failures)} worst of {found.num_failures} failures among {found.num_texts} texts"
    write_page(failures_page(failures, f"{matcher.name} on {split}: {shown}"), out)
    _say_of_videos(addresses)
    counts = f"{found.num_failures} of {found.num_texts} texts do not find their video first; {len(failures)}"
    say("{counts} written to {out}", counts=counts, out=out)
