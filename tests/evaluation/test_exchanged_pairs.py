"""A network that knows every word, and one that knows none, on captions made wrong."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hbi.data.exchanged_captions import CaptionExchanger
from hbi.data.frames import FrameStore
from hbi.data.samples import MinimalPair, Split, Text, Video
from hbi.evaluation.minimal_pairs import exchanged_pairs, minimal_pair_report, share_interval

COLORS, ANIMALS, VERBS = ("red", "blue", "green"), ("cat", "dog", "bird"), ("sits", "runs", "sings")
STORIES = list(product(COLORS, ANIMALS, VERBS))
CAPTIONS = [f"the {color} {animal} {verb}" for color, animal, verb in STORIES]
WORDS = (*COLORS, *ANIMALS, *VERBS)


class Network:
    """Stands in for a matcher: a text scores the known words that its video shows."""

    def __init__(self, known):
        self.known = known

    def encode_texts(self, texts):
        words = [set(re.findall(r"\w+", text)) & set(self.known) for text in texts]
        return torch.tensor([[float(word in each) for word in WORDS] for each in words])

    def encode_frames(self, content, mask):
        return SimpleNamespace(shown=content[:, 0].float())

    def similarity(self, texts, videos):
        return texts @ videos.shown.T


@pytest.fixture(scope="module")
def split():
    videos = tuple(Video(f"v{row}", Path(f"v{row}.mp4")) for row in range(len(CAPTIONS)))
    own = tuple(MinimalPair("color", row, text, text.replace("red", "blue")) for row, text in enumerate(CAPTIONS))
    own = tuple(pair for pair in own * 3 if pair.true_text != pair.false_text)
    return Split("test", videos, tuple(Text(text, row, (row,)) for row, text in enumerate(CAPTIONS)), own)


@pytest.fixture(scope="module")
def frames():
    shown = torch.tensor([[[int(word in story) for word in WORDS]] for story in STORIES])
    return FrameStore(shown, torch.ones(len(STORIES), 1, dtype=torch.bool), torch.zeros(len(STORIES), 1), ("a fault",))


@pytest.fixture(scope="module")
def exchanger():
    return CaptionExchanger.of([[caption] for caption in CAPTIONS] * 3)


def test_each_video_has_a_pair_of_each_kind(split, exchanger):
    pairs = list(exchanged_pairs(split, exchanger))
    assert len(pairs) == 3 * len(CAPTIONS)
    for pair in pairs:
        differing = [{*one.split()} for one in (pair.true_text, pair.false_text)]
        (true,), (false,) = differing[0] - differing[1], differing[1] - differing[0]
        assert pair.true_text == CAPTIONS[pair.video]
        assert any({true, false} <= set(words) and words[0] in pair.kind for words in (COLORS, ANIMALS, VERBS))
    assert pairs == list(exchanged_pairs(split, exchanger))
    assert pairs != list(exchanged_pairs(split, exchanger, seed=1))


def test_who_knows_a_word_tells_its_pairs_apart_and_no_others(split, frames, exchanger):
    done = []
    report = minimal_pair_report(
        Network((*COLORS, *VERBS)), split, frames, exchanger, progress=lambda *counts: done.append(counts)
    )
    found = {kind.kind.split(",")[0]: kind for kind in report.exchanged}
    assert set(found) == {"red", "cat", "sits"}
    for name in ("red", "sits"):
        assert (found[name].accuracy, found[name].low, found[name].high) == (100.0, 100.0, 100.0)
        assert found[name].elsewhere < 80.0
    assert (found["cat"].accuracy, found["cat"].low, found["cat"].high, found["cat"].elsewhere) == (50.0,) * 4
    assert sum(kind.num_pairs for kind in report.exchanged) + len(split.minimal_pairs) == done[-1][0] == done[-1][1]
    (own,) = report.own
    assert (own.kind, own.accuracy, own.num_pairs) == ("color", 100.0, 27)
    assert report.to_dict()["faults"] == ("a fault",)
    assert report.num_videos == len(CAPTIONS)


def test_on_another_video_a_pair_is_compared_there(split, frames, exchanger):
    report = minimal_pair_report(Network(VERBS), split, frames, exchanger)
    pairs = [pair for pair in exchanged_pairs(split, exchanger) if "sits" in pair.kind]
    right = []
    for pair in pairs:
        shown = STORIES[(pair.video + len(STORIES) // 2) % len(STORIES)]
        true, false = (sum(word in shown for word in text.split() if word in VERBS) for text in
                       (pair.true_text, pair.false_text))  # fmt: skip
        right.append((true > false) + (true == false) / 2)
    found = next(kind for kind in report.exchanged if "sits" in kind.kind)
    assert found.elsewhere == pytest.approx(100 * sum(right) / len(right))


def test_the_interval_of_a_share_draws_videos():
    values = torch.tensor([1.0, 0.0] * 200)
    low, high = share_interval(values, list(range(400)))
    # Of 400 independent pairs 1.96 standard errors are 4.9 points.
    assert low == pytest.approx(45.1, abs=0.8)
    assert high == pytest.approx(54.9, abs=0.8)
    # Where a video has four pairs alike it is as if there were a quarter of them.
    low, high = share_interval(values.repeat_interleave(2)[:400].sort().values, [row // 4 for row in range(400)])
    assert low == pytest.approx(50 - 9.8, abs=1.5)
    assert high == pytest.approx(50 + 9.8, abs=1.5)
    assert share_interval(torch.ones(30), [0] * 30) == (100.0, 100.0)


def test_of_many_kinds_the_rare_ones_are_taken_together(split, frames, exchanger):
    pairs = tuple(
        MinimalPair(f"kind {number}", row, text, "the cow flies")
        for number, count in enumerate((20, *[3] * 8))
        for row, text in enumerate(CAPTIONS[:count])
    )
    order = MinimalPair("order", 0, CAPTIONS[0], "the cow flies")
    report = minimal_pair_report(Network(WORDS), replace(split, minimal_pairs=(*pairs, order)), frames, exchanger)
    assert [(kind.kind, kind.num_pairs) for kind in report.own] == [("kind 0", 20), ("order", 1), ("other words", 24)]
