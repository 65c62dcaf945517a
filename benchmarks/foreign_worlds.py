"""Whether the recipes help on films of another making than ShapeStories: small worlds, made and trained here.

    python benchmarks/foreign_worlds.py --make-only                          # all worlds: minutes on two cores
    python benchmarks/foreign_worlds.py --world grid --recipe shape-stories  # three seeds of one recipe
    python benchmarks/foreign_worlds.py --world grid --recipe shape-stories shape-stories-global \\
        --set training.num_steps=560 data.image_size=96 --label "96 pixels"
    python benchmarks/foreign_worlds.py --table                              # write the tables from what is stored

Each world, recipe, label and seed is a run folder under --out. A finished one is kept, an interrupted one resumes;
every result is stored as it ends, in benchmarks/results/foreign_worlds.json. A recipe is compared with the global
contrast of the same seed by a paired test over videos: that of the same label, or of the label --beside.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pages import put, spread, table
from worlds import WORLDS
from worlds.films import SPLITS, make_world

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "foreign_worlds.json"
PAGE = HERE.parent / "docs" / "results" / "foreign-worlds.md"
BASELINE = "shape-stories-global"
RECALLS = ("recall@1", "recall@5", "recall@10")
OWN_DATA = ("data.dataset=own", "data.root={data}")


@dataclass(frozen=True)
class Job:
    """One run: a recipe, with what is changed in it, on a world."""

    world: str
    recipe: str
    changes: tuple[str, ...]
    label: str
    seed: int

    @property
    def key(self) -> str:
        """The name of the run."""
        return "/".join((self.world, self.label, self.recipe, str(self.seed)))


def main() -> None:
    """Make the worlds, run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--recipe", nargs="*", default=[], help="recipes to train; none: only what is stored")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes to the recipes")
    parser.add_argument("--label", default="as it ships", help="what the changes are called")
    parser.add_argument("--beside", help="label of the global contrast that they are compared with; default: the same")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--data-seed", type=int, default=0, help="of the films")
    parser.add_argument("--worlds", type=Path, default=Path("data/worlds"), help="folder of the worlds")
    parser.add_argument("--out", type=Path, default=Path("runs/foreign-worlds"), help="folder of the runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes that draw films")
    parser.add_argument("--make-only", action="store_true", help="only make the worlds")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    if not arguments.table:
        for name in arguments.world:
            place = arguments.worlds / name
            make_world(WORLDS[name], place, seed=arguments.data_seed, splits=SPLITS, num_workers=arguments.workers)
        if arguments.make_only:
            return
        jobs = [
            Job(world, recipe, tuple(arguments.set), arguments.label, seed)
            for seed in arguments.seeds
            for world in arguments.world
            for recipe in arguments.recipe
        ]
        run_jobs(jobs, arguments.worlds, arguments.out, arguments.beside or arguments.label)
    write_tables()


def run_jobs(jobs: Sequence[Job], worlds: Path, out: Path, beside: str) -> None:
    """Run what is not stored yet.

    Args:
        jobs: Which runs.
        worlds: The folder of all worlds.
        out: The folder of all runs.
        beside: Label of the global contrast that they are compared with.
    """
    for number, job in enumerate(jobs, start=1):
        known = read_results().get(job.key)
        if known and known["changes"] != list(job.changes):
            raise SystemExit(f"{job.key} was run with {known['changes']}: give these changes another --label")
        if not known:
            result = run_job(job, worlds / job.world, out, beside)
            RESULTS.write_text(json.dumps(read_results() | {job.key: result}, indent=1) + "\n")
            found = " / ".join(f"{result['text_to_video'][name]:.1f}" for name in RECALLS)
            print(f"{number}/{len(jobs)} {job.key}: T2V R@1/5/10 {found}", flush=True)


def run_job(job: Job, data: Path, out: Path, beside: str) -> dict[str, object]:
    """Train and evaluate one run.

    Args:
        job: Which one.
        data: The folder of its world.
        out: The folder of all runs.
        beside: Label of the global contrast that it is compared with.
    """
    from hbi.evaluation.rank_files import ranks_csv
    from hbi.evaluation.retrieval_report import report_of
    from hbi.evaluation.similarity_matrix import similarity_matrix
    from hbi.experiments.evaluating import rank_file
    from hbi.experiments.reading import read_recipe
    from hbi.experiments.splits import decode_split
    from hbi.experiments.training import train

    folder, baseline = run_folder(out, job), run_folder(out, replace(job, recipe=BASELINE, label=beside))
    settings = (*(each.format(data=data) for each in OWN_DATA), f"training.seed={job.seed}")
    recipe = read_recipe(job.recipe, [*settings, *job.changes])
    matcher = train(recipe, folder, resume=True)
    test = decode_split(recipe, "test", None, matcher.picture)
    similarity = similarity_matrix(matcher, [text.text for text in test.split.texts], test.frames)
    report = report_of(matcher, test.split, test.frames, similarity)
    for ranks, direction in ((report.text_ranks, "text-to-video"), (report.video_ranks, "video-to-text")):
        rank_file(folder, "test", direction).write_text(ranks_csv(ranks))
    first = similarity.argmax(1).tolist()
    numbers = [int(Path(video.video_id).stem) for video in test.split.videos]
    truth = json.loads((data / "truth.json").read_text())["test"]
    right = [numbers[found] in truth[numbers[text.video]] for text, found in zip(test.split.texts, first, strict=True)]
    by_chance = [len(truth[numbers[text.video]]) / len(numbers) for text in test.split.texts]
    measures = report.to_dict()
    return {
        "changes": list(job.changes),
        "text_to_video": measures["text_to_video"],
        "video_to_text": measures["video_to_text"],
        "first_is_true": 100 * sum(right) / len(right),
        "first_is_true_by_chance": 100 * sum(by_chance) / len(by_chance),
        "beside_baseline": compared(folder, baseline),
    }


def run_folder(out: Path, job: Job) -> Path:
    """Return where a run is."""
    return out / job.key.replace(" ", "-")


def compared(folder: Path, baseline: Path) -> dict[str, list[float]] | None:
    """Return how far a run is ahead of the baseline: difference and p-value by measure; None where there is none."""
    from hbi.experiments.comparing import compare
    from hbi.experiments.evaluating import rank_file

    if folder == baseline or not rank_file(baseline, "test", "text-to-video").is_file():
        return None
    differences = compare(baseline, folder)[0].differences
    return {each.measure: [each.difference, each.p_value] for each in differences}


def read_results() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def write_tables() -> None:
    """Write for each world what its recipes reach, into the page."""
    put(PAGE, {name: world_table(name) for name in WORLDS})


def world_table(world: str) -> list[str]:
    """Return the lines of a world's table: a row for each label and recipe, mean ± deviation over seeds."""
    header = ("", "seeds", "T2V R@1", "R@5", "R@10", "V2T R@10", "first is true (chance)", "p of R@10, seed by seed")
    return table(header, _rows(world))


def _rows(world: str) -> Iterator[list[str]]:
    runs: dict[tuple[str, str], list[dict]] = {}
    for key, result in read_results().items():
        of, label, recipe, _ = key.split("/")
        if of == world:
            runs.setdefault((label, recipe), []).append(result)
    for (label, recipe), found in sorted(runs.items()):
        beside = [run["beside_baseline"]["recall@10"][1] for run in found if run["beside_baseline"]]
        yield [
            f"{recipe}, {label}",
            str(len(found)),
            *(spread([run["text_to_video"][name] for run in found], 1) for name in RECALLS),
            spread([run["video_to_text"]["recall@10"] for run in found], 1),
            f"{spread([run['first_is_true'] for run in found], 1)} ({found[0]['first_is_true_by_chance']:.1f})",
            ", ".join(f"{p:.3f}" for p in beside) or "–",
        ]


if __name__ == "__main__":
    main()
