"""JSON and back: the same numbers, the same pixels, any text; and one line for a file that is none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explanation.made_up import build_explanation, kinds, level_of
from hbi.errors import HBIError
from hbi.explanation import Explanation, Frame, Word
from hbi.explanation.files.record import VERSION
from hbi.explanation.level import OPTIONAL


def assert_same(one: Explanation, other: Explanation) -> None:
    names = ("text", "video", "duration_seconds", "words", "similarity", "model", "remark", "score", "words_at_input")
    for name in names:
        assert getattr(one, name) == getattr(other, name), name
    for mine, yours in zip(one.frames, other.frames, strict=True):
        assert (mine.timestamp_seconds, mine.start_seconds, mine.end_seconds) == (
            yours.timestamp_seconds,
            yours.start_seconds,
            yours.end_seconds,
        )
        assert np.array_equal(mine.thumbnail, yours.thumbnail)
    for mine, yours in zip(one.levels, other.levels, strict=True):
        assert (mine.level, mine.weight, mine.similarity) == (yours.level, yours.weight, yours.similarity)
        assert (mine.word_groups, mine.frame_groups) == (yours.word_groups, yours.frame_groups)
        for name in ("interactions", "word_values", "frame_values", *OPTIONAL):
            assert (getattr(mine, name) is None) == (getattr(yours, name) is None), name
            assert np.array_equal(getattr(mine, name), getattr(yours, name)), name


def test_every_explanation_comes_back_as_it_was(extreme):
    assert_same(Explanation.from_json(extreme.to_json()), extreme)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_score_comes_back_as_it_was(tmp_path, kind):
    explanation = kinds()[kind]
    assert_same(Explanation.from_json(explanation.to_json()), explanation)
    explanation.save(tmp_path)
    again = Explanation.load(tmp_path)
    assert_same(again, explanation)
    assert again.is_exact == ("drawn" not in kind)


def test_a_record_of_version_2_is_a_cosine_of_tokens_and_exact(make_explanation):
    explanation = make_explanation()
    record = json.loads(explanation.to_json()) | {"version": 2}
    del record["score"], record["words_at_input"]
    for level in record["levels"]:
        for name in ("interaction_errors", "word_errors", "frame_errors"):
            assert level.pop(name) is None
    assert_same(Explanation.from_json(json.dumps(record)), explanation)
    assert (explanation.score, explanation.words_at_input) == ("cosine similarity", False)


def test_a_record_of_version_3_has_no_fits_of_words(make_explanation):
    explanation = make_explanation()
    record = json.loads(explanation.to_json()) | {"version": 3}
    assert record.pop("word_fits") is None
    again = Explanation.from_json(json.dumps(record))
    assert_same(again, explanation)
    assert again.word_fits is None


def test_fits_of_words_come_back_as_they_were(tmp_path, make_explanation):
    explanation = replace(make_explanation(), word_fits=np.random.default_rng(0).normal(size=(5, 6)))
    assert np.array_equal(Explanation.from_json(explanation.to_json()).word_fits, explanation.word_fits)
    explanation.save(tmp_path)
    assert np.array_equal(Explanation.load(tmp_path).word_fits, explanation.word_fits)


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(st.characters(), min_size=1, max_size=12),
    value=st.floats(-1e300, 1e300),
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
        levels=(level_of("entity", value, 1.0, (0,), (0,), np.array([[value]])),),
        similarity=value,
        model=text,
        remark=text,
    )
    written = explanation.to_json()
    assert_same(Explanation.from_json(written.encode("utf-8").decode("utf-8")), explanation)


def test_the_record_says_what_it_is(make_explanation):
    record = json.loads(make_explanation().to_json())
    assert (record["format"], record["version"]) == ("hbi-explanation", 6)
    assert record["words"][1] == {"text": "red", "start": 2, "end": 5}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda record: "{", "not JSON"),
        (lambda record: "[]", "its format is not"),
        (lambda record: json.dumps(record | {"version": 1}), "of version 1, and this program reads 2 to 6"),
        (lambda record: json.dumps(record | {"version": 7}), "of version 7, and this program reads 2 to 6"),
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


def test_a_folder_holds_the_record_and_one_picture_a_frame(tmp_path, extreme):
    extreme.save(tmp_path / "new" / "folder")
    record = json.loads((tmp_path / "new" / "folder" / "explanation.json").read_text())
    assert record["frames"][0]["thumbnail"] == "frames/0000.png"
    assert (tmp_path / "new" / "folder" / "frames" / "0000.png").read_bytes().startswith(b"\x89PNG")
    assert_same(Explanation.load(tmp_path / "new" / "folder"), extreme)


def test_a_single_file_loads_too(tmp_path, make_explanation):
    explanation = make_explanation(num_frames=2)
    (tmp_path / "one.json").write_text(explanation.to_json())
    assert_same(Explanation.load(tmp_path / "one.json"), explanation)


def test_what_cannot_be_loaded_is_said_in_one_line(tmp_path):
    build_explanation(num_frames=2).save(tmp_path)
    record = tmp_path / "explanation.json"
    whole = record.read_text()
    for damage, message in [
        (lambda: record.write_text(whole.replace("frames/0001.png", "../secret.png")), "lies outside its folder"),
        (lambda: record.write_text(whole.replace("frames/0001.png", "frames/0009.png")), "0009.png"),
        (lambda: record.write_text(whole.replace('"version": 6', '"version": 1')), "version 1"),
        (lambda: record.write_bytes(b"\xff\xfe\x00"), "Cannot read an explanation"),
        (record.unlink, "Cannot read an explanation"),
    ]:
        damage()
        with pytest.raises(HBIError, match=message) as caught:
            Explanation.load(tmp_path)
        assert "\n" not in str(caught.value)
    with pytest.raises(HBIError, match="load the folder that it was saved in"):
        Explanation.from_json(whole)


def test_the_reference_names_every_field(make_explanation):
    record = json.loads(make_explanation().to_json())
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "explanation-schema.md").read_text()
    assert f"version {VERSION}" in reference
    for part in (record, record["words"][0], record["frames"][0], record["levels"][0]):
        for name in part:
            assert f"`{name}`" in reference, name
