"""The stages of a reproduction: each finds on disk what is done of it, and goes on there, whatever ended it before."""

from collections.abc import Callable
from typing import TypeAlias

from hbi.data.benchmarks import find_benchmark
from hbi.encoders.tokenizer import count_words
from hbi.errors import HBIError
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.checking.check import WordCount, check_benchmark
from hbi.experiments.checking.report import BenchmarkReport, SplitReport
from hbi.experiments.evaluating import evaluate
from hbi.experiments.packed import leave_note
from hbi.experiments.packing import pack_frames
from hbi.experiments.reproducing.needs import in_gib
from hbi.experiments.reproducing.page import reproduction_page
from hbi.experiments.reproducing.plan import CHECK, JOURNAL, STAGES, Plan, Stage
from hbi.experiments.reproducing.report import PAGE, REPORT, Reproduction
from hbi.experiments.splits import annotations_place, videos_folder
from hbi.experiments.training import Watch, no_watch, train
from hbi.files import write_atomically
from hbi.files.visible_text import visible_json

Tell: TypeAlias = Callable[[Stage, str], None]
"""Is told what a stage does, and what came of it: first an empty line, as it begins."""


def reproduce(
    plan: Plan, *, until: Stage = "report", bars: Bars = no_bars, watch: Watch = no_watch, tell: Tell = lambda *_: None
) -> Reproduction | None:
    """Do what a plan says, and return what came of it; None where it ends before the report.

    Args:
        plan: Of `make_plan`.
        until: The last stage that is done.
        bars: Shows how far the work has come.
        watch: Is told of every training step.
        tell: Is told of the stages.

    Raises:
        HBIError: Something is in the way, or a stage cannot be done.
    """
    if plan.obstacles:
        first, *others = plan.obstacles
        more = f" (and {len(others)} more, above)" if others else ""
        raise HBIError(f"nothing was begun: {first}{more}")
    for stage in STAGES[: STAGES.index(until) + 1]:
        tell(stage, "")
        match stage:
            case "report":
                return _report(plan)
            case _ if plan.is_evaluated:
                tell(stage, "done before")
            case "check":
                _check(plan, bars, tell)
            case "pack":
                _pack(plan, bars, tell)
            case "train":
                _train(plan, bars, watch, tell)
            case "evaluate":
                evaluate(plan.run, device=plan.device, bars=bars).write(plan.run)
    return None


def _check(plan: Plan, bars: Bars, tell: Tell) -> None:
    if not any(split.found for split in plan.splits):
        tell("check", "the videos are gone, and their frames are packed")
        return
    recipe = plan.recipe
    with bars("decoding videos") as progress:
        report = check_benchmark(
            find_benchmark(plan.benchmark),
            annotations=annotations_place(recipe),
            videos=videos_folder(recipe),
            words=WordCount(count_words, "words and special tokens", recipe.data.max_words),
            journal=plan.out / JOURNAL,
            protocol=recipe.data.protocol,
            splits=[split.name for split in plan.splits],
            num_frames=recipe.data.num_frames,
            num_workers=plan.num_workers,
            progress=progress,
        )
    write_atomically(plan.out / CHECK, visible_json(report.to_dict(), indent=1) + "\n")
    for line in report.problems:
        tell("check", line)
    if not plan.is_partial:
        _require_decodable(report)


def _require_decodable(report: BenchmarkReport) -> None:
    for split in report.splits:
        if isinstance(split, SplitReport) and split.undecodable:
            first = split.undecodable[0]
            raise HBIError(
                f"{split.name}: {len(split.undecodable)} videos cannot be decoded ({first.video_id}: {first.cause}): "
                "get these files again, or go on without (--partial)"
            )


def _pack(plan: Plan, bars: Bars, tell: Tell) -> None:
    names = [split.name for split in plan.splits if split.to_pack]
    if not names:
        tell("pack", f"all frames are in {plan.frames}")
        return
    for packed in pack_frames(plan.recipe, plan.frames, splits=names, num_workers=plan.num_workers, bars=bars):
        leave_note(plan.recipe, plan.frames)
        count = f"{packed.num_packed:,} of {packed.num_videos:,} videos"
        tell("pack", f"{packed.folder}: {count}, {in_gib(packed.size_bytes)}")


def _train(plan: Plan, bars: Bars, watch: Watch, tell: Tell) -> None:
    if plan.is_trained:
        tell("train", f"{plan.run} is trained")
        return
    train(
        plan.benchmark,
        plan.run,
        overrides=plan.overrides,
        resume=True,
        device=plan.device,
        bars=bars,
        watch=watch,
    )


def _report(plan: Plan) -> Reproduction:
    reproduction = Reproduction.of(plan)
    write_atomically(plan.out / PAGE, reproduction_page(reproduction))
    write_atomically(plan.out / REPORT, visible_json(reproduction.to_dict(), indent=2) + "\n")
    return reproduction
