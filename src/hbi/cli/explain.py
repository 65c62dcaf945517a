"""`hbi explain`: which words of a text match which seconds of a video, and why this and not that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hbi.cli.given_model import MODEL, GivenModel, open_given
from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.explanation import Explained, Explanation
    from hbi.explanation.player import Videos
    from hbi.recipes.runs import TrainedRun


def explain(
    run: Annotated[str, typer.Argument(help="Run folder of hbi train, or model:FOLDER of hbi convert.")],
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="VIDEO... TEXT", help="One video file or several, then what they may show, in quotes."),
    ] = None,
    out: Annotated[Path, typer.Option(help="A file to write: .html, .png, .svg, .pdf or .json.")] = Path(
        "explanation.html"
    ),
    view: Annotated[
        Literal["levels", "timeline"], typer.Option(help="What a figure shows: a map a level, or a line a word.")
    ] = "levels",
    instead_of: Annotated[
        str | None, typer.Option("--instead-of", metavar="TEXT", help="Why the text and not this other one.")
    ] = None,
    worst: Annotated[
        int | None, typer.Option(min=1, help="Explain that many failures of an evaluation, the worst first.")
    ] = None,
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="With --worst: of which split.")] = "test",
    start: Annotated[float | None, typer.Option(min=0, help="Look from this second on.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Look up to this second.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames of a video. Only for model:…, a run has its own.")] = 12,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Draw the exact interaction of every word with every frame, at the entity, action and event level.

    Positive: the two are worth more together than apart. The file stands alone and needs no network.

    One text with several videos gives a page that ranks them and says why the first and not the second;
    --instead-of compares two texts on one video; --worst 20 shows the failures of an evaluation on one page.
    """
    from hbi.cli.device import choose_device
    from hbi.cli.explain_failures import explain_failures
    from hbi.errors import HBIError
    from hbi.explanation import write_explanation
    from hbi.explanation.write import WRITERS, require_ending
    from hbi.recipes.runs import open_run

    videos, text = _videos_and_text(what or [], worst=worst, instead_of=instead_of)
    require_ending(out, WRITERS if len(videos) == 1 and not instead_of else (".html",))
    trained: TrainedRun | GivenModel
    if run.startswith(MODEL):
        trained = open_given(run, num_frames=frames, device=choose_device(device))
    else:
        trained = open_run(Path(run), device=choose_device(device))
    if worst:
        if isinstance(trained, GivenModel):
            raise HBIError(f"--worst explains failures of a run, which has its data set, and {run} has none")
        explain_failures(trained, worst, split, out)
    elif instead_of:
        _explain_instead(trained, videos[0], text, instead_of, out, start=start, end=end)
    elif len(videos) > 1:
        _explain_videos(trained, videos, text, out, start=start, end=end)
    else:
        explanation = explain_with(trained, videos[0], text, start=start, end=end)
        write_explanation(explanation, out, video=videos[0], view=view)
        if explanation.remark:
            say("[yellow]note:[/] {remark}", remark=explanation.remark)
        say("similarity {similarity}; written to {out}", similarity=f"{explanation.similarity:.3f}", out=out)


def explain_with(
    trained: "TrainedRun | GivenModel",
    video: Path,
    text: str,
    *,
    start: float | None = None,
    end: float | None = None,
) -> "Explanation":
    """Return the explanation that an opened run, or a converted model, gives of a video and a text.

    Raises:
        ExplanationError: The run's model plays no game.
    """
    from hbi.explanation.explain import ExplanationError
    from hbi.explanation.explain import explain as explain_pair
    from hbi.models import HBIModel

    if not isinstance(trained.model, HBIModel):
        raise ExplanationError(
            f"the run {trained.name} is a global baseline, which plays no game: give one of kind hbi"
        )
    return explain_pair(
        trained.model,
        trained.tokenizer,
        video,
        text,
        name=trained.name,
        num_frames=trained.num_frames,
        image_size=trained.image_size,
        start_seconds=start,
        end_seconds=end,
    )


def _videos_and_text(what: list[str], *, worst: int | None, instead_of: str | None) -> tuple[list[Path], str]:
    """Return the videos and the text of the command line; raises HBIError where they do not fit the options."""
    from hbi.errors import HBIError

    if worst and (what or instead_of):
        raise HBIError("--worst explains the failures of an evaluation: give no video, no text and no --instead-of")
    if not worst and len(what) < 2:
        raise HBIError("nothing to explain: give a video and a text (hbi explain RUN VIDEO TEXT), or --worst 20")
    if instead_of and len(what) > 2:
        raise HBIError(f"--instead-of compares two texts on one video, not on {len(what) - 1}: give one video")
    return [Path(video) for video in what[:-1]], what[-1] if what else ""


def _explain_instead(
    trained: "TrainedRun | GivenModel",
    video: Path,
    text: str,
    other: str,
    out: Path,
    *,
    start: float | None,
    end: float | None,
) -> None:
    from hbi.explanation import Explained, comparison_page, write_page
    from hbi.explanation.player import Videos

    first, second = (explain_with(trained, video, each, start=start, end=end) for each in (text, other))
    address = Videos(page=out).address(video)
    write_page(comparison_page(Explained(first, address), Explained(second)), out)
    both = f"{first.similarity:.3f} and {second.similarity:.3f}"
    say("similarity {both}; written to {out}", both=both, out=out)


def _explain_videos(
    trained: "TrainedRun | GivenModel",
    videos: list[Path],
    text: str,
    out: Path,
    *,
    start: float | None,
    end: float | None,
) -> None:
    """Explain one text with several videos; those that cannot be decoded are named and passed over."""
    from hbi.explanation import videos_page, write_page
    from hbi.explanation.player import Videos
    from hbi.video import VideoError

    found: list[Explained] = []
    faults: list[VideoError] = []
    addresses = Videos(page=out)
    with progress_bar("explaining videos") as progress:
        for number, video in enumerate(videos, start=1):
            try:
                found.append(explained(explain_with(trained, video, text, start=start, end=end), video, addresses))
            except VideoError as error:
                faults.append(error)
            progress(number, len(videos))
    for fault in faults:
        say("[yellow]passed over:[/] {fault}", fault=fault)
    if not found:
        raise faults[0]
    write_page(videos_page(found), out)
    best = max((each.explanation for each in found), key=lambda explanation: explanation.similarity)
    similarity = f"{best.similarity:.3f}"
    say(
        "best of {count}: {video}, similarity {similarity}; written to {out}",
        count=len(found),
        video=best.video,
        similarity=similarity,
        out=out,
    )


def explained(explanation: "Explanation", video: Path, addresses: "Videos") -> "Explained":
    """Return an explanation with the address of its video."""
    from hbi.explanation import Explained

    return Explained(explanation, addresses.address(video))
