"""A property test draws the same examples in every run, so that no change is judged by what another one drew."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = []


@pytest.fixture(autouse=True)
def judged(pytestconfig):
    if pytestconfig.getoption("--hypothesis-profile") == "new":
        pytest.skip("new examples were asked for")


def drawn(**own) -> list[float]:
    """What a test draws that is run anew."""
    found = []

    @settings(**own)
    @given(st.floats(0, 1))
    def draw(value):
        found.append(value)

    draw()
    return found


@pytest.mark.parametrize("own", [{}, {"max_examples": 12, "deadline": None, "database": None}], ids=["plain", "own"])
def test_the_same_examples_are_drawn(own):
    assert settings(**own).derandomize
    first = drawn(**own)
    assert len(set(first)) > 5
    assert drawn(**own) == first


@pytest.mark.parametrize("time", range(2))
def test_numbers_of_torch_start_alike_in_every_test(time):
    NUMBERS.append(torch.rand(3).tolist())
    assert NUMBERS[0] == NUMBERS[-1]
