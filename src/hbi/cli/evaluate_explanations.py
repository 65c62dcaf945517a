"""`hbi evaluate --explanations`: whether what a run explains is true."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import console, say, styled

if TYPE_CHECKING:
    from hbi.evaluation.faithfulness import MethodScore

NUM_PAIRS = 100


def evaluate_explanations(
    run: Path, *, split: Literal["train", "val", "test"], weights: Literal["best", "last"], device: str
) -> None:
    """Compare ways to explain the first pairs of a split; print a table and write explanations.json into the run.

    Raises:
        ExplanationError: The run's model plays no game.
    """
    from hbi.cli.device import choose_device
    from hbi.data.frames import decode_frames
    from hbi.evaluation.attributions import methods, samples_in_the_time_of_exact
    from hbi.evaluation.explained_pairs import encode_pairs, explained_pairs
    from hbi.evaluation.faithfulness import explanation_scores, summary
    from hbi.explanation.explain import ExplanationError
    from hbi.files import write_atomically
    from hbi.models import HBIModel
    from hbi.recipes.runs import open_run
    from hbi.recipes.splits import read_split

    trained = open_run(run, weights=weights, device=choose_device(device))
    if not isinstance(trained.model, HBIModel) or trained.model.config.interaction == "global":
        raise ExplanationError(f"the run {trained.name} plays no game: there are no explanations to measure")
    loaded, data = read_split(trained.recipe, split).split, trained.recipe.data
    chosen = explained_pairs(loaded, NUM_PAIRS)
    pairs = [replace(pair, video=row) for row, pair in enumerate(chosen)]
    videos = [loaded.videos[pair.video] for pair in chosen]
    with progress_bar("decoding videos") as progress:
        bank = decode_frames(videos, num_frames=data.num_frames, image_size=data.image_size, progress=progress)
    first = next(encode_pairs(trained.model, trained.tokenizer, pairs, bank, batch_size=128))
    compared = methods(samples_in_the_time_of_exact(first.games["entity"]))
    with progress_bar("taking words and frames away") as progress:
        _, scores = explanation_scores(trained.model, trained.tokenizer, pairs, bank, compared, progress=progress)
    found = summary(compared, scores)
    _print(trained.name, split, found)
    out = run / ("explanations.json" if split == "test" else f"explanations-{split}.json")
    write_atomically(out, json.dumps(_without_nan([asdict(score) for score in found]), indent=2) + "\n")
    say("Written to {out}", out=out)


def _print(name: str, split: str, found: "list[MethodScore]") -> None:
    title = f"explanations of {name}: {found[0].num_curves} pairs of {split}"
    columns = {
        "frame_deletion": "frames: deletion",
        "frame_insertion": "insertion",
        "word_deletion": "words: deletion",
        "word_insertion": "insertion",
        "frame_correlation": "leave-one-out: frames",
        "word_correlation": "words",
        "cell_correlation": "cells",
    }
    table = Table("", "pointing", "mass inside", *columns.values(), title=styled("{title}", title=title))
    for score in found:
        everything = score.pointing[0]
        numbers = [_number(everything.pointing, 1), _number(everything.share_inside, 1)]
        table.add_row(score.title, *numbers, *(_number(getattr(score, column), 3) for column in columns))
    console.print(table)
    console.print(
        "pointing: percent of the telling words whose strongest frame lies in their event; deletion: mean score as the "
        "most important go first (low is good); insertion: as they come first (high is good)"
    )


def _number(value: float, decimals: int) -> str:
    return "" if math.isnan(value) else f"{value:.{decimals}f}"


def _without_nan(value: object) -> object:
    """Return the same with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
