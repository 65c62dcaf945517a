"""`hbi answer`: a question about a video, answered, and where the answer came from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from hbi.cli.terminal import console, say, styled

if TYPE_CHECKING:
    from hbi.explanation.answering import AnsweredQuestion

NUM_REASONS = 5


def answer(
    run: Annotated[Path, typer.Argument(help="Run folder of hbi train, of a recipe that answers questions.")],
    video: Annotated[Path, typer.Argument(help="A video file.")],
    question: Annotated[str, typer.Argument(help="What to ask about it, in quotes.")],
    top: Annotated[int, typer.Option(min=1, help="How many answers to show.")] = 5,
    explain: Annotated[
        Path | None, typer.Option(help="Write the explanation there: .html, .png, .svg, .pdf or .json.")
    ] = None,
    start: Annotated[float | None, typer.Option(min=0, help="Look from this second on.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Look up to this second.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Answer a question about a video, and show the words and seconds whose interaction the answer comes from.

    The network chooses among the answers that it was trained with; it gives one whatever is asked.
    """
    from hbi.cli.device import choose_device
    from hbi.explanation import write_explanation
    from hbi.explanation.answering import answer_question
    from hbi.recipes.answering import open_answering

    trained = open_answering(run, device=choose_device(device))
    answered = answer_question(
        trained.model,
        trained.tokenizer,
        video,
        question,
        name=trained.name,
        num_frames=trained.recipe.data.num_frames,
        image_size=trained.recipe.data.image_size,
        start_seconds=start,
        end_seconds=end,
    )
    _print(answered, top)
    if explain is not None:
        write_explanation(answered.explanation, explain)
        say("Written to {explain}", explain=explain)


def _print(answered: "AnsweredQuestion", top: int) -> None:
    table = Table("answer", "probability", title=styled("{text}", text=answered.explanation.text))
    for text, probability in answered.best(top):
        table.add_row(styled("{text}", text=text), f"{100 * probability:.1f} %")
    console.print(table)
    if answered.remark:
        say("[yellow]note:[/] {remark}", remark=answered.remark)
    reasons = answered.reasons(NUM_REASONS)
    if not reasons:
        console.print("No word of the question is worth more together with a frame than apart: nothing to show.")
        return
    table = Table("word", "seconds", "interaction", title="what the answer comes from")
    for word, frame, value in reasons:
        seconds = f"{frame.start_seconds:.1f} to {frame.end_seconds:.1f}"
        table.add_row(styled("{word}", word=word.text), seconds, f"{value:+.4f}")
    console.print(table)
