"""Any question gets an answer or one clear line, and the answer comes with where it is from."""

import numpy as np
import pytest
import torch

from hbi.explanation import Explanation
from hbi.matching.explaining import ExplanationError
from hbi.video import VideoError
from small_networks import small_answerer

ANSWERS = ("red", "blue", "two", "spins")


@pytest.fixture(scope="module")
def answerer():
    return small_answerer(["what color is the star?", "how many rings are there?"], ANSWERS)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(12):
            picture = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    "question",
    [
        "What color is the star?",
        "the star is blue",
        "???",
        "🦙",
        "zyzzyva qwxv?",
        "何色ですか",
        "a",
        "color " * 200,
        "what\ncolor?",
        "[bold]",
    ],
)
def test_anything_said_is_answered(answerer, film, question):
    answered = answerer.answer(film, question)
    assert answered.probabilities.sum().item() == pytest.approx(1.0)
    best = answered.best(3)
    assert len(best) == 3
    assert best[0][1] >= best[1][1] >= best[2][1]
    assert best[0][0] in ANSWERS
    assert isinstance(answered.explanation, Explanation)
    assert answered.explanation.remark.startswith(f"the answer: {best[0][0]}")


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_an_empty_question_is_told_in_one_line(answerer, film, question):
    with pytest.raises(ExplanationError, match="the question is empty") as caught:
        answerer.answer(film, question)
    assert "\n" not in str(caught.value)


def test_a_question_that_is_cut_is_told(answerer, film):
    assert "too long for the model" in answerer.answer(film, "color " * 40).remark


def test_a_missing_video_is_told(answerer, tmp_path):
    with pytest.raises(VideoError):
        answerer.answer(tmp_path / "none.mp4", "what color?")


def test_reasons_are_the_largest_positive_interactions(answerer, film):
    answered = answerer.answer(film, "What color is the star?")
    reasons = answered.reasons(4)
    values = np.sort(answered.explanation.interactions, axis=None)[::-1]
    assert [value for _, _, value in reasons] == [value for value in values[:4] if value > 0]
    for word, frame, value in reasons:
        row, column = answered.explanation.words.index(word), answered.explanation.frames.index(frame)
        assert answered.explanation.interactions[row, column] == value


def test_more_answers_than_there_are(answerer, film):
    assert len(answerer.answer(film, "what color?").best(99)) == len(ANSWERS)


def test_the_answer_is_the_networks(answerer, film):
    answered = answerer.answer(film, "What color is the star?")
    assert torch.isfinite(answered.probabilities).all()
    assert answered.answers == answerer.answers == ANSWERS
    assert answered.text == answered.best(1)[0][0]
