"""`hbi cache-features`: keep what frozen towers make of the frames."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say

if TYPE_CHECKING:
    from hbi.data.benchmark import SplitName
    from hbi.data.loading import LoadedSplit
    from hbi.models import GlobalContrastModel, HBIModel
    from hbi.recipes.schema import Recipe


def cache_features(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe that ships with hbi, or a YAML file.")],
    out: Annotated[Path, typer.Option(help="The folder to write to: one file for each split.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as for hbi train. Repeatable."),
    ] = None,
    dtype: Annotated[
        Literal["float16", "float32"], typer.Option(help="How numbers are kept; float16 takes half the space.")
    ] = "float16",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto.")] = "auto",
) -> None:
    """Encode the frames of a recipe's train and val split once, with the towers that it starts from.

    Then train everything after the towers in minutes: hbi train RECIPE with the same --set options and
    --set data.features=OUT --set training.freeze_towers=true. Files made by other towers, of other videos or other
    frames are refused there. A split that is already there is kept.
    """
    from hbi.recipes.content import read_content, require_start

    settings = [*(overrides or ()), f"data.features={json.dumps(str(out))}", "training.freeze_towers=true"]
    require_start(read_content(recipe, settings))
    # Only now, since they take seconds to load.
    from hbi.cli.device import choose_device
    from hbi.recipes.network import build_model, start_tokenizer
    from hbi.recipes.reading import read_recipe
    from hbi.recipes.splits import read_split

    content = read_recipe(recipe, settings)
    splits: dict[SplitName, LoadedSplit] = {"train": read_split(content, "train"), "val": read_split(content, "val")}
    tokenizer = start_tokenizer(content, splits["train"].split)
    model = build_model(content, tokenizer).to(choose_device(device)).eval()
    for name, loaded in splits.items():
        _cache_split(content, name, loaded, model, dtype=dtype)
    say(
        "Next: [bold]hbi train {recipe} … --set data.features={out} --set training.freeze_towers=true[/]",
        recipe=recipe,
        out=out,
    )


def _cache_split(
    recipe: "Recipe",
    name: "SplitName",
    loaded: "LoadedSplit",
    model: "HBIModel | GlobalContrastModel",
    *,
    dtype: str,
) -> None:
    from dataclasses import replace

    import torch

    from hbi.data.features import encode_features, join_features, load_features, save_features, tower_fingerprint
    from hbi.errors import HBIError
    from hbi.recipes.splits import features_file, frame_banks, sampling_of_split

    path, sampling = features_file(recipe, name), sampling_of_split(recipe, name, loaded.split)
    if path.is_file():
        if load_features(path, sampling).fingerprint != tower_fingerprint(model.encoder):
            raise HBIError(f"{path} was made by other towers: choose another --out, or delete it")
        say("{path} is already there", path=path)
        return
    banks = []
    with progress_bar(f"encoding {name}") as progress:
        frames = frame_banks(recipe, name, loaded.split)
        for bank in encode_features(model.encoder, frames, device=model.device):
            banks.append(bank.to(getattr(torch, dtype)))
            progress(sum(len(each.mask) for each in banks), len(loaded.split.videos))
    bank = join_features(banks)
    bank = replace(bank, faults=loaded.faults + bank.faults)
    for fault in bank.faults[:5]:
        say("[yellow]passed over:[/] {fault}", fault=fault)
    save_features(path, bank, sampling)
    size = f"{path.stat().st_size / 2**20:.1f} MiB"
    say("{path}: {shape} features, {size}", path=path, shape=tuple(bank.features.shape), size=size)
