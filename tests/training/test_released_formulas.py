"""Every term of the objective against the released code's formula, number by number, on the same logits.

The formulas are plain loops over floats, from a description in words (docs/method/released-code.md): one text a video,
nothing padded. There the released code and this project mean the same; `alpha` and `beta` then have to weigh the same.
"""

import math

import pytest
import torch

from hbi.games import LateInteractionGame
from hbi.models import AnswerOutput, LevelOutput, MatchOutput, Players
from hbi.ops import TokenSequence
from hbi.shapes import LEVELS
from hbi.training.answering_objective import AnsweringObjective
from hbi.training.objective import Objective

NUM_PAIRS, NUM_WORDS, NUM_FRAMES, NUM_ANSWERS, SCALE = 4, 5, 3, 6, 7.0
ALPHA, BETA, MATCHING = 1.0, 2.0, 0.5
"""The paper's."""
Row = list[float]


def log_softmax(row: Row) -> Row:
    return [value - math.log(sum(math.exp(other) for other in row)) for value in row]


def transposed(rows: list[Row]) -> list[Row]:
    return [list(column) for column in zip(*rows, strict=True)]


def mean_divergence(student: list[Row], teacher: list[Row]) -> float:
    """`kl_div` with reduction="mean": over all elements of all rows."""
    terms = []
    for ours, theirs in zip(student, teacher, strict=True):
        for log_p, log_q in zip(log_softmax(ours), log_softmax(theirs), strict=True):
            terms.append(math.exp(log_q) * (log_q - log_p))
    return sum(terms) / len(terms)


def both_ways(student: list[Row], teacher: list[Row]) -> float:
    """The sum, not the mean, of the divergence along rows and that along columns."""
    return mean_divergence(student, teacher) + mean_divergence(transposed(student), transposed(teacher))


def released_contrast(logits: list[Row]) -> float:
    """Of one text a video: the mean of two cross entropies."""
    ways = (logits, transposed(logits))
    losses = [-sum(log_softmax(row)[own] for own, row in enumerate(rows)) / len(rows) for rows in ways]
    return sum(losses) / 2


def released_interaction(student: list[list[Row]], teacher: list[list[Row]]) -> float:
    """Of the maps of all pairs, as the paper means it: the second softmax runs over words, not over the batch."""
    pairs = [both_ways(ours, theirs) for ours, theirs in zip(student, teacher, strict=True)]
    return sum(pairs) / len(pairs)


def players(num_tokens: int) -> Players:
    mask = torch.ones(NUM_PAIRS, num_tokens, dtype=torch.bool)
    tokens = TokenSequence.unmerged(torch.randn(NUM_PAIRS, num_tokens, 8, dtype=torch.float64), mask)
    return Players(tokens, torch.full((NUM_PAIRS, num_tokens), 1 / num_tokens, dtype=torch.float64))


@pytest.fixture
def output() -> MatchOutput:
    levels = {}
    for level in LEVELS:
        words, frames = players(NUM_WORDS), players(NUM_FRAMES)
        cosines = 2 * torch.rand(NUM_PAIRS, NUM_WORDS, NUM_FRAMES, dtype=torch.float64) - 1
        game = LateInteractionGame(cosines, words.weights, frames.weights)
        levels[level] = LevelOutput(
            2 * torch.rand(NUM_PAIRS, NUM_PAIRS, dtype=torch.float64) - 1,
            words,
            frames,
            game,
            torch.randn(NUM_PAIRS, NUM_WORDS, NUM_FRAMES, dtype=torch.float64),
            torch.ones(NUM_PAIRS, NUM_WORDS, NUM_FRAMES, dtype=torch.bool),
        )
    similarity = torch.stack([level.similarity for level in levels.values()]).mean(0)
    return MatchOutput(levels, similarity, torch.tensor(SCALE, dtype=torch.float64))


class GivenTeacher:
    """Teaches the maps that it was given, whatever the game: the released code's are drawn."""

    def __init__(self, output: MatchOutput) -> None:
        games = (level.game for level in output.levels.values())
        self.maps = [(game, torch.randn_like(game.similarity)) for game in games]

    def __call__(self, game: LateInteractionGame) -> torch.Tensor:
        return next(taught for known, taught in self.maps if known is game)

    def logits(self, game: LateInteractionGame) -> list[list[Row]]:
        """The same as `interaction_logits` makes of them."""
        return (self(game) * SCALE * (NUM_WORDS + NUM_FRAMES)).tolist()


def released_matching(output: MatchOutput, teacher: GivenTeacher) -> dict[str, float]:
    parts = {}
    for name, level in output.levels.items():
        parts[f"contrast/{name}"] = released_contrast((SCALE * level.similarity).tolist())
        maps = level.predicted.tolist(), teacher.logits(level.game)
        parts[f"interaction/{name}"] = ALPHA * released_interaction(*maps)
    return parts


def test_every_term_of_retrieval_is_the_released_one(output):
    teacher = GivenTeacher(output)
    logits = {name: (SCALE * level.similarity).tolist() for name, level in output.levels.items()}
    expected = released_matching(output, teacher)
    for student in ("action", "event"):
        expected[f"distillation/{student}"] = BETA * both_ways(logits[student], logits["entity"])
    loss = Objective(alpha=ALPHA, beta=BETA, teacher=teacher)(output, torch.arange(NUM_PAIRS))
    assert {name: value.item() for name, value in loss.parts.items()} == pytest.approx(expected, rel=1e-12)
    assert loss.total.item() == pytest.approx(sum(expected.values()), rel=1e-12)
    assert Objective(teacher=teacher) == Objective(alpha=ALPHA, beta=BETA, teacher=teacher), "the paper's by default"


def test_every_term_of_answering_is_the_released_one(output):
    """The answers of a level are one distribution a question: their distillation has one divergence, not two."""
    teacher = GivenTeacher(output)
    # A score for each answer comes as float32 from the heads.
    scores = {level: torch.randn(NUM_PAIRS, NUM_ANSWERS) for level in LEVELS}
    labels = torch.randint(NUM_ANSWERS, (NUM_PAIRS,))
    expected = {name: MATCHING * value for name, value in released_matching(output, teacher).items()}
    for level in LEVELS:
        rows = scores[level].tolist()
        right = [log_softmax(row)[label] for row, label in zip(rows, labels.tolist(), strict=True)]
        expected[f"answer/{level}"] = -sum(right) / NUM_PAIRS
        if level != "entity":
            expected[f"distillation/{level}"] = BETA * mean_divergence(rows, scores["entity"].tolist())
    objective = AnsweringObjective(MATCHING, BETA, Objective(alpha=ALPHA, teacher=teacher))
    loss = objective(AnswerOutput(output, scores), torch.arange(NUM_PAIRS), labels)
    assert {name: value.item() for name, value in loss.parts.items()} == pytest.approx(expected, rel=1e-5)


def test_what_the_recipes_of_shape_stories_halve_is_what_was_averaged(output):
    """Bit for bit: 0.5 times a sum of two is once their mean."""
    teacher, rows = GivenTeacher(output), torch.arange(NUM_PAIRS)
    sums = Objective(alpha=1.0, beta=1.0, teacher=teacher)(output, rows).parts
    halved = Objective(alpha=0.5, beta=0.5, teacher=teacher)(output, rows).parts
    for name, value in sums.items():
        if name.startswith(("interaction", "distillation")):
            assert halved[name] == value / 2, name
