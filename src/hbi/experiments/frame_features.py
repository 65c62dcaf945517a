"""Features of frames, made by the frozen towers that a recipe starts from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hbi.data.benchmark import SplitName
from hbi.data.features import FeatureStore, join_features, load_features, save_features
from hbi.data.frames import FrameStore, decode_frames
from hbi.data.loading import LoadedSplit
from hbi.data.packed_frames import FrameSampling, open_frames
from hbi.data.samples import Split
from hbi.encoders.encoder import Encoder
from hbi.encoders.preprocessing import network_input
from hbi.errors import HBIError
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.network import build_model, start_picture, start_processor, start_tokenizer
from hbi.experiments.packed import with_found_frames
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import (
    features_file,
    frames_of_split,
    packed_folder,
    read_split,
    sampling_of_split,
)
from hbi.experiments.start import with_start
from hbi.matching.device import choose_device
from hbi.models import Processor
from hbi.video import PictureFormat


def frame_stores(
    recipe: Recipe, name: SplitName, split: Split, picture: PictureFormat, *, batch_size: int = 16
) -> Iterator[FrameStore]:
    """Yield the frames of a split, those of some videos at a time, decoded now or packed before.

    Args:
        recipe: Says how many frames, and where packed ones are.
        name: Name of the split.
        split: The videos of the split.
        picture: How a frame becomes the picture that the towers take.
        batch_size: Videos in each store; the last one may have fewer.
    """
    sampling = FrameSampling(frames_of_split(recipe, name), picture)
    packed = open_frames(packed_folder(recipe, name), split.videos, sampling) if recipe.data.packed else None
    for start in range(0, len(split.videos), batch_size):
        rows = slice(start, start + batch_size)
        if packed:
            problems = packed.problems if start == 0 else ()
            yield FrameStore(packed.pixels[rows], packed.mask[rows], packed.timestamps_seconds[rows], problems)
        else:
            yield decode_frames(
                split.videos[rows], num_frames=sampling.num_frames, picture=sampling.picture, requires_any=False
            )


def tower_fingerprint(encoder: Encoder) -> str:
    """Return a hash of the weights that make frame features."""
    digest = hashlib.sha256()
    for part in encoder.picture_towers:
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def encode_features(
    encoder: Encoder,
    stores: Iterable[FrameStore],
    *,
    device: torch.device,
    network_input: Callable[[torch.Tensor], torch.Tensor] = network_input,
) -> Iterator[FeatureStore]:
    """Yield the features of each store, so that no more pixels need to be held than those of one.

    Args:
        encoder: Its towers make the features.
        stores: Frames of consecutive videos.
        device: Where the encoder is.
        network_input: Normalizes pixels as the towers take them.
    """
    fingerprint = tower_fingerprint(encoder)
    for store in stores:
        pixels = network_input(store.pixels[:].to(device))
        features = encoder.frame_features(pixels, store.mask.to(device))
        yield FeatureStore(features.float().cpu(), store.mask, store.timestamps_seconds, store.problems, fingerprint)


@dataclass(frozen=True)
class CachedSplit:
    """The file of one split's features; `is_new` is False where it was there already."""

    path: Path
    features: FeatureStore
    is_new: bool


def cache_features(
    recipe: Recipe,
    *,
    dtype: torch.dtype = torch.float16,
    device: str | torch.device = "auto",
    bars: Bars = no_bars,
) -> tuple[CachedSplit, ...]:
    """Write the features of a recipe's train and val split, made by the towers that it starts from.

    Args:
        recipe: Names the data, the towers, and with `data.features` the folder to write to.
        dtype: How numbers are kept.
        device: Where to encode: "auto", "cpu", "cuda", …
        bars: Shows how far the work has come.

    Raises:
        DataError: The data cannot be read.
        HBIError: A file is there already and was made by other towers.
    """
    recipe = with_start(recipe)
    names: tuple[SplitName, SplitName] = ("train", "val")
    splits = {name: read_split(recipe, name) for name in names}
    recipe = with_found_frames(recipe, names, start_picture(recipe))
    tokenizer = start_tokenizer(recipe, splits["train"].split)
    model = build_model(recipe, tokenizer)
    processor = start_processor(recipe, model, tokenizer)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    encoder = model.to(chosen).eval().encoder
    return tuple(_cache_split(recipe, name, splits[name], encoder, processor, dtype, bars) for name in names)


def _cache_split(
    recipe: Recipe,
    name: SplitName,
    loaded: LoadedSplit,
    encoder: Encoder,
    processor: Processor,
    dtype: torch.dtype,
    bars: Bars,
) -> CachedSplit:
    path, sampling = features_file(recipe, name), sampling_of_split(recipe, name, loaded.split, processor.picture)
    if path.is_file():
        kept = load_features(path, sampling)
        if kept.fingerprint != tower_fingerprint(encoder):
            raise HBIError(f"{path} was made by other towers: choose another --out, or delete it")
        return CachedSplit(path, kept, is_new=False)
    stores: list[FeatureStore] = []
    device = encoder.towers.device
    with bars(f"encoding {name}") as progress:
        frames = frame_stores(recipe, name, loaded.split, processor.picture)
        for store in encode_features(encoder, frames, device=device, network_input=processor.network_input):
            stores.append(store.to(dtype))
            if progress:
                progress(sum(len(each.mask) for each in stores), len(loaded.split.videos))
    store = join_features(stores)
    store = replace(store, problems=loaded.problems + store.problems)
    save_features(path, store, sampling)
    return CachedSplit(path, store, is_new=True)
