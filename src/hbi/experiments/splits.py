"""The splits of a recipe's data set: texts and truth, with the frames of their videos."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hbi.data.benchmark import SPLIT_NAMES, Benchmark, Protocol, SplitName
from hbi.data.benchmarks import find_benchmark, find_protocol
from hbi.data.features import Sampling, load_features
from hbi.data.frames import FrameStore, KeptFrames, decode_frames
from hbi.data.loading import LoadedSplit, load_split
from hbi.data.packed_frames import FrameSampling, is_packed, open_frames
from hbi.data.samples import Split
from hbi.encoders.tokenizer import count_words
from hbi.errors import Note
from hbi.experiments.network import start_picture
from hbi.experiments.schema import Recipe
from hbi.processes import Progress
from hbi.shape_stories import load_stories
from hbi.shape_stories.splits import question_split, retrieval_split
from hbi.video import PictureFormat


@dataclass(frozen=True)
class DecodedSplit:
    """A split of the recipe's data set with its videos' frames, as pixels or as features."""

    split: Split
    frames: KeptFrames


def benchmark_of(recipe: Recipe) -> Benchmark | None:
    """Return the recipe's benchmark, None for ShapeStories.

    Raises:
        DataError: It has captions where the recipe's network answers questions, or the other way round.
    """
    if recipe.data.dataset == "shape-stories":
        return None
    return find_benchmark(recipe.data.dataset, asks_questions=recipe.asks_questions)


def protocol_of(recipe: Recipe) -> Protocol | None:
    """Return how the recipe's benchmark is split; None for data that nobody published."""
    benchmark = benchmark_of(recipe)
    return find_protocol(benchmark, recipe.data.protocol) if benchmark else None


def read_split(recipe: Recipe, name: SplitName) -> LoadedSplit:
    """Return a split of the recipe's data set: its captions, or its questions where the network answers them.

    Raises:
        DataError: The data set is not there, or is not as it should be.
    """
    data, benchmark = recipe.data, benchmark_of(recipe)
    if benchmark is None:
        return LoadedSplit(_shape_stories(recipe, name), ())
    annotations = annotations_place(recipe)
    videos = None if data.packed or data.blank else videos_folder(recipe)
    loaded = load_split(benchmark, data.protocol, name, annotations=annotations, videos=videos)
    num_cut = sum(count_words(text.text) > data.max_words for text in loaded.split.texts)
    if not num_cut:
        return loaded
    cut = f"{name}: at least {num_cut} of {len(loaded.split.texts)} texts are cut to {data.max_words} tokens"
    return LoadedSplit(loaded.split, (*loaded.problems, f"{cut}; hbi data check lists them"))


def annotations_place(recipe: Recipe) -> Path:
    """Return the folder in which the recipe's annotation files are, or the file of own captions."""
    data, root = recipe.data, Path(recipe.data.root)
    if data.annotations:
        return Path(data.annotations)
    return root if data.dataset == "own" else root / "annotations"


def videos_folder(recipe: Recipe) -> Path:
    """Return the folder in which the recipe's videos are, at any depth."""
    data, root = recipe.data, Path(recipe.data.root)
    if data.videos is not None:
        return Path(data.videos)
    return root if data.dataset == "own" else root / "videos"


def frames_of_split(recipe: Recipe, name: SplitName) -> int:
    """Return how many frames of each video are kept: for training as many as the recipe draws from."""
    return recipe.data.num_frames * (recipe.data.frames_per_position if name == "train" else 1)


def decode_split(
    recipe: Recipe, name: SplitName, progress: Progress | None = None, picture: PictureFormat | None = None
) -> DecodedSplit:
    """Return a split with its frames: packed before, decoded now, or black.

    A split that was not packed, into a folder where others were, is decoded, and a `Note` says so.

    A video without a frame stays in the training split, where no batch takes it, and leaves the others: it can neither
    be found nor stand in the way, and no question about it can be answered. The problems of the store tell of it.

    Args:
        recipe: Says which data, and how many frames.
        name: Name of the split.
        progress: Called with the videos that are done, and all; None: nobody watches.
        picture: How a frame becomes the picture that the network takes; None: as the recipe's network takes it.
    """
    picture = picture or start_picture(recipe)
    if recipe.data.packed and not is_packed(packed_folder(recipe, name)) and _packed_splits(recipe):
        others = " and ".join(_packed_splits(recipe))
        warnings.warn(f"{recipe.data.packed} holds {others}, not {name}: its videos are decoded", Note, stacklevel=2)
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"frames": None})})
    loaded = read_split(recipe, name)
    split, sampling = loaded.split, FrameSampling(frames_of_split(recipe, name), picture)
    folder = packed_folder(recipe, name) if recipe.data.packed else None
    if recipe.data.blank:
        store = blank_frames(len(split.videos), picture)
    elif folder:
        store = open_frames(folder, split.videos, sampling)
    else:
        store = decode_frames(split.videos, num_frames=sampling.num_frames, picture=sampling.picture, progress=progress)
    problems = loaded.problems + store.problems
    if name != "train" and not store.is_usable.all():
        split = split.only(store.is_usable)
        store = open_frames(folder, split.videos, sampling) if folder else store.only(store.is_usable)
    return DecodedSplit(split, replace(store, problems=problems))


def features_file(recipe: Recipe, name: SplitName) -> Path:
    """Return where the features of a split are kept."""
    return Path(str(recipe.data.features)) / f"{name}.safetensors"


def sampling_of_split(recipe: Recipe, name: SplitName, split: Split, picture: PictureFormat) -> Sampling:
    """Return which frames of which videos the recipe needs features of.

    Args:
        recipe: Says how many frames.
        name: Name of the split: training keeps more frames of a video.
        split: The videos of the split.
        picture: How a frame becomes the picture that the towers take.
    """
    video_ids = tuple(video.video_id for video in split.videos)
    return Sampling(video_ids, frames_of_split(recipe, name), picture)


def load_featured_split(recipe: Recipe, name: SplitName, picture: PictureFormat) -> DecodedSplit:
    """Return a split with the features that `hbi cache-features` kept of its frames, as `decode_split` returns it.

    Args:
        recipe: Says which data, how many frames, and where features are.
        name: Name of the split.
        picture: How a frame became the picture that the towers were given.
    """
    split = read_split(recipe, name).split
    store = load_features(features_file(recipe, name), sampling_of_split(recipe, name, split, picture))
    if name != "train" and not store.is_usable.all():
        split, store = split.only(store.is_usable), store.only(store.is_usable)
    return DecodedSplit(split, store)


def blank_frames(num_videos: int, picture: PictureFormat) -> FrameStore:
    """Return one black frame for every video."""
    return FrameStore(
        picture.black(num_videos, 1),
        torch.ones(num_videos, 1, dtype=torch.bool),
        torch.zeros(num_videos, 1, dtype=torch.float64),
        (),
    )


def packed_folder(recipe: Recipe, name: SplitName) -> Path:
    """Return where the packed frames of a split lie; a val split that is the test split has no folder of its own."""
    protocol = protocol_of(recipe)
    return Path(str(recipe.data.packed)) / (protocol.resolve(name) if protocol else name)


def _packed_splits(recipe: Recipe) -> list[SplitName]:
    return [name for name in SPLIT_NAMES if is_packed(packed_folder(recipe, name))]


def _shape_stories(recipe: Recipe, name: SplitName) -> Split:
    stories = load_stories(Path(recipe.data.root), name)
    if not recipe.asks_questions:
        return retrieval_split(name, stories)
    return question_split(name, stories, draws=recipe.data.question_draws if name == "train" else 1)
