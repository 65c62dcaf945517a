"""Explanations of wrong types and sizes are refused when they are read; what is accepted can be drawn."""

import base64
import io
import json
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from explanation.made_up import build_explanation, drawn, extremes
from hbi.explanation import Explanation, Frame, Word, render_page
from hbi.explanation.checks import MOST_CELLS, MOST_FRAMES, MOST_LETTERS_OF_WORD, MOST_WORDS
from hbi.explanation.files.record import DATA_URI, ExplanationFileError
from hbi.explanation.html.markup import escape
from hbi.figures import loss_curves_svg, render_figure


@pytest.fixture
def record():
    return json.loads(drawn(build_explanation("a red dog", num_frames=2)).to_json())


def refused(record: object) -> str:
    text = record if isinstance(record, str) else json.dumps(record)
    with pytest.raises(ExplanationFileError) as caught:
        Explanation.from_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


OTHERS = (None, True, "1", [], {}, [[1]], 10**400, 1e308, -(2**70))


@pytest.mark.parametrize("odd", OTHERS, ids=str)
@pytest.mark.parametrize(
    "path",
    [
        *(("duration_seconds",), ("similarity",), ("words",), ("frames",), ("levels",)),
        *(("words", 0), ("words", 0, "start"), ("words", 0, "end")),
        *(("frames", 0), ("frames", 0, "timestamp_seconds"), ("frames", 1, "end_seconds"), ("frames", 0, "thumbnail")),
        *(("levels", 0), ("levels", 0, "level"), ("levels", 0, "weight"), ("levels", 0, "similarity")),
        *(("levels", 0, "word_groups"), ("levels", 1, "frame_groups", 0), ("levels", 0, "interactions")),
        *(
            ("levels", 0, "interactions", 0),
            ("levels", 0, "interactions", 0, 1),
            ("levels", 1, "token_similarity", 0, 0),
        ),
        *(("levels", 0, "word_weights", 0), ("levels", 0, "frame_values"), ("levels", 2, "frame_weights", 0)),
        *(("levels", 0, "word_errors", 0), ("levels", 1, "interaction_errors", 0), ("levels", 2, "frame_errors", 0)),
        *(("format",), ("version",)),
    ],
    ids=str,
)
def test_values_of_another_kind_are_refused(record, path, odd):
    part = record
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = odd
    assert "make it" in refused(record)


@pytest.mark.parametrize("name", ["text", "video", "model", "remark"])
def test_texts_are_texts(record, name):
    for odd in (True, 7, 0.0, ["a"], {"a": "b"}, *([None] if name != "remark" else [])):
        refused(record | {name: odd})


@pytest.mark.parametrize("name", ["interaction_errors", "word_errors", "frame_errors", "token_similarity"])
def test_arrays_that_may_be_left_out_are_null_or_right(record, name):
    level = record["levels"][0]
    whole = level[name]
    for odd in (True, "1", [], {}, [None], [[[1.0]]], 0.5, whole[:-1]):
        level[name] = odd
        refused(record)
    level[name] = None
    assert getattr(Explanation.from_json(json.dumps(record)).levels[0], name) is None


def test_the_score_has_a_name_and_words_are_out_in_one_of_two_ways(record):
    for odd in (None, True, 7, "", "  ", ["a"], "x" * 101):
        assert "score" in refused(record | {"score": odd})
    for odd in (None, 0, 1, "true", []):
        assert "words_at_input" in refused(record | {"words_at_input": odd})
    for odd in (True, 1.0, "1", {}, [1.0], [["a"]], [[None]], [[1.0]], [[[1.0]]], [[1e301] * 2] * 3):
        assert "word" in refused(record | {"word_fits": odd})


def test_fields_are_those_that_are_written(record):
    record["words"][0]["other"] = 1
    assert 'one of the words has ["other"], which none has' in refused(record)
    del record["words"][0]["other"], record["words"][0]["end"]
    assert "['end'] of one of the words is missing" in refused(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "too deep"),
        ('{"format": ' + "9" * 5000 + "}", "thousands of digits"),
        ('{"format": NaN}', "NaN is no number"),
        ('{"format": "hbi-explanation", "format": "hbi-explanation"}', "twice"),
        ('{"format": "hbi-explanation", "version": ' + "[" * 500 + "]" * 500 + "}", "of version"),
        ("", "not JSON"),
        ("\x00", "not JSON"),
    ],
)
def test_texts_that_are_no_record(text, message):
    assert message in refused(text)


def png(width: int, height: int, *, body: bytes = b"", second: tuple[int, int] | None = None) -> bytes:
    """The bytes of a PNG that says to be of this size, and perhaps says so twice."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    sizes = [(width, height), *([second] if second else [])]
    heads = b"".join(chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)) for size in sizes)
    body = body or zlib.compress(b"\0" * min(10_000_000, (3 * width + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + heads + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(mode: str, kind: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (32, 18)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (png(12_000, 12_000), "12000 x 12000 pixels is too large"),
        (png(2**31 - 1, 2**31 - 1), "too large"),
        (png(32, 18, second=(9_000, 9_000)), "picture"),
        (png(32, 18, second=(20_000, 20_000)), "picture"),
        (png(32, 18, body=b"\x00"), "is damaged"),
        (png(32, 18)[:60], "is damaged"),
        (png(0, 0), "picture"),
        (saved("L", "PNG"), "is no PNG in red, green and blue"),
        (saved("RGBA", "PNG"), "is no PNG in red, green and blue"),
        (saved("RGB", "JPEG"), "picture"),
        (saved("RGB", "GIF"), "picture"),
        (b"", "picture"),
    ],
)
def test_pictures(record, tmp_path, picture, message):
    """Refused before they are decoded; in the record and beside it."""
    tracemalloc.start()
    record["frames"][0]["thumbnail"] = DATA_URI + base64.b64encode(picture).decode()
    assert message in refused(record)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
    build_explanation(num_frames=2).save(tmp_path)
    (tmp_path / "frames" / "0000.png").write_bytes(picture)
    with pytest.raises(ExplanationFileError, match="This explanation is damaged"):
        Explanation.load(tmp_path)


def test_many_large_pictures_are_refused_before_they_are_decoded(record):
    uri = DATA_URI + base64.b64encode(png(1400, 1400)).decode()
    record["frames"] = [record["frames"][0] | {"thumbnail": uri}] * MOST_FRAMES
    tracemalloc.start()
    assert "1400 x 1400 pixels is too large" in refused(record)
    assert tracemalloc.get_traced_memory()[1] < 300_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
def test_only_regular_files_are_opened(tmp_path, make):
    build_explanation(num_frames=2).save(tmp_path)
    for path in (tmp_path / "frames" / "0001.png", tmp_path / "explanation.json"):
        path.unlink()
        make(path)
        with pytest.raises(ExplanationFileError):
            Explanation.load(tmp_path)
        with pytest.raises(ExplanationFileError):
            Explanation.load(path)


def test_more_than_can_be_drawn_is_refused_where_it_is_made(record):
    words, frames = record["words"], record["frames"]
    assert "words are too many" in refused(record | {"words": words * MOST_WORDS})
    assert "frames are too many" in refused(record | {"frames": frames * MOST_FRAMES})
    assert "too many to be drawn" in refused(record | {"levels": record["levels"] * 3})
    record["levels"][0]["interactions"] = [[0.0] * (MOST_FRAMES + 1)]
    assert "too many to be drawn" in refused(record)
    with pytest.raises(ValueError, match="too many to be drawn"):
        build_explanation(" ".join(["a"] * MOST_WORDS), num_frames=1 + MOST_CELLS // MOST_WORDS)
    with pytest.raises(ValueError, match="letters"):
        Word("a" * (MOST_LETTERS_OF_WORD + 1), 0, 1)
    with pytest.raises(ValueError, match="too large"):
        Frame(0.0, 0.0, 1.0, np.zeros((3, 2000, 2000), np.uint8))
    with pytest.raises(ValueError, match="not a text"):
        replace(build_explanation(), model=7)


def test_numbers_of_numpy_and_torch_are_taken_and_truths_and_texts_are_not():
    import torch

    assert Word("a", np.int64(0), torch.tensor(1)).end == 1
    thumbnail = np.zeros((3, 2, 2), np.uint8)
    assert Frame(np.float32(0.5), torch.tensor(0.0), 1, thumbnail).timestamp_seconds == 0.5
    for odd in (True, np.bool_(True), "1", 1.0, None):
        with pytest.raises(ValueError, match="not a whole number"):
            Word("a", 0, odd)
    for odd in (True, np.bool_(False), "0", None, np.zeros(1), torch.tensor([0.0]), 10**400, float("nan")):
        with pytest.raises(ValueError, match="seconds"):
            Frame(odd, 0.0, 1.0, thumbnail)


@pytest.mark.parametrize(("scale", "seconds"), [(5e-324, 0.0), (1e-310, 1e-300), (1e6, 1e-4), (1e298, 9e8)])
@pytest.mark.parametrize("is_drawn", [False, True])
def test_numbers_of_any_size_are_drawn(tmp_path, scale, seconds, is_drawn):
    values = np.random.default_rng(3).normal(size=(3, 3)) * scale
    explanation = build_explanation(
        "a red dog", num_frames=3, duration_seconds=seconds, values=lambda words, frames: values[:words, :frames]
    )
    if is_drawn:
        explanation = drawn(explanation)
    again = Explanation.from_json(explanation.to_json())
    render_page(again)
    render_figure(again, tmp_path / "figure.svg")
    render_figure(again, tmp_path / "timeline.svg", levels="timeline")


def test_long_texts_and_words_are_drawn(tmp_path):
    text = "a red dog " + "x" * 300_000
    long = build_explanation(f"a red {'x' * MOST_LETTERS_OF_WORD} dog", num_frames=2)
    for explanation in (
        replace(build_explanation("a red dog", num_frames=2), text=text, remark=text, video=text, model=text),
        long,
    ):
        render_figure(explanation, tmp_path / "figure.png")
        render_figure(explanation, tmp_path / "figure.png", levels="timeline")
        assert Image.open(tmp_path / "figure.png").height < 8000
        assert Explanation.from_json(explanation.to_json()).text == explanation.text
    assert len(render_page(long)) < 200_000


def test_control_characters_are_shown_as_pictures_on_a_page():
    assert escape("a\0b\x1b[31m\x7f\x85\ufffe\n\t<") == "a␀b␛[31m␡��\n\t&lt;"
    page = render_page(replace(extremes()["one"], video="\0\x1b\x9b\udcff", remark="\x08"))
    assert "␀␛�?" in page
    assert not set(page) & set("\0\x08\x1b\x9b\udcff")


def test_curves_of_any_numbers():
    values = (1e308, -1e308, 0.0, 5e-324, float("inf"), float("nan"), 10**400, 1e-300)
    for some in (values, (0.0, 5e-324), (1e300, -1e300), (10**400,)):
        assert loss_curves_svg({"loss": list(enumerate(some))}, "losses").endswith("</svg>")
