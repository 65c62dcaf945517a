"""The slow, obvious versions that judge the fast ones: plain loops over plain numbers."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, permutations

Vector = Sequence[float]


def cosine(a: Vector, b: Vector) -> float:
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def late_interaction(
    words: Sequence[Vector], frames: Sequence[Vector], word_weights: Vector, frame_weights: Vector
) -> float:
    """The similarity of one text and one video without padding."""
    if not words or not frames:
        return 0.0
    table = [[cosine(word, frame) for frame in frames] for word in words]
    text_to_video = sum(weight * max(row) for weight, row in zip(word_weights, table, strict=True))
    video_to_text = sum(
        weight * max(column) for weight, column in zip(frame_weights, zip(*table, strict=True), strict=True)
    )
    return (text_to_video + video_to_text) / 2


def dpc_knn(tokens: Sequence[Vector], num_clusters: int, num_neighbors: int) -> tuple[list[int], list[int]]:
    """The clusters of one sequence without padding: the cluster of every token, and the centers in order."""
    n, width = len(tokens), len(tokens[0])
    distance = [
        [math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / width) for b in tokens] for a in tokens
    ]
    density = []
    for row in distance:
        nearest = sorted(row)[:num_neighbors]
        density.append(math.exp(-sum(d * d for d in nearest) / len(nearest)))

    def is_denser(j: int, i: int) -> bool:
        return density[j] > density[i] or (density[j] == density[i] and j < i)

    largest = max(max(row) for row in distance)
    peak = [density[i] * min((distance[i][j] for j in range(n) if is_denser(j, i)), default=largest) for i in range(n)]
    centers = sorted(sorted(range(n), key=lambda i: (-peak[i], i))[:num_clusters])
    assignment = [
        centers.index(i) if i in centers else min(range(len(centers)), key=lambda k: (distance[i][centers[k]], k))
        for i in range(n)
    ]
    return assignment, centers


def possible_ranks(scores: Vector, relevant: Sequence[bool]) -> list[int]:
    """The rank of the best relevant candidate in every order that the scores allow, all of them equally likely."""
    orders = permutations(range(len(scores)))
    allowed = [order for order in orders if all(scores[i] >= scores[j] for i, j in pairwise(order))]
    return [1 + next(place for place, candidate in enumerate(order) if relevant[candidate]) for order in allowed]


def game_value(
    similarity: Sequence[Vector],
    word_weights: Vector,
    frame_weights: Vector,
    words: Sequence[int],
    frames: Sequence[int],
    *,
    normalize_weights: bool,
    floor_at_zero: bool,
) -> float:
    """What a coalition of words and frames, given by their numbers, is worth; nobody else's numbers are looked at."""
    if not words or not frames:
        return 0.0

    def shared_out(weights: Vector, members: Sequence[int]) -> list[Fraction]:
        exact = [Fraction(weights[i]) for i in members]
        total = sum(exact) if normalize_weights else Fraction(1)
        return [weight / total if total else Fraction(0) for weight in exact]

    table = [[max(similarity[t][v], 0.0) if floor_at_zero else similarity[t][v] for v in frames] for t in words]
    by_word = sum(float(share) * max(row) for share, row in zip(shared_out(word_weights, words), table, strict=True))
    by_frame = sum(
        float(share) * max(column)
        for share, column in zip(shared_out(frame_weights, frames), zip(*table, strict=True), strict=True)
    )
    return (by_word + by_frame) / 2
