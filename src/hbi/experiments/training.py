"""From a recipe to a trained model: a claimed run folder, splits, network, batches, trainer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch

from hbi.data.benchmark import SplitName
from hbi.data.exchanged_captions import CaptionExchanger
from hbi.data.exchanged_frames import tells_order
from hbi.data.features import FeatureStore
from hbi.data.frames import KeptFrames
from hbi.data.samples import DataError, Split
from hbi.errors import HBIError
from hbi.experiments.answering import QUESTION_ONLY, answering_task, question_only
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.content import RecipeError
from hbi.experiments.continuing import Request, request_of
from hbi.experiments.frame_features import tower_fingerprint
from hbi.experiments.model_card import write_model_card
from hbi.experiments.network import build_and_tell, start_picture
from hbi.experiments.packed import with_found_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.retrieval import Task, retrieval_task
from hbi.experiments.runs import claim_folder, keep_problems, keep_processor, keep_start, keep_tokenizer
from hbi.experiments.schema import FOUND, OF_WRONG_ROWS, Recipe
from hbi.experiments.splits import DecodedSplit, decode_split, load_featured_split
from hbi.experiments.start import with_start
from hbi.files import StorageError
from hbi.matching import Answerer, Matcher, load
from hbi.matching.device import choose_device
from hbi.models import Processor
from hbi.models.model_folder import Network
from hbi.processes import Progress
from hbi.training.augmentation import RandAugment
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import ALONE, Processes, joined_processes, own_device
from hbi.training.dropped_words import DroppedWords
from hbi.training.loop import Trainer, TrainingCallback, TrainingProgress, TrainingSettings
from hbi.training.memory import naming_out_of_memory
from hbi.training.run_folder import RunFolder
from hbi.training.wrong_rows import ExchangedCaptions, TurnedVideos
from hbi.video import PictureFormat

SPLITS: tuple[SplitName, SplitName] = ("train", "val")
Decode: TypeAlias = Callable[[Recipe, SplitName, Progress | None, PictureFormat], DecodedSplit]
"""Gives a split with its frames, made into pictures as the network takes them."""


Watch: TypeAlias = Callable[[Trainer], AbstractContextManager[TrainingCallback]]
"""What is told of a training: given the trainer before its first step, it gives what is called after every step."""


@contextmanager
def no_watch(trainer: Trainer) -> Iterator[TrainingCallback]:
    """Show nothing."""
    yield lambda progress: None


def train(
    recipe: str | Path | Recipe,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    device: str | torch.device = "auto",
    bars: Bars = no_bars,
    watch: Watch = no_watch,
) -> Matcher | Answerer:
    """Train a recipe into a run folder, and return the model that was best on the validation split, opened.

    A recipe that asks questions is trained twice: the second time, into `question-only/` in the folder, with black
    frames. Under `torchrun` all processes of the job call this.

    Args:
        recipe: The name of a recipe that ships with hbi, a YAML file, a recipe that was read, or a run folder: that run
            goes on, or with another `out` its recipe is trained anew.
        out: The run folder. It holds the model, the recipe, the log and what `resume` needs. None: the run folder that
            was named, or runs/ and the recipe's name.
        overrides: Values to change, "section.key=value"; only where the recipe is named. What was set when a run began
            need not be said again; more `training.num_steps` make it longer.
        resume: Continue the run in `out` where it stopped, if there is one.
        device: "auto", "cpu", "cuda", …
        bars: Shows how far the decoding has come.
        watch: Is told of every step.

    Raises:
        RecipeError: There is no such recipe, or a value of it is wrong.
        RunError: The folder holds a run and `resume` is false, or one of another recipe.
        DataError: The data cannot be read.
    """
    request = request_of(recipe, out, overrides, resume=resume)
    own = own_device(device if isinstance(device, torch.device) else choose_device(device))
    with joined_processes(own) as processes, naming_out_of_memory():
        _train(request, device=own, bars=bars, watch=watch, processes=processes)
        if request.recipe.asks_questions and not request.recipe.data.blank:
            blind = Request(question_only(request.recipe), request.out / QUESTION_ONLY, request.resume)
            _train(blind, device=own, bars=bars, watch=watch, processes=processes)
    return load(request.out, device=own)


def _train(request: Request, *, device: torch.device, bars: Bars, watch: Watch, processes: Processes) -> None:
    def start(progress: Progress | None) -> Trainer:
        return start_training(
            request.recipe,
            request.out,
            resume=request.resume,
            device=device,
            progress=progress,
            processes=processes,
            words=request.words,
        )

    if not processes.is_main:
        start(None).run(lambda progress: None)
        return
    with bars("decoding videos") as count:
        trainer = start(count)
    with watch(trainer) as show, tensorboard(trainer) as write:

        def progress(done: TrainingProgress) -> None:
            show(done)
            write(done)

        trainer.run(progress)
    write_model_card(request.out)


def start_training(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool,
    device: torch.device,
    progress: Progress | None,
    decode: Decode = decode_split,
    processes: Processes = ALONE,
    words: Mapping[str, Any] | None = None,
) -> Trainer:
    """Return a trainer for a run folder, new or resumed.

    Args:
        recipe: What to train, on which data, for how long.
        out: The run folder.
        resume: Whether a run that is there already is continued.
        device: Where to train.
        progress: Called with the videos that are decoded, and all; None: nobody watches.
        decode: Gives the splits with their frames; an experiment of many runs on the same videos may decode them once.
        processes: The processes that train together; all of them call this.
        words: How the recipe was named and what was set (`Request.words`), for the record.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
        DataError: The recipe's data cannot be read.
        HBIError: What its network starts from, or what teaches it, cannot be read.
    """
    recipe = with_start(recipe)
    picture = start_picture(recipe)
    recipe = with_picture(recipe, picture)
    recipe = _with_frames_of_run(recipe, RunFolder(out), picture)
    folder = claim_folder(out, recipe, resume=resume, processes=processes, device=device, words=words)
    train, val = (
        decode(recipe, name, progress, picture)
        if recipe.data.features is None
        else load_featured_split(recipe, name, picture)
        for name in SPLITS
    )
    task = (answering_task if recipe.asks_questions else retrieval_task)(recipe, train.split, device)
    keep_problems(folder, (*train.frames.problems, *val.frames.problems, *task.remarks), processes)
    tokenizer = keep_tokenizer(folder, recipe, task.texts, processes)
    model, told = build_and_tell(recipe, tokenizer, task.answers)
    keep_start(folder, told, processes)
    processor = keep_processor(folder, recipe, model, tokenizer, processes)
    for split in (train, val):
        _require_own_features(recipe, model, split.frames)
    batches = training_batches(recipe, task, train.frames, processor, processes)
    trainer = Trainer(
        model,
        batches,
        task.objective,
        training_settings(recipe, number_of_steps(recipe, batches)),
        folder,
        validate=task.validation(val, processor),
        network_input=processor.network_input,
        device=device,
        processes=processes,
    )
    trainer.resume()
    return trainer


def with_picture(recipe: Recipe, picture: PictureFormat) -> Recipe:
    """Return a recipe that says the size of the pictures that its encoder takes, whatever it had said of squares.

    Raises:
        HBIError: The encoder takes no whole pictures, and the recipe augments such.
    """
    if picture.fit == "patches" and recipe.training.augment_operations:
        raise HBIError("training.augment_operations changes whole pictures, this encoder takes patches: set it to 0")
    if picture.is_plain_square:
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"image_size": picture.height})})


def _with_frames_of_run(recipe: Recipe, folder: RunFolder, picture: PictureFormat) -> Recipe:
    """Return the recipe with packed frames, where it leaves them open: those that the run began with, or found now."""
    if recipe.data.features is not None:  # no frames are read
        return recipe
    if recipe.data.frames == FOUND and folder.has_begun:
        began_with = read_recipe(str(folder.recipe)).data.frames
        return recipe.model_copy(update={"data": recipe.data.model_copy(update={"frames": began_with})})
    return with_found_frames(recipe, SPLITS, picture)


def training_batches(
    recipe: Recipe, task: Task, store: KeptFrames, processor: Processor, processes: Processes
) -> TrainingBatches:
    """Return the batches that the recipe trains on.

    Args:
        recipe: Says how large a batch is, and what it takes of each video.
        task: What is learned from which texts.
        store: Frames, or features, of the training videos.
        processor: Tokenizes the texts.
        processes: The processes that share each batch.
    """
    return TrainingBatches(
        task.texts,
        store,
        processor.tokenize,
        batch_size=recipe.training.batch_size,
        captions_per_video=recipe.training.captions_per_video,
        num_frames=recipe.data.num_frames,
        seed=recipe.training.seed,
        processes=processes,
        labels=task.labels,
        captions_beside_questions=recipe.data.captions,
        dropped_words=dropped_words(recipe),
        exchanged=exchanged_captions(recipe, task.texts),
        turned=turned_videos(recipe, task.texts),
        finds_function_words=bool(recipe.objective.concentration or recipe.objective.function_words),
        augment=augmentation(recipe),
    )


def augmentation(recipe: Recipe) -> RandAugment | None:
    """Return what changes the frames of training videos as the recipe wants it; None where it does not."""
    training = recipe.training
    if not training.augment_operations or recipe.data.blank:  # a black frame tells nothing, and should not begin to
        return None
    return RandAugment(training.augment_operations, training.augment_magnitude, training.augment_deviation)


def dropped_words(recipe: Recipe) -> DroppedWords | None:
    """Return what shortens captions as the recipe wants it; None where it does not."""
    training = recipe.training
    return DroppedWords(training.dropped_words, training.shortened_captions) if training.dropped_words else None


def exchanged_captions(recipe: Recipe, train: Split) -> ExchangedCaptions | None:
    """Return what makes captions wrong as the recipe wants it; None where it does not.

    Raises:
        DataError: No caption of the training split has a word that could be exchanged, or tells an order.
    """
    objective = recipe.objective
    if not objective.exchanged:
        return None
    captions = [[train.texts[text].text for text in owned] for owned in train.texts_of_video]
    exchanger = CaptionExchanger.of(captions)
    if not any(exchanger.exchanges(caption) for owned in captions for caption in owned):
        raise DataError("objective.exchanged: no caption of the training split can be exchanged; leave it out")
    return ExchangedCaptions(exchanger, objective.exchanged_share, objective.exchanged_from)


def turned_videos(recipe: Recipe, train: Split) -> TurnedVideos | None:
    """Return how videos are turned in time as the recipe wants it; None where it does not.

    Raises:
        DataError: No caption of the training split tells an order.
    """
    objective = recipe.objective
    if not objective.turned:
        return None
    if not any(tells_order(text.text) for text in train.texts):
        raise DataError("objective.turned: no caption of the training split tells what comes first; leave it out")
    return TurnedVideos(objective.turned_share, objective.turned_parts, objective.turned_from)


def number_of_steps(recipe: Recipe, batches: TrainingBatches) -> int:
    """Return how many steps the recipe trains: as it says, or as many as its epochs take.

    Raises:
        RecipeError: A term of the objective would begin only after the last of them.
    """
    training = recipe.training
    if training.epochs is None:
        assert training.num_steps is not None  # the recipe was checked
        return training.num_steps
    steps = max(1, round(training.epochs * batches.steps_of_all_texts))
    for name in OF_WRONG_ROWS:
        first = getattr(recipe.objective, f"{name}_from")
        if getattr(recipe.objective, name) and first >= steps:
            raise RecipeError(f"objective.{name}_from={first}: training ends before, at {steps} ({training.length})")
    return steps


def training_settings(recipe: Recipe, num_steps: int) -> TrainingSettings:
    """Return how long and how fast the recipe trains.

    Args:
        recipe: Says all but that.
        num_steps: Of `number_of_steps`.
    """
    training = recipe.training
    return TrainingSettings(
        num_steps=num_steps,
        lr=training.lr,
        encoder_lr=training.encoder_lr or training.lr,
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
        optimizer=training.optimizer,
        muon_lr=training.muon_lr,
        freeze_patches=training.freeze_patches,
    )


def _require_own_features(recipe: Recipe, model: Network, store: KeptFrames) -> None:
    """Raise DataError where features were made by other towers than the network starts from."""
    if isinstance(store, FeatureStore) and store.fingerprint != tower_fingerprint(model.encoder):
        raise DataError(
            f"the features in {recipe.data.features} were made by other towers than this recipe starts from: "
            "run hbi cache-features for it again"
        )


@contextmanager
def tensorboard(trainer: Trainer) -> Iterator[TrainingCallback]:
    """Write the parts of the loss, and what validation gives, as TensorBoard scalars into the run folder.

    A run that goes on takes back what was written of steps that are done again.

    Raises:
        StorageError: They cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    place, log_every = trainer.folder.path / "tensorboard", trainer.settings.log_every
    with _writing(place):
        writer = SummaryWriter(str(place), purge_step=trainer.step + 1 if trainer.step else None)

    def write(progress: TrainingProgress) -> None:
        with _writing(place):
            if progress.step % log_every == 0:
                for name, value in progress.parts.items():
                    writer.add_scalar(f"train/{name}", value, progress.step)
                writer.add_scalar("speed/videos_per_second", progress.videos_per_second, progress.step)
            if progress.validation is not None:
                for name, value in progress.validation.scores.items():
                    writer.add_scalar(f"validation/{name}", value, progress.step)
                writer.flush()  # who follows a training sees it now

    yield write
    with _writing(place):
        writer.close()


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {place}: {error.strerror or error}; free space or choose another --out, then --resume"
        ) from error
