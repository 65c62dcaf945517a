"""What the first view of an explanation should draw: lines of words over frames, held against what the frames show.

    hbi data shape-stories data
    python benchmarks/first_view.py runs/hbi-? runs/global-? --data data --split val --videos 50    # what chose
    python benchmarks/first_view.py runs/hbi-? runs/global-? --data data
    python benchmarks/first_view.py --table      # write the page again from what is stored

Words of the first caption of each video are exchanged as benchmarks/word_understanding.py does, and each way to draw a
line is asked whether it follows. Every run is stored as it ends, in benchmarks/results/first_view.json (a run that is
stored is not measured again; --again does); the tables go into docs/results/words.md, between its marks.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from pages import put, spread, table
from torch import Tensor
from word_understanding import KINDS, area_between, exchanges_of

from hbi.data.frames import decode_frames
from hbi.data.samples import Video
from hbi.evaluation.word_understanding import PlacedWord, tokens_of
from hbi.games import banzhaf_interactions, shapley_interactions
from hbi.games.levels import interactions_of_members
from hbi.matching import Matcher, load_matcher
from hbi.matching.frame_scores import scores_of_frame_tokens
from hbi.matching.word_fits import MATCHES_ABOVE, fit_of_scores, ordinary_words
from hbi.shape_stories import load_stories

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "first_view.json"
PAGE = HERE.parent / "docs" / "results" / "words.md"
CHOSEN = "word alone, beside ordinary words"
THRESHOLDS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5)
NUM_DRAWN = 8
"""Texts that are drawn for each word of the interactions at the input, and ordinary words that are put in its place."""

Lines = dict[str, Float[np.ndarray, " frame"]]
"""One word's line, by how it was made."""


@dataclass(frozen=True)
class Row:
    """A word in a text about a video: its lines, and which frames show what it names (none, where the video lacks it).

    Attributes:
        kind: Of the word.
        lines: One for each candidate.
        shown: Which frames show it.
        before: The row of the true word whose place it took, where another event shows the new one.
    """

    kind: str
    lines: Lines
    shown: Bool[np.ndarray, " frame"]
    before: "Row | None" = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, help="finished run folders of hbi train, of several seeds")
    parser.add_argument("--data", type=Path, help="the folder of ShapeStories")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="val chose")
    parser.add_argument("--videos", type=int, default=100, help="how many videos of the split")
    parser.add_argument("--again", action="store_true", help="measure stored runs once more")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    for run in () if arguments.table else arguments.runs:
        name = f"{run.name} ({arguments.split})"
        if arguments.again or name not in stored():
            result = measure(run, arguments.data, arguments.split, arguments.videos)
            RESULTS.write_text(json.dumps(stored() | {name: result}, indent=1) + "\n")
            print(name, json.dumps(result["kinds"]["color"], indent=1), flush=True)
    write_page()


def stored() -> dict[str, dict]:
    """Return what is stored, by run and split."""
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


@torch.inference_mode()
def measure(run: Path, data: Path, split: str, num_videos: int) -> dict[str, Any]:
    matcher = load_matcher(run, device="cpu")
    stories = load_stories(data, split)[:num_videos]
    videos = [Video(story.video_id, story.video) for story in stories]
    frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture)
    draw, rows = np.random.default_rng(0), []
    ordinary = matcher.encode_texts(ordinary_words(matcher))
    for number, story in enumerate(stories):
        exchanges = list(exchanges_of(draw, number, story))
        if not exchanges:
            continue
        words = [word for exchange in exchanges for word in (exchange.true, exchange.wrong)]
        mask = frames.mask[number]
        lines = list(lines_of(matcher, words, frames.content[[number]][:, mask], ordinary, draw))
        times = frames.timestamps_seconds[number][mask].numpy()
        shown = [
            np.zeros(len(times), dtype=bool)
            if word.seconds is None
            else (times >= word.seconds[0]) & (times < word.seconds[1])
            for word in words
        ]
        for place, exchange in enumerate(exchanges):
            true = Row(exchange.kind, lines[2 * place], shown[2 * place])
            is_elsewhere = exchange.wrong.seconds is not None
            rows += [
                true,
                Row(exchange.kind, lines[2 * place + 1], shown[2 * place + 1], true if is_elsewhere else None),
            ]
    kinds = {kind: {name: measures_of(rows, kind, name) for name in rows[0].lines} for kind in KINDS}
    return {"videos": num_videos, "kind": matcher.kind, "kinds": kinds, "thresholds": by_threshold(rows)}


def lines_of(
    matcher: Matcher, words: Sequence[PlacedWord], pixels: Tensor, ordinary: Any, draw: np.random.Generator
) -> Iterator[Lines]:
    """Yield the candidates' lines of each word in its text, over the frames of one video."""
    mask = torch.ones(pixels.shape[:2], dtype=torch.bool)
    scores, video = scores_of_frames(matcher, pixels, mask)
    texts = matcher.encode_texts([word.text for word in words])
    whole = scores(texts)
    rest, alone = (scores(matcher.encode_texts(each)) for each in ([word.rest for word in words], plain(words)))
    of_ordinary = scores(ordinary)
    removed, fits = whole - rest, fit_of_scores(alone.double(), of_ordinary.double())
    found = {} if video is None else of_tokens(matcher, texts, words, video)
    found |= {
        "word removed from the text": removed,
        "interactions, words at the input": at_input(matcher, words, scores, draw),
        "word alone": alone,
        "word alone, less its mean": centered(alone),
        "word alone and removed, standardized": standardized(alone) + standardized(removed),
        "text with the word, beside texts with ordinary words": whole - in_its_place(matcher, words, scores),
        "word alone: rank among ordinary words, less 90 %": ranks(alone, of_ordinary) - 0.9,
        CHOSEN: fits,
    }
    for place in range(len(words)):
        yield {name: values[place].numpy() for name, values in found.items()}


def scores_of_frames(matcher: Matcher, pixels: Tensor, mask: Tensor) -> tuple[Callable[[Any], Tensor], Any]:
    """Return what scores encoded texts with each frame; and the encoded video, where its tokens are compared."""
    if matcher.has_games:
        video = matcher.encode_frames(pixels, mask)
        of_frames = scores_of_frame_tokens(matcher.model, video.levels["entity"].sequence.tokens[0])
        return lambda texts: of_frames(texts.encoding), video
    features = matcher.model.frame_features(matcher.network_input(pixels), mask)
    return lambda texts: matcher.model.similarity(texts.encoding, features[0]), None


def plain(words: Sequence[PlacedWord]) -> list[str]:
    return [word.text[word.start : word.end] for word in words]


def of_tokens(matcher: Matcher, texts: Any, words: Sequence[PlacedWord], video: Any) -> dict[str, Tensor]:
    """Return the lines that need tokens: the sums over a word's tokens, the cosines' mean."""
    videos = video[torch.zeros(len(words), dtype=torch.long)]
    games, is_word = matcher.games(texts, videos), tokens_of(texts, words)[:, :, None]
    weights = matcher.weight_of_level
    cosine = (games["entity"].similarity * is_word).sum(1) / is_word.sum(1)
    levels = sum(
        weights[level]
        / sum(weights.values())
        * interactions_of_members(
            banzhaf_interactions(game),
            texts.encoding.levels[level].sequence.members,
            videos.levels[level].sequence.members,
        )
        for level, game in games.items()
    )
    return {
        "cosine of the token": cosine,
        "cosine of the token, less its mean": centered(cosine),
        "interactions (Banzhaf, all levels)": (levels * is_word).sum(1),
        "interactions (Shapley, entity level)": (shapley_interactions(games["entity"]) * is_word).sum(1),
    }


def at_input(matcher: Matcher, words: Sequence[PlacedWord], scores: Callable, draw: np.random.Generator) -> Tensor:
    """Return what a word adds to texts of which every other word is there with 1/2: its interactions, drawn."""
    pairs = []
    for word in words:
        before, after = word.text[: word.start].split(), word.text[word.end :].split()
        for kept in draw.random((NUM_DRAWN, len(before) + len(after))) < 0.5:
            front, back = (
                [w for w, stays in zip(side, part, strict=True) if stays]
                for side, part in ((before, kept[: len(before)]), (after, kept[len(before) :]))
            )
            pairs.append((" ".join([*front, word.text[word.start : word.end], *back]), " ".join([*front, *back])))
    gains = scores(matcher.encode_texts([one for one, _ in pairs])) - scores(
        matcher.encode_texts([other for _, other in pairs])
    )
    return gains.unflatten(0, (len(words), NUM_DRAWN)).mean(1)


def in_its_place(matcher: Matcher, words: Sequence[PlacedWord], scores: Callable) -> Tensor:
    """Return the mean scores of texts with ordinary words in the place of one."""
    others = ordinary_words(matcher)
    chosen = [others[place] for place in np.linspace(0, len(others) - 1, NUM_DRAWN).astype(int)]
    texts = [word.text[: word.start] + other + word.text[word.end :] for word in words for other in chosen]
    return scores(matcher.encode_texts(texts)).unflatten(0, (len(words), NUM_DRAWN)).mean(1)


def centered(values: Tensor) -> Tensor:
    return values - values.mean(1, keepdim=True)


def standardized(values: Tensor) -> Tensor:
    return centered(values) / values.std(1, correction=0, keepdim=True).clamp(min=1e-12)


def ranks(values: Tensor, others: Tensor) -> Tensor:
    """Return for each word and frame the share of others that score less."""
    return (others[None] < values[:, None]).double().mean(1)


def measures_of(rows: Sequence[Row], kind: str, name: str) -> dict[str, float | None]:
    """Return how true the lines of a candidate are, for words of a kind; see docs/results/words.md for each measure."""
    own = [row for row in rows if row.kind == kind]
    pairs = [(row.before, row) for row in own if row.before and row.shown.any() and row.before.shown.any()]
    credited, exchange = [], []
    for before, after in pairs:
        lines = [row.lines[name] for row in (before, after)]
        credited.append(before.shown[lines[0].argmax()] and after.shown[lines[1].argmax()])
        sides = [(before.shown, after.shown), (after.shown, before.shown)]
        areas = [side_area(line, *side) for line, side in zip(lines, sides, strict=True)]
        exchange.append(sum(areas) / 2)
    values, shown = (
        np.concatenate([each(row) for row in own]) for each in (lambda r: r.lines[name], lambda r: r.shown)
    )
    peaks = np.array([row.lines[name].max() for row in own])
    is_there = np.array([bool(row.shown.any()) for row in own])
    return {
        "credited": 100 * float(np.mean(credited)),
        "exchange_area": float(np.mean(exchange)),
        "frame_area": area_between(values, shown),
        "absent_area": area_between(peaks, is_there),
        "above_there": 100 * float((values[shown] > 0).mean()),
        "above_elsewhere": 100 * float((values[~shown] > 0).mean()),
        "quiet_where_absent": 100 * float((peaks[~is_there] <= 0).mean()),
        "pairs": len(pairs),
    }


def side_area(line: np.ndarray, right: np.ndarray, wrong: np.ndarray) -> float:
    """Return how well a line tells the frames of the right event from those of the other: 1/2 where it does not."""
    area = area_between(np.concatenate([line[right], line[wrong]]), np.arange(right.sum() + wrong.sum()) < right.sum())
    return 0.5 if area is None else area


def by_threshold(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return for other thresholds: percent of frames above 0 that show a color, of those that do not, and of absent
    colors without a frame above 0."""
    own = [row for row in rows if row.kind == "color"]
    values, shown = (
        np.concatenate([each(row) for row in own])
        for each in (lambda r: r.lines[CHOSEN] + MATCHES_ABOVE, lambda r: r.shown)
    )
    peaks = np.array([row.lines[CHOSEN].max() + MATCHES_ABOVE for row in own if not row.shown.any()])
    return {
        str(least): [
            100 * float(each.mean()) for each in (values[shown] > least, values[~shown] > least, peaks <= least)
        ]
        for least in THRESHOLDS
    }


COLUMNS = {
    "credited": 1,
    "exchange_area": 2,
    "frame_area": 2,
    "absent_area": 2,
    "above_there": 0,
    "above_elsewhere": 0,
    "quiet_where_absent": 0,
}
HEADER = (
    "**credited**",
    "area after exchanges",
    "area of frames",
    "area of absent words",
    "above 0: there",
    "above 0: elsewhere",
    "never above 0: absent",
)


def write_page() -> None:
    """Write the tables between the marks of the page."""
    tables = {}
    for network in ("hbi", "global"):
        for split in ("val", "test"):
            runs = [run for name, run in stored().items() if run["kind"] == network and f"({split})" in name]
            if runs and split == "test":
                tables |= {f"lines-{network}-{kind}": lines_table(runs, kind) for kind in KINDS}
            elif runs:
                tables[f"thresholds-{network}"] = thresholds_table(runs)
    put(PAGE, tables)


def lines_table(runs: Sequence[dict], kind: str) -> list[str]:
    rows = []
    for name in runs[0]["kinds"][kind]:
        found = [run["kinds"][kind][name] for run in runs]
        cells = [spread([each[column] for each in found], decimals) for column, decimals in COLUMNS.items()]
        rows.append([f"**{name}**" if name == CHOSEN else name, *cells])
    return table([kind, *HEADER], rows)


def thresholds_table(runs: Sequence[dict]) -> list[str]:
    rows = [
        [least, *(spread([run["thresholds"][least][column] for run in runs], 1) for column in range(3))]
        for least in runs[0]["thresholds"]
    ]
    return table(["deviations", "above 0: there", "above 0: elsewhere", "never above 0: absent"], rows)


if __name__ == "__main__":
    main()
