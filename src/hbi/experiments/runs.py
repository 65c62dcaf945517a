"""Run folders, claimed for a training. `hbi.matching.load` opens what was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTokenizer

from hbi.data.samples import Split
from hbi.experiments.continuing import require_same_run
from hbi.experiments.network import start_processor, start_tokenizer
from hbi.experiments.reading import recipe_yaml
from hbi.experiments.schema import Recipe
from hbi.experiments.taken_weights import FILE, TakenWeights
from hbi.files import is_regular, write_atomically
from hbi.models import Processor
from hbi.models.model_folder import (
    PROCESSOR,
    read_own_tokenizer,
    save_processor,
    sees_as_released_loader,
)
from hbi.models.networks import Network
from hbi.training.distributed import Processes
from hbi.training.environment import environment
from hbi.training.run_folder import RunError, RunFolder
from hbi.video import PictureFormat


def claim_folder(
    out: Path,
    recipe: Recipe,
    *,
    resume: bool,
    processes: Processes,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - it cannot be changed
    words: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Return a run folder that this job may write to: new, or one of the same recipe to be resumed, with more steps.

    A run that ended before its first step (the videos were missing, say) is started anew, with whatever recipe.

    Args:
        out: The run folder; it need not exist.
        recipe: What is to be trained.
        resume: Whether a run that is there already is continued.
        processes: The processes that train together; all of them call this, and only the first one writes.
        device: Where it is trained, for the record.
        words: How the recipe was named and what was set (`Request.words`), for the next resume.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
    """
    folder = RunFolder(out)
    is_longer = _check_claim(folder, recipe, resume=resume)
    processes.wait()  # before the main process changes what the others check
    if processes.is_main:
        folder.remove_drafts()
        folder.move_best_to_top()
        now = environment(device, seed=recipe.training.seed, num_processes=processes.world_size)
        if not folder.has_begun:
            write_atomically(folder.recipe, recipe_yaml(recipe))
            folder.write_environment(now | dict(words or {}))
        else:
            _keep_environment(folder, now, words or {})
        if is_longer:
            folder.remove_last_weights()
            write_atomically(folder.recipe, recipe_yaml(recipe))
    return folder


def _keep_environment(folder: RunFolder, now: dict[str, Any], words: Mapping[str, Any]) -> None:
    """Write down what a run goes on with, where that is another machine, device or version than it had last."""
    kept = folder.read_environment()
    recorded = kept.get("resumed_with")
    parts = [part for part in recorded if isinstance(part, dict)] if isinstance(recorded, list) else []
    last = {name: value for part in (kept, *parts) for name, value in part.items()}
    other = {name: value for name, value in now.items() if last.get(name) != value}
    changed = kept | dict(words) | ({"resumed_with": [*parts, other]} if other else {})
    if changed != kept:
        folder.write_environment(changed)


def require_same_loader(folder: RunFolder, picture: PictureFormat) -> None:
    """Raise RunError where a run that has begun would go on with frames that are chosen in another way.

    Args:
        folder: The run folder.
        picture: How a frame becomes the picture that the network takes, by the recipe that it would go on with.
    """
    if not folder.has_begun or sees_as_released_loader(folder.path) == picture.released_loader:
        return
    was = str(not picture.released_loader).lower()
    raise RunError(
        f"{folder.path} was trained on other frames than its recipe says (data.released_loader was {was}): leave that "
        f"as it was, in --set and in its {folder.recipe.name}"
    )


def keep_problems(folder: RunFolder, problems: tuple[str, ...], processes: Processes) -> None:
    """Write what had to be left out of the data into the run folder.

    Args:
        folder: The run folder.
        problems: Lines on what was left out of the data, and remarks on the task.
        processes: The processes that train together; only the first one writes.
    """
    if processes.is_main:
        write_atomically(folder.path / "faults.txt", "".join(f"{problem}\n" for problem in problems))


def keep_start(folder: RunFolder, told: TakenWeights | None, processes: Processes) -> None:
    """Write what a network took from the model that training goes on from; of an attempt before nothing stays.

    Args:
        folder: The run folder.
        told: What was taken; None: training starts anew, or from an encoder.
        processes: The processes that train together; only the first one writes.
    """
    if not processes.is_main or folder.has_begun:
        return
    if told is None:
        (folder.path / FILE).unlink(missing_ok=True)
    else:
        told.write(folder.path)


def keep_tokenizer(folder: RunFolder, recipe: Recipe, train: Split, processes: Processes) -> CLIPTokenizer:
    """Return the tokenizer of the run folder, which the first call of a run puts there.

    Args:
        folder: The run folder.
        recipe: Says what the tokenizer comes from.
        train: The training texts, which a new vocabulary is made of.
        processes: The processes that train together; all of them call this, and only the first one writes.
    """
    if processes.is_main and not folder.has_begun:
        save_processor(start_tokenizer(recipe, train), folder.path)
    processes.wait()
    return read_own_tokenizer(folder.path)


def keep_processor(
    folder: RunFolder, recipe: Recipe, model: Network, tokenizer: CLIPTokenizer, processes: Processes
) -> Processor:
    """Return the preprocessing of a network that is about to be trained, and write it into the run folder.

    Args:
        folder: The run folder.
        recipe: Names what the network starts from.
        model: The network, before its first step.
        tokenizer: Its tokenizer.
        processes: The processes that train together; only the first one writes.
    """
    processor = start_processor(recipe, model, tokenizer)
    if processes.is_main and not (folder.has_begun and is_regular(folder.path / PROCESSOR)):
        save_processor(processor, folder.path)
    return processor


def _check_claim(folder: RunFolder, recipe: Recipe, *, resume: bool) -> bool:
    """Return whether the run that is there becomes longer."""
    folder.require_regular_files()
    if folder.has_begun:
        if not resume:
            raise RunError(
                f"{folder.path} already holds a run: hbi train {folder.path} continues it (so does --resume); choose "
                "another --out for a new one"
            )
        is_longer = require_same_run(folder, recipe)
        if is_longer and folder.is_finished and not is_regular(folder.checkpoint):
            raise RunError(
                f"{folder.path} is finished and has no {folder.checkpoint.name} any more to go on from: restore that "
                f"file, or train its recipe anew with hbi train {folder.path} --out …"
            )
        return is_longer
    if not folder.is_free:
        raise RunError(f"{folder.path} is not empty and holds no run: choose another --out")
    return False
