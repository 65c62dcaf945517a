from pathlib import Path

import pytest
import torch

from hbi.data.choices import Choice, ChoiceSplit
from hbi.data.frames import FrameBank
from hbi.data.questions import AnswerVocabulary, Question, QuestionSplit
from hbi.data.samples import Video
from hbi.evaluation.answer_evidence import _share, answer_evidence
from hbi.evaluation.answers import answer_logits, majority_answers, report_answers, right_answers
from hbi.evaluation.choices import choice_accuracy
from hbi.shapes import LEVELS
from small_networks import small_answering_model, small_model

CORPUS = ["what color is the star?", "who jumps?", "how many rings are there?"]
ANSWERS = ("red", "star", "two")


def bank(num_videos: int = 3, num_frames: int = 6) -> FrameBank:
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (num_videos, num_frames, 3, 16, 16), dtype=torch.uint8)
    times = torch.arange(num_frames, dtype=torch.float64).expand(num_videos, -1)
    return FrameBank(pixels, torch.ones(num_videos, num_frames, dtype=torch.bool), times, ("video 9: gone",))


def split(questions: list[Question]) -> QuestionSplit:
    return QuestionSplit("test", tuple(Video(str(n), Path(f"{n}.mp4")) for n in range(3)), tuple(questions))


def test_out_of_vocabulary_is_wrong_and_counted():
    asked = [Question("a", "red", "color", 0), Question("b", "puce", "color", 0), Question("c", "two", "count", 1)]
    vocabulary = AnswerVocabulary(ANSWERS)
    logits = torch.tensor([[3.0, 0, 0], [3.0, 0, 0], [0, 3.0, 0]])
    right = right_answers(logits, vocabulary.labels(asked))
    assert right.tolist() == [True, False, False]
    report = report_answers(split(asked), asked, vocabulary, right, torch.tensor([False, False, True]))
    rows = {part.kind: part for part in report.accuracies}
    assert list(rows) == ["all", "color", "count"]
    assert rows["all"].accuracy == pytest.approx(100 / 3)
    assert rows["color"].accuracy == 50.0
    assert rows["color"].num_out_of_vocabulary == 1
    assert rows["count"].question_only == 100.0
    assert report.coverage == pytest.approx(200 / 3)
    assert report_answers(split(asked), asked, vocabulary, right, None).accuracies[0].question_only is None


def test_the_majority_is_that_of_training_and_of_each_kind():
    train = [Question("?", answer, "color", 0) for answer in ("red", "blue", "red")]
    train += [Question("?", answer, "count", 0) for answer in ("two", "one")]
    assert majority_answers(train) == {"color": "red", "count": "one"}
    asked = [Question("?", "red", "color", 0), Question("?", "two", "count", 0), Question("?", "x", "shape", 0)]
    report = report_answers(split(asked), train, AnswerVocabulary(ANSWERS), torch.zeros(3, dtype=torch.bool), None)
    assert [part.majority for part in report.accuracies] == [pytest.approx(100 / 3), 100.0, 0.0, 0.0]


def test_answers_do_not_depend_on_batches():
    model, tokenizer = small_answering_model(CORPUS, ANSWERS)
    asked = [Question(CORPUS[n % 3], "red", "what", n % 3) for n in range(7)]
    together = answer_logits(model, tokenizer, asked, bank())
    apart = answer_logits(model, tokenizer, asked, bank(), batch_size=2)
    assert together.shape == (7, 3)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1])


def test_evidence_is_told_for_every_event_and_level():
    model, tokenizer = small_answering_model(CORPUS, ANSWERS)
    asked = [Question(CORPUS[0], "red", "color", n, event, float(n), n + 2.0) for n, event in ((0, 0), (1, 1), (2, 1))]
    asked.append(Question(CORPUS[2], "two", "count", 0))
    found = answer_evidence(model, tokenizer, asked, bank())
    assert [(each.event, each.level) for each in found] == [
        (event, level) for event in (None, 1, 2) for level in (*LEVELS, "all")
    ]
    assert [each.num_questions for each in found] == [3] * 4 + [1] * 4 + [2] * 4
    assert all(0 <= each.share_inside <= 100 for each in found)
    assert all(each.share_of_frames == pytest.approx(100 / 3) for each in found)
    assert answer_evidence(model, tokenizer, asked[3:], bank()) == []


def test_the_share_is_of_positive_interaction_over_all_words():
    interactions = torch.tensor([[[1.0, -5.0, 2.0], [0.0, 3.0, 0.0]], [[-1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]])
    inside = torch.tensor([[False, True, False], [True, True, False]])
    shares = _share(interactions, inside, torch.ones(2, 3, dtype=torch.bool))
    assert shares.tolist() == pytest.approx([3 / 6, 2 / 3])


def test_choices_go_to_the_most_similar_text_and_ties_are_shared():
    model, tokenizer = small_model(CORPUS)
    videos = tuple(Video(str(n), Path(f"{n}.mp4")) for n in range(3))
    same = ChoiceSplit(videos, (Choice(0, ("who jumps?", "who jumps?"), 1),), ("video 3: gone",))
    report = choice_accuracy(model, tokenizer, same, bank())
    assert (report.accuracy, report.chance) == (50.0, 50.0)
    assert report.faults == ("video 3: gone", "video 9: gone")
    choices = tuple(Choice(video, tuple(CORPUS), answer) for video in range(3) for answer in range(3))
    assert choice_accuracy(model, tokenizer, ChoiceSplit(videos, choices), bank()).accuracy == pytest.approx(100 / 3)
