"""`hbi answer`: a question about a video, answered, and where the answer came from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbi.cli.arguments import DEVICE
from hbi.cli.tables import TextTable
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.matching import Answer

NUM_REASONS = 5


def answer(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model that answers questions: a run folder, a model folder, or a hub name."
        ),
    ],
    video: Annotated[Path, typer.Argument(help="The video file.")],
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    top: Annotated[int, typer.Option(min=1, help="Number of answers to show.")] = 5,
    explain: Annotated[
        Path | None, typer.Option(help="Also write an explanation to this file: .html, .png, .svg, .pdf or .json.")
    ] = None,
    start: Annotated[float | None, typer.Option(min=0, help="Start at this second of the video.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Stop at this second of the video.")] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Number of frames to sample from the video. Default: as in training.")
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Answer a question about a video, and show which words and seconds the answer comes from.

    The model chooses among the answers it was trained with. It always gives
    one, even if none of them is right.
    """
    from hbi.figures import write_explanation
    from hbi.figures.write import WRITERS, require_ending
    from hbi.matching import load_answerer

    if explain is not None:
        require_ending(explain, WRITERS)
    answerer = load_answerer(source, device=device, num_frames=frames)
    answered = answerer.answer(video, question, start_seconds=start, end_seconds=end)
    _print(answered, top)
    if explain is not None:
        write_explanation(answered.explanation, explain)
        say("Written to {explain}", explain=explain)


def _print(answered: "Answer", top: int) -> None:
    table = TextTable("answer", "probability", title=answered.explanation.text)
    for text, probability in answered.best(top):
        table.add_row(text, f"{100 * probability:.1f} %")
    table.print()
    if answered.remark:
        say("[yellow]note:[/] {remark}", remark=answered.remark)
    reasons = answered.reasons(NUM_REASONS)
    if not reasons:
        say("No word of the question is worth more together with a frame than apart: nothing to show.")
        return
    table = TextTable("word", "seconds", "interaction", title="what the answer comes from")
    for word, frame, value in reasons:
        seconds = f"{frame.start_seconds:.1f} to {frame.end_seconds:.1f}"
        table.add_row(word.text, seconds, f"{value:+.4f}")
    table.print()
