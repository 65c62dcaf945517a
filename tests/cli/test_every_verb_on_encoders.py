"""Encoders of others, as they are, through every verb that is given a model: on a real file, nothing trained by hbi."""

import json
from pathlib import Path

import pytest

from hbi.shape_stories import generate_shape_stories
from small_clips import write_clip
from small_encoders import KINDS, small_encoder

pytest.importorskip("lancedb", reason="an index is made with the extra `search`")
pytestmark = pytest.mark.slow

SENTENCE_MODELS = ("st-clip", "st-qwen", "st-colpali")
TEXT = "a person rides a horse"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """ShapeStories, a video, and one folder for each encoder."""
    folder = tmp_path_factory.mktemp("encoders")
    generate_shape_stories(folder / "stories", num_train=2, num_val=1, num_test=3)
    write_clip(folder / "videos" / "clip.mp4", seconds=2)
    return folder


@pytest.fixture(params=[*KINDS, *SENTENCE_MODELS])
def encoder(request, place) -> Path:
    """The folder of a small encoder with random weights."""
    kind = request.param
    if kind in KINDS:
        return small_encoder(kind, place / kind)
    pytest.importorskip("sentence_transformers", reason="these are opened with the extra `sentence`")
    import small_sentence_models as models

    (place / kind).mkdir()
    write = {"st-clip": models.write_clip, "st-qwen": models.write_qwen, "st-colpali": models.write_colpali}[kind]
    return write(place / kind)


def test_every_verb_takes_an_encoder_as_it_is(hbi, encoder, place, tmp_path):
    video, index = place / "videos" / "clip.mp4", tmp_path / "index"
    said = {}
    for verb, command in {
        "index": ("index", video, "--index", index, "--model", encoder),
        "search": ("search", index, TEXT, "--json"),
        "search and explain": ("search", index, TEXT, "--explain", tmp_path / "found.html"),
        "search with a clip": ("search", index, "--like", video),
        "check": ("index", "--index", index, "--check"),
        "explain": ("explain", encoder, video, TEXT, "--out", tmp_path / "why.json"),
        "explain what was indexed": ("explain", index, video, TEXT, "--out", tmp_path / "again.json"),
        "evaluate": ("evaluate", encoder, "--data", place / "stories", "--out", tmp_path / "measured"),
    }.items():
        code, said[verb], error = hbi(*command)
        assert code == 0, (verb, error)
    assert "recall@10 1.000" in said["check"]
    why, again = (json.loads((tmp_path / name).read_text()) for name in ("why.json", "again.json"))
    # An index keeps the model itself, and names it as it was named.
    assert why["similarity"] == again["similarity"]
    assert "".join((tmp_path / "found.html").read_text().split()).count("horse") > 0
    # One segment: what is searched with is what is explained; an index keeps vectors in half precision.
    [hit] = json.loads(said["search"])["hits"]
    assert hit["score"] == pytest.approx(why["similarity"], rel=2e-3, abs=2e-3)


def test_every_verb_says_in_one_line_that_an_encoder_answers_no_questions(hbi, place):
    folder = small_encoder("siglip", place / "siglip that is asked")
    code, _, error = hbi("answer", folder, place / "videos" / "clip.mp4", "what color is the horse?")
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert "answers no questions" in error
