import pytest

from evaluation.small_split import TEXTS, three_videos
from small_networks import small_matcher


@pytest.fixture(scope="package")
def matcher():
    return small_matcher(TEXTS)


@pytest.fixture(scope="package")
def frames():
    return three_videos()
