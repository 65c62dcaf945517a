"""From a benchmark and where its data are to a `Plan`; nothing of it is written, and nothing downloaded."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from huggingface_hub import constants
from transformers import CLIPConfig

from hbi.data.benchmark import SplitName
from hbi.data.samples import DataError, Split
from hbi.errors import HBIError, nearest_or_all
from hbi.experiments.answering import QUESTION_ONLY, answer_vocabulary, question_only
from hbi.experiments.continuing import request_of, require_same_run
from hbi.experiments.network import build_model, sized_network, start_processor, start_tokenizer
from hbi.experiments.packed import USUAL_FOLDER, usual_folder
from hbi.experiments.reproducing.needs import (
    WEIGHT_BYTES,
    Cost,
    DecodingWork,
    DiskNeed,
    bytes_of_run,
    decoding_cost,
    existing,
    memory_needs,
    num_parameters,
    shortage,
)
from hbi.experiments.reproducing.plan import BENCHMARKS, JOURNAL, RUN, STAGES, Plan, Stage
from hbi.experiments.reproducing.splits import PlannedSplit, names_of_splits, planned_split
from hbi.experiments.reproducing.timing import StepCost, cost_of_step, cost_of_videos
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import frames_of_split, protocol_of
from hbi.experiments.start import with_start
from hbi.experiments.training import with_picture
from hbi.files import is_regular
from hbi.hub import HubError, is_only_here, was_downloaded
from hbi.models.model_folder import Network
from hbi.training.memory import naming_out_of_memory
from hbi.training.run_folder import RunFolder
from hbi.video import PictureFormat

_KNOWN = {
    "openai/clip-vit-base-patch32": CLIPConfig(),
    "openai/clip-vit-base-patch16": CLIPConfig(vision_config={"patch_size": 16}),
}
"""The sizes of the encoders of the paper's recipes, which are known before they are downloaded."""


def make_plan(
    benchmark: str,
    *,
    out: Path | None = None,
    root: Path | None = None,
    clip: str | None = None,
    packed: Path | None = None,
    overrides: Sequence[str] = (),
    device: torch.device = torch.device("cpu"),  # noqa: B008 - it cannot be changed
    num_workers: int | None = None,
    is_partial: bool = False,
) -> Plan:
    """Return what a reproduction will do. A few videos are decoded and a few steps timed, to say how long it takes.

    Args:
        benchmark: One of `BENCHMARKS`.
        out: The folder of the reproduction; None: runs/reproduce-BENCHMARK. What is done there is not done again.
        root: The data set, with annotations/ and videos/; None: as the recipe has it, or as it was begun with.
        clip: What the towers start from; None: the same.
        packed: Where frames are packed to; None: the same, or packed-frames in the folder of the data set.
        overrides: Other values of the recipe, "section.key=value".
        device: Where it is trained.
        num_workers: Processes that decode; None: one for each core.
        is_partial: Whether to go on without videos that are missing.

    Raises:
        HBIError: There is no such experiment, or a value of the recipe is wrong.
    """
    if benchmark not in BENCHMARKS:
        raise HBIError(f"the paper has no experiment {benchmark!r} here{nearest_or_all(benchmark, BENCHMARKS)}")
    out = out or Path("runs") / f"reproduce-{benchmark}"
    recipe, said = _recipe(benchmark, out, root, clip, packed, overrides)
    workers = num_workers or os.cpu_count() or 1
    plan = Plan(benchmark, recipe, said, out, device, workers, is_partial)
    if plan.is_evaluated:
        return replace(plan, states=dict.fromkeys(STAGES[:-1], "done") | {"report": "to write"})
    return _Planning(plan).made()


def _recipe(
    benchmark: str, out: Path, root: Path | None, clip: str | None, packed: Path | None, overrides: Sequence[str]
) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe, and all that was set of it, now and when the reproduction began."""
    places = {"data.root": root, "model.encoder": clip}
    said = [f"{key}={json.dumps(str(value))}" for key, value in places.items() if value is not None] + [*overrides]
    # What has begun knows what it was begun with; what is set now comes on top.
    run = out / RUN
    source, place = (str(run), None) if RunFolder(run).has_begun else (benchmark, run)
    recipe = request_of(source, place, said).recipe
    folder = packed or recipe.data.packed or usual_folder(recipe)
    if folder == usual_folder(recipe) and not os.access(existing(folder), os.W_OK):
        folder = out / USUAL_FOLDER  # a data set that others own
    request = request_of(source, place, [*said, f"data.frames={json.dumps(str(folder))}"])
    return request.recipe, request.overrides


class _Planning:
    """What is found out one after the other; an obstacle is noted, and the rest is found out all the same."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.recipe = plan, plan.recipe
        self.obstacles: list[str] = []
        self.splits: tuple[PlannedSplit, ...] = ()

    def made(self) -> Plan:
        """Return the plan with all that was found out."""
        network, picture, bytes_to_download = self._network()
        self.splits = tuple(self._splits(picture))
        gaps = tuple(line for split in self.splits for line in split.gaps())
        self._note_gaps(gaps)
        self._note_run()
        step = self._step(network, picture)
        check, pack, packed_bytes = self._decoding()
        disk = [DiskNeed("frames", self.plan.frames, packed_bytes)]
        num_runs = 2 if self.recipe.asks_questions else 1
        if (of_run := bytes_of_run(network, self.plan.run, num_runs=num_runs)) is not None:
            disk.append(DiskNeed("checkpoints", self.plan.out, of_run))
        if bytes_to_download:
            disk.append(DiskNeed("the encoder", Path(constants.HF_HUB_CACHE), bytes_to_download))
        self.obstacles += shortage(disk)
        return replace(
            self.plan,
            splits=self.splits,
            states=self._states(),
            costs={"check": check, "pack": pack, **self._of_steps(step)},
            disk=tuple(disk),
            memory=tuple(memory_needs(self.recipe, network, step, self.plan.device)),
            obstacles=tuple(self.obstacles),
            gaps=gaps,
        )

    def _network(self) -> tuple[Network | None, PictureFormat, float]:
        """Return the network, or one of its sizes, or None; the pictures it takes; and what is to be downloaded."""
        data, source = self.recipe.data, self.recipe.training.start_from or self.recipe.model.encoder
        picture = (PictureFormat.released if data.released_loader else PictureFormat.square)(data.image_size)
        picture = picture.in_tubelets(self.recipe.model.tubelet_size, self.recipe.model.tubelet_seconds)
        try:
            if source is None or is_only_here(source) or was_downloaded(source):
                return *self._network_here(), 0.0
        except HubError as error:
            self.obstacles.append(f"{error} (--clip names a folder)")
        except HBIError as error:
            self.obstacles.append(str(error))
            return None, picture, 0.0
        if source not in _KNOWN:
            return None, picture, 0.0
        network = sized_network(self.recipe, _KNOWN[str(source)], self._answers())
        return network, picture, WEIGHT_BYTES * num_parameters(network)

    def _network_here(self) -> tuple[Network, PictureFormat]:
        recipe = with_start(self.recipe)
        needs_texts = recipe.starts_at_random  # the tokenizer is made of them
        tokenizer = start_tokenizer(recipe, self._train() if needs_texts else Split("train", (), ()))
        network = build_model(recipe, tokenizer, self._answers())
        picture = start_processor(recipe, network, tokenizer).picture
        self.recipe = with_picture(recipe, picture)
        return network, picture

    def _train(self) -> Split:
        return planned_split(self.recipe, "train", PictureFormat.square(1)).whole

    def _answers(self) -> tuple[str, ...]:
        """Return what the network can answer; so many made-up answers where the questions cannot be read."""
        if not self.recipe.asks_questions:
            return ()
        try:
            return answer_vocabulary(self.recipe, self._train()).answers
        except DataError:
            return tuple(map(str, range(self.recipe.data.num_answers or 1000)))

    def _splits(self, picture: PictureFormat) -> Iterator[PlannedSplit]:
        for name in names_of_splits(self.recipe):
            try:
                yield planned_split(self.recipe, name, picture)
            except DataError as error:
                self.obstacles.append(f"{name}: {error}")

    def _note_gaps(self, gaps: Sequence[str]) -> None:
        for split in self.splits:
            if split.num_usable == 0:
                self.obstacles.append(f"{split.name}: {split.why_none}")
            needed = self.recipe.training.batch_size
            if split.name == "train" and 0 < split.num_usable < needed:
                self.obstacles.append(
                    f"train: a step takes {needed} videos and {split.num_usable} are there: add videos, or lower "
                    "training.batch_size"
                )
        if not self.plan.is_partial:
            self.obstacles += [f"{line}: complete the data, or go on with what is there (--partial)" for line in gaps]

    def _note_run(self) -> None:
        folder = RunFolder(self.plan.run)
        try:
            if folder.has_begun:
                require_same_run(folder, self.recipe)
            elif not folder.is_free:
                self.obstacles.append(f"{folder.path} is not empty and holds no run: choose another --out")
        except HBIError as error:
            self.obstacles.append(str(error))

    def _step(self, network: Network | None, picture: PictureFormat) -> StepCost | None:
        if network is None or self.plan.is_trained:
            return None
        try:
            with naming_out_of_memory():
                return cost_of_step(network, self.recipe, picture, self.plan.device)
        except HBIError as error:
            self.obstacles.append(str(error))
            return None

    def _decoding(self) -> tuple[Cost, Cost, float]:
        """Return what checking and packing take, and the bytes of the pictures that are packed.

        A split that cannot be read counts as it was published.
        """
        planned = {split.name: split for split in self.splits}
        whole, left = list[DecodingWork](), list[DecodingWork]()
        for name in names_of_splits(self.recipe):
            num_frames = frames_of_split(self.recipe, name)
            if name in planned:
                split = planned[name]
                cost = cost_of_videos(split.found, split.sampling)
                num_left = split.num_to_pack(is_partial=self.plan.is_partial)
                whole.append((cost, num_left + len(split.packed), num_frames))
                left.append((cost, num_left, num_frames))
            else:
                whole.append((None, self._published(name), num_frames))
                left.append(whole[-1])
        share = max(0.0, 1 - _num_lines(self.plan.out / JOURNAL) / max(1, sum(number for _, number, _ in whole)))
        unchecked = [(cost, round(share * number), num_frames) for cost, number, num_frames in whole]
        check, _ = decoding_cost(unchecked, self.plan.num_workers)
        return check, *decoding_cost(left, self.plan.num_workers)

    def _published(self, name: SplitName) -> int:
        protocol = protocol_of(self.recipe)
        size = protocol.published(name) if protocol else None
        return (size.num_videos if size else None) or 0

    def _of_steps(self, step: StepCost | None) -> dict[Stage, Cost]:
        """Return what training and evaluating take."""
        if step is None:
            how = "" if self.plan.is_trained else "not known: no step could be timed"
            return {"train": Cost(0.0 if self.plan.is_trained else None, how), "evaluate": Cost(None, how)}
        training, size = self.recipe.training, {name: self._published(name) for name in names_of_splits(self.recipe)}
        size |= {split.name: split.num_usable or size[split.name] for split in self.splits}
        of_video = step.seconds / training.batch_size / 3
        val = size.get("val", size["test"])
        total, done = self.num_steps, _kept_steps(self.plan.run, self.recipe)
        seconds = (total - done) * step.seconds
        seconds += (total // training.validate_every - done // training.validate_every) * val * of_video
        if self.recipe.asks_questions:
            blind = total // 3 - _kept_steps(self.plan.run / QUESTION_ONLY, self.recipe)
            seconds += max(0, blind) * step.seconds / self.recipe.data.num_frames
        timed = "" if step.num_timed == training.batch_size else f" (reckoned from steps of up to {step.num_timed})"
        how = (
            f"measured now on {self.plan.device}: {step.seconds:,.2f} s a step of {training.batch_size} videos{timed}; "
            "assumed: a video that is validated takes a third of one that is trained"
        )
        return {"train": Cost(seconds, how), "evaluate": Cost(size["test"] * of_video)}

    @property
    def num_steps(self) -> int:
        """How many steps are trained; of epochs, as many as the texts that are there take."""
        training = self.recipe.training
        if training.num_steps is not None:
            return training.num_steps
        texts = next((len(split.whole.texts) for split in self.splits if split.name == "train"), 0)
        return max(1, round((training.epochs or 1) * texts / training.batch_size / training.captions_per_video))

    def _states(self) -> dict[Stage, str]:
        packed = sum(len(split.packed) for split in self.splits)
        whole = sum(split.num_to_pack(is_partial=self.plan.is_partial) for split in self.splits) + packed
        unread = {*names_of_splits(self.recipe)} - {split.name for split in self.splits}
        whole += sum(map(self._published, unread))
        done = _kept_steps(self.plan.run, self.recipe)
        trained = f"step {done:,} of {self.num_steps:,}" if done else f"{self.num_steps:,} steps"
        if self.recipe.asks_questions:
            blind = question_only(self.recipe).training.num_steps
            trained += f", and {f'{blind:,}' if blind else 'a third'} of the baseline without videos"
        return {
            "check": f"{min(whole, _num_lines(self.plan.out / JOURNAL)):,} of {whole:,} videos checked",
            "pack": f"{packed:,} of {whole:,} videos packed",
            "train": "done" if self.plan.is_trained else trained,
            "evaluate": "the test split",
            "report": "to write",
        }


def _kept_steps(run: Path, recipe: Recipe) -> int:
    """Return the step that a run would go on from: of its last checkpoint, as far as the log tells."""
    folder = RunFolder(run)
    if not is_regular(folder.checkpoint):
        return 0
    last: int = max((line["step"] for line in folder.read_metrics()), default=0)
    return last if folder.is_finished else last - last % recipe.training.checkpoint_every


def _num_lines(file: Path) -> int:
    return sum(1 for line in file.open(errors="replace") if line.strip()) if is_regular(file) else 0
