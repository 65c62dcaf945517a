"""The splits of a recipe's data set: texts and truth, with the frames or the features of their videos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hbi.data.benchmark import SplitName
from hbi.data.benchmarks import find_benchmark, find_protocol
from hbi.data.features import FeatureBank, Sampling, load_features
from hbi.data.frames import FrameBank, decode_frames
from hbi.data.loading import LoadedSplit, load_split
from hbi.data.packed_frames import FrameSampling, open_frames
from hbi.data.samples import RetrievalSplit
from hbi.data.shape_stories import load_stories
from hbi.data.shape_stories.retrieval import retrieval_split
from hbi.data.tokenizer import count_words
from hbi.recipes.schema import Recipe

Counter = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True)
class DecodedSplit:
    """A split of the recipe's data set with its videos' frames."""

    split: RetrievalSplit
    bank: FrameBank


@dataclass(frozen=True)
class FeaturedSplit:
    """A split of the recipe's data set with features of its videos' frames."""

    split: RetrievalSplit
    bank: FeatureBank


def read_split(recipe: Recipe, name: SplitName) -> LoadedSplit:
    """Return a split of the recipe's data set.

    Raises:
        DataError: The data set is not there, or is not as it should be.
    """
    data, root = recipe.data, Path(recipe.data.root)
    if data.dataset == "shape-stories":
        return LoadedSplit(retrieval_split(name, load_stories(root, name)), ())
    is_own = data.dataset == "own"
    annotations = Path(data.annotations) if data.annotations else root if is_own else root / "annotations"
    videos = Path(data.videos) if data.videos else root if is_own else root / "videos"
    loaded = load_split(
        find_benchmark(data.dataset),
        data.protocol,
        name,
        annotations=annotations,
        videos=None if data.frames else videos,
    )
    num_cut = sum(count_words(text.text) > data.max_words for text in loaded.split.texts)
    if not num_cut:
        return loaded
    cut = f"{name}: at least {num_cut} of {len(loaded.split.texts)} texts are cut to {data.max_words} tokens"
    return LoadedSplit(loaded.split, (*loaded.faults, f"{cut}; hbi data check lists them"))


def frames_of_split(recipe: Recipe, name: SplitName) -> int:
    """Return how many frames of each video are kept: for training as many as the recipe draws from."""
    return recipe.data.num_frames * (recipe.data.frames_per_position if name == "train" else 1)


def decode_split(recipe: Recipe, name: SplitName, progress: Counter | None = None) -> DecodedSplit:
    """Return a split with its frames, decoded now or packed before.

    A video without a frame stays in the training split, where no batch takes it, and leaves the others: it can neither
    be found nor stand in the way. The faults of the bank tell of it.
    """
    loaded = read_split(recipe, name)
    split, sampling = loaded.split, FrameSampling(frames_of_split(recipe, name), recipe.data.image_size)
    folder = packed_folder(recipe, name) if recipe.data.frames else None
    if folder:
        bank = open_frames(folder, split.videos, sampling)
    else:
        bank = decode_frames(
            split.videos, num_frames=sampling.num_frames, image_size=sampling.image_size, progress=progress
        )
    faults = loaded.faults + bank.faults
    if name != "train" and not bank.is_usable.all():
        split = split.only(bank.is_usable)
        bank = open_frames(folder, split.videos, sampling) if folder else bank.only(bank.is_usable)
    return DecodedSplit(split, replace(bank, faults=faults))


def packed_folder(recipe: Recipe, name: SplitName) -> Path:
    """Return where the packed frames of a split lie; a val split that is the test split has no folder of its own."""
    if recipe.data.dataset != "shape-stories":
        protocol = find_protocol(find_benchmark(recipe.data.dataset), recipe.data.protocol)
        name = protocol.resolve(name) if protocol else name
    return Path(str(recipe.data.frames)) / name


def features_file(recipe: Recipe, name: SplitName) -> Path:
    """Return where the features of a split are kept."""
    return Path(str(recipe.data.features)) / f"{name}.safetensors"


def sampling_of_split(recipe: Recipe, name: SplitName, split: RetrievalSplit) -> Sampling:
    """Return which frames of which videos the recipe needs features of."""
    return Sampling(
        tuple(video.video_id for video in split.videos), frames_of_split(recipe, name), recipe.data.image_size
    )


def load_featured_split(recipe: Recipe, name: SplitName) -> FeaturedSplit:
    """Return a split with the features that `hbi cache-features` kept of its frames, as `decode_split` returns it."""
    split = read_split(recipe, name).split
    bank = load_features(features_file(recipe, name), sampling_of_split(recipe, name, split))
    if name != "train" and not bank.is_usable.all():
        split, bank = split.only(bank.is_usable), bank.only(bank.is_usable)
    return FeaturedSplit(split, bank)


def frame_banks(recipe: Recipe, name: SplitName, split: RetrievalSplit, *, batch_size: int = 16) -> Iterator[FrameBank]:
    """Yield the frames of a split, those of `batch_size` videos at a time, decoded now or packed before."""
    sampling = FrameSampling(frames_of_split(recipe, name), recipe.data.image_size)
    packed = open_frames(packed_folder(recipe, name), split.videos, sampling) if recipe.data.frames else None
    for start in range(0, len(split.videos), batch_size):
        rows = slice(start, start + batch_size)
        if packed:
            faults = packed.faults if start == 0 else ()
            yield FrameBank(packed.pixels[rows], packed.mask[rows], packed.timestamps_seconds[rows], faults)
        else:
            yield decode_frames(
                split.videos[rows],
                num_frames=sampling.num_frames,
                image_size=sampling.image_size,
                requires_any=False,
            )
