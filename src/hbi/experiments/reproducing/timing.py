"""What decoding a video and a training step cost here, measured on the spot: a few videos, a few steps."""

import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from hbi.data.frames import FrameStore
from hbi.data.packed_frames import FrameSampling
from hbi.data.packing import Task, picture_video
from hbi.data.samples import Question, Split, Text, Video
from hbi.encoders.tokenizer import TokenizedTexts
from hbi.experiments.answering import answering_objective
from hbi.experiments.batches import augmentation
from hbi.experiments.retrieval import build_objective
from hbi.experiments.schema import Recipe
from hbi.experiments.training import training_settings
from hbi.models.model_folder import Network
from hbi.training.batches import TrainingBatches
from hbi.training.loop import Trainer, TrainingProgress
from hbi.training.run_folder import RunFolder
from hbi.video import PictureFormat

SAMPLED_VIDEOS = 4
"""Of a split."""
FEW_VIDEOS = (2, 4)
"""Of the steps that are timed without a GPU, where a whole one would take minutes."""
MOST_STEPS, PATIENCE_SECONDS = 3, 20.0
TWICE_FORWARD = 4 / 3
"""Of a step whose towers go over each part twice, where a pass back takes as long as two forward."""
NEVER = 10**9


@dataclass(frozen=True)
class VideoCost:
    """What a video costs to decode once: seconds of one core, and bytes of its pictures.

    Attributes:
        num_sampled: Videos that were decoded to know that.
    """

    seconds: float
    num_bytes: float
    num_sampled: int


@dataclass(frozen=True)
class StepCost:
    """What a training step costs.

    Attributes:
        seconds: Of a whole step.
        num_timed: Videos of the largest step that was timed; where a step has more, they are reckoned as these are.
        peak_bytes: Of the memory of the GPU; None without one.
    """

    seconds: float
    num_timed: int
    peak_bytes: int | None


def cost_of_videos(videos: Sequence[Video], sampling: FrameSampling) -> VideoCost | None:
    """Return what a video costs on average, from a few that are decoded now; None where none of them can be.

    Args:
        videos: Of a split, those with a file.
        sampling: How frames are chosen and kept.
    """
    apart = max(1, len(videos) // SAMPLED_VIDEOS)
    seconds, sizes = [], []
    for video in videos[::apart][:SAMPLED_VIDEOS]:
        started = time.perf_counter()
        pictures = picture_video(Task(video, sampling)).pictures
        if pictures:
            seconds.append(time.perf_counter() - started)
            sizes.append(sum(map(len, pictures)))
    return VideoCost(statistics.mean(seconds), statistics.mean(sizes), len(sizes)) if sizes else None


def cost_of_step(network: Network, recipe: Recipe, picture: PictureFormat, device: torch.device) -> StepCost:
    """Return what a step of a recipe costs on a device, from a few steps on random frames and texts.

    They are steps of the training loop itself, augmentation included. Texts and videos are as long as the recipe lets
    them be. On a GPU a step has all its videos. Without one, steps of two and of four videos say what each video takes,
    and what a step takes whatever their number.

    Args:
        network: Of the recipe's sizes; its weights are moved.
        recipe: Says what a step is.
        picture: Of the frames.
        device: Where.

    Raises:
        torch.OutOfMemoryError: A step does not fit.
    """
    whole = recipe.training.batch_size
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        seconds = _seconds_of_step(network, recipe, picture, whole, device)
        return StepCost(seconds, whole, torch.cuda.max_memory_allocated(device))
    few, more = (min(number, whole) for number in FEW_VIDEOS)
    part = recipe.training.micro_batch_size
    at_once = recipe.model_copy(update={"training": recipe.training.model_copy(update={"micro_batch_size": None})})
    of_few = _seconds_of_step(network, at_once, picture, few, device)
    of_more = of_few if more == few else _seconds_of_step(network, at_once, picture, more, device)
    seconds = reckoned((few, of_few), (more, of_more), whole)
    return StepCost(seconds * (1 if part is None or part >= whole else TWICE_FORWARD), more, None)


def reckoned(few: tuple[int, float], more: tuple[int, float], whole: int) -> float:
    """Return the seconds of a step of `whole` videos, from those of two smaller ones: a line through both.

    What does not depend on the number of videos is from nothing up to all of the smaller step, whatever noise says.

    Args:
        few: Videos of the smaller step, and its seconds.
        more: Of the other one, which may be the same.
        whole: Videos.

    >>> reckoned((2, 3.0), (4, 5.0), 128)  # one second, and one for each video
    129.0
    """
    (num_few, of_few), (num_more, of_more) = few, more
    if num_few == num_more:
        return of_few * whole / num_few
    of_video = max(0.0, of_more - of_few) / (num_more - num_few)
    fixed = max(0.0, of_few - num_few * of_video)
    return fixed + max(of_video, (of_more - fixed) / num_more) * whole


class _EnoughStepsError(Exception):
    """As many steps were timed as are needed."""


def _seconds_of_step(
    network: Network, recipe: Recipe, picture: PictureFormat, num_videos: int, device: torch.device
) -> float:
    batches = _made_up_batches(network, recipe, picture, num_videos)
    with TemporaryDirectory() as folder:
        times = _times_of_steps(network, recipe, batches, device, folder)
    return min(times[1:] or times)  # the first one warms up; other work only adds


def _times_of_steps(
    network: Network, recipe: Recipe, batches: TrainingBatches, device: torch.device, folder: str
) -> list[float]:
    times: list[float] = []

    def note(progress: TrainingProgress) -> None:
        times.append(progress.seconds_per_step)
        if len(times) == MOST_STEPS or sum(times) > PATIENCE_SECONDS:
            raise _EnoughStepsError

    objective = (answering_objective if recipe.asks_questions else build_objective)(recipe, device)
    never = dict.fromkeys(("log_every", "validate_every", "checkpoint_every", "num_warmup_steps"), NEVER)
    trainer = Trainer(
        network,
        batches,
        objective,
        replace(training_settings(recipe, NEVER), **never),  # type: ignore[arg-type]  # all of them are whole numbers
        RunFolder(Path(folder)),  # nothing is written there
        validate=lambda model: {},
        device=device,
    )
    with suppress(_EnoughStepsError):
        trainer.run(note)
    return times


def _made_up_batches(network: Network, recipe: Recipe, picture: PictureFormat, num_videos: int) -> TrainingBatches:
    """Return batches of videos of noise, with texts of tokens drawn at random."""
    data, training = recipe.data, recipe.training
    random = torch.Generator().manual_seed(0)
    shape = (num_videos, data.num_frames)
    store = FrameStore(
        torch.randint(0, 256, (*shape, *picture.shape), generator=random, dtype=torch.uint8),
        torch.ones(shape, dtype=torch.bool),
        torch.zeros(shape, dtype=torch.float64),
        (),
    )
    owners = [video for video in range(num_videos) for _ in range(training.captions_per_video)]
    texts: list[Text] = [
        Question("", video, (video,), "", "") if recipe.asks_questions else Text("", video, (video,))
        for video in owners
    ]
    videos = tuple(Video(str(number), Path(str(number))) for number in range(num_videos))

    def tokenize(texts: Sequence[str]) -> TokenizedTexts:
        size = (len(texts), network.config.max_words)
        ids = torch.randint(0, network.config.vocab_size, size, generator=random)
        return TokenizedTexts(ids, torch.ones_like(ids), torch.zeros(*size, 2, dtype=torch.long))

    return TrainingBatches(
        Split("train", videos, tuple(texts)),
        store,
        tokenize,
        batch_size=num_videos,
        captions_per_video=training.captions_per_video,
        num_frames=data.num_frames,
        seed=0,
        labels=torch.zeros(len(texts), dtype=torch.long) if recipe.asks_questions else None,
        augment=augmentation(recipe),
    )
