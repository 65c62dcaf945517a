"""`hbi explain`: which words of a text match which seconds of a video."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbi.cli.progress import console

if TYPE_CHECKING:
    from hbi.explanation import Explanation
    from hbi.recipes.experiment import TrainedRun


def explain(
    run: Annotated[Path, typer.Argument(help="Run folder of hbi train.")],
    video: Annotated[Path, typer.Argument(help="A video file.")],
    text: Annotated[str, typer.Argument(help="What the video may show, in quotes.")],
    out: Annotated[Path, typer.Option(help="A file to write: .html, .png, .svg, .pdf or .json.")] = Path(
        "explanation.html"
    ),
    start: Annotated[float | None, typer.Option(min=0, help="Look from this second on.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Look up to this second.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Draw the exact interaction of every word with every frame, at the entity, action and event level.

    Positive: the two are worth more together than apart. The file stands alone and needs no network.
    """
    from hbi.cli.device import choose_device
    from hbi.explanation import write_explanation
    from hbi.recipes.experiment import open_run

    trained = open_run(run, device=choose_device(device))
    explanation = explain_with(trained, video, text, start=start, end=end)
    write_explanation(explanation, out)
    if explanation.remark:
        console.print(f"[yellow]note:[/] {explanation.remark}")
    console.print(f"similarity {explanation.similarity:.3f}; written to {out}")


def explain_with(
    trained: "TrainedRun", video: Path, text: str, *, start: float | None = None, end: float | None = None
) -> "Explanation":
    """Return the explanation that an opened run gives of a video and a text.

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
        num_frames=trained.recipe.data.num_frames,
        image_size=trained.recipe.data.image_size,
        start_seconds=start,
        end_seconds=end,
    )
