"""`hbi cache-features`: keep what frozen towers make of the frames."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

SHOWN = 5


def cache_features(
    recipe: Annotated[str, typer.Argument(help="The name of a built-in recipe, a YAML file, or a run folder.")],
    out: Annotated[Path, typer.Option(help="The folder to write to, one file for each split.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe, as in hbi train. Repeatable."),
    ] = None,
    dtype: Annotated[
        Literal["float16", "float32"], typer.Option(help="Number format; float16 takes half the space.")
    ] = "float16",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto: a GPU if there is one.")] = "auto",
) -> None:
    """Encode the frames of a recipe's train and val split once, with the encoder that the recipe starts from.

    Training the layers after a frozen encoder then takes minutes: run hbi train
    RECIPE with the same --set options and --set data.features=OUT --set
    training.freeze_towers=true, and without augmentation of frames
    (training.augment_operations=0). It refuses features of another encoder, of
    other videos or of other frames. A split that exists already is kept.
    """
    from hbi.experiments.content import read_content, require_start

    kept = (f"data.features={json.dumps(str(out))}", "training.freeze_towers=true", "training.augment_operations=0")
    settings = [*(overrides or ()), *kept]
    require_start(read_content(recipe, settings))
    # Only now, since they take seconds to load.
    import torch

    from hbi.experiments.frame_features import cache_features as cache
    from hbi.experiments.reading import read_recipe

    content = read_recipe(recipe, settings)
    for cached in cache(content, dtype=getattr(torch, dtype), device=device, bars=progress_bar):
        if not cached.is_new:
            say("{path} is already there", path=cached.path)
            continue
        for problem in cached.features.problems[:SHOWN]:
            say("[yellow]passed over:[/] {problem}", problem=problem)
        size = f"{cached.path.stat().st_size / 2**20:.1f} MiB"
        say(
            "{path}: {shape} features, {size}",
            path=cached.path,
            shape=tuple(cached.features.features.shape),
            size=size,
        )
    is_augmented = read_recipe(recipe, overrides or ()).training.augment_operations > 0
    say(
        "Next: [bold]hbi train {recipe} … --set data.features={out} --set training.freeze_towers=true{more}[/]",
        recipe=recipe,
        out=out,
        more=" --set training.augment_operations=0" if is_augmented else "",
    )
