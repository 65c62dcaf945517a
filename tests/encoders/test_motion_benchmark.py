"""The benchmark of motion: what stems are given, what counts as right, and what is not computed twice."""

import argparse
import importlib
import json
from pathlib import Path

import pytest
import torch

from hbi.data.frames import FrameStore
from hbi.shape_stories import Event, Story
from hbi.shape_stories.world import VALUES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def motion():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("motion")


@pytest.fixture
def labeled(motion):
    """Six videos of as many frames as training takes, whose labels are random, and some of them left out."""
    torch.manual_seed(0)
    shape = (6, motion.FRAMES_PER_POSITION * motion.POSITIONS)
    pixels = torch.randint(0, 256, (*shape, motion.TUBELET, 3, motion.SIDE, motion.SIDE), dtype=torch.uint8)
    labels = torch.stack([torch.randint(len(values), shape) for values in VALUES.values()], -1)
    labels[:, ::5] = motion.NOTHING
    mask = torch.ones(shape, dtype=torch.bool)
    return motion.Labeled(FrameStore(pixels, mask, torch.zeros(shape, dtype=torch.float64), ()), labels)


def test_labels_are_those_of_the_event_on_screen(motion):
    events = (Event("red", "star", "spins", 0.0, 2.0), Event("black", "ring", "falls", 2.25, 4.0))
    story = Story("a", Path("a.mp4"), 5.0, events, (), (), ())
    seconds = torch.tensor([[0.0, 1.875, 2.0, 2.125, 2.25, 3.875, 4.0, 0.5]], dtype=torch.float64)
    mask = torch.tensor([[True] * 7 + [False]])
    labels = motion.labels_of([story], seconds, mask)
    for second, is_there, found in zip(seconds[0].tolist(), mask[0].tolist(), labels[0].tolist(), strict=True):
        on = [each for each in events if is_there and each.start_seconds <= second < each.end_seconds]
        told = [[list(values).index(getattr(event, kind)) for kind, values in VALUES.items()] for event in on]
        assert found == (told[0] if told else [motion.NOTHING] * 3)


def test_what_stems_are_given(motion):
    first, middle, last = (torch.full((1, 1, 3, 2, 2), value) for value in (1.0, 4.0, 9.0))
    tubelets = torch.stack([first, middle, last], 2)
    assert torch.equal(motion.seen_by("single", tubelets), middle)
    assert torch.equal(motion.seen_by("stacked", tubelets), torch.cat([first, middle, last], 2))
    slow, fast = motion.TIMES * (last - first), motion.TIMES * ((first + last) / 2 - middle)
    assert torch.allclose(motion.seen_by("differences", tubelets), torch.cat([middle, slow, fast], 2))
    assert torch.equal(motion.seen_by("convolutional", tubelets), tubelets)


def test_only_the_single_frame_is_blind_to_what_is_around_it(motion, labeled):
    pixels, mask = labeled.frames.pixels[:1, :2], labeled.frames.mask[:1, :2]
    backwards = pixels.flip(2)  # the frame in the middle stays
    for stem in motion.STEMS:
        probe = motion.Probe(stem).eval()
        same = [torch.allclose(*pair) for pair in zip(probe(pixels, mask), probe(backwards, mask), strict=True)]
        assert all(same) if stem == "single" else not any(same)


def test_batches_draw_within_the_part_of_each_position(motion, labeled):
    settings = motion.Settings(steps=3, batch_size=2, train_videos=6, val_videos=6)
    number = torch.arange(labeled.labels.shape[1]).expand(6, -1)
    numbered = motion.Labeled(labeled.frames, torch.stack([number] * 3, -1))
    drawn = [labels[..., 0] // motion.FRAMES_PER_POSITION for *_, labels in motion.batches(numbered, settings, 0)]
    assert len(drawn) == 3
    assert all(torch.equal(each, torch.arange(motion.POSITIONS).expand(2, -1)) for each in drawn)


def test_accuracy_leaves_out_positions_where_nothing_is_on(motion, labeled):
    def says_the_first(pixels, mask):
        logits = [torch.zeros(*mask.shape, len(values)) for values in VALUES.values()]
        for each in logits:
            each[..., 0] = 1
        return logits

    found = motion.accuracy(says_the_first, labeled)
    judged = [row for row in labeled.labels.flatten(0, 1).tolist() if row[0] != motion.NOTHING]
    for number, kind in enumerate(VALUES):
        assert found[kind] == pytest.approx(100 * sum(row[number] == 0 for row in judged) / len(judged))
        most = max(sum(row[number] == value for row in judged) for value in range(12))
        assert motion.most_frequent(labeled)[kind] == pytest.approx(100 * most / len(judged))


def test_a_probe_learns_a_batch_by_heart(motion, labeled):
    settings = motion.Settings(steps=1, batch_size=2, train_videos=6, val_videos=6)
    batch = next(motion.batches(labeled, settings, 0))
    training = motion.Training("convolutional", 0, 40)
    losses = [training.step(*batch) for _ in range(40)]
    assert losses[-1] < losses[0] - 1


def test_what_is_stored_is_not_computed_again(motion, labeled, tmp_path, monkeypatch):
    arguments = argparse.Namespace(
        data=tmp_path,
        steps=1,
        batch_size=2,
        seeds=1,
        train_videos=None,
        val_videos=None,
        timed_steps=1,
        results=tmp_path / "motion.json",
    )
    computed = []

    def trained(stem, seed, *_):
        computed.append((stem, seed))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return {"1": {"color": 50.0, "shape": 20.0, "action": 10.0 * seed}}

    monkeypatch.setattr(motion, "read", lambda *_: labeled)
    monkeypatch.setattr(motion, "trained", trained)
    monkeypatch.setattr(motion, "milliseconds", lambda *_: dict.fromkeys(motion.STEMS, 2.0) | {"stacked": 3.0})
    with pytest.raises(KeyboardInterrupt):
        motion.measure(arguments)
    motion.measure(arguments)
    assert computed == [(stem, 0) for stem in ("single", "stacked", "differences", "differences", "convolutional")]
    arguments.seeds = 2
    motion.measure(arguments)
    assert computed[5:] == [(stem, 1) for stem in motion.STEMS]
    rows = motion.tables(json.loads(arguments.results.read_text()))["motion"]
    assert rows[3].startswith("| three frames, stacked | 2 | 50.0 ± 0.0 | 20.0 ± 0.0 | 5.0 ± 7.1 |")
    assert rows[3].endswith("| 3 | 1.50 |")
    arguments.steps = 2
    with pytest.raises(SystemExit, match=r"was measured with .*'steps': 1"):
        motion.measure(arguments)
