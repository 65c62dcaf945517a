"""Whether the exact explanation of a dual encoder tells the truth: methods compared on ShapeStories, text by text.

    hbi train shape-stories-global --set data.root=DATA --set model.temporal_layers=0 --set training.seed=0 --out RUN-0
    python benchmarks/dual_encoder_explanations.py RUN-0 RUN-1 RUN-2 --data DATA
    python benchmarks/dual_encoder_explanations.py --table     # write the page again from what is stored

Every run is measured on the test split and stored as it ends, in benchmarks/results/dual_encoder_explanations.json (a
run that is stored is not measured again; --again does). The tables go into docs/results/dual-encoder-explanations.md,
between its marks.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from explanations import report, without_nan
from pages import put, spread, table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "dual_encoder_explanations.json"
PAGE = HERE.parent / "docs" / "results" / "dual-encoder-explanations.md"
MOST_WORDS = 11
"""Of a caption: all coalitions of more words would take minutes a pair on a processor."""


def main() -> None:
    """Measure the runs that are not stored yet, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders of hbi train, of several seeds")
    parser.add_argument("--data", type=Path, help="the ShapeStories folder, where it is not where the recipe says")
    parser.add_argument("--split", default="test")
    parser.add_argument("--videos", type=int, default=500, help="how many videos of the split have a say")
    parser.add_argument("--curves", type=int, default=100, help="for how many of them more than pointing is measured")
    parser.add_argument("--again", action="store_true", help="measure stored runs once more")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    for run in () if arguments.table else arguments.runs:
        if arguments.again or run.name not in read_results():
            result = measure(run, arguments)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(read_results() | {run.name: result}, indent=1) + "\n")
    write_page()


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Return the measures of one run, by method."""
    from hbi.data.frames import decode_frames
    from hbi.data.samples import Video
    from hbi.evaluation.dual_attributions import dual_methods
    from hbi.evaluation.dual_faithfulness import dual_explanation_scores, dual_summary
    from hbi.evaluation.explained_pairs import ExplainedPair, TimedWords
    from hbi.experiments.reading import read_recipe
    from hbi.matching import load_matcher
    from hbi.shape_stories import load_stories

    matcher, recipe = load_matcher(folder, device="cpu"), read_recipe(str(folder / "recipe.yaml"))
    stories = load_stories(arguments.data or Path(recipe.data.root), arguments.split)[: arguments.videos]
    told = [
        (story, caption)
        for story in stories
        if (caption := next((one for one in story.captions if len(one.text.split()) <= MOST_WORDS), None))
    ]
    videos = [Video(story.video_id, story.video) for story, _ in told]
    frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture)
    pairs = []
    for row, (story, caption) in enumerate(told):
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
    methods = dual_methods(seed=recipe.training.seed)
    measured, scores = dual_explanation_scores(
        matcher, pairs, frames, methods, num_curves=arguments.curves, progress=report(folder.name)
    )
    of_video = [not story.repeats_a_color for story, _ in told]
    subsets = {
        "all": dual_summary(methods, scores),
        "unrepeated": dual_summary(methods, scores, [of_video[pair.video] for pair in measured]),
    }
    return {
        "split": arguments.split,
        "pairs": len(measured),
        "words": statistics.mean(len(pair.text.split()) for pair in measured),
        "subsets": without_nan({name: [asdict(score) for score in of_pairs] for name, of_pairs in subsets.items()}),
    }


def read_results() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def write_page() -> None:
    """Write the tables between the marks of the page."""
    stored = list(read_results().values())
    names = [score["method"] for score in stored[0]["subsets"]["all"]]
    put(
        PAGE,
        {
            "pointing": pointing_table(stored, names, "all"),
            "pointing-unrepeated": pointing_table(stored, names, "unrepeated"),
            "removal": measures_table(
                stored,
                names,
                {
                    "frame_deletion": "frames: deletion ↓",
                    "frame_insertion": "insertion ↑",
                    "word_deletion": "words: deletion ↓",
                    "word_insertion": "insertion ↑",
                    "frame_correlation": "leave-one-out: frames ↑",
                    "word_correlation": "words ↑",
                    "cell_correlation": "cells ↑",
                },
            ),
            "foretold": measures_table(
                stored,
                names,
                {
                    "foretold_3": "R², players with 0.3 ↑",
                    "foretold_5": "with 0.5 ↑",
                    "foretold_7": "with 0.7 ↑",
                    "area": "area between, players ↑",
                    "area_of_pairs": "pairs, too ↑",
                },
            ),
        },
    )


def pointing_table(stored: Sequence[dict], names: Sequence[str], subset: str) -> list[str]:
    """Return where words point, by kind, and how much better than the cosine of one word and one frame."""
    columns = [("pointing", kind) for kind in ("all", "color", "shape", "action")] + [("share_inside", "all")]
    header = ["", "pointing, all", "less cosine", "color", "shape", "action", "positive mass inside"]
    cosine = scores_of(stored, "cosine", subset)
    rows = []
    for name in names:
        scores = scores_of(stored, name, subset)
        shown = [spread([pointing(score, kind)[what] for score in scores], 1) for what, kind in columns]
        ahead = [
            pointing(ours, "all")["pointing"] - pointing(theirs, "all")["pointing"]
            for ours, theirs in zip(scores, cosine, strict=True)
        ]
        sign = "" if statistics.mean(ahead) < 0 else "+"
        rows.append([scores[0]["title"], shown[0], sign + spread(ahead, 1), *shown[1:]])
    return table(header, rows)


def measures_table(stored: Sequence[dict], names: Sequence[str], columns: dict[str, str]) -> list[str]:
    """Return some measures of the methods that have one of them."""
    rows = []
    for name in names:
        scores = scores_of(stored, name)
        values = {column: [score["measures"][column] for score in scores] for column in columns}
        if any(value is not None for column in values.values() for value in column):
            rows.append([scores[0]["title"], *(spread(value, 3) for value in values.values())])
    return table(["", *columns.values()], rows)


def scores_of(stored: Sequence[dict], name: str, subset: str = "all") -> list[dict]:
    """Return a method's measures, one for every run."""
    return [score for run in stored for score in run["subsets"][subset] if score["method"] == name]


def pointing(score: dict, kind: str) -> dict:
    """Return the measures of the words of a kind."""
    return next(entry for entry in score["pointing"] if entry["kind"] == kind)


if __name__ == "__main__":
    main()
