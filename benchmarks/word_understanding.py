"""Whether words are understood, and whether searches say so: on ShapeStories, where the truth of every word is known.

    hbi data shape-stories data
    python benchmarks/word_understanding.py runs/hbi-? runs/global-? --data data
    python benchmarks/word_understanding.py --table      # write the page again from what is stored

Words of the first caption of each test video are exchanged (`hbi.evaluation.word_understanding`), and searched words
are held against what their hits show. Every run is stored as it ends, in benchmarks/results/word_understanding.json (a
run that is stored is not measured again; --again does); the tables go into docs/results/words.md, between its marks.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from pages import put, spread, table

from hbi.data.frames import decode_frames
from hbi.data.samples import Video
from hbi.evaluation.word_understanding import PlacedWord, WordExchange, measure_understanding
from hbi.matching import load_matcher
from hbi.ops import token_similarity
from hbi.search import VideoIndex
from hbi.search.results import Hit, WordMatch
from hbi.shape_stories import Caption, Event, Mention, Story, load_stories
from hbi.shape_stories.truth import satisfies
from hbi.shape_stories.wording import ACTION_VERBS, COLOR_WORDS, SHAPE_WORDS
from hbi.shape_stories.world import VALUES, Look, is_possible

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "word_understanding.json"
PAGE = HERE.parent / "docs" / "results" / "words.md"
KINDS = ("color", "shape", "action")
JUDGED = ("found", "not found")
Named = list[tuple[int, str, str]]
"""What a text names where: first character, kind, value."""
SHORT = (
    "{color} {shape}",
    "a {color} {shape}",
    "something {action}",
    "a {shape} {action}",
    "a {color} {shape} {action}",
)
"""Searches as people type them, beside whole captions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders of hbi train, of several seeds")
    parser.add_argument("--data", type=Path, help="the folder of ShapeStories")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="val chose the thresholds")
    parser.add_argument("--videos", type=int, default=500, help="how many videos of the split")
    parser.add_argument("--again", action="store_true", help="measure stored runs once more")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    for run in () if arguments.table else arguments.runs:
        name = run.name if arguments.split == "test" else f"{run.name} ({arguments.split})"
        if arguments.again or name not in stored():
            result = measure(run, load_stories(arguments.data, arguments.split)[: arguments.videos])
            RESULTS.write_text(json.dumps(stored() | {name: result}, indent=1) + "\n")
            print(name, json.dumps(result, indent=1), flush=True)
    write_page()


def stored() -> dict[str, dict]:
    """Return what is stored, by run."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def measure(run: Path, stories: Sequence[Story]) -> dict[str, object]:
    matcher = load_matcher(run, device="cpu")
    videos = [Video(story.video_id, story.video) for story in stories]
    frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture)
    draw = np.random.default_rng(0)
    exchanges = [each for row, story in enumerate(stories) for each in exchanges_of(draw, row, story)]
    found = measure_understanding(matcher, exchanges, frames)
    understood = [asdict(each) | {"is_understood": each.is_understood} for each in found]
    with tempfile.TemporaryDirectory() as scratch:
        index = VideoIndex.create(Path(scratch, "index"), matcher, window_seconds=None)
        index.add([story.video for story in stories])
        marks = {
            "captions": marks_of(index, stories, [(s.captions[0].text, told(s)) for s in stories]),
            "short texts": marks_of(index, stories, list(short_texts(draw, stories))),
        }
    return {"videos": len(stories), "kind": matcher.kind, "understood": understood, "marks": marks}


def exchanges_of(draw: np.random.Generator, row: int, story: Story) -> Iterator[WordExchange]:
    """Yield for each word of the first caption one exchange for what the video does not show, and one for what another
    event shows, where there is such a thing; the text is always false then."""
    caption, looks = story.captions[0], [Look(e.color, e.shape, e.action) for e in story.events]
    for mention in caption.mentions:
        kind, event = mention.attribute, story.events[mention.event]
        values = [getattr(each, kind) for each in story.events]
        if values.count(getattr(event, kind)) > 1:
            continue  # the word is true of two events: no map of it is right or wrong
        absent = [value for value in VALUES[kind] if value not in values]
        elsewhere = [value for value in values if values.count(value) == 1 and value != getattr(event, kind)]
        for options, is_elsewhere in ((absent, False), (elsewhere, True)):
            for value in draw.permutation(options).tolist():
                if not is_wrong(caption, mention, story, looks, value):
                    continue
                other = story.events[values.index(value)] if is_elsewhere else None
                true = PlacedWord(caption.text, mention.start, mention.end, (event.start_seconds, event.end_seconds))
                seconds = (other.start_seconds, other.end_seconds) if other else None
                yield WordExchange(kind, row, true, replace(written(caption, mention, event, value), seconds=seconds))
                break


def is_wrong(caption: Caption, mention: Mention, story: Story, looks: Sequence[Look], value: str) -> bool:
    """Return whether the caption is possible, and false of the video, with another value of one word."""
    said: dict[int, dict[str, str]] = {}
    for each in caption.mentions:
        named = value if each is mention else getattr(story.events[each.event], each.attribute)
        said.setdefault(each.event, {})[each.attribute] = named
    clauses = [tuple(said[event].get(kind) for kind in KINDS) for event in sorted(said)]
    can_be = all(shape is None or action is None or is_possible(shape, action) for _, shape, action in clauses)
    return can_be and not satisfies(looks, clauses)


def written(caption: Caption, mention: Mention, event: Event, value: str) -> PlacedWord:
    """Return the caption with another word in the place of one: the usual one of its kind, in the same tense."""
    if mention.attribute == "action":
        own = caption.text[mention.start : mention.end].lower()
        forms = {form: tense for verb in ACTION_VERBS[event.action] for tense, form in vars(verb).items()}
        word = getattr(ACTION_VERBS[value][0], forms[own])
    else:
        word = (COLOR_WORDS if mention.attribute == "color" else SHAPE_WORDS)[value][0]
    before, after = caption.text[: mention.start], caption.text[mention.end :]
    for article in ("a ", "an "):
        if before.lower().endswith(f" {article}") or before.lower() == article:
            before = before[: -len(article)] + before[-len(article)] + ("n " if word[0] in "aeiou" else " ")
            break
    return PlacedWord(before + word + after, len(before), len(before) + len(word), None)


def told(story: Story) -> Named:
    """Return where the first caption names what: (first character, kind, value)."""
    events = story.events
    return [(m.start, m.attribute, getattr(events[m.event], m.attribute)) for m in story.captions[0].mentions]


def short_texts(
    draw: np.random.Generator, stories: Sequence[Story]
) -> Iterator[tuple[str, list[tuple[int, str, str]]]]:
    """Yield short texts of what an event of each video is, in turn, with what they name where."""
    for number, story in enumerate(stories):
        event, text, named = story.events[int(draw.integers(len(story.events)))], "", []
        words = {
            "color": COLOR_WORDS[event.color][0],
            "shape": SHAPE_WORDS[event.shape][0],
            "action": ACTION_VERBS[event.action][0].present,
        }
        for piece in SHORT[number % len(SHORT)].split(" "):
            kind = piece.strip("{}")
            if kind in words:
                named.append((len(text), kind, getattr(event, kind)))
            text += words.get(kind, piece) + " "
        yield text.strip(), named


def marks_of(index: VideoIndex, stories: Sequence[Story], asked: Sequence) -> dict[str, object]:
    """Return how words of texts are marked on the first and the fifth hit, by whether the video shows what they name;
    and how long a search takes."""
    by_name = {story.video.name: story for story in stories}
    rows: dict[str, list[tuple[bool, float, bool, bool, float]]] = {"others": []}
    seconds, earlier = [], EarlierMarks(index)
    for text, named in asked:
        result = index.search(text, limit=5)
        seconds.append(result.seconds)
        token_cosines = earlier.of_text(text)
        for hit in (result.hits[0], result.hits[-1]):
            for word in hit.words:
                _, kind, value = next((each for each in named if each[0] == word.start), (0, "others", ""))
                shown = {getattr(event, kind, "") for event in by_name[hit.path.name].events}
                before = token_cosines(hit, word)
                rows.setdefault(kind, []).append(
                    (value in shown, word.share_below, word.verdict == "found", word.verdict in JUDGED, before)
                )
    return {"median_seconds": float(np.median(seconds))} | {kind: marked(each) for kind, each in rows.items() if each}


class EarlierMarks:
    """How words were marked before: by the rank of a token's best cosine among the index's segments; NaN for a model
    that compares wholes, whose words were not marked."""

    def __init__(self, index: VideoIndex) -> None:
        self.index, self.segments = index, index.snapshot().in_memory.whole
        ids = [self.segments.id(row) for row in range(len(self.segments))]
        self.rows = {segment: row for row, segment in enumerate(ids)}
        references = index.snapshot().references
        self.references = [self.rows[references.id(row)] for row in range(len(references))]

    @torch.inference_mode()
    def of_text(self, text: str) -> Callable[[Hit, WordMatch], float]:
        """Return a function that gives a hit's share for a word of the text."""
        matcher, codec = self.index.matcher, self.index.codec
        if not matcher.has_games:
            return lambda hit, word: float("nan")
        words = matcher.encode_texts([text])
        frames = codec.decode(self.segments.arrays).levels["entity"].sequence
        cosines = token_similarity(words.encoding.levels["entity"].sequence.tokens.float(), frames.tokens)[0]
        best = cosines.masked_fill(~frames.mask[:, None], -1.0).amax(-1).numpy()
        spans = words.tokens.spans[0].tolist()

        def share(hit: Hit, word: WordMatch) -> float:
            inside = [row for row, (start, end) in enumerate(spans) if word.start <= start < end <= word.end]
            own, others = best[self.rows[hit.segment_id], inside].mean(), best[self.references][:, inside].mean(1)
            return float((others < own - 1e-5).mean() + (abs(others - own) <= 1e-5).mean() / 2)

        return share


def area_between(below: np.ndarray, is_there: np.ndarray) -> float | None:
    """Return the area under the receiver operating characteristic; a tie is half."""
    differences = below[is_there][:, None] - below[~is_there][None]
    return float((differences > 0).mean() + (differences == 0).mean() / 2) if differences.size else None


def marked(rows: Sequence[tuple[bool, float, bool, bool, float]]) -> dict[str, float | int | None]:
    """Return how well marks, now and before, tell what is there from what is not; percent."""
    is_there, below, is_matched, is_consistent, before = (np.array(column) for column in zip(*rows, strict=True))
    has_before = not np.isnan(before).any()
    is_struck = is_consistent & ~is_matched
    return {
        "there": int(is_there.sum()),
        "not_there": int((~is_there).sum()),
        "area": area_between(below, is_there),
        "area_before": area_between(before, is_there) if has_before else None,
        "matched_there_before": percent(before[is_there] > 0.7) if has_before else None,
        "matched_not_there_before": percent(before[~is_there] > 0.7) if has_before else None,
        "judged": percent(is_consistent),
        "matched_there": percent(is_matched[is_there]),
        "matched_not_there": percent(is_matched[~is_there]),
        "struck_there": percent(is_struck[is_there]),
        "struck_not_there": percent(is_struck[~is_there]),
        "precision": percent(is_there[is_matched]),
    }


def percent(values: np.ndarray) -> float | None:
    return 100.0 * float(values.mean()) if len(values) else None


def write_page() -> None:
    """Write the tables between the marks of the page; runs of the validation videos are not among them."""
    runs = {name: run for name, run in stored().items() if "(val)" not in name}
    tables = {}
    for network in ("hbi", "global"):
        chosen = [run for run in runs.values() if run["kind"] == network]
        if chosen:
            tables |= {
                f"scores-{network}": scores_table(chosen),
                f"maps-{network}": maps_table(chosen),
                f"marks-{network}": marks_table(chosen),
            }
    put(PAGE, tables)


def scores_table(runs: Sequence[dict]) -> list[str]:
    rows = []
    for kind in KINDS:
        found = [each for run in runs for each in run["understood"] if each["kind"] == kind]
        rows.append(
            [
                kind,
                spread([each["falls"] for each in found], 1),
                spread([each["falls_elsewhere"] for each in found], 1),
                ", ".join("yes" if each["is_understood"] else "no" for each in found),
            ]
        )
    return table(["", "nothing shows it", "another event shows it", "understood, seed by seed"], rows)


def maps_table(runs: Sequence[dict]) -> list[str]:
    rows = []
    for kind in KINDS:
        found = [each for run in runs for each in run["understood"] if each["kind"] == kind]
        for place, first in enumerate(found[0]["maps"]):
            maps = [each["maps"][place] for each in found]
            rows.append([f"{kind}: {first['name']}", *(spread([m[n] for m in maps], 1) for n in MAP_COLUMNS)])
        chance = [found[0]["points_by_chance"], found[0]["points_by_chance"], found[0]["credited_by_chance"]]
        rows.append([f"{kind}: chance", *(f"{value:.1f}" for value in chance)])
    return table(["", "points", "follows", "**credited**"], rows)


MAP_COLUMNS = ("points", "follows", "credited")


def marks_table(runs: Sequence[dict]) -> list[str]:
    names = ("area", "judged", "matched_there", "matched_not_there", "struck_there", "struck_not_there")
    earlier = ("area_before", "matched_there_before", "matched_not_there_before")
    rows = []
    for texts in ("captions", "short texts"):
        for kind in (*KINDS, "others"):
            found = [run["marks"][texts][kind] for run in runs if kind in run["marks"][texts]]
            if not found:
                continue
            before, now = (
                [spread([each[name] for each in found], 2 if "area" in name else 0) for name in chosen]
                for chosen in (earlier, names)
            )
            if kind == "others":
                rows.append([f"{texts}: {kind}", "", "", "", now[1], "", ""])
                continue
            pairs = [f"{first} / {second}" for first, second in (before[1:], now[2:4], now[4:])]
            rows.append([f"{texts}: {kind}", before[0], pairs[0], now[0], now[1], *pairs[1:]])
    header = [
        "area before",
        "matched before: there / not",
        "area",
        "judged",
        "matched: there / not",
        "struck out: there / not",
    ]
    return table(["", *header], rows)


if __name__ == "__main__":
    main()
