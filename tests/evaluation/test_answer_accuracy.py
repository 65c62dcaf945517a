from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hbi.data.answer_vocabulary import AnswerVocabulary
from hbi.data.choices import Choice, ChoiceSplit
from hbi.data.frames import FrameStore
from hbi.data.samples import Question, Split, Video
from hbi.evaluation.answer_accuracy import answer_logits, answer_ranks, majority_answers, report_answers, right_answers
from hbi.evaluation.answer_evidence import answer_evidence
from hbi.evaluation.choice_accuracy import choice_accuracy
from hbi.matching import Answerer
from hbi.models import AnsweringConfig, HBIProcessor, QuestionAnsweringModel
from hbi.shapes import LEVELS
from small_networks import small_answerer, small_answering_model, small_matcher

CORPUS = ["what color is the star?", "who jumps?", "how many rings are there?"]
ANSWERS = ("red", "star", "two")


def store(num_videos: int = 3, num_frames: int = 6) -> FrameStore:
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (num_videos, num_frames, 3, 16, 16), dtype=torch.uint8)
    times = torch.arange(num_frames, dtype=torch.float64).expand(num_videos, -1)
    return FrameStore(pixels, torch.ones(num_videos, num_frames, dtype=torch.bool), times, ("video 9: gone",))


def split(questions: list[Question]) -> Split:
    return Split("test", tuple(Video(str(n), Path(f"{n}.mp4")) for n in range(3)), tuple(questions))


def test_out_of_vocabulary_is_wrong_and_counted():
    asked = [
        Question("a", 0, (0,), "red", "color"),
        Question("b", 0, (0,), "puce", "color"),
        Question("c", 1, (1,), "two", "count"),
    ]
    vocabulary = AnswerVocabulary(ANSWERS)
    logits = torch.tensor([[3.0, 0, 0], [3.0, 0, 0], [0, 3.0, 0]])
    right = right_answers(logits, vocabulary.labels(asked))
    assert right.tolist() == [True, False, False]
    ranks = answer_ranks(logits, vocabulary.labels(asked))
    assert ranks.tolist() == [1, 4, 3], "of equal ones the first comes first"
    report = report_answers(split(asked), asked, vocabulary, ranks, torch.tensor([False, False, True]))
    rows = {part.kind: part for part in report.accuracies}
    assert list(rows) == ["all", "color", "count"]
    assert rows["all"].accuracy == pytest.approx(100 / 3)
    assert rows["color"].accuracy == 50.0
    assert (rows["all"].top_5, rows["count"].top_5) == (100.0, 100.0), "all that it can give are fewer than five"
    assert rows["color"].num_out_of_vocabulary == 1
    assert rows["count"].question_only == 100.0
    assert report.coverage == pytest.approx(200 / 3)
    assert report_answers(split(asked), asked, vocabulary, ranks, None).accuracies[0].question_only is None


@given(seed=st.integers(0, 1000), num_answers=st.integers(1, 12))
def test_the_rank_of_an_answer_is_its_place_among_all(seed, num_answers):
    torch.manual_seed(seed)
    logits = torch.randint(0, 4, (20, num_answers)).float()  # few values: many ties
    labels = torch.randint(-1, num_answers, (20,))
    found = answer_ranks(logits, labels)
    for row, label, rank in zip(logits.tolist(), labels.tolist(), found.tolist(), strict=True):
        order = sorted(range(num_answers), key=lambda answer: (-row[answer], answer))
        assert rank == (order.index(label) + 1 if label >= 0 else num_answers + 1)
    assert torch.equal(found <= 1, right_answers(logits, labels))


def test_the_majority_is_that_of_training_and_of_each_kind():
    train = [Question("?", 0, (0,), answer, "color") for answer in ("red", "blue", "red")]
    train += [Question("?", 0, (0,), answer, "count") for answer in ("two", "one")]
    assert majority_answers(train) == {"color": "red", "count": "one"}
    asked = [
        Question("?", 0, (0,), "red", "color"),
        Question("?", 0, (0,), "two", "count"),
        Question("?", 0, (0,), "x", "shape"),
    ]
    report = report_answers(split(asked), train, AnswerVocabulary(ANSWERS), torch.full((3,), 9), None)
    assert [part.majority for part in report.accuracies] == [pytest.approx(100 / 3), 100.0, 0.0, 0.0]


def test_answers_do_not_depend_on_batches():
    answerer = small_answerer(CORPUS, ANSWERS)
    asked = [Question(CORPUS[n % 3], n % 3, (n % 3,), "red", "what") for n in range(7)]
    together = answer_logits(answerer, asked, store())
    apart = answer_logits(answerer, asked, store(), batch_size=2)
    assert together.shape == (7, 3)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1])


def test_a_released_network_is_asked_in_questions_of_full_length():
    """What it computes depends on the padded length: it was trained with all questions padded to `max_words`."""
    trained, tokenizer = small_answering_model(CORPUS, ANSWERS)
    config = AnsweringConfig.from_dict(trained.config.to_dict() | {"released_behavior": True})
    model = QuestionAnsweringModel(config).eval()
    answerer, frames = Answerer(model, HBIProcessor.for_model(config, tokenizer), "released"), store()
    asked = [Question(text, 0, (0,), "red", "what") for text in CORPUS]
    ids = tokenizer(CORPUS, padding="max_length", max_length=config.max_words, return_tensors="pt")
    pixels = answerer.network_input(frames.pixels[:1])
    expected = model.answer(*ids.values(), pixels, frames.mask[:1], torch.zeros(3, dtype=torch.long)).detach()
    torch.testing.assert_close(answer_logits(answerer, asked, frames), expected, atol=1e-5, rtol=0)
    alone = answer_logits(answerer, asked[1:2], frames)
    torch.testing.assert_close(alone[0], expected[1], atol=1e-5, rtol=0)
    short = tokenizer(CORPUS[1:2], return_tensors="pt")
    unpadded = model.answer(*short.values(), pixels, frames.mask[:1], torch.zeros(1, dtype=torch.long)).detach()
    assert not torch.allclose(unpadded, alone, atol=1e-3)


def test_evidence_is_told_for_every_event_and_level():
    answerer = small_answerer(CORPUS, ANSWERS)
    asked = [
        Question(CORPUS[0], n, (n,), "red", "color", event, float(n), n + 2.0) for n, event in ((0, 0), (1, 1), (2, 1))
    ]
    asked.append(Question(CORPUS[2], 0, (0,), "two", "count"))
    found = answer_evidence(answerer, asked, store())
    assert [(each.event, each.level) for each in found] == [
        (event, level) for event in (None, 1, 2) for level in (*LEVELS, "all")
    ]
    assert [each.num_questions for each in found] == [3] * 4 + [1] * 4 + [2] * 4
    assert all(0 <= each.share_inside <= 100 for each in found)
    assert all(each.share_of_frames == pytest.approx(100 / 3) for each in found)
    assert answer_evidence(answerer, asked[3:], store()) == []


def test_choices_go_to_the_most_similar_text_and_ties_are_shared():
    matcher = small_matcher(CORPUS)
    videos = tuple(Video(str(n), Path(f"{n}.mp4")) for n in range(3))
    same = ChoiceSplit(videos, (Choice(0, ("who jumps?", "who jumps?"), 1),), ("video 3: gone",))
    report = choice_accuracy(matcher, same, store())
    assert (report.accuracy, report.chance) == (50.0, 50.0)
    assert report.problems == ("video 3: gone", "video 9: gone")
    choices = tuple(Choice(video, tuple(CORPUS), answer) for video in range(3) for answer in range(3))
    assert choice_accuracy(matcher, ChoiceSplit(videos, choices), store()).accuracy == pytest.approx(100 / 3)
