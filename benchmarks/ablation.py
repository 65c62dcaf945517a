"""What each part of the method adds on ShapeStories, over several seeds: the paper's ablation, and what is ours.

    python benchmarks/ablation.py                          # everything: some hours on a core
    python benchmarks/ablation.py --lines baseline turned --seeds 0 1 2 --data data/ablation
    python benchmarks/ablation.py --table                  # write the tables again from what is stored

A process does one run after the other; several processes with the same --out and --data share the work, a core each.
Each run is a folder under --out. A finished one is kept, an interrupted one resumes; every result is stored as it ends,
in benchmarks/results/ablation.json. The tables go into docs/results/shape-stories.md and objective.md, between their
marks. The videos are drawn with a seed of their own, so that nobody has tuned on this test split.
"""

import argparse
import fcntl
import json
import re
import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pages import put, spread, table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "ablation.json"
PAGES = HERE.parent / "docs" / "results"
DATA_SEED = 12
"""Nobody has tuned on it. The lines of the paper that are stored were run with 1."""
NUM_STEPS = 400
BASELINE = "baseline"
DECODED: dict[tuple, object] = {}
"""Splits with their frames, which all runs of a process share."""


@dataclass(frozen=True)
class Line:
    """A line of a table: a recipe and what is changed in it."""

    name: str
    title: str
    recipe: str = "shape-stories"
    changes: tuple[str, ...] = ()


NO_TERMS = ("objective.alpha=0", "objective.beta=0")
NO_DISTILLATION = ("objective.beta=0",)
STILLS = ("model.tubelet_size=1", "model.tubelet_seconds=null", "objective.reconstruction=0")
"""The recipe as it was when the paper's ablation was made."""
PAPER = (
    Line("global", "global contrast", "shape-stories-global", STILLS),
    Line(
        "token-wise",
        "token-wise interaction, one level",
        changes=(*STILLS, *NO_TERMS, "objective.levels=[entity]", "model.level_weights=[1,0,0]"),
    ),
    Line("merging", "+ token merging, three levels", changes=(*STILLS, *NO_TERMS)),
    Line("exact", "+ Banzhaf, exact teacher", changes=(*STILLS, *NO_DISTILLATION)),
    Line(
        "sampled",
        "+ Banzhaf, sampled teacher (10 coalitions a cell)",
        changes=(*STILLS, *NO_DISTILLATION, "objective.teacher=sampled", "objective.num_samples=10"),
    ),
    Line(
        "estimator",
        "+ Banzhaf, learned estimator",
        changes=(
            *STILLS,
            *NO_DISTILLATION,
            "objective.teacher=estimator",
            "objective.estimator={out}/estimator.safetensors",
        ),
    ),
    Line("full", "+ Banzhaf, exact, + self-distillation: the paper's objective", changes=STILLS),
    Line("coalition", "+ the contrast of coalitions (ours)", changes=(*STILLS, "objective.gamma=1")),
    Line(
        "coalition-only", "three levels + coalitions, nothing else", changes=(*STILLS, *NO_TERMS, "objective.gamma=1")
    ),
)
WHOLE = ("model.level_weights=[0.3, 0.2, 0.1, 0.4]", "model.learns_level_weights=true")
EXCHANGED = ("objective.exchanged=1", "objective.exchanged_share=0.5", f"objective.exchanged_from={NUM_STEPS // 2}")
TURNED = ("objective.turned=1", f"objective.turned_from={NUM_STEPS // 2}")
OURS = (
    Line(BASELINE, "the recipe"),
    Line("no-reconstruction", "without words told from frames", changes=("objective.reconstruction=0",)),
    Line("equal-weights", "words and frames with equal weights", changes=("model.interaction=plain",)),
    Line("whole", "+ the whole beside the parts", changes=WHOLE),
    Line("dropped-words", "+ captions with words left out", changes=("training.dropped_words=0.4",)),
    Line("interactions", "+ contrast of interactions", changes=("objective.interaction_contrast=1",)),
    Line("concentration", "+ interactions concentrated in time", changes=("objective.concentration=3",)),
    Line("function-words", "+ no interaction with function words", changes=("objective.function_words=1",)),
    Line(
        "coalitions",
        "+ contrast of coalitions at 1/4, 1/2 and 3/4",
        changes=("objective.gamma=1", "objective.coalition_probabilities=[0.25, 0.5, 0.75]"),
    ),
    Line("exchanged", "+ exchanged captions, from half of the steps", changes=EXCHANGED),
    Line("turned", "+ turned videos, from half of the steps", changes=TURNED),
    Line("exchanged-turned", "+ both", changes=(*EXCHANGED, *TURNED)),
)
"""All with the tubelets of the recipe."""


@dataclass(frozen=True)
class Job:
    """One run of the study."""

    line: Line
    seed: int
    out: Path
    data: Path

    @property
    def key(self) -> str:
        """The name of the run."""
        return f"{self.line.name}-{self.seed}"


def main() -> None:
    """Run what is missing, then write the tables."""
    names = [line.name for line in (*PAPER, *OURS)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder of the runs")
    parser.add_argument("--data", type=Path, default=Path("data/ablation"), help="folder of the videos")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--lines", nargs="*", choices=names, default=names)
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    if not arguments.table:
        chosen = [line for line in (*PAPER, *OURS) if line.name in arguments.lines]
        jobs = [Job(line, seed, arguments.out, arguments.data) for seed in arguments.seeds for line in chosen]
        run_jobs(jobs, arguments.out, arguments.data)
    compare_with_baseline(arguments.out)
    write_tables()


def run_jobs(jobs: Iterable[Job], out: Path, data: Path) -> None:
    """Run what is neither stored nor being run by another process."""
    import torch

    torch.set_num_threads(1)  # several runs side by side waste less than one run on all cores
    jobs = list(jobs)
    with locked(data.with_name(f"{data.name}.lock")):
        prepare(jobs, out, data)
    for job in jobs:
        with locked(out / f"{job.key}.lock", waits=False) as is_ours:
            if not is_ours or job.key in read_results():
                continue
            result = run_job(job)
            store({job.key: result}, out)
            print(f"{job.key}: T2V R@1 {result['text_to_video']['recall@1']:.1f}", flush=True)


@contextmanager
def locked(file: Path, *, waits: bool = True) -> Iterator[bool]:
    """Hold a file that one process can hold at a time; say whether it is held, if it is not waited for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def store(results: dict[str, dict], out: Path) -> None:
    """Add results to those that are stored."""
    with locked(out / "results.lock"):
        kept = RESULTS.with_suffix(".new")
        kept.write_text(json.dumps(read_results() | results, indent=1) + "\n")
        kept.replace(RESULTS)


def prepare(jobs: Iterable[Job], out: Path, data: Path) -> None:
    """Make the videos, and the estimator that teaches one of the lines."""
    import torch

    from hbi.shape_stories import generate_shape_stories
    from hbi.training.estimator_training import EstimatorTraining, save_estimator, train_estimator
    from hbi.training.game_source import RandomGames

    generate_shape_stories(data, num_train=2500, num_val=200, num_test=500, seed=DATA_SEED)
    weights = out / "estimator.safetensors"
    if any("objective.teacher=estimator" in job.line.changes for job in jobs) and not weights.is_file():
        source = RandomGames(num_words=36, num_frames=12)
        estimator, quality = train_estimator(
            source, source, EstimatorTraining(num_steps=300, channels=16), device=torch.device("cpu")
        )
        save_estimator(estimator, weights, quality)
        print(f"estimator: {asdict(quality)}", flush=True)


def run_job(job: Job) -> dict:
    """Train and evaluate one run; return its measures, and leave the ranks in its folder."""
    import torch

    from hbi.evaluation.rank_files import ranks_csv
    from hbi.evaluation.retrieval_report import evaluate
    from hbi.experiments.evaluating import rank_file
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.training import start_training
    from hbi.matching import load_matcher

    changes = [
        *(change.format(out=job.out) for change in job.line.changes),
        *(f"data.root={job.data}", f"training.seed={job.seed}", f"training.num_steps={NUM_STEPS}"),
        "training.validate_every=100",
    ]
    recipe = read_recipe(job.line.recipe, changes)
    folder, cpu = job.out / job.key, torch.device("cpu")
    trainer = start_training(recipe, folder, resume=True, device=cpu, progress=None, decode=decoded_once)
    trainer.run(lambda progress: None)
    matcher = load_matcher(folder, device="cpu")
    test = decoded_once(recipe, "test", None, matcher.picture)
    report = evaluate(matcher, test.split, test.frames)
    for ranks, direction in ((report.text_ranks, "text-to-video"), (report.video_ranks, "video-to-text")):
        rank_file(folder, "test", direction).write_text(ranks_csv(ranks))
    measures = report.to_dict()
    kept = ("text_to_video", "video_to_text", "minimal_pairs", "localization")
    seconds_per_epoch = trainer.seconds / trainer.settings.num_steps * trainer.batches.steps_per_epoch
    return {name: measures[name] for name in kept} | {
        "seconds_per_epoch": seconds_per_epoch,
        "one_event": recall_of_single_events(test.split, report.text_ranks),
    }


def decoded_once(recipe, name, progress, picture):
    """Return a split as `decode_split` does, from memory the second time."""
    from hbi.experiments.splits import decode_split

    kind = (recipe.data.root, name, picture)
    if kind not in DECODED:
        DECODED[kind] = decode_split(recipe, name, progress, picture)
    return DECODED[kind]


def recall_of_single_events(split, ranks) -> float:
    """Return R@1 of the captions that tell one event, in percent."""
    single = {(query.video, query.text) for query in split.moments if query.num_events == 1}
    found = [each.rank == 1 for text, each in zip(split.texts, ranks, strict=True) if (text.video, text.text) in single]
    return 100 * statistics.mean(found)


def compare_with_baseline(out: Path) -> None:
    """Store how far each run of our lines is ahead of the baseline of its seed, where both folders are there."""
    from hbi.experiments.comparing import compare
    from hbi.experiments.evaluating import rank_file

    found = {}
    for key, result in read_results().items():
        name, seed = key.rsplit("-", 1)
        folders = out / f"{BASELINE}-{seed}", out / key
        if name == BASELINE or name not in {line.name for line in OURS} or "beside_baseline" in result:
            continue
        if all(rank_file(folder, "test", "text-to-video").is_file() for folder in folders):
            differences = compare(*folders)[0].differences
            found[key] = result | {
                "beside_baseline": {each.measure: [each.difference, each.p_value] for each in differences}
            }
    if found:
        store(found, out)


def read_results() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def write_tables() -> None:
    """Write mean and spread of every line into its page."""
    pairs = ("color", "shape", "action", "order")
    header = ("", "seeds", "T2V R@1", "R@10", "V2T R@1", *pairs, "inside", "s/epoch")
    put(PAGES / "shape-stories.md", {"ablation": table(header, rows_of(PAPER))})
    header = ("", "seeds", "T2V R@1", "beside, by seed", "one event", "V2T R@1", *pairs, "inside", "s/epoch")
    put(PAGES / "objective.md", {"objective": table(header, rows_of(OURS))})


def rows_of(lines: Iterable[Line]) -> Iterator[list[str]]:
    """Yield the row of each line that has a run: mean ± standard deviation over seeds."""
    stored = read_results()
    for line in lines:
        runs = [result for key, result in sorted(stored.items()) if re.fullmatch(rf"{line.name}-\d+", key)]
        if runs:
            yield [line.title, str(len(runs)), *columns(line, runs)]


def columns(line: Line, runs: list[dict]) -> list[str]:
    """Return what a line's runs reached."""
    pairs = [{pair["kind"]: pair["accuracy"] for pair in run["minimal_pairs"]} for run in runs]
    inside = [level["share_inside"] for run in runs for level in run["localization"] if level["level"] == "entity"]
    first = [run["text_to_video"]["recall@1"] for run in runs]
    if line in PAPER:
        second = [spread([run["text_to_video"]["recall@10"] for run in runs], 1)]
    else:
        second = [beside(runs), spread([run["one_event"] for run in runs], 1)]
    rest = [
        [run["video_to_text"]["recall@1"] for run in runs],
        *([pair[kind] for pair in pairs] for kind in ("color", "shape", "action", "order")),
        inside,
    ]
    seconds = statistics.mean(run["seconds_per_epoch"] for run in runs)
    return [spread(first, 1), *second, *(spread(column, 1) for column in rest), f"{seconds:.0f}"]


def beside(runs: list[dict]) -> str:
    """Return by how much R@1 differs from the baseline of the same seed, with its p-value."""
    found = [run["beside_baseline"]["recall@1"] for run in runs if "beside_baseline" in run]
    return ", ".join(f"{difference:+.1f} ({p:.3f})" for difference, p in found) or "–"


if __name__ == "__main__":
    main()
