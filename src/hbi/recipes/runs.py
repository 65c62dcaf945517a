"""Run folders: claimed for a training, and opened again."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

from hbi.data.samples import RetrievalSplit
from hbi.data.tokenizer import load_tokenizer
from hbi.files import write_atomically
from hbi.models import GlobalContrastModel, HBIModel, open_network
from hbi.models.processor import require_vocabulary, save_tokenizer
from hbi.recipes.network import NETWORKS, start_tokenizer
from hbi.recipes.reading import read_recipe, recipe_yaml
from hbi.recipes.schema import Recipe
from hbi.training.distributed import Processes
from hbi.training.run_folder import RunError, RunFolder


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
        HBIError: A file of it is damaged.
    """
    transformers_logging.disable_progress_bar()
    folder = RunFolder(path)
    model_folder = folder.require_weights(weights)
    recipe = read_recipe(str(folder.recipe))
    if recipe.model.kind not in NETWORKS:
        raise RunError(f"{path} holds a run of kind {recipe.model.kind}, which ranks nothing: see hbi answer --help")
    model = open_network(NETWORKS[recipe.model.kind], model_folder)
    tokenizer = load_tokenizer(str(folder.tokenizer))
    require_vocabulary(model.config, tokenizer)
    return TrainedRun(folder, recipe, tokenizer, model.to(device))


def claim_folder(out: Path, recipe: Recipe, *, resume: bool, processes: Processes) -> RunFolder:
    """Return a run folder that this job may write to: new, or one of the same recipe to be resumed.

    A run that ended before its first step (the videos were missing, say) is started anew, with whatever recipe.

    Raises:
        RunError: The folder already holds a run and `resume` is false, or holds one of another recipe.
    """
    folder = RunFolder(out)
    _check_claim(folder, recipe, resume=resume)
    processes.wait()  # before the main process changes what the others check
    if processes.is_main:
        folder.remove_drafts()
    if processes.is_main and not folder.has_begun:
        shutil.rmtree(folder.tokenizer, ignore_errors=True)
        write_atomically(folder.recipe, recipe_yaml(recipe))
        folder.write_environment(seed=recipe.training.seed, threads=torch.get_num_threads())
    return folder


def keep_faults(folder: RunFolder, faults: tuple[str, ...], processes: Processes) -> None:
    """Write what had to be left out of the data into the run folder."""
    if processes.is_main:
        write_atomically(folder.path / "faults.txt", "".join(f"{fault}\n" for fault in faults))


def keep_tokenizer(folder: RunFolder, recipe: Recipe, train: RetrievalSplit, processes: Processes) -> CLIPTokenizer:
    """Return the tokenizer of the run folder, which the first call puts there."""
    if processes.is_main and not folder.tokenizer.is_dir():
        save_tokenizer(start_tokenizer(recipe, train), folder.tokenizer)
    processes.wait()
    return load_tokenizer(str(folder.tokenizer))


def _check_claim(folder: RunFolder, recipe: Recipe, *, resume: bool) -> None:
    folder.require_regular_files()
    if folder.has_begun:
        if not resume:
            raise RunError(f"{folder.path} already holds a run: add --resume to continue it, or choose another --out")
        if read_recipe(str(folder.recipe)) != recipe:
            raise RunError(f"{folder.path} was started with another recipe: choose another --out")
    elif not folder.is_free:
        raise RunError(f"{folder.path} is not empty and holds no run: choose another --out")
