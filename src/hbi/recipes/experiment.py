"""From a recipe to the things it names: data, tokenizer, network, trainer; and back from a run folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from hbi.data.benchmark import SplitName
from hbi.data.benchmarks import find_benchmark, find_protocol
from hbi.data.features import FeatureBank, KeptFrames, Sampling, load_features, tower_fingerprint
from hbi.data.frames import FrameBank, decode_frames
from hbi.data.loading import LoadedSplit, load_split
from hbi.data.packed_frames import FrameSampling, open_frames
from hbi.data.samples import DataError, RetrievalSplit
from hbi.data.shape_stories import load_stories
from hbi.data.shape_stories.retrieval import retrieval_split
from hbi.data.tokenizer import count_words, load_tokenizer
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity import Matcher, similarity_matrix
from hbi.files import write_atomically
from hbi.games import EstimatorTeacher, ExactTeacher, SampledTeacher, Teacher
from hbi.models import GlobalContrastModel, HBIModel
from hbi.recipes.network import NETWORKS, build_model, start_tokenizer
from hbi.recipes.reading import read_recipe, recipe_yaml
from hbi.recipes.schema import Recipe
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import ALONE, Processes
from hbi.training.estimator import load_estimator
from hbi.training.loop import Trainer, TrainingSettings
from hbi.training.objective import Objective
from hbi.training.run_folder import RunError, RunFolder

Counter = Callable[[int, int], None]
"""Told how many of how many are done."""
Validation = Callable[[Any], dict[str, float]]
"""Scores a model."""


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


Decode = Callable[[Recipe, SplitName, Counter | None], DecodedSplit]
"""Gives a split of a recipe's data set with its frames, as `decode_split` does."""


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


def build_objective(recipe: Recipe, device: torch.device) -> Objective:
    """Return the recipe's objective, with the teacher that it names.

    Raises:
        HBIError: The estimator's weights cannot be read.
    """
    section = recipe.objective
    teacher: Teacher
    match section.teacher:
        case "exact":
            teacher = ExactTeacher()
        case "sampled":
            teacher = SampledTeacher(section.num_samples)
        case "estimator":
            teacher = EstimatorTeacher(load_estimator(Path(str(section.estimator))).to(device).eval())
    return Objective(
        alpha=section.alpha, beta=section.beta, gamma=section.gamma, levels=section.levels, teacher=teacher
    )


def validation(recipe: Recipe, decoded: DecodedSplit | FeaturedSplit, tokenizer: CLIPTokenizer) -> Validation:
    """Return a function that scores a model on the validation split; `score` is what chooses the best weights."""
    texts = [text.text for text in decoded.split.texts]

    def validate(model: Matcher) -> dict[str, float]:
        similarity = similarity_matrix(model, tokenizer, texts, decoded.bank)
        relevance = decoded.split.relevance
        to_video = retrieval_scores(ranks(similarity, relevance))
        to_text = retrieval_scores(ranks(similarity.T, relevance.T))
        directions = {"text_to_video": to_video, "video_to_text": to_text}
        scores = {f"{way}/{name}": value for way, s in directions.items() for name, value in s.to_dict().items()}
        return {"score": to_video.recall_at_1 + to_video.recall_at_5 + to_video.recall_at_10, **scores}

    return validate


def start_run(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool,
    device: torch.device,
    progress: Counter | None,
    decode: Decode = decode_split,
    processes: Processes = ALONE,
) -> Trainer:
    """Return a trainer for the run folder `out`, new or resumed.

    `decode` gives the splits: an experiment of many runs on the same videos may decode them once. All `processes` of a
    job call this together.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
    """
    folder = claim_folder(out, recipe, resume=resume, processes=processes)
    train: DecodedSplit | FeaturedSplit
    val: DecodedSplit | FeaturedSplit
    if recipe.data.features is None:
        train, val = (decode(recipe, name, progress) for name in ("train", "val"))
    else:
        train, val = (load_featured_split(recipe, name) for name in ("train", "val"))
    keep_faults(folder, (*train.bank.faults, *val.bank.faults), processes)
    tokenizer = keep_tokenizer(folder, recipe, train.split, processes)
    model = build_model(recipe, tokenizer)
    for bank in (train.bank, val.bank):
        if isinstance(bank, FeatureBank) and bank.fingerprint != tower_fingerprint(model.encoder):
            raise DataError(
                f"the features in {recipe.data.features} were made by other towers than this recipe starts from: "
                "run hbi cache-features for it again"
            )
    trainer = Trainer(
        model,
        training_batches(recipe, train.split, train.bank, tokenizer, processes),
        build_objective(recipe, device),
        training_settings(recipe),
        folder,
        validate=validation(recipe, val, tokenizer),
        device=device,
        processes=processes,
    )
    trainer.resume()
    return trainer


def training_batches(
    recipe: Recipe,
    split: RetrievalSplit,
    bank: KeptFrames,
    tokenizer: CLIPTokenizer,
    processes: Processes,
    labels: Int[Tensor, " text"] | None = None,
) -> TrainingBatches:
    """Return the batches that the recipe trains on; `labels` where the texts are questions."""
    return TrainingBatches(
        split,
        bank,
        tokenizer,
        batch_size=recipe.training.batch_size,
        captions_per_video=recipe.training.captions_per_video,
        num_frames=recipe.data.num_frames,
        max_words=recipe.data.max_words,
        seed=recipe.training.seed,
        processes=processes,
        labels=labels,
    )


def training_settings(recipe: Recipe) -> TrainingSettings:
    """Return how long and how fast the recipe trains."""
    training = recipe.training
    return TrainingSettings(
        num_steps=training.num_steps,
        lr=training.lr,
        clip_lr=training.clip_lr or training.lr,
        weight_decay=training.weight_decay,
        num_warmup_steps=training.warmup_steps,
        max_gradient_norm=training.max_gradient_norm,
        precision=training.precision,
        log_every=training.log_every,
        validate_every=training.validate_every,
        checkpoint_every=training.checkpoint_every,
        micro_batch_size=training.micro_batch_size,
        activation_checkpointing=training.activation_checkpointing,
        freeze_towers=training.freeze_towers,
        shard=training.shard,
    )


@dataclass(frozen=True)
class TrainedRun:
    """A run folder, opened: its recipe, tokenizer and weights."""

    folder: RunFolder
    recipe: Recipe
    tokenizer: CLIPTokenizer
    model: HBIModel | GlobalContrastModel

    @property
    def name(self) -> str:
        """What to call the run."""
        return self.folder.path.resolve().name

    @property
    def num_frames(self) -> int:
        """Frames of a video that the network sees."""
        return self.recipe.data.num_frames

    @property
    def image_size(self) -> int:
        """Height and width of a frame in pixels."""
        return self.recipe.data.image_size


def open_run(path: Path, *, weights: Literal["best", "last"] = "best", device: torch.device) -> TrainedRun:
    """Return a trained run.

    Raises:
        RunError: The folder holds no run, or one without weights yet.
    """
    transformers_logging.disable_progress_bar()
    folder = RunFolder(path)
    model_folder = folder.require_weights(weights)
    recipe = read_recipe(str(folder.recipe))
    if recipe.model.kind not in NETWORKS:
        raise RunError(f"{path} holds a run of kind {recipe.model.kind}, which ranks nothing: see hbi answer --help")
    model = NETWORKS[recipe.model.kind].from_pretrained(str(model_folder), local_files_only=True)
    return TrainedRun(folder, recipe, load_tokenizer(str(folder.tokenizer)), model.to(device).eval())


def claim_folder(out: Path, recipe: Recipe, *, resume: bool, processes: Processes) -> RunFolder:
    """Return a run folder that this job may write to: new, or one of the same recipe to be resumed.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
    """
    folder = RunFolder(out)
    _check_claim(folder, recipe, resume=resume)
    processes.wait()  # before the main process changes what the others check
    if processes.is_main and not folder.recipe.is_file():
        write_atomically(folder.recipe, recipe_yaml(recipe))
        folder.write_environment(seed=recipe.training.seed, threads=torch.get_num_threads())
    return folder


def keep_faults(folder: RunFolder, faults: tuple[str, ...], processes: Processes) -> None:
    """Write what had to be left out of the data into the run folder."""
    if processes.is_main:
        write_atomically(folder.path / "faults.txt", "".join(f"{fault}\n" for fault in faults))


def keep_tokenizer(folder: RunFolder, recipe: Recipe, train: RetrievalSplit, processes: Processes) -> CLIPTokenizer:
    """Return the tokenizer of the run folder, which the first call puts there."""
    if processes.is_main and not (folder.tokenizer / "tokenizer.json").is_file():
        start_tokenizer(recipe, train).save_pretrained(folder.tokenizer)
    processes.wait()
    return load_tokenizer(str(folder.tokenizer))


def _check_claim(folder: RunFolder, recipe: Recipe, *, resume: bool) -> None:
    if folder.recipe.is_file():
        if not resume:
            raise RunError(f"{folder.path} already holds a run: add --resume to continue it, or choose another --out")
        if read_recipe(str(folder.recipe)) != recipe:
            raise RunError(f"{folder.path} was started with another recipe: choose another --out")
    elif folder.path.is_dir() and any(folder.path.iterdir()):
        raise RunError(f"{folder.path} is not empty and holds no run: choose another --out")
