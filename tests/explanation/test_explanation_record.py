"""JSON and back: the same numbers, the same pixels, any text; and one line for a file that is none."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.errors import HBIError
from hbi.explanation import Explanation, Frame, LevelExplanation, Word


def assert_same(one: Explanation, other: Explanation) -> None:
    for name in ("text", "video", "duration_seconds", "words", "similarity", "model", "remark"):
        assert getattr(one, name) == getattr(other, name), name
    for mine, yours in zip(one.frames, other.frames, strict=True):
        assert (mine.timestamp_seconds, mine.start_seconds, mine.end_seconds) == (
            yours.timestamp_seconds,
            yours.start_seconds,
            yours.end_seconds,
        )
        assert np.array_equal(mine.thumbnail, yours.thumbnail)
    for mine, yours in zip(one.levels, other.levels, strict=True):
        assert (mine.level, mine.similarity) == (yours.level, yours.similarity)
        assert (mine.word_groups, mine.frame_groups) == (yours.word_groups, yours.frame_groups)
        assert np.array_equal(mine.interactions, yours.interactions)


def test_every_explanation_comes_back_as_it_was(extreme):
    assert_same(Explanation.from_json(extreme.to_json()), extreme)


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(st.characters(), min_size=1, max_size=12),
    value=st.floats(allow_nan=False, allow_infinity=False),
    seconds=st.floats(0, 1e6),
    pixels=st.binary(min_size=12, max_size=12),
)
def test_any_text_number_and_picture_comes_back(text, value, seconds, pixels):
    thumbnail = np.frombuffer(pixels, dtype=np.uint8).reshape(3, 2, 2)
    explanation = Explanation(
        text=text,
        video=text,
        duration_seconds=seconds,
        words=(Word(text, 0, len(text)),),
        frames=(Frame(seconds, seconds / 2, seconds, thumbnail),),
        levels=(LevelExplanation("entity", value, (0,), (0,), np.array([[value]])),),
        similarity=value,
        model=text,
        remark=text,
    )
    written = explanation.to_json()
    assert_same(Explanation.from_json(written.encode("utf-8").decode("utf-8")), explanation)


def test_the_record_says_what_it_is(make_explanation):
    record = json.loads(make_explanation().to_json())
    assert (record["format"], record["version"]) == ("hbi-explanation", 1)
    assert record["words"][1] == {"text": "red", "start": 2, "end": 5}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda record: "{", "not JSON"),
        (lambda record: "[]", "its format is not"),
        (lambda record: json.dumps(record | {"version": 2}), "of version 2"),
        (lambda record: json.dumps({k: v for k, v in record.items() if k != "words"}), "'words' is missing"),
        (lambda record: json.dumps(record | {"duration_seconds": 0.5}), "in a video of 0.5 s"),
        (lambda record: json.dumps(record | {"duration_seconds": None}), "is damaged"),
        (lambda record: json.dumps(record | {"levels": [{}]}), "is damaged"),
        (
            lambda record: json.dumps(record | {"frames": [record["frames"][0] | {"thumbnail": "AAAA"}]}),
            "is damaged",
        ),
    ],
)
def test_what_is_no_explanation_is_said_in_one_line(make_explanation, damage, message):
    record = json.loads(make_explanation().to_json())
    with pytest.raises(HBIError, match=message) as caught:
        Explanation.from_json(damage(record))
    assert "\n" not in str(caught.value)
