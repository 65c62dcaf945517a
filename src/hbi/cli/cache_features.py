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
    from hbi.experiments.schema import Recipe
    from hbi.models.model_folder import Network


def cache_features(
    recipe: Annotated[str, typer.Argument(help="The name of a built-in recipe, or a YAML file.")],
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
    training.freeze_towers=true. It refuses features of another encoder, of
    other videos or of other frames. A split that exists already is kept.
    """
    from hbi.experiments.content import read_content, require_start

    settings = [*(overrides or ()), f"data.features={json.dumps(str(out))}", "training.freeze_towers=true"]
    require_start(read_content(recipe, settings))
    # Only now, since they take seconds to load.
    from hbi.experiments.network import build_model, start_tokenizer
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.splits import read_split
    from hbi.matching.device import choose_device

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
    model: "Network",
    *,
    dtype: str,
) -> None:
    from dataclasses import replace

    import torch

    from hbi.data.features import join_features, load_features, save_features
    from hbi.errors import HBIError
    from hbi.experiments.frame_features import encode_features, frame_stores, tower_fingerprint
    from hbi.experiments.splits import features_file, sampling_of_split

    path, sampling = features_file(recipe, name), sampling_of_split(recipe, name, loaded.split)
    if path.is_file():
        if load_features(path, sampling).fingerprint != tower_fingerprint(model.encoder):
            raise HBIError(f"{path} was made by other towers: choose another --out, or delete it")
        say("{path} is already there", path=path)
        return
    stores = []
    with progress_bar(f"encoding {name}") as progress:
        frames = frame_stores(recipe, name, loaded.split)
        for store in encode_features(model.encoder, frames, device=model.device):
            stores.append(store.to(getattr(torch, dtype)))
            progress(sum(len(each.mask) for each in stores), len(loaded.split.videos))
    store = join_features(stores)
    store = replace(store, problems=loaded.problems + store.problems)
    for fault in store.problems[:5]:
        say("[yellow]passed over:[/] {fault}", fault=fault)
    save_features(path, store, sampling)
    size = f"{path.stat().st_size / 2**20:.1f} MiB"
    say("{path}: {shape} features, {size}", path=path, shape=tuple(store.features.shape), size=size)
