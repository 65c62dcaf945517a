"""Each term against what its words say, computed cell by cell and coalition by coalition."""

from itertools import product

import pytest
import torch
from torch.testing import assert_close

from hbi.games import banzhaf_interactions
from hbi.models import LevelOutput, Players
from hbi.models.outputs import all_games, matched_games
from hbi.ops import TokenSequence
from hbi.training.interaction_terms import (
    all_pairs_interactions,
    coalition_similarities,
    interaction_similarity,
    own_interactions,
    share_of_words,
    spread_in_time,
)

NUM_WORDS, NUM_FRAMES = torch.tensor([4, 2, 3]), torch.tensor([5, 1])


def players(counts: torch.Tensor) -> Players:
    mask = torch.arange(int(counts.max())) < counts[:, None]
    tokens = torch.randn(*mask.shape, 6, dtype=torch.float64).requires_grad_()
    weights = torch.rand(mask.shape, dtype=torch.float64) * mask
    return Players(TokenSequence.unmerged(tokens, mask), (weights / weights.sum(1, keepdim=True)).requires_grad_())


def level() -> LevelOutput:
    """Three texts and two videos of several lengths; text 0 and 1 are of video 0."""
    words, frames = players(NUM_WORDS), players(NUM_FRAMES)
    game = matched_games(words[torch.tensor([0, 2])], frames)
    cells = torch.ones(2, 4, 5, dtype=torch.bool)
    return LevelOutput(torch.zeros(3, 2), words, frames, game, torch.zeros(2, 4, 5), cells)


def enumerated(found: LevelOutput, text: int, video: int) -> torch.Tensor:
    """The interactions of one pair by their definition: the mean over all coalitions of the others."""
    num_words, num_frames = int(NUM_WORDS[text]), int(NUM_FRAMES[video])
    words, frames = found.words[torch.tensor([text])], found.frames[torch.tensor([video])]
    game = matched_games(words, frames)
    coalitions = torch.tensor(list(product((False, True), repeat=num_words + num_frames)))
    width, length = found.words.weights.shape[1], found.frames.weights.shape[1]
    everyone = torch.zeros(len(coalitions), width + length, dtype=torch.bool)
    everyone[:, :num_words] = coalitions[:, :num_words]
    everyone[:, width : width + num_frames] = coalitions[:, num_words:]
    values = game(everyone)
    table = dict(zip(map(tuple, coalitions.tolist()), values, strict=True))
    result = torch.zeros(width, length, dtype=torch.float64)
    for word, frame in product(range(num_words), range(num_frames)):
        total = torch.zeros((), dtype=torch.float64)
        for coalition in table:
            if coalition[word] and coalition[num_words + frame]:
                for has_word, has_frame in product((True, False), repeat=2):
                    other = list(coalition)
                    other[word], other[num_words + frame] = has_word, has_frame
                    total = total + (1 if has_word == has_frame else -1) * table[tuple(other)]
        result[word, frame] = total / 2 ** (num_words + num_frames - 2)
    return result


@pytest.fixture(scope="module")
def found() -> LevelOutput:
    torch.manual_seed(0)
    return level()


@pytest.fixture(scope="module")
def maps(found) -> dict[tuple[int, int], torch.Tensor]:
    return {(text, video): enumerated(found, text, video).detach() for text in range(3) for video in range(2)}


def test_interactions_of_all_pairs_are_those_of_every_coalition(found, maps):
    interactions = all_pairs_interactions(found.words, found.frames)
    for (text, video), expected in maps.items():
        assert_close(interactions[text, video], expected, atol=1e-6, rtol=1e-5)
    assert_close(interactions, banzhaf_interactions(all_games(found.words, found.frames)))


def test_the_interaction_of_a_text_with_its_own_video(found, maps):
    own = own_interactions(found, torch.tensor([0, 0, 1]))
    for text, video in ((0, 0), (1, 0), (2, 1)):
        assert_close(own[text], maps[text, video], atol=1e-6, rtol=1e-5)


def test_interaction_similarity_is_the_mean_of_everyone_s_best(found, maps):
    similarity = interaction_similarity(found)
    for (text, video), cells in maps.items():
        num_words, num_frames = int(NUM_WORDS[text]), int(NUM_FRAMES[video])
        rows = cells[:num_words, :num_frames].tolist()
        of_words = sum(max(row) for row in rows) / num_words
        of_frames = sum(max(row[frame] for row in rows) for frame in range(num_frames)) / num_frames
        expected = (num_words + num_frames) * (of_words + of_frames) / 2
        assert similarity[text, video].item() == pytest.approx(expected, rel=1e-4)


def test_its_gradient_is_that_of_differences():
    torch.manual_seed(1)
    found = level()
    mixture = torch.randn(3, 2)
    (interaction_similarity(found) * mixture).sum().backward()
    tokens = found.words.sequence.tokens
    # The interactions are float32: a step of 1e-2 stays far above their rounding.
    for text, word, place in ((0, 1, 2), (2, 2, 0)):
        values = []
        for step in (1e-2, -1e-2):
            with torch.no_grad():
                tokens[text, word, place] += step
                values.append((interaction_similarity(found) * mixture).sum().item())
                tokens[text, word, place] -= step
        slope = (values[0] - values[1]) / 2e-2
        assert tokens.grad[text, word, place].item() == pytest.approx(slope, rel=0.03, abs=1e-3)
    assert (found.words.weights.grad[0] != 0).all()
    assert tokens.grad[1, 2:].abs().max() < 1e-9 * tokens.grad[1, :2].abs().max()  # padding


def test_coalitions_of_any_probability_are_worth_their_expected_value(found):
    probabilities = (0.25, 0.5, 1.0)
    similarities = coalition_similarities(found, probabilities)
    game = matched_games(found.words[torch.tensor([1])], found.frames[torch.tensor([0])])
    for probability, similarity in zip(probabilities, similarities, strict=True):
        expected = 0.0
        for coalition in product((False, True), repeat=7):
            present = torch.tensor([*coalition[:2], False, False, *coalition[2:]])
            chance = probability ** sum(coalition) * (1 - probability) ** (7 - sum(coalition))
            expected += chance * game(present[None]).item()
        assert similarity[1, 0].item() == pytest.approx(expected, rel=1e-5)


def distance_of_frames_drawn(shares: list[float]) -> float:
    places = range(len(shares))
    return sum(shares[one] * shares[other] * abs(one - other) for one in places for other in places) / len(shares)


def test_spread_is_the_expected_distance_of_two_frames_drawn():
    torch.manual_seed(0)
    interactions = torch.randn(3, 4, 5)
    frame_mask = torch.arange(5) < torch.tensor([[5], [5], [2]])
    word_mask = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0]]).bool()
    interactions[0, 1] = -1.0  # interacts with nothing
    expected = 0.0
    for text in range(3):
        length = int(frame_mask[text].sum())
        rows = [
            [max(cell, 0.0) for cell in interactions[text, word, :length].tolist()]
            for word in range(4)
            if word_mask[text, word]
        ]
        total = sum(map(sum, rows))
        for row in rows:
            if sum(row):
                shares = [cell / sum(row) for cell in row]
                expected += sum(row) / total * distance_of_frames_drawn(shares) / 3
    assert spread_in_time(interactions, frame_mask, word_mask).item() == pytest.approx(expected, rel=1e-5)


def test_spread_falls_where_a_word_keeps_to_one_moment_and_has_no_gradient_where_nothing_counts():
    frame_mask, word_mask = torch.ones(1, 6, dtype=torch.bool), torch.tensor([[True, True]])
    at_once, neighbors, far, everywhere = (
        torch.tensor([[row, [0.0] * 6]])
        for row in ([1.0, 0, 0, 0, 0, 0], [1.0, 1, 0, 0, 0, 0], [1.0, 0, 0, 0, 0, 1], [1.0] * 6)
    )
    spreads = [spread_in_time(each, frame_mask, word_mask).item() for each in (at_once, neighbors, everywhere, far)]
    assert spreads == sorted(spreads)
    assert spreads[0] == 0
    assert spreads[3] == pytest.approx(5 / 12)
    nothing = torch.full((1, 2, 6), -1.0, requires_grad=True)
    spread = spread_in_time(nothing, frame_mask, word_mask)
    spread.backward()
    assert spread.item() == 0
    assert torch.equal(nothing.grad, torch.zeros(1, 2, 6))


def test_share_of_function_words():
    interactions = torch.tensor([[[1.0, -1.0], [3.0, 1.0], [0.0, 0.0]], [[0.5, 0.0], [0.0, 0.0], [0.0, -1.5]]])
    meant = torch.tensor([[True, False, False], [False, True, True]])
    assert_close(share_of_words(interactions, meant), torch.tensor((2 / 6 + 1.5 / 2) / 2))
    assert_close(share_of_words(10 * interactions, meant), share_of_words(interactions, meant))
    assert share_of_words(torch.zeros(1, 2, 2), torch.ones(1, 2, dtype=torch.bool)).item() == 0
