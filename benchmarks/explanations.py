"""Whether explanations tell the truth: methods compared on ShapeStories, where the seconds of every word are known.

    python benchmarks/explanations.py runs/ablation/full-? --data runs/ablation/data
    python benchmarks/explanations.py --table          # write the page again from what is stored

Every run is measured on the test split and stored as it ends, in benchmarks/results/explanations.json (a run that is
stored is not measured again; --again does). The tables go into docs/results/explanations.md, between its marks.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pages import put, spread, table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "explanations.json"
PAGE = HERE.parent / "docs" / "results" / "explanations.md"
SUBSETS = {"all": "all videos", "unrepeated": "videos that show no color twice"}


def main() -> None:
    """Measure the runs that are not stored yet, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders of hbi train, of several seeds")
    parser.add_argument("--data", type=Path, help="the ShapeStories folder, where it is not where the recipe says")
    parser.add_argument("--videos", type=int, default=500, help="how many videos of the test split")
    parser.add_argument("--curves", type=int, default=100, help="for how many of them words and frames are taken away")
    parser.add_argument("--again", action="store_true", help="measure stored runs once more")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    for run in () if arguments.table else arguments.runs:
        if arguments.again or run.name not in read_results():
            result = measure(run, arguments.data, arguments.videos, arguments.curves)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(read_results() | {run.name: result}, indent=1) + "\n")
    write_page()


def measure(folder: Path, data: Path | None, num_videos: int, num_curves: int) -> dict[str, object]:
    """Return the measures of one run: for each subset of the videos, each method."""
    from hbi.data.frames import decode_frames
    from hbi.data.samples import Video
    from hbi.evaluation.attributions import methods, samples_in_the_time_of_exact, variants
    from hbi.evaluation.explained_pairs import ExplainedPair, TimedWords, encode_pairs
    from hbi.evaluation.faithfulness import explanation_scores, summary
    from hbi.experiments.reading import read_recipe
    from hbi.matching import load_matcher
    from hbi.shape_stories import load_stories

    matcher, recipe = load_matcher(folder, device="cpu"), read_recipe(str(folder / "recipe.yaml"))
    stories = load_stories(data or Path(recipe.data.root), "test")[:num_videos]
    videos = [Video(story.video_id, story.video) for story in stories]
    frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture)
    pairs = []
    for row, story in enumerate(stories):
        caption = story.captions[0]
        words = (
            TimedWords(
                mention.start,
                mention.end,
                story.events[mention.event].start_seconds,
                story.events[mention.event].end_seconds,
                mention.attribute,
            )
            for mention in caption.mentions
        )
        pairs.append(ExplainedPair(caption.text, row, tuple(words)))
    sample = next(encode_pairs(matcher, pairs, frames, batch_size=128))
    num_samples = samples_in_the_time_of_exact(sample.games["entity"])
    chosen = [*methods(num_samples, seed=recipe.training.seed), *variants()]
    measured, scores = explanation_scores(
        matcher, pairs, frames, chosen, num_curves=num_curves, progress=report(folder.name)
    )
    counted = {
        "all": [True] * len(measured),
        "unrepeated": [not stories[pair.video].repeats_a_color for pair in measured],
    }
    subsets = {
        name: [asdict(score) for score in summary(chosen, scores, is_counted)] for name, is_counted in counted.items()
    }
    ours = {method.name: method.is_ours for method in methods(num_samples)}
    return {"num_samples": num_samples, "ours": ours, "subsets": without_nan(subsets)}


def report(name: str) -> Callable[[int, int], None]:
    """Return a function that prints how far a run is, now and then."""

    def progress(done: int, total: int) -> None:
        if done % 25 == 0 or done == total:
            print(f"{name}: {done} of {total} pairs", flush=True)

    return progress


def without_nan(value: object) -> object:
    """Return the same with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def read_results() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def write_page() -> None:
    """Write the tables between the marks of the page."""
    stored = list(read_results().values())
    names = list(dict.fromkeys(score["method"] for run in stored for score in run["subsets"]["all"]))
    main_names = [name for name in names if name in stored[0]["ours"]]
    tables = {f"pointing-{subset}": pointing_table(stored, subset, main_names) for subset in SUBSETS}
    tables["faithfulness"] = faithfulness_table(stored, "all", main_names)
    tables["variants"] = variants_table(stored, [name for name in names if name not in main_names])
    put(PAGE, tables)


def pointing_table(stored: Sequence[dict], subset: str, names: Sequence[str]) -> list[str]:
    """Return where words point, by kind."""
    columns = [("pointing", kind) for kind in ("all", "color", "shape", "action")] + [("share_inside", "all")]
    header = ["", "pointing, all", "less cosine", "color", "shape", "action", "positive mass inside"]
    cosine = scores_of(stored, subset, "cosine")
    rows = []
    for name in names:
        scores = scores_of(stored, subset, name)
        if scores[0]["pointing"][0]["num_words"]:
            values = [[pointing(score, kind)[what] for score in scores] for what, kind in columns]
            shown = [spread(value, 1) for value in values]
            rows.append([scores[0]["title"], shown[0], ahead(scores, cosine), *shown[1:]])
    return table(header, rows)


def faithfulness_table(stored: Sequence[dict], subset: str, names: Sequence[str]) -> list[str]:
    """Return what the score does without what a method names."""
    columns = {
        "frame_deletion": "frames: deletion ↓",
        "frame_insertion": "insertion ↑",
        "word_deletion": "words: deletion ↓",
        "word_insertion": "insertion ↑",
        "frame_correlation": "leave-one-out: frames ↑",
        "word_correlation": "words ↑",
        "cell_correlation": "cells ↑",
    }
    rows = []
    for name in names:
        scores = scores_of(stored, subset, name)
        rows.append([scores[0]["title"], *(spread([score[column] for score in scores], 3) for column in columns)])
    return table(["", *columns.values()], rows)


def variants_table(stored: Sequence[dict], names: Sequence[str]) -> list[str]:
    """Return other choices of the index beside the two exact ones."""
    header = [
        "",
        "pointing",
        "less cosine",
        "no color twice",
        "mass inside",
        "frames: deletion ↓",
        "leave-one-out: frames ↑",
        "cells ↑",
    ]
    rows = []
    for name in ("banzhaf", "banzhaf-levels", "shapley", *names):
        scores, unrepeated = scores_of(stored, "all", name), scores_of(stored, "unrepeated", name)
        shown = [
            spread([pointing(score, "all")["pointing"] for score in scores], 1),
            ahead(scores, scores_of(stored, "all", "cosine")),
            spread([pointing(score, "all")["pointing"] for score in unrepeated], 1),
            spread([pointing(score, "all")["share_inside"] for score in scores], 1),
        ]
        others = ("frame_deletion", "frame_correlation", "cell_correlation")
        rows.append([scores[0]["title"], *shown, *(spread([score[key] for score in scores], 3) for key in others)])
    return table(header, rows)


def ahead(scores: Sequence[dict], others: Sequence[dict]) -> str:
    """Return how much better a method points than another, run by run: seeds differ more than methods do."""
    pairs = zip(scores, others, strict=True)
    differences = [pointing(ours, "all")["pointing"] - pointing(theirs, "all")["pointing"] for ours, theirs in pairs]
    return ("" if statistics.mean(differences) < 0 else "+") + spread(differences, 1)


def scores_of(stored: Sequence[dict], subset: str, name: str) -> list[dict]:
    """Return a method's measures, one for every run."""
    return [score for run in stored for score in run["subsets"][subset] if score["method"] == name]


def pointing(score: dict, kind: str) -> dict:
    """Return the measures of the words of a kind."""
    return next(entry for entry in score["pointing"] if entry["kind"] == kind)


if __name__ == "__main__":
    main()
