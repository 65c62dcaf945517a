"""A word is found only where a frame of the moment matches it, and not found only where none does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hbi.matching import load_matcher
from hbi.models import GlobalConfig, GlobalContrastModel
from hbi.search import VideoIndex, frame_fits
from hbi.search.frame_fits import agreed_matches, frames_that_match
from hbi.search.results import WordMatch
from small_networks import global_config

WORDS = ["red", "square", "blue", "star", "spins", "green"]


def match(verdict, text="red"):
    return WordMatch(text, 0, len(text), 0.5, verdict)


@pytest.mark.parametrize(
    ("verdict", "is_shown", "expected"),
    [
        ("found", True, "found"),
        ("found", False, "cannot tell"),
        ("not found", False, "not found"),
        ("not found", True, "cannot tell"),
        ("cannot tell", True, "cannot tell"),
        ("unknown", True, "unknown"),
    ],
)
def test_a_verdict_holds_only_where_the_frames_say_so_too(monkeypatch, verdict, is_shown, expected):
    asked = []

    def shown(codec, words, segments, frames, moments):
        asked.extend(words)
        return np.full((len(words), 2), is_shown)

    monkeypatch.setattr(frame_fits, "frames_that_match", shown)
    given = [(match(verdict), match("found", "blue")), (match(verdict),)]
    (first, second), (third,) = agreed_matches(None, given, None, None)
    assert (first.verdict, third.verdict) == (expected, expected)
    assert second.verdict == ("found" if is_shown else "cannot tell")
    assert asked == (["blue", "red"] if verdict in ("found", "not found") else ["blue"])


def test_where_single_frames_are_not_known_verdicts_stay(monkeypatch):
    monkeypatch.setattr(frame_fits, "frames_that_match", lambda *arguments: None)
    given = [(match("found"), match("not found", "blue"))]
    assert agreed_matches(None, given, None, None) == given


def whole_model(matcher):
    torch.manual_seed(3)
    values = global_config(matcher.config).to_dict() | {"temporal_layers": 0}
    config = GlobalConfig(**{name: value for name, value in values.items() if name not in ("model_type", "aggregator")})
    return replace(matcher, model=GlobalContrastModel(config).eval(), name="whole")


def check_against_explanations(index):
    """What an explanation of the same span shows first, with words and frames encoded anew from the file."""
    snapshot, num_compared, answers = index.snapshot(), 0, set()
    for hit in index.search("a red square", limit=3).hits:
        segment = snapshot.segment(hit.segment_id)
        shown = frames_that_match(index.codec, WORDS, segment, snapshot.frame_vectors(segment))
        for word, given in zip(WORDS, shown[:, 0], strict=True):
            explanation = index.explain(
                hit.path, word, start_seconds=hit.segment_start_seconds, end_seconds=hit.segment_end_seconds
            )
            best = explanation.word_fits[0].max()
            if abs(best) > 0.1:  # an index keeps tokens in half precision
                assert given == (best > 0), (word, best)
                num_compared += 1
                answers.add(bool(given))
    assert num_compared >= len(WORDS) - 1
    return answers


def test_it_is_what_an_explanation_shows(index, matcher, clips, tmp_path):
    answers = check_against_explanations(index)
    whole = VideoIndex.create(tmp_path / "index", whole_model(matcher))
    whole.add([clips / "clip-1.mp4", clips / "clip-2.mp4"])
    assert answers | check_against_explanations(whole) == {True, False}


def test_of_models_with_many_vectors_too(clips, tmp_path):
    pytest.importorskip("sentence_transformers")
    from small_sentence_models import write_colpali

    index = VideoIndex.create(tmp_path / "index", load_matcher(write_colpali(tmp_path), device="cpu", num_frames=3))
    index.add([clips / "clip-2.mp4"])
    check_against_explanations(index)
