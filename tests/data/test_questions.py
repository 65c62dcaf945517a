import json
from collections import Counter

import pytest
from annotation_samples import REAL

from hbi.data.answer_vocabulary import AnswerVocabulary, read_answers
from hbi.data.benchmarks import find_benchmark, find_protocol
from hbi.data.choices import load_choices
from hbi.data.loading import load_split, read_annotations
from hbi.data.samples import DataError, Question, Split
from hbi.shape_stories.annotation import annotate_split
from hbi.shape_stories.splits import VOCABULARY, question_split
from hbi.shape_stories.world import World

needs_annotations = pytest.mark.skipif(not REAL.is_dir(), reason="the real annotation files are not here")


def put(folder, name: str, content) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text)


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(name: str, split: str, folder):
    return read_annotations(find_benchmark(name), None, split, folder)


def read_one(name: str, split: str, folder):
    """The only video of a split, and the only question about it."""
    (video,) = read(name, split, folder)
    (question,) = video.texts
    return video, question


def question(answer: str, kind: str = "what", video: int = 0) -> Question:
    return Question(f"what about {answer}?", video, (video,), answer, kind)


def test_the_most_frequent_answers_come_first_and_ties_by_alphabet():
    asked = [question(answer) for answer in ("dog", "cat", "cat", "ant", "dog", "bee")]
    assert AnswerVocabulary.most_frequent(asked).answers == ("cat", "dog", "ant", "bee")
    vocabulary = AnswerVocabulary.most_frequent(asked, 3)
    assert vocabulary.labels(asked).tolist() == [1, 0, 0, 2, 1, -1]
    assert vocabulary.coverage(asked) == pytest.approx(100 * 5 / 6)
    split = vocabulary.answerable(Split("train", (), tuple(asked)))
    assert [each.answer for each in split.questions] == ["dog", "cat", "cat", "ant", "dog"]


@pytest.mark.parametrize(("answers", "message"), [((), "got none"), (("a", "b", "a"), "'a' twice")])
def test_a_vocabulary_without_sense_is_refused(answers, message):
    with pytest.raises(DataError, match=message):
        AnswerVocabulary(answers)


def test_answer_files_in_all_forms(tmp_path):
    put(tmp_path, "labels.json", {"two": 1, "one": 0, "ten": 2})
    put(tmp_path, "list.json", ["one", "two", "ten"])
    put(tmp_path, "set.txt", "one\ntwo\nten\n")
    for name in ("labels.json", "list.json", "set.txt"):
        assert read_answers(tmp_path / name).answers == ("one", "two", "ten")


@pytest.mark.parametrize(
    ("content", "message"), [({"one": 0, "two": 2}, "'two' is out of line"), ({"one": "x"}, "should hold answers")]
)
def test_answer_files_that_cannot_be_meant(tmp_path, content, message):
    put(tmp_path, "labels.json", content)
    with pytest.raises(DataError, match=message):
        read_answers(tmp_path / "labels.json")


def test_msrvtt_qa_in_both_forms(tmp_path):
    put(tmp_path / "a", "val.jsonl", lines([{"answer": "Couch", "question": "what is it?", "video_id": "video7"}]))
    put(tmp_path / "b", "val_qa.json", [{"answer": "couch", "question": "what is it?", "video_id": 7, "id": 1}])
    for folder in ("a", "b"):
        video, asked = read_one("msrvtt-qa", "val", tmp_path / folder)
        assert (asked.text, asked.answer, asked.kind, video.video_id) == ("what is it?", "couch", "what", "video7")


def test_msvd_qa_knows_the_youtube_names(tmp_path):
    put(tmp_path, "test_qa.json", [{"answer": "man", "question": "who runs?", "video_id": 3, "id": 1}])
    put(tmp_path, "youtube_mapping.txt", "abc_1_5 vid3\n")
    video, asked = read_one("msvd-qa", "test", tmp_path)
    assert (video.video_id, video.aliases, asked.kind) == ("vid3", ("abc_1_5",), "who")


def test_activitynet_qa_joins_questions_and_answers(tmp_path):
    put(tmp_path, "train_q.json", [{"video_name": "x", "question": "is it", "question_id": "v_x_1"}])
    put(tmp_path, "train_a.json", [{"answer": "yes", "type": 3, "question_id": "v_x_1"}])
    video, asked = read_one("activitynet-qa", "train", tmp_path)
    assert (asked.answer, asked.kind, video.aliases) == ("yes", "yes or no", ("v_x",))
    put(tmp_path, "train_a.json", [{"answer": "yes", "type": 9, "question_id": "v_x_1"}])
    with pytest.raises(DataError, match="no type 9"):
        read("activitynet-qa", "train", tmp_path)
    put(tmp_path, "train_a.json", [])
    with pytest.raises(DataError, match="no answer to 'v_x_1'"):
        read("activitynet-qa", "train", tmp_path)


def test_tgif_qa_is_tested_where_others_validate(tmp_path):
    header = "gif_name\tquestion\tanswer\ttype\tvid_id\tkey\tdescription\n"
    put(tmp_path, "Test_frameqa_question.csv", f"{header}tumblr_a\twhere is he ?\tRoom\t3\tF1\t7\the is in a room .\n")
    for split in ("val", "test"):
        _, asked = read_one("tgif-qa", split, tmp_path)
        assert (asked.text, asked.answer, asked.kind) == ("where is he ?", "room", "location")


def test_the_questions_about_a_video_stand_together_in_their_order(tmp_path):
    rows = [{"answer": "a", "question": f"what {n}?", "video_id": f"video{n % 2}"} for n in range(5)]
    put(tmp_path, "val.jsonl", lines(rows))
    found = {video.video_id: [asked.text for asked in video.texts] for video in read("msrvtt-qa", "val", tmp_path)}
    assert found == {"video0": ["what 0?", "what 2?", "what 4?"], "video1": ["what 1?", "what 3?"]}


def test_questions_without_a_video_are_left_out_and_listed(tmp_path):
    rows = [{"answer": "a", "question": f"what {n}?", "video_id": f"video{n % 3}"} for n in range(6)]
    put(tmp_path / "annotations", "val.jsonl", lines(rows))
    put(tmp_path / "videos", "video1.mp4", "x")
    loaded = load_split(
        find_benchmark("msrvtt-qa"), None, "val", annotations=tmp_path / "annotations", videos=tmp_path / "videos"
    )
    assert [video.video_id for video in loaded.split.videos] == ["video1"]
    assert [each.text for each in loaded.split.questions] == ["what 1?", "what 4?"]
    assert len(loaded.problems) == 2


@pytest.mark.parametrize(
    "row", [{"question": "what?", "video_id": "video1"}, {"question": " ", "answer": "a", "video_id": "video1"}]
)
def test_a_row_without_question_or_answer_is_named(tmp_path, row):
    put(tmp_path, "val.jsonl", lines([row]))
    with pytest.raises(DataError, match=r"val\.jsonl, line 1"):
        read("msrvtt-qa", "val", tmp_path)


def test_a_benchmark_without_questions_is_told():
    with pytest.raises(DataError, match="'msrvtt' asks no questions: did you mean 'msrvtt-qa'"):
        find_benchmark("msrvtt", asks_questions=True)
    with pytest.raises(DataError, match="'msrvtt-qa' asks questions and has no captions: did you mean 'msrvtt'"):
        find_benchmark("msrvtt-qa", asks_questions=False)


@needs_annotations
def test_the_real_files_have_the_published_sizes():
    for name, folder, splits in (
        ("msrvtt-qa", "msrvtt_qa", ("val",)),
        ("msvd-qa", "msvd_qa", ("train", "val", "test")),
        ("activitynet-qa", "activitynet_qa", ("test",)),
    ):
        protocol = find_protocol(find_benchmark(name), None)
        for split in splits:
            found, published = read(name, split, REAL / folder), protocol.published(split)
            assert sum(len(video.texts) for video in found) == published.num_texts
            assert len(found) <= published.num_videos


@needs_annotations
def test_the_real_answers_cover_what_was_measured():
    val = read("msrvtt-qa", "val", REAL / "msrvtt_qa")
    asked = [Question(each.text, 0, (0,), each.answer, each.kind) for video in val for each in video.texts]
    vocabulary = read_answers(REAL / "msrvtt_qa" / "train_ans2label.json")
    assert len(vocabulary) == 1500
    assert vocabulary.coverage(asked) == pytest.approx(93.0, abs=0.05)
    assert Counter(each.kind for each in asked).most_common(2) == [("what", 8337), ("who", 3439)]


def test_shape_stories_asks_within_its_vocabulary_and_knows_when():
    stories = annotate_split(World(), 3, "test", 40)
    split = question_split("test", stories)
    assert VOCABULARY.coverage(split.questions) == 100.0
    assert set(split.kinds) == {"color", "shape", "action", "count", "first"}
    for each in split.questions:
        events = stories[each.video].events
        if each.event is None:
            assert each.start_seconds is None
        else:
            assert each.start_seconds == events[each.event].start_seconds
            if each.kind in ("color", "shape", "action"):
                assert getattr(events[each.event], each.kind) == each.answer


def test_further_questions_are_drawn_about_the_same_events():
    stories = annotate_split(World(), 3, "train", 5)
    once, more = question_split("train", stories), question_split("train", stories, draws=4)
    assert more == question_split("train", stories, draws=4)
    assert len(more.questions) == 4 * len(once.questions)
    assert set(once.questions) < set(more.questions)
    for each in more.questions:
        if each.kind in ("color", "shape", "action"):
            assert getattr(stories[each.video].events[each.event], each.kind) == each.answer
    assert VOCABULARY.coverage(more.questions) == 100.0


def test_multiple_choice_in_both_forms(tmp_path):
    options = ["a dog", "a cat", "a tree"]
    put(tmp_path / "a", "msrvtt_mc_test.jsonl", lines([{"clip_name": "video1", "options": options, "answer": 2}] * 2))
    put(tmp_path / "b", "msrvtt_mc_test.json", [{"video": "video1.mp4", "caption": options, "answer": 2}] * 2)
    put(tmp_path / "videos", "video1.mp4", "x")
    for folder in ("a", "b"):
        split = load_choices(tmp_path / folder, tmp_path / "videos")
        assert [(each.video, each.options, each.answer) for each in split.choices] == [(0, tuple(options), 2)] * 2
    put(tmp_path / "a", "msrvtt_mc_test.jsonl", lines([{"clip_name": "video1", "options": options, "answer": 3}]))
    with pytest.raises(DataError, match="the number of none of 3 options"):
        load_choices(tmp_path / "a", tmp_path / "videos")
