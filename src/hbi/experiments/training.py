"""From a recipe to a trained model: a claimed run folder, splits, network, batches, trainer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch

from hbi.data.benchmark import SplitName
from hbi.data.features import FeatureStore
from hbi.data.frames import KeptFrames
from hbi.data.samples import DataError
from hbi.errors import HBIError
from hbi.experiments.answering import QUESTION_ONLY, answering_task, question_only
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.batches import training_batches
from hbi.experiments.changed_objective import ObjectiveChange, changed_objective, find_change, naming_change
from hbi.experiments.content import RecipeError
from hbi.experiments.continuing import Request, request_of
from hbi.experiments.frame_features import tower_fingerprint
from hbi.experiments.model_card import write_model_card
from hbi.experiments.network import build_and_tell, start_picture
from hbi.experiments.packed import with_found_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.retrieval import retrieval_task
from hbi.experiments.runs import (
    claim_folder,
    keep_problems,
    keep_processor,
    keep_start,
    keep_tokenizer,
    require_same_loader,
)
from hbi.experiments.schema import FOUND, OF_WRONG_ROWS, Recipe
from hbi.experiments.splits import DecodedSplit, decode_split, load_featured_split
from hbi.experiments.start import with_start
from hbi.experiments.tensorboard import tensorboard
from hbi.matching import Answerer, Matcher, load
from hbi.matching.device import choose_device
from hbi.models.networks import Network
from hbi.processes import Progress
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import ALONE, Processes, joined_processes, own_device
from hbi.training.loop import Trainer, TrainingCallback, TrainingProgress, TrainingSettings
from hbi.training.memory import naming_out_of_memory
from hbi.training.run_folder import RunFolder
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
    objective: ObjectiveChange | None = None,
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
        objective: A function or class that is given the recipe's objective and the network, and returns the objective
            to use (docs/how-to/change-the-method.md); None: what the recipe says (`objective.changed_by`).
        bars: Shows how far the decoding has come.
        watch: Is told of every step.

    Raises:
        RecipeError: There is no such recipe, or a value of it is wrong.
        RunError: The folder holds a run and `resume` is false, or one of another recipe.
        ObjectiveError: What changes the objective cannot be had, or gives no loss.
        DataError: The data cannot be read.
    """
    if objective is not None:
        recipe, overrides = naming_change(objective, recipe, overrides)
    request = request_of(recipe, out, overrides, resume=resume)
    own = own_device(device if isinstance(device, torch.device) else choose_device(device))
    with joined_processes(own) as processes, naming_out_of_memory():
        _train(request, device=own, change=objective, bars=bars, watch=watch, processes=processes)
        if request.recipe.asks_questions and not request.recipe.data.blank:
            blind = Request(question_only(request.recipe), request.out / QUESTION_ONLY, request.resume)
            _train(blind, device=own, change=objective, bars=bars, watch=watch, processes=processes)
    return load(request.out, device=own)


def _train(
    request: Request,
    *,
    device: torch.device,
    change: ObjectiveChange | None,
    bars: Bars,
    watch: Watch,
    processes: Processes,
) -> None:
    def start(progress: Progress | None) -> Trainer:
        return start_training(
            request.recipe,
            request.out,
            resume=request.resume,
            device=device,
            progress=progress,
            processes=processes,
            words=request.words,
            change=change,
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
    change: ObjectiveChange | None = None,
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
        change: What changes the objective, as the recipe names it; None: it is imported.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
        DataError: The recipe's data cannot be read.
        HBIError: What its network starts from, what teaches it, or what changes its objective cannot be had.
    """
    change = change or find_change(recipe)
    recipe = with_start(recipe)
    picture = start_picture(recipe)
    recipe = with_picture(recipe, picture)
    require_same_loader(RunFolder(out), picture)
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
        changed_objective(recipe, task.objective, model, change),
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
    """Return a recipe that says what its network is shown, whatever it had left open.

    Raises:
        HBIError: The encoder takes no whole pictures, and the recipe augments such.
    """
    if picture.fit == "patches" and recipe.training.augment_operations:
        raise HBIError("training.augment_operations changes whole pictures, this encoder takes patches: set it to 0")
    shown: dict[str, Any] = {"released_loader": picture.released_loader}
    if not picture.is_plain_square:
        shown["image_size"] = picture.height
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=shown)})


def _with_frames_of_run(recipe: Recipe, folder: RunFolder, picture: PictureFormat) -> Recipe:
    """Return the recipe with packed frames, where it leaves them open: those that the run began with, or found now."""
    if recipe.data.features is not None:  # no frames are read
        return recipe
    if recipe.data.frames == FOUND and folder.has_begun:
        began_with = read_recipe(str(folder.recipe)).data.frames
        return recipe.model_copy(update={"data": recipe.data.model_copy(update={"frames": began_with})})
    return with_found_frames(recipe, SPLITS, picture)


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
