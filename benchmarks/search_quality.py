"""Whether searches find what they should and say what is true of it, on ShapeStories, where the truth is known.

    hbi demo
    hbi data shape-stories data/unseen --seed 1
    python benchmarks/search_quality.py demo/runs/shape-stories data/unseen
    python benchmarks/search_quality.py --table          # write the tables again from what is stored

Two questions: which vectors find the candidates of a token-wise similarity, and whether an index ranks as the
evaluation does (whether marks on words and the goodness of hits hold: search_marks.py). Each answer is stored in
benchmarks/results/search_quality.json; the tables go into docs/results/search.md, between their marks. The videos of
another seed chose nothing.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from pages import put, table
from torch import Tensor
from torch.nn.functional import normalize

from hbi.data.frames import decode_frames
from hbi.evaluation.ranks import ranks
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.matching import load_matcher
from hbi.models import Hierarchy
from hbi.search import VideoIndex
from hbi.search.ranking import full_scores
from hbi.shape_stories import Story, load_stories
from hbi.shape_stories.splits import retrieval_split
from hbi.shapes import LEVELS

RESULTS = Path(__file__).parent / "results" / "search_quality.json"
PAGE = Path(__file__).parents[1] / "docs" / "results" / "search.md"
CANDIDATES = (50, 100)
EVERYDAY = (
    "a dog runs on the beach",
    "a man flips a pancake in the kitchen",
    "two children play football in a park",
    "a woman reads the news on television",
    "a train arrives at the station",
    "somebody is cutting an onion",
    "people dance at a wedding",
    "a cat sleeps on the sofa",
    "a goalkeeper saves a penalty",
    "an old man plays the guitar",
    "a car drives through the rain",
    "a girl brushes her teeth",
    "a chef explains a recipe",
    "surfers wait for a wave",
    "a teacher writes on the blackboard",
    "the president shakes hands with a visitor",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="folder of a trained run of HBI")
    parser.add_argument("data", nargs="?", type=Path, help="folder of ShapeStories videos")
    parser.add_argument("--captions", type=int, default=1000, help="how many captions are asked one by one")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    if not arguments.table:
        if not (arguments.run and arguments.data):
            parser.error("name a run and a folder of ShapeStories videos")
        RESULTS.write_text(json.dumps(measure(arguments.run, arguments.data, arguments.captions), indent=1) + "\n")
    results = json.loads(RESULTS.read_text())
    put(PAGE, {"candidates": candidates_table(results)})
    print(json.dumps(results, indent=1))


def measure(folder: Path, data: Path, num_captions: int) -> dict[str, object]:
    matcher = load_matcher(folder, device="cpu")
    if not matcher.has_games:
        raise SystemExit(f"{folder} is not a run of an HBI model")
    stories = load_stories(data, "test")
    with tempfile.TemporaryDirectory() as scratch:
        whole = VideoIndex.create(Path(scratch, "whole"), matcher, window_seconds=None)
        whole.add([story.video for story in stories])
        texts = [caption.text for story in stories for caption in story.captions]
        asked = [texts[row] for row in spaced(len(texts), num_captions)]
        return {
            "videos": len(stories),
            "captions": len(asked),
            "candidates": candidates(whole, asked),
            "order": same_order(whole, stories, num_captions),
        }


def spaced(count: int, wanted: int) -> list[int]:
    """Return up to `wanted` of `count` rows, evenly spaced."""
    return np.linspace(0, count - 1, min(count, wanted)).astype(int).tolist()


@torch.inference_mode()
def candidates(index: VideoIndex, texts: Sequence[str]) -> list[dict[str, object]]:
    """Return how many of the best segments by the full similarity each cheaper way puts among its first few."""
    segments = index.snapshot().in_memory.whole
    videos, model = index.codec.decode(segments.arrays), index.matcher.model
    found: dict[str, list[list[float]]] = {}
    for text in texts:
        encoding = index.matcher.encode_texts([text]).encoding
        best = full_scores(index.codec, encoding, segments)[0].argsort(descending=True)[:10]
        levels = model.level_similarities(encoding, videos)
        scores = {way: compare(encoding, videos) for way, compare in ONE_VECTOR.items()}
        scores |= {f"{level} level in full": levels[level][0] for level in LEVELS}
        for way, score in scores.items():
            order = score.argsort(descending=True)
            shares = [torch.isin(best, order[:count]).double().mean().item() for count in CANDIDATES]
            found.setdefault(way, []).append([*shares, float(torch.isin(best[0], order[: CANDIDATES[0]]))])
    names = [*(f"best_10_among_{count}" for count in CANDIDATES), f"best_1_among_{CANDIDATES[0]}"]
    return [
        {"way": way, **dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))} for way, rows in found.items()
    ]


def pooled(side: Hierarchy, level: str) -> Tensor:
    """Return the weighted mean of a level's tokens, as a unit vector: one an item."""
    players = side.levels[level]
    unit = normalize(players.sequence.tokens.float(), dim=-1)
    return normalize(torch.einsum("btd,bt->bd", unit, players.weights * players.sequence.mask), dim=-1)


def of_means(texts: Hierarchy, videos: Hierarchy) -> Tensor:
    return pooled(videos, "entity") @ pooled(texts, "entity")[0]


def of_all_means(texts: Hierarchy, videos: Hierarchy) -> Tensor:
    return torch.stack([pooled(videos, level) @ pooled(texts, level)[0] for level in LEVELS]).sum(0)


def of_best_event(texts: Hierarchy, videos: Hierarchy) -> Tensor:
    frames = videos.levels["event"].sequence
    cosines = normalize(frames.tokens.float(), dim=-1) @ pooled(texts, "event")[0]
    return cosines.masked_fill(~frames.mask, -1.0).amax(-1)


ONE_VECTOR: dict[str, Callable[[Hierarchy, Hierarchy], Tensor]] = {
    "cosine of weighted means, entity level": of_means,
    "the same, all levels side by side": of_all_means,
    "text's mean against the best event token": of_best_event,
}


def same_order(index: VideoIndex, stories: Sequence[Story], num_captions: int) -> dict[str, float]:
    """Return how searches one by one, in stored tokens, differ from the evaluation's ranking."""
    split = retrieval_split("test", stories)
    store = decode_frames(split.videos, num_frames=index.settings.num_frames, picture=index.settings.picture)
    rows = spaced(len(split.texts), num_captions)
    texts = [split.texts[row].text for row in rows]
    similarity, relevance = similarity_matrix(index.matcher, texts, store), split.relevance[rows]
    names = [story.video.name for story in stories]
    hits = [index.search(text, limit=1).hits[0] for text in texts]
    first = torch.tensor([names.index(hit.path.name) for hit in hits])
    return {
        "recall_at_1_evaluated": 100.0 * float(ranks(similarity, relevance).within(1).mean()),
        "recall_at_1_searched": 100.0 * float(relevance.gather(1, first[:, None]).double().mean()),
        "other_first_videos": int((first != similarity.argmax(1)).sum()),
        "largest_difference": max(
            abs(hit.score - float(best)) for hit, best in zip(hits, similarity.amax(1), strict=True)
        ),
    }


def area(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the area under the receiver operating characteristic: how often one is above the other, a tie is half."""
    differences = np.asarray(higher)[:, None] - np.asarray(lower)[None, :]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def candidates_table(results: dict) -> list[str]:
    names = [*(f"best_10_among_{count}" for count in CANDIDATES), f"best_1_among_{CANDIDATES[0]}"]
    rows = [[row["way"], *(f"{row[name]:.2f}" for name in names)] for row in results["candidates"]]
    return table(["candidates by", *(name.replace("_", " ") for name in names)], rows)


if __name__ == "__main__":
    main()
