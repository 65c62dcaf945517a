"""The paper's ablation on ShapeStories: what each part of the method adds, over several seeds.

    python benchmarks/ablation.py                          # everything: about an hour on two cores
    python benchmarks/ablation.py --seeds 1 --variants full token-wise
    python benchmarks/ablation.py --table                  # write the table again from what is stored

Each variant and seed is a run folder under --out. A finished one is kept, an interrupted one resumes; every result is
stored as it ends, in benchmarks/results/ablation.json. The table goes into docs/results/shape-stories.md, between its
marks. The videos are drawn with a seed of their own, so that nobody has tuned on this test split.
"""

import argparse
import json
import multiprocessing
import os
import re
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pages import put, spread, table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "ablation.json"
PAGE = HERE.parent / "docs" / "results" / "shape-stories.md"
DATA_SEED = 1
NUM_STEPS = 400


@dataclass(frozen=True)
class Variant:
    """A recipe and what is changed in it."""

    name: str
    title: str
    recipe: str = "shape-stories"
    changes: tuple[str, ...] = ()


NO_TERMS = ("objective.alpha=0", "objective.beta=0")
NO_DISTILLATION = ("objective.beta=0",)
VARIANTS = (
    Variant("global", "global contrast", "shape-stories-global"),
    Variant(
        "token-wise",
        "token-wise interaction, one level",
        changes=(*NO_TERMS, "objective.levels=[entity]", "model.level_weights=[1,0,0]"),
    ),
    Variant("merging", "+ token merging, three levels", changes=NO_TERMS),
    Variant("exact", "+ Banzhaf, exact teacher", changes=NO_DISTILLATION),
    Variant(
        "sampled",
        "+ Banzhaf, sampled teacher (10 coalitions a cell)",
        changes=(*NO_DISTILLATION, "objective.teacher=sampled", "objective.num_samples=10"),
    ),
    Variant(
        "estimator",
        "+ Banzhaf, learned estimator",
        changes=(*NO_DISTILLATION, "objective.teacher=estimator", "objective.estimator={out}/estimator.safetensors"),
    ),
    Variant("full", "+ Banzhaf, exact, + self-distillation: the paper's objective"),
    Variant("coalition", "+ the contrast of coalitions (ours)", changes=("objective.gamma=1",)),
    Variant("coalition-only", "three levels + coalitions, nothing else", changes=(*NO_TERMS, "objective.gamma=1")),
)


@dataclass(frozen=True)
class Job:
    """One run of the study."""

    variant: Variant
    seed: int
    out: Path
    data: Path

    @property
    def key(self) -> str:
        """The name of the run."""
        return f"{self.variant.name}-{self.seed}"


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder for videos and runs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", choices=[variant.name for variant in VARIANTS])
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="runs at a time, one core each")
    parser.add_argument("--table", action="store_true", help="only write the table")
    arguments = parser.parse_args()
    if not arguments.table:
        chosen = [variant for variant in VARIANTS if variant.name in (arguments.variants or variant.name)]
        run_study(chosen, arguments.seeds, arguments.out, arguments.workers)
    write_table()


def run_study(variants: Iterable[Variant], num_seeds: int, out: Path, num_workers: int) -> None:
    """Run every variant with every seed that is not stored yet: all variants of one seed first."""
    prepare(out)
    stored = read_results()
    jobs = [Job(variant, seed, out, out / "data") for seed in range(num_seeds) for variant in variants]
    jobs = [job for job in jobs if job.key not in stored]
    with multiprocessing.get_context("spawn").Pool(num_workers, initializer=one_core, maxtasksperchild=None) as pool:
        for number, (key, result) in enumerate(pool.imap_unordered(run_job, jobs), start=1):
            RESULTS.write_text(json.dumps(read_results() | {key: result}, indent=1) + "\n")
            print(f"{number}/{len(jobs)} {key}: T2V R@1 {result['text_to_video']['recall@1']:.1f}", flush=True)


def prepare(out: Path) -> None:
    """Make the videos, and the estimator that teaches one of the variants."""
    from hbi.shape_stories import generate_shape_stories
    from hbi.training.estimator_training import EstimatorTraining, save_estimator, train_estimator
    from hbi.training.game_source import RandomGames

    generate_shape_stories(out / "data", num_train=2500, num_val=200, num_test=500, seed=DATA_SEED)
    weights = out / "estimator.safetensors"
    if not weights.is_file():
        import torch

        source = RandomGames(num_words=36, num_frames=12)
        estimator, quality = train_estimator(
            source, source, EstimatorTraining(num_steps=300, channels=16), device=torch.device("cpu")
        )
        save_estimator(estimator, weights, quality)
        print(f"estimator: {asdict(quality)}", flush=True)


def one_core() -> None:
    """Let a worker use one core: several runs side by side waste less than one run on all."""
    import torch

    torch.set_num_threads(1)


def run_job(job: Job) -> tuple[str, dict[str, object]]:
    """Train and evaluate one run; return its name and measures."""
    import torch

    from hbi.evaluation.retrieval_report import evaluate
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.training import start_training
    from hbi.matching import load_matcher

    changes = [change.format(out=job.out) for change in job.variant.changes]
    settings = [f"data.root={job.data}", f"training.seed={job.seed}", f"training.num_steps={NUM_STEPS}"]
    recipe = read_recipe(job.variant.recipe, [*settings, *changes])
    folder = job.out / job.key
    cpu = torch.device("cpu")
    trainer = start_training(recipe, folder, resume=True, device=cpu, progress=None, decode=decoded_once)
    trainer.run(lambda progress: None)
    test = decoded_once(recipe, "test", None)
    report = evaluate(load_matcher(folder, device="cpu"), test.split, test.frames)
    seconds_per_epoch = trainer.seconds / recipe.training.num_steps * trainer.batches.steps_per_epoch
    measures = report.to_dict()
    kept = ("text_to_video", "video_to_text", "minimal_pairs", "localization")
    return job.key, {name: measures[name] for name in kept} | {"seconds_per_epoch": seconds_per_epoch}


@cache
def decoded_videos(root: str, name: str, num_frames: int, image_size: int, positions: int) -> object:
    """Return a split with its frames, decoded once in each worker."""
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.splits import decode_split

    changes = [
        f"data.root={root}",
        f"data.num_frames={num_frames}",
        f"data.image_size={image_size}",
        f"data.frames_per_position={positions}",
    ]
    return decode_split(read_recipe("shape-stories", changes), name)


def decoded_once(recipe, name, progress, picture):
    """Return a split as `decode_split` does, from memory the second time."""
    data = recipe.data
    return decoded_videos(data.root, name, data.num_frames, data.image_size, data.frames_per_position)


def read_results() -> dict[str, dict[str, object]]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def write_table() -> None:
    """Write mean and spread of every variant into the page."""
    stored = read_results()
    header = ("", "seeds", "T2V R@1", "R@10", "V2T R@1", "color", "shape", "action", "order", "inside", "s/epoch")
    rows = []
    for variant in VARIANTS:
        runs = [result for key, result in stored.items() if re.fullmatch(rf"{variant.name}-\d+", key)]
        if runs:
            rows.append(row(variant, runs))
    put(PAGE, {"ablation": table(header, rows)})


def row(variant: Variant, runs: list[dict]) -> list[str]:
    """Return a variant's line: mean ± standard deviation over seeds."""
    pairs = [{pair["kind"]: pair["accuracy"] for pair in run["minimal_pairs"]} for run in runs]
    inside = [level["share_inside"] for run in runs for level in run["localization"] if level["level"] == "entity"]
    columns = [
        [run["text_to_video"]["recall@1"] for run in runs],
        [run["text_to_video"]["recall@10"] for run in runs],
        [run["video_to_text"]["recall@1"] for run in runs],
        *([pair[kind] for pair in pairs] for kind in ("color", "shape", "action", "order")),
        inside,
    ]
    seconds = statistics.mean(run["seconds_per_epoch"] for run in runs)
    return [variant.title, str(len(runs)), *(spread(column, 1) for column in columns), f"{seconds:.0f}"]


if __name__ == "__main__":
    main()
