"""What came of a reproduction: our measures beside the paper's, and in what the experiment differs from it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hbi.errors import HBIError
from hbi.evaluation.confidence import interval_of_mean
from hbi.evaluation.published import published_accuracy, published_rows
from hbi.evaluation.rank_files import read_ranks
from hbi.experiments.content import shortened
from hbi.experiments.continuing import changed_keys
from hbi.experiments.evaluating import metrics_file, rank_file
from hbi.experiments.reading import read_recipe
from hbi.experiments.reproducing.plan import CHECK, Plan
from hbi.experiments.splits import benchmark_of, protocol_of
from hbi.files import is_regular, read_regular_text
from hbi.training.run_folder import RunFolder

REPORT, PAGE = "report.json", "report.html"
SAME_EXPERIMENT = frozenset(
    {
        *(f"data.{name}" for name in ("root", "annotations", "videos", "frames")),
        *(f"training.{name}" for name in ("micro_batch_size", "activation_checkpointing", "shard")),
        *(f"training.{name}" for name in ("log_every", "checkpoint_every")),
    }
)
"""Keys of a recipe that say where the data are and how they are computed with, not what is done."""
_DIRECTIONS = {"text_to_video": "text to video", "video_to_text": "video to text"}
_RECALLS = ("recall@1", "recall@5", "recall@10")
_MISSING = ("have no file", "cannot be decoded", "are published")
"""Signs of a problem that makes the data others than the paper's; the rest it shares, or is damaged in part."""


@dataclass(frozen=True)
class ComparedMeasure:
    """A measure of ours, and the paper's.

    Attributes:
        task: What is measured: "text to video", "video to text" or "questions".
        measure: Its name: recalls and accuracies are in percent.
        low, high: 95 % bootstrap interval over the videos; None for a median, which has none.
        paper: None where no figure is known, or none is comparable.
    """

    task: str
    measure: str
    ours: float
    low: float | None
    high: float | None
    paper: float | None

    @property
    def is_paper_inside(self) -> bool | None:
        """Whether the paper's figure lies in our interval; None where there is no such figure, or interval."""
        if self.paper is None or self.low is None or self.high is None:
            return None
        return self.low <= self.paper <= self.high


@dataclass(frozen=True)
class Reproduction:
    """A reproduction that is done.

    Attributes:
        benchmark, protocol: Which experiment: the recipe, and how the data are split.
        measures: Ours beside the paper's.
        paper: Where its figures come from; "" where none is shown.
        why_no_paper: Where none is shown: why.
        differences: In what the experiment differs from the paper's: settings, missing data.
        remarks: What was found in the data.
        sizes: Videos and texts, or questions, of the test split.
        environment: What it was trained with: versions, commit, device.
        training_seconds: Of the steps, those of before a restart among them.
        num_steps: That were trained.
    """

    benchmark: str
    title: str
    protocol: str
    measures: tuple[ComparedMeasure, ...]
    paper: str
    why_no_paper: str
    differences: tuple[str, ...]
    remarks: tuple[str, ...]
    sizes: Mapping[str, int]
    environment: Mapping[str, Any]
    training_seconds: float
    num_steps: int

    @classmethod
    def of(cls, plan: Plan) -> "Reproduction":
        """Return what the files of a reproduction say whose stages are done.

        Raises:
            HBIError: A file is missing, or damaged.
        """
        benchmark, protocol = benchmark_of(plan.recipe), protocol_of(plan.recipe)
        assert benchmark is not None  # the paper's experiments are on published data
        assert protocol is not None
        values = _read(metrics_file(plan.run, "test"))
        is_answering = plan.recipe.asks_questions
        sizes = {"videos": values["num_videos"]}
        sizes |= (
            {"questions": values["accuracies"][0]["num_questions"]} if is_answering else {"texts": values["num_texts"]}
        )
        published = protocol.test.num_videos
        is_reduced = published is not None and sizes["videos"] < published
        why = (
            f"{sizes['videos']:,} of {published:,} test videos: with fewer every number looks better"
            if is_reduced
            else ""
        )
        compared = _compared_answers if is_answering else _compared_ranks
        measures, source = compared(plan, values, is_comparable=not is_reduced)
        if not source and not why:
            why = f"no figures of the paper are known for {protocol.name}"
        missing, remarks = _problems(plan)
        log = RunFolder(plan.run).read_metrics()
        environment = RunFolder(plan.run).read_environment()
        return cls(
            plan.benchmark,
            benchmark.title,
            protocol.name,
            tuple(measures),
            source,
            why,
            (*_changes(plan), *missing),
            tuple(remarks),
            sizes,
            {name: value for name, value in environment.items() if name not in ("recipe", "set")},
            log[-1]["seconds"],
            log[-1]["step"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        measures = [asdict(each) | {"is_paper_inside": each.is_paper_inside} for each in self.measures]
        return asdict(self) | {"measures": measures, "experiment": f"hbi reproduce {self.benchmark}"}


def _compared_ranks(plan: Plan, values: Mapping[str, Any], *, is_comparable: bool) -> tuple[list[ComparedMeasure], str]:
    """Return the measures of a model that ranks, and the source of the paper's."""
    protocol = protocol_of(plan.recipe)
    rows = published_rows(plan.benchmark, protocol.name if protocol else None) if is_comparable else []
    measures = list[ComparedMeasure]()
    for key, direction in _DIRECTIONS.items():
        row = next((row for row in rows if row.direction == direction), None)
        paper = dict[str, float | None]()
        if row:
            paper = dict(zip(_RECALLS, row.recalls, strict=True))
            paper |= {"median_rank": row.median_rank, "mean_rank": row.mean_rank}
        intervals = {each["measure"]: each for each in values[f"intervals_{key}"]}
        for name in (*_RECALLS, "median_rank", "mean_rank"):
            bounds = intervals.get(name, {"low": None, "high": None})
            measures.append(
                ComparedMeasure(direction, name, values[key][name], bounds["low"], bounds["high"], paper.get(name))
            )
    return measures, rows[0].source if rows else ""


def _compared_answers(
    plan: Plan, values: Mapping[str, Any], *, is_comparable: bool
) -> tuple[list[ComparedMeasure], str]:
    """Return the accuracy of a model that answers, and the source of the paper's."""
    published = published_accuracy(plan.benchmark) if is_comparable else None
    queries = read_ranks(rank_file(plan.run, "test", "question-to-answer"))
    rows = {video_id: row for row, video_id in enumerate(dict.fromkeys(query.video_id for query in queries))}
    right = torch.tensor([100.0 * (query.rank <= 1) for query in queries])
    interval = interval_of_mean("accuracy", right, torch.tensor([rows[query.video_id] for query in queries]))
    accuracy = ComparedMeasure(
        "questions",
        "accuracy",
        values["accuracies"][0]["accuracy"],
        interval.low,
        interval.high,
        published.accuracy if published else None,
    )
    return [accuracy], published.source if published else ""


def _changes(plan: Plan) -> Iterator[str]:
    """Yield the settings that are not those of the paper's recipe."""
    changes = changed_keys(read_recipe(plan.benchmark), read_recipe(str(plan.run)))
    for key, (shipped, ours) in changes.items():
        if key not in SAME_EXPERIMENT:
            yield f"{key}={shortened(ours)}, not {shortened(shipped)}"


def _problems(plan: Plan) -> tuple[list[str], list[str]]:
    """Return what is missing of the data, and what else was found in them: by the check, or else by the plan."""
    file = plan.out / CHECK
    lines = list(map(str, _read(file).get("problems", ()))) if is_regular(file) else list(plan.gaps)
    missing = [line for line in lines if any(sign in line for sign in _MISSING)]
    return missing, [line for line in lines if line not in missing]


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(read_regular_text(file))
        if isinstance(values, dict):
            return values
        problem = "it holds no object"
    except (OSError, ValueError, RecursionError) as error:
        problem = str(error)
    raise HBIError(f"{file} is damaged ({problem}): remove it, and run the same command again")
