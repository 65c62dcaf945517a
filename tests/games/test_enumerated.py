"""The exact indices against small games that were solved by visiting every coalition."""

import json
from pathlib import Path

import pytest
import torch

from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    banzhaf_values,
    coalition_interaction,
    multilinear_extension,
    shapley_interactions,
    shapley_values,
)

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "games" / "enumerated.json").read_text())["cases"]


def name(case):
    return (
        "{seed}-{words}x{frames}-normalize{normalize_weights:d}-floor{floor_at_zero:d}-p{inclusion_probability}".format(
            **case
        )
    )


def game_of(case, dtype=torch.float64):
    return LateInteractionGame(
        *(torch.tensor(case[key], dtype=dtype) for key in ("similarity", "word_weights", "frame_weights")),
        normalize_weights=case["normalize_weights"],
        floor_at_zero=case["floor_at_zero"],
    )


def assert_equals(actual, expected, case):
    """Fixed weights to 1e-12, normalized to 1e-9 in float64; 1e-5 of the largest entry in float32."""
    expected = torch.tensor(expected, dtype=torch.float64)
    if actual.dtype == torch.float32:
        tolerance = 1e-5 * expected.abs().max().item()
    else:
        tolerance = 1e-9 if case["normalize_weights"] else 1e-12
    torch.testing.assert_close(actual.double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_word_frame_interactions(case, dtype):
    actual = banzhaf_interactions(game_of(case, dtype), case["inclusion_probability"])
    assert actual.dtype == dtype
    assert_equals(actual, case["interactions"], case)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_everything_else(case, dtype):
    game, probability, num_words = game_of(case, dtype), case["inclusion_probability"], case["words"]
    everyone = torch.ones(num_words, dtype=torch.bool), torch.ones(case["frames"], dtype=torch.bool)
    assert_equals(game.value(*everyone), case["grand_value"], case)
    assert_equals(torch.cat(banzhaf_values(game, probability)), case["values"], case)
    assert_equals(torch.cat(shapley_values(game)), case["shapley_values"], case)
    assert_equals(banzhaf_interactions(game, probability, between="players"), case["interactions_all"], case)
    assert_equals(shapley_interactions(game), case["shapley_interactions"], case)
    inclusion = torch.tensor(case["inclusion"], dtype=dtype)
    assert_equals(
        multilinear_extension(game, inclusion[:num_words], inclusion[num_words:]), case["multilinear_extension"], case
    )
    coalition = torch.zeros(num_words + case["frames"], dtype=torch.bool)
    coalition[case["coalition"]] = True
    actual = coalition_interaction(game, coalition[:num_words], coalition[num_words:], probability)
    assert_equals(actual, case["coalition_interaction"], case)
