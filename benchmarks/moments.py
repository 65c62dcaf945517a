"""How spans are made of what frames are worth: candidates compared on ShapeStories, whose events' times are known.

    hbi data shape-stories chosen-on --seed 7
    hbi data shape-stories measured-on --seed 1
    python benchmarks/moments.py runs/hbi-? --data chosen-on                 # compare candidates
    python benchmarks/moments.py runs/hbi-? --data measured-on --only kept   # measure the one that was kept
    python benchmarks/moments.py --table                                     # print what is stored

Texts are the captions of the videos, and more captions that tell one event, drawn by the same rules: of the annotated
ones only a twentieth do. Each run is stored as it ends, in benchmarks/results/moments.json (a run that is stored is not
measured again; --again does). The table of docs/results/moments.md is `--table`'s.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hbi.evaluation.moment_scores import MomentScores, score_best_possible, score_ranked
from hbi.matching import Matcher, load_matcher
from hbi.matching import moment_spans as kept_rule
from hbi.matching.moment_spans import MomentEvidence, evidence_in_video, frame_edges, overlap, rank_spans
from hbi.matching.moment_spans import span_scores as scores_of_coverage_and_excess
from hbi.shape_stories import Story, load_stories
from hbi.shape_stories.captions import draw_captions
from hbi.shape_stories.sentences import write
from hbi.shape_stories.world import Look, World
from hbi.video import read_frames

RESULTS = Path(__file__).parent / "results" / "moments.json"
KEPT = "kept"
NUM_DRAWN = 4
"""Captions of one event that are drawn for each video."""
MOST_SPANS = 5


@dataclass(frozen=True)
class Query:
    """A text, when its events are seen, and how many it tells."""

    text: str
    span: tuple[float, float]
    num_events: int


Rule = Callable[[MomentEvidence, np.ndarray], np.ndarray]
"""From evidence and edges to the score of every span [first, past_last]."""


def excess_over(level: Callable[[np.ndarray, np.ndarray], float]) -> Rule:
    """Return the rule that adds up how far the text's score with each frame lies above a level (maximal sum)."""

    def scores(evidence: MomentEvidence, edges: np.ndarray) -> np.ndarray:
        shares = np.diff(edges) / (edges[-1] - edges[0])
        sums = np.concatenate([[0.0], np.cumsum(shares * (evidence.alone - level(evidence.alone, shares)))])
        return _of_spans(len(shares), lambda first, last: sums[last] - sums[first])

    return scores


def mean_and(deviations: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return the level that lies so many deviations above the mean of a video's frames."""

    def level(worth: np.ndarray, shares: np.ndarray) -> float:
        mean = float(shares @ worth)
        return mean + deviations * float(np.sqrt(shares @ (worth - mean) ** 2))

    return level


def part_of_range(part: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return the level that lies between the least and the most of a video's frames."""
    return lambda worth, _: float(worth.min() + part * (worth.max() - worth.min()))


def contrast(evidence: MomentEvidence, edges: np.ndarray) -> np.ndarray:
    """Return the difference of the means inside and outside, in its standard errors (a scan statistic)."""
    lengths = np.diff(edges)
    total, sums = lengths.sum(), np.concatenate([[0.0], np.cumsum(lengths * evidence.alone)])

    def score(first: int, last: int) -> float:
        inside = edges[last] - edges[first]
        if total - inside < 1e-9:
            return 0.0
        difference = (sums[last] - sums[first]) / inside - (sums[-1] - sums[last] + sums[first]) / (total - inside)
        return float(difference * np.sqrt(inside * (total - inside)))

    return _of_spans(len(lengths), score)


def value_of_span(evidence: MomentEvidence, edges: np.ndarray) -> np.ndarray:
    """Return the interaction of the text with the frames of a span alone: words look for frames, frames for words."""
    best_word = evidence.cosines.max(0)

    def score(first: int, last: int) -> float:
        covered = evidence.word_weights @ evidence.cosines[:, first:last].max(1)
        return float(covered + best_word[first:last].mean()) / 2

    return _of_spans(len(best_word), score)


def coverage_and_excess(weight: float, deviations: float) -> Rule:
    """Return the rule that was kept, with other numbers."""

    def scores(evidence: MomentEvidence, edges: np.ndarray) -> np.ndarray:
        covered = _of_spans(
            len(evidence.alone),
            lambda first, last: float(evidence.word_weights @ evidence.cosines[:, first:last].max(1)),
        )
        return covered + weight * excess_over(mean_and(deviations))(evidence, edges)

    return scores


RULES: dict[str, Rule] = {
    "excess over the mean": excess_over(mean_and(0.0)),
    "excess over the mean and half a deviation": excess_over(mean_and(0.5)),
    "excess over 0.4 of the range": excess_over(part_of_range(0.4)),
    "inside against outside": contrast,
    "the span's own interaction": value_of_span,
    **{
        f"coverage + {weight:g} × excess over the mean and {deviations:g} deviations": coverage_and_excess(
            weight, deviations
        )
        for weight in (0.25, 0.5, 1.0)
        for deviations in (0.0, 0.25, 0.5)
    },
    KEPT: scores_of_coverage_and_excess,
}


def _of_spans(num_frames: int, score: Callable[[int, int], float]) -> np.ndarray:
    scores = np.full((num_frames, num_frames + 1), -np.inf)
    for first in range(num_frames):
        for last in range(first + 1, num_frames + 1):
            scores[first, last] = score(first, last)
    return scores


def queries_of(story: Story, draw: np.random.Generator) -> Iterator[Query]:
    """Yield the captions of a video, and some drawn ones that tell one event."""
    told = [(caption.text, sorted(caption.told_events)) for caption in story.captions]
    looks = [Look(event.color, event.shape, event.action) for event in story.events]
    of_one = draw_captions(draw, replace(World(), told_events_shares=(1.0, 0.0, 0.0)), looks)
    told += [(write(plan)[0], [plan.clauses[0].event]) for plan in of_one[:NUM_DRAWN]]
    for text, events in told:
        span = story.events[events[0]].start_seconds, story.events[events[-1]].end_seconds
        yield Query(text, span, len(events))


def best_spans(scores: np.ndarray, edges: np.ndarray) -> list[tuple[float, float]]:
    """Return the best spans, none much the same as a better one."""
    firsts, lasts = np.nonzero(np.isfinite(scores))
    spans: list[tuple[float, float]] = []
    for place in np.argsort(-scores[firsts, lasts], kind="stable"):
        span = float(edges[firsts[place]]), float(edges[lasts[place]])
        if all(overlap(span, better) <= kept_rule.MOST_OVERLAP for better in spans):
            spans.append(span)
            if len(spans) == MOST_SPANS:
                break
    return spans


@torch.inference_mode()
def measure(
    matcher: Matcher, stories: Sequence[Story], rules: dict[str, Rule]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the measures of each rule, by the number of events told: {rule: {events: {measure: percent}}}."""
    draw = np.random.default_rng(0)
    values: dict[tuple[str, int], list[np.ndarray]] = {}
    for story in stories:
        frames = read_frames(story.video, matcher.num_frames, image_size=matcher.picture)
        edges = frame_edges(frames.timestamps_seconds.tolist(), 0.0, story.duration_seconds)
        queries = list(queries_of(story, draw))
        texts = matcher.encode_texts([query.text for query in queries])
        for query, evidence in zip(queries, evidence_in_video(matcher, texts.encoding, frames.pixels), strict=True):
            for name, rule in rules.items():
                spans = (
                    [span.seconds for span in rank_spans(evidence, edges, count=MOST_SPANS)]
                    if rule is scores_of_coverage_and_excess
                    else best_spans(rule(evidence, edges), edges)
                )
                values.setdefault((name, query.num_events), []).append(score_ranked(spans, [query.span]))
            beside = {
                "whole video": score_ranked([(0.0, float(edges[-1]))], [query.span]),
                "best possible": score_best_possible(edges, [query.span]),
            }
            for name, found in beside.items():
                values.setdefault((name, query.num_events), []).append(found)
    measured: dict[str, dict[str, dict[str, float]]] = {}
    for (name, num_events), found in sorted(values.items(), key=lambda each: each[0][1]):
        scores = MomentScores.of(np.array(found)).to_dict()
        measured.setdefault(name, {})[str(num_events)] = {"texts": len(found), **scores}
    return measured


def table(results: dict[str, dict[str, dict[str, dict[str, float]]]], data: str) -> str:
    """Return the mean over runs, R@1 at 0.5 / R@1 at 0.7 / mean overlap by number of events, best sum first."""
    runs = [measured for key, measured in results.items() if key.endswith(f" on {data}")]
    names = [name for name in runs[0] if all(name in run for run in runs)]
    columns = ("recall@1, iou 0.5", "recall@1, iou 0.7", "recall@5, iou 0.5", "mean_iou")

    def mean(name: str, events: str, column: str) -> float:
        return float(np.mean([run[name][events][column] for run in runs]))

    counts = sorted(runs[0][names[0]])
    names.sort(key=lambda name: -sum(mean(name, events, column) for events in counts for column in columns[:2]))
    heads = [f"{events} event{'s' * (events != '1')}" for events in counts]
    lines = [f"| {data}, {len(runs)} runs | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for name in names:
        cells = [" / ".join(f"{mean(name, events, column):.1f}" for column in columns) for events in counts]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is not stored yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help="run folders")
    parser.add_argument("--data", type=Path, help="a folder of ShapeStories")
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--videos", type=int, default=250, help="how many of its videos")
    parser.add_argument("--only", choices=tuple(RULES), help="one rule alone")
    parser.add_argument("--again", action="store_true", help="measure runs again that are stored")
    parser.add_argument("--table", action="store_true", help="print what is stored")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    torch.set_num_threads(1)
    rules = {arguments.only: RULES[arguments.only]} if arguments.only else RULES
    for run in arguments.runs:
        seed = json.loads((arguments.data / "shape_stories.json").read_text())["seed"]
        key = f"{Path(run).name} on seed {seed}, {arguments.split}"
        if key in results and not arguments.again:
            continue
        stories = load_stories(arguments.data, arguments.split)[: arguments.videos]
        results[key] = measure(load_matcher(run, device="cpu"), stories, rules)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for data in sorted({key.partition(" on ")[2] for key in results}):
        print(table(results, data), end="\n\n")


if __name__ == "__main__":
    main()
