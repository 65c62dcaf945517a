"""What the recipes of ShapeStories reach: mean and spread over runs that `hbi train` and `hbi evaluate` made.

    hbi data shape-stories DATA --seed 11
    hbi train shape-stories --set data.root=DATA --set training.seed=0 --out hbi-0 && hbi evaluate hbi-0   # 1 and 2 too
    hbi train shape-stories-global --set data.root=DATA --set training.seed=0 --out global-0 && hbi evaluate global-0
    python benchmarks/recipes.py hbi-? global-? --data DATA

A run is called KIND-SEED. What is measured is stored in results/recipes.json, beside other runs that are there, and the
table is written into docs/results/recipes.md.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pages import put, spread, table

from hbi.evaluation.rank_files import read_ranks
from hbi.shape_stories import Story, load_stories

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recipes.json"
PAGE = HERE.parent / "docs" / "results" / "recipes.md"
KINDS = {"hbi": "HBI", "global": "global contrast"}
PAIRS = ("color", "shape", "action", "order")
NUM_EVENTS = (1, 2, 3)


def main() -> None:
    """Read the runs, store what they reached, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="evaluated run folders, each called KIND-SEED")
    parser.add_argument("--data", type=Path, required=True, help="the ShapeStories that they were evaluated on")
    arguments = parser.parse_args()
    stories = {story.video_id: story for story in load_stories(arguments.data, "test")}
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results = stored | {run.name: measured(run, stories) for run in sorted(arguments.runs)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    put(PAGE, {"retrieval": retrieval_table(results)})


def measured(run: Path, stories: Mapping[str, Story]) -> dict[str, Any]:
    """Return what the evaluation of a run says, and how many captions found a right video first, by events told.

    Args:
        run: An evaluated run folder.
        stories: The test videos by id.
    """
    metrics = json.loads((run / "metrics.json").read_text())
    is_first: dict[int, list[bool]] = defaultdict(list)
    for query in read_ranks(run / "ranks-test.csv"):
        captions = stories[query.video_id].captions
        caption = next(caption for caption in captions if caption.text == query.text)
        is_first[len(caption.told_events)].append(query.rank <= 1)
    return {
        "text_to_video": metrics["text_to_video"],
        "video_to_text": metrics["video_to_text"],
        "minimal_pairs": {pair["kind"]: pair["accuracy"] for pair in metrics["minimal_pairs"]},
        "first_by_events": {str(number): 100 * sum(found) / len(found) for number, found in sorted(is_first.items())},
        "inside": next((level["share_inside"] for level in metrics.get("localization") or ()), None),
    }


def retrieval_table(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the lines of the table: a measure a row, a kind of run a column."""
    rows: list[tuple[str, Callable[[Mapping[str, Any]], float | None]]] = [
        *((f"text to video R@{k}", lambda run, k=k: run["text_to_video"][f"recall@{k}"]) for k in (1, 5, 10)),
        *((f"video to text R@{k}", lambda run, k=k: run["video_to_text"][f"recall@{k}"]) for k in (1, 5, 10)),
        *(
            (
                f"R@1, captions of {number} event{'s' * (number > 1)}",
                lambda run, n=number: run["first_by_events"][str(n)],
            )
            for number in NUM_EVENTS
        ),
        *((f"minimal pairs: {kind}", lambda run, kind=kind: run["minimal_pairs"][kind]) for kind in PAIRS),
        ("interaction inside the event, entity level", lambda run: run["inside"]),
    ]
    of_kind = {kind: [run for name, run in results.items() if name.rsplit("-", 1)[0] == kind] for kind in KINDS}
    header = ["", *(f"{KINDS[kind]} ({seeds(of_kind[kind])})" for kind in KINDS)]
    return table(header, ([title, *(spread(map(of, of_kind[kind]), 1) for kind in KINDS)] for title, of in rows))


def seeds(runs: Sequence[object]) -> str:
    """Return how many runs there are, in words."""
    return f"{len(runs)} seed{'s' * (len(runs) != 1)}"


if __name__ == "__main__":
    main()
