"""`hbi search`: find moments by a text or by a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from hbi.cli.terminal import WHOLE, say, say_json, styled, visible

if TYPE_CHECKING:
    from hbi.search import Hit, SearchResult, VideoIndex
    from hbi.search.results import Goodness, Verdict


def search(
    index: Annotated[Path, typer.Argument(help="The index folder of hbi index.")],
    text: Annotated[str | None, typer.Argument(help="The text to search for, in quotes.")] = None,
    like: Annotated[Path | None, typer.Option(help="Search with this video clip instead of a text.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Number of moments to show.")] = 10,
    path: Annotated[
        str | None, typer.Option(help="Only videos in this folder, or whose path matches this pattern.")
    ] = None,
    after: Annotated[datetime | None, typer.Option(help="Only files modified on or after this day.")] = None,
    before: Annotated[datetime | None, typer.Option(help="Only files modified before this day.")] = None,
    min_seconds: Annotated[float | None, typer.Option(min=0, help="Only videos at least this long.")] = None,
    max_seconds: Annotated[float | None, typer.Option(min=0, help="Only videos at most this long.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The share of unrelated texts that a good match must beat: 0.95."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    save_clip: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save each moment as a clip in this folder.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Explain the first hit in this file: .html, .png, .svg, .pdf, .json."),
    ] = None,
    second_stage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rank the best 50 again with what hbi train-second-stage wrote.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto: a GPU if there is one.")] = "auto",
) -> None:
    """Find moments in your videos that match a text, or that resemble a clip (--like).

    Each hit says how good the match is (strong, fair, weak, none) and what that
    rests on, and lists the words of the text: found in the moment, not found, or
    not to be told by this model. Words that the model has never seen are named.
    """
    from hbi.errors import HBIError
    from hbi.matching.device import choose_device
    from hbi.search import Filters, VideoIndex

    if (text is None) == (like is None):
        raise HBIError("give a text, or a clip with --like")
    if explain is not None and text is None:
        raise HBIError("--explain needs a text: the words of a clip are not known")
    opened = VideoIndex.open(index, device=choose_device(device), second_stage=second_stage)
    filters = Filters(path, after, before, min_seconds, max_seconds)
    result = (
        opened.search(text, limit=limit, filters=filters, threshold=threshold)
        if text is not None
        else opened.search_like(like or Path(), limit=limit, filters=filters, threshold=threshold)
    )
    clips = _save_clips(result, save_clip) if save_clip else ()
    if as_json:
        say_json(result_record(result, clips))
    else:
        print_result(result, clips)
    if explain is not None and text is not None and result.hits:  # what was found is shown, whatever comes of this
        _explain(opened, result.hits[0], text, explain)
        if not as_json:
            say("Why the first one fits: [bold]{file}[/]", file=explain)


@dataclass(frozen=True)
class SavedClip:
    """What came of cutting a moment out: a file, and one line on what is not in it, or why there is none."""

    path: Path | None = None
    fault: str | None = None


def result_record(result: "SearchResult", clips: Sequence[SavedClip] = ()) -> dict[str, Any]:
    """Return an answer as what JSON can hold."""
    from hbi.search.results import result_to_dict

    record = result_to_dict(result)
    for hit, clip in zip(record["hits"], clips, strict=False):
        if clip.path is not None:
            hit["clip"] = str(clip.path)
        if clip.fault is not None:
            hit["clip_fault"] = clip.fault
    return record


def print_result(result: "SearchResult", clips: Sequence[SavedClip] = ()) -> None:
    """Print an answer: moments, how good each is, and its words; `clips` tells what came of cutting each out."""
    if result.remark:
        say("[yellow]note:[/] {remark}", remark=result.remark)
    if not result.hits:
        say("Nothing to search: no video fits the filters, or the index is empty.")
        return
    if not result.has_good_match:
        say("[bold yellow]No good match.[/] The closest:")
    for number, (hit, clip) in enumerate(zip(result.hits, clips or repeat(SavedClip())), start=1):  # noqa: B905
        _print_hit(number, hit)
        if clip.path is not None:
            say("     cut out: {file}", file=clip.path)
        if clip.fault is not None:
            say("     [yellow]{what}:[/] {why}", what="note" if clip.path else "not cut out", why=clip.fault)
    way = "all looked at" if result.is_exhaustive else "approximate candidates"
    looked = f"{result.num_segments} segments, {way}, {1000 * result.seconds:.0f} ms"
    say("[dim]{looked}[/]", looked=looked)


def _print_hit(number: int, hit: "Hit") -> None:
    from hbi.search.results import clock

    span = f"{clock(hit.start_seconds)}–{clock(hit.end_seconds)}"
    moment = styled("[bold]{span}[/]", span=span) if hit.is_good else styled("[dim]{span}[/]", span=span)
    missing = styled("  [yellow]the file is not there now[/]") if hit.is_missing else ""
    say("{number}. {moment}  {path}{missing}", number=f"{number:3}", moment=moment, path=hit.path, missing=missing)
    goodness = Text(f"{hit.goodness.capitalize()} match.", GOODNESS_STYLES[hit.goodness])
    if hit.goodness == "none":
        goodness = Text("No match.", GOODNESS_STYLES["none"])
    score = Text(f"Score {hit.score:.3f}.")
    score.stylize(WHOLE)
    say("     {goodness} {reason} {score}", goodness=goodness, reason=hit.reason, score=score)
    if words := _words(hit):
        say("     {words}", words=words)


GOODNESS_STYLES: "dict[Goodness, str]" = {"strong": "bold green", "fair": "green", "weak": "yellow", "none": "yellow"}
VERDICT_STYLES: "dict[Verdict, str]" = {
    "found": "bold green",
    "not found": "yellow",
    "cannot tell": "dim",
    "unknown": "bold",
}
"""In the order in which words are listed. A color only repeats what stands before the words."""


def _words(hit: "Hit") -> Text | None:
    """Return the words of a text by verdict: "found: red, circle · cannot tell: spins"; None where there are none.

    Words such as "a" and "the" are left out.
    """
    from hbi.explanation.whole_words import FUNCTION_WORDS

    telling = [word for word in hit.words if word.text.casefold() not in FUNCTION_WORDS] or hit.words
    groups = []
    for verdict, style in VERDICT_STYLES.items():
        once = dict.fromkeys(word.text for word in telling if word.verdict == verdict)
        if once:
            words = [Text(visible(word), style) for word in once]
            title = "unknown to the model" if verdict == "unknown" else verdict
            groups.append(styled("{title}: {words}", title=title, words=Text(", ").join(words)))
    return Text(" · ").join(groups) if groups else None


def _save_clips(result: "SearchResult", folder: Path) -> list[SavedClip]:
    from hbi.errors import HBIError
    from hbi.files import fitting_name
    from hbi.video.cutting import cut_clip

    clips = []
    for number, hit in enumerate(result.hits, start=1):
        if hit.is_missing:
            clips.append(SavedClip())
            continue
        seconds = f"-{hit.start_seconds:.1f}-{hit.end_seconds:.1f}.mp4"
        out = folder / fitting_name(folder, f"{number:02d}-", hit.path.stem, seconds)
        try:
            clips.append(SavedClip(out, cut_clip(hit.path, hit.start_seconds, hit.end_seconds, out)))
        except HBIError as error:
            clips.append(SavedClip(fault=str(error)))
    return clips


def _explain(opened: "VideoIndex", hit: "Hit", text: str, out: Path) -> None:
    from hbi.figures import write_explanation

    explanation = opened.explain(
        hit.path, text, start_seconds=hit.segment_start_seconds, end_seconds=hit.segment_end_seconds
    )
    verdicts = {(word.start, word.end): word.verdict for word in hit.words}
    write_explanation(explanation, out, verdicts=verdicts)
