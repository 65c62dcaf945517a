"""Whether marks on words and the goodness of hits hold: on ShapeStories, whose truth is known, and on foreign clips.

    hbi data shape-stories data
    python benchmarks/search_marks.py runs/hbi-? runs/global-? --data data
    python benchmarks/search_marks.py runs/hbi-0 --foreign CLIPS        # an index of another world: nothing is there
    python benchmarks/search_marks.py --table                           # write the page again from what is stored

The first videos of a split are indexed. Texts are the first captions of these, the captions of videos that are not in
the index, short texts as people type them, and everyday sentences. Each run is stored as it ends, in
benchmarks/results/search_marks.json (a run that is stored is not measured again; --again does); the tables go into
docs/results/search.md, between its marks. The rules were chosen with `--split val`, by runs of three
seeds of HBI and two of the dual encoder; report them on data of another seed (`hbi data shape-stories --seed 1`).
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pages import put, spread, table
from search_quality import EVERYDAY, area
from word_understanding import KINDS, Named, short_texts, told

from hbi.matching import load_matcher
from hbi.search import Hit, VideoIndex
from hbi.shape_stories import Event, Story, load_stories
from hbi.shape_stories.truth import satisfies
from hbi.shape_stories.world import Look
from hbi.video.folders import find_videos

RESULTS = Path(__file__).parent / "results" / "search_marks.json"
PAGE = Path(__file__).parents[1] / "docs" / "results" / "search.md"
NUM_HITS = 100
"""Of every text, unless told otherwise: whoever turns the pages sees hits that lack its words."""
GOODNESS = ("strong", "fair", "weak", "none")
FOREIGN_TEXTS = (
    "a red circle spins",
    "a blue square falls down",
    "green triangle",
    "a yellow star and then a white ring",
    "something orange bounces",
    "a man flips a pancake",
    "a black cross slides to the left, after that a purple square grows",
    "pink",
)


@dataclass(frozen=True)
class Asked:
    """A text, what kind of text it is, what it names where, and what it says of each event (color, shape, action)."""

    text: str
    source: str
    named: Named
    clauses: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class First:
    """The first hit of a text: what kind of text it is, whether the hit is right, and whether any indexed video is."""

    source: str
    hit: Hit
    is_right: bool
    has_answer: bool


@dataclass(frozen=True)
class Row:
    """A word on a hit: whether its moment shows what it names, the share of the index that fits less, its verdict."""

    source: str
    kind: str
    is_there: bool
    share_below: float
    verdict: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders of hbi train, of several seeds")
    parser.add_argument("--data", type=Path, help="the folder of ShapeStories")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="val chose the rules")
    parser.add_argument("--videos", type=int, default=300, help="how many videos of the split are indexed")
    parser.add_argument("--texts", type=int, default=80, help="how many texts of each kind are asked at most")
    parser.add_argument("--hits", type=int, default=NUM_HITS, help="of how many hits of a text the words are looked at")
    parser.add_argument("--foreign", type=Path, help="instead: a folder of clips that show nothing of ShapeStories")
    parser.add_argument("--again", action="store_true", help="measure stored runs once more")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    suffix = "" if arguments.split == "test" else " (val)"
    for run in () if arguments.table else arguments.runs:
        name = f"{run.name} on foreign clips" if arguments.foreign else run.name + suffix
        if arguments.again or name not in stored():
            if arguments.foreign:
                result = measure_foreign(run, arguments.foreign)
            else:
                stories = load_stories(arguments.data, arguments.split)
                result = measure(run, stories, arguments.videos, arguments.texts, arguments.hits)
            RESULTS.write_text(json.dumps(stored() | {name: result}, indent=1) + "\n")
            print(name, json.dumps(result, indent=1), flush=True)
    write_page()


def stored() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def measure(
    run: Path, stories: Sequence[Story], num_videos: int, num_texts: int, num_hits: int = NUM_HITS
) -> dict[str, object]:
    """Return how marks and goodness hold for a run, with the first stories indexed.

    Args:
        run: Its folder.
        stories: The split.
        num_videos: How many of them are indexed.
        num_texts: How many texts of each kind are asked at most.
        num_hits: Of each text, whose words are looked at.
    """
    matcher = load_matcher(run, device="cpu")
    with tempfile.TemporaryDirectory() as scratch:
        index = VideoIndex.create(Path(scratch, "index"), matcher, window_seconds=None)
        index.add([story.video for story in stories[:num_videos]])
        rows, hits, seconds = collect(index, stories, num_videos, num_texts, num_hits)
    return {
        "kind": matcher.kind,
        "videos": num_videos,
        "hits_looked_at": num_hits,
        "median_seconds": float(np.median(seconds)),
        "words": {kind: words_told([row for row in rows if row.kind == kind]) for kind in (*KINDS, "others")},
        "unknown": sorted({row.kind for row in rows if row.verdict == "unknown"}),
        "hits": hits_told(hits),
    }


def collect(
    index: VideoIndex, stories: Sequence[Story], num_videos: int, num_texts: int, num_hits: int
) -> tuple[list[Row], list[First], list[float]]:
    """Return the words of the best hits of every text, the first hit of each, and how long each search took."""
    by_name = {story.video.name: story for story in stories}
    indexed = [looks_of(story.events) for story in stories[:num_videos]]
    rows, first, seconds = [], [], []
    for asked in texts_of(stories, num_videos, num_texts):
        result = index.search(asked.text, limit=num_hits)
        seconds.append(result.seconds)
        for hit in result.hits:
            events = shown_in(by_name[hit.path.name], hit)
            for word in hit.words:
                _, kind, value = next((each for each in asked.named if each[0] == word.start), (0, "others", ""))
                is_there = value in {getattr(event, kind, "") for event in events}
                rows.append(Row(asked.source, kind, is_there, word.share_below, word.verdict))
        best = result.hits[0]
        is_right, *has_answer = (
            bool(asked.clauses) and satisfies(looks, asked.clauses)
            for looks in (looks_of(by_name[best.path.name].events), *indexed)
        )
        first.append(First(asked.source, best, is_right, any(has_answer)))
    return rows, first, seconds


def looks_of(events: Sequence[Event]) -> list[Look]:
    return [Look(event.color, event.shape, event.action) for event in events]


def shown_in(story: Story, hit: Hit) -> list[Event]:
    """Return the events that a moment shows: half of the event, or of the moment, lies in the other."""
    shown = []
    for event in story.events:
        inside = min(event.end_seconds, hit.end_seconds) - max(event.start_seconds, hit.start_seconds)
        shorter = min(event.end_seconds - event.start_seconds, hit.end_seconds - hit.start_seconds)
        if inside >= shorter / 2:
            shown.append(event)
    return shown


def texts_of(stories: Sequence[Story], num_videos: int, num_texts: int) -> Iterator[Asked]:
    """Yield what is asked."""
    parts = (("caption", stories[:num_videos]), ("caption of another video", stories[num_videos:]))
    for source, chosen in parts:
        for story in chosen[:num_texts]:
            said: dict[int, dict[str, str]] = {}
            for mention in story.captions[0].mentions:
                value = getattr(story.events[mention.event], mention.attribute)
                said.setdefault(mention.event, {})[mention.attribute] = value
            clauses = tuple(tuple(said[event].get(kind) for kind in KINDS) for event in sorted(said))
            yield Asked(story.captions[0].text, source, told(story), clauses)
    for text, named in short_texts(np.random.default_rng(0), stories[:num_texts]):
        values = {kind: value for _, kind, value in named}
        yield Asked(text, "short text", named, (tuple(values.get(kind) for kind in KINDS),))
    yield from (Asked(text, "everyday sentence", [], ()) for text in EVERYDAY)


def words_told(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Return how well the marks of words of a kind hold; percent, but for the area."""
    there = [row for row in rows if row.is_there]
    absent = [row for row in rows if not row.is_there]
    found = [row for row in rows if row.verdict == "found"]
    missed = [row for row in rows if row.verdict == "not found"]
    both = there and absent
    return {
        "words": len(rows),
        "area": area([row.share_below for row in there], [row.share_below for row in absent]) if both else None,
        "found": len(found),
        "precision_of_found": percent(row.is_there for row in found),
        "not_found": len(missed),
        "precision_of_not_found": percent(not row.is_there for row in missed),
        "there_found": percent(row.verdict == "found" for row in there),
        "absent_not_found": percent(row.verdict == "not found" for row in absent),
        "cannot_tell": percent(row.verdict == "cannot tell" for row in rows),
        "unknown": percent(row.verdict == "unknown" for row in rows),
    }


def hits_told(hits: Sequence[First]) -> dict[str, object]:
    """Return how often first hits of each goodness are right, and what texts are called good; percent."""
    right = [each.hit for each in hits if each.is_right]
    told_by = {
        goodness: {
            "hits": sum(each.hit.goodness == goodness for each in hits),
            "right": percent(each.is_right for each in hits if each.hit.goodness == goodness),
        }
        for goodness in GOODNESS
    }
    captions = [each for each in hits if each.source.startswith("caption")]
    return {
        "by_goodness": told_by,
        "good_right": percent(each.is_right for each in hits if each.hit.is_good),
        "right_called_good": percent(hit.is_good for hit in right),
        "right_called_none": percent(hit.goodness == "none" for hit in right),
        "true": sum(each.source == "caption" for each in hits),
        "true_called_good": percent(each.hit.is_good for each in hits if each.source == "caption"),
        "false": sum(not each.has_answer for each in captions),
        "false_called_good": percent(each.hit.is_good for each in captions if not each.has_answer),
        "everyday_called_good": percent(each.hit.is_good for each in hits if each.source == "everyday sentence"),
    }


def measure_foreign(run: Path, clips: Path) -> dict[str, object]:
    """Return what is claimed of words, and of hits, in an index of clips that show nothing of what is asked for."""
    matcher = load_matcher(run, device="cpu")
    with tempfile.TemporaryDirectory() as scratch:
        index = VideoIndex.create(Path(scratch, "index"), matcher, window_seconds=5.0)
        index.add([Path(path) for path in find_videos([str(clips)]).paths])
        hits = [hit for text in FOREIGN_TEXTS for hit in index.search(text, limit=NUM_HITS).hits]
        verdicts = [word.verdict for hit in hits for word in hit.words]
        return {
            "kind": matcher.kind,
            "segments": index.snapshot().num_segments,
            "verdicts": {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)},
            "goodness": {goodness: sum(hit.goodness == goodness for hit in hits) for goodness in GOODNESS},
        }


def percent(values: Iterator[bool]) -> float | None:
    known = list(values)
    return 100.0 * float(np.mean(known)) if known else None


def write_page() -> None:
    """Write the tables between the marks of the page; runs of the validation videos are not among them."""
    runs = {name: run for name, run in stored().items() if "(val)" not in name and "hits" in run}
    networks = {"HBI": "hbi", "dual encoder": "global"}
    chosen = {title: [run for run in runs.values() if run["kind"] == kind] for title, kind in networks.items()}
    present = {title: group for title, group in chosen.items() if group}
    put(PAGE, {"marks": marks_table(present), "goodness": goodness_table(present), "called": called_table(present)})


def marks_table(networks: dict[str, list[dict]]) -> list[str]:
    rows = []
    for title, runs in networks.items():
        for kind in KINDS:
            told_of = [run["words"][kind] for run in runs]
            right = [
                f"{spread([each[f'precision_of_{mark}'] for each in told_of], 0)} (of {sum(e[mark] for e in told_of)})"
                for mark in ("found", "not_found")
            ]
            shares = [
                spread([each[name] for each in told_of], 0)
                for name in ("there_found", "absent_not_found", "cannot_tell")
            ]
            rows.append([f"{title}: {kind}", spread([each["area"] for each in told_of], 2), *right, *shares])
    header = ["", "area", "“found” is right", "“not found” is right", "there: found", "not there: not found"]
    return table([*header, "cannot tell"], rows)


def goodness_table(networks: dict[str, list[dict]]) -> list[str]:
    rows = []
    for title, runs in networks.items():
        told_of = [run["hits"] for run in runs]
        for goodness in GOODNESS:
            group = [each["by_goodness"][goodness] for each in told_of]
            count = sum(each["hits"] for each in group)
            known = [each["right"] for each in group if each["right"] is not None]
            rows.append([f"{title}: {goodness}", str(count), spread(known, 0) if known else "–"])
    return table(["first hit", "hits", "right"], rows)


def called_table(networks: dict[str, list[dict]]) -> list[str]:
    names = ("true_called_good", "false_called_good", "everyday_called_good")
    rows = [
        [title, str(len(runs)), *(spread([run["hits"][name] for run in runs], 0) for name in names)]
        for title, runs in networks.items()
    ]
    return table(["called good", "seeds", "true of a video", "true of none", "everyday sentences"], rows)


if __name__ == "__main__":
    main()
