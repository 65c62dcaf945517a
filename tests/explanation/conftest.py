"""Fixtures that hand out made-up explanations."""

from collections.abc import Callable

import pytest

from explanation.made_up import build_explanation, extremes
from hbi.explanation import Explanation


@pytest.fixture
def make_explanation() -> Callable[..., Explanation]:
    return build_explanation


@pytest.fixture(params=sorted(extremes()))
def extreme(request: pytest.FixtureRequest) -> Explanation:
    return extremes()[request.param]
