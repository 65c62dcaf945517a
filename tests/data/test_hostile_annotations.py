"""Annotation files that are no such, or hold what they should not: one line each, and nothing made up."""

import json
import os
import pickle
from collections.abc import Callable
from itertools import count

import pytest
from annotation_samples import write

from hbi.data.answer_vocabulary import read_answers
from hbi.data.benchmarks import find_benchmark
from hbi.data.choices import load_choices
from hbi.data.loading import load_split, read_annotations
from hbi.data.packed_frames import read_sampling, read_videos
from hbi.data.samples import DataError
from hbi.evaluation.rank_files import read_ranks
from hbi.files.json_values import shown


def read(name, folder, split="train"):
    return read_annotations(find_benchmark(name), None, split, folder)


def fault_of(name, folder, split="train") -> str:
    with pytest.raises(DataError) as caught:
        read(name, folder, split)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column 'video'; there are: none"),
        (b"\x00\x01\x02", "line 1: byte 0x00 is in no text"),
        ("video,caption\na,b\n".encode("utf-16"), "byte 0xFF is not UTF-8"),
        ("video,caption\na,b\n".encode("utf-16-le"), "line 1: byte 0x00 is in no text: is it UTF-16?"),
        ("\ufeffvideo,caption\na,b\n".encode("utf-32"), "byte 0xFF is not UTF-8"),
        (b"video,caption\na,b\x00c\n", "line 2: byte 0x00 is in no text"),
        (b"video,caption\na," + b"b" * 200_000, "line 2: field larger than field limit"),
        (b"video,caption\na," + b"b," * 2**20, "line 2: 2097154 letters in one line"),
        (b"a," * 2**20, "line 1: 2097152 letters in one line"),
        (b"a" * 2**25, "letters in one line"),
        (b"video,caption,video\na,b,c\n", "has two columns 'video': name each once"),
        (",".join(f"column{n}" for n in range(50_000)).encode(), "has no column 'video'; there are: column0, "),
        (b"video,caption,end\na,b,1_0\n", "line 2: end is '1_0', not a number of seconds"),
        ("video,caption,end\na,b,\u0663\n".encode(), "not a number of seconds"),
        (b"video,caption,end\na,b,1e300\n", "line 2: end is 1e+300, and no video is as long"),
    ],
)
def test_tables(tmp_path, content, message):
    assert message in fault_of("own", write(tmp_path / "mine.csv", content))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"video": "a", "caption": "b", "split": 0}', "unknown split 0"),
        ('{"video": "a", "caption": "b", "split": []}', "unknown split []"),
        ('{"video": "a", "caption": "b", "caption": "c"}', 'an object has the key "caption" twice'),
        ('{"video": "a\\u0000", "caption": "b"}', "\\x00 is no character"),
        ('{"video": "\\udcff", "caption": "b"}', "\\udcff is half a character"),
        ('{"video": -1, "caption": "b"}', "the video -1 is no name"),
        ('{"video": "a", "caption": ' + "[" * 300 + "]" * 300 + "}", "is no text"),
    ],
)
def test_json_lines(tmp_path, row, message):
    fault = fault_of("own", write(tmp_path / "mine.jsonl", row.encode()))
    assert "line 1" in fault
    assert message in fault


def test_few_digits_of_a_time_do_not_make_two_parts_one(tmp_path):
    table = write(tmp_path / "mine.csv", "video,caption,end,split\na,b,1.0000001,train\na,c,1.0000002,train\n")
    assert [video.video_id for video in read("own", table)] == ["a@0-1.0000001", "a@0-1.0000002"]


TALE = {"timestamps": [[0, 5]], "sentences": ["A man."]}


@pytest.mark.parametrize(
    ("tale", "message"),
    [
        ({"sentences": "A"}, "'sentences' is \"A\", and should be a list"),
        ({"sentences": [7]}, "the sentence 7 is no text"),
        ({"sentences": [["A"]]}, 'the sentence ["A"] is no text'),
        ({"timestamps": {"0": 1}}, "'timestamps' is"),
        ({"timestamps": ["05"]}, 'the moment "05" is no [start, end]'),
        ({"timestamps": [[0, True]]}, "the moment [0, true] is no"),
        ({"timestamps": [[0, 10**400]]}, "is no [start, end]"),
        ({"timestamps": [[-1, 4]]}, "the moment [-1, 4] is no"),
        ({"timestamps": [[0, 4, 5]]}, "the moment [0, 4, 5] is no"),
        ({"timestamps": [[]]}, "the moment [] is no"),
        ({"timestamps": [None]}, "the moment null is no"),
    ],
)
def test_activitynet(tmp_path, tale, message):
    write(tmp_path / "train.json", {"v_a": TALE | tale})
    assert message in fault_of("activitynet", tmp_path)
    for other in (7, None, [], "text", {"v_a": 7}, {"v_a": []}, {" ": TALE}):
        write(tmp_path / "train.json", other)
        fault_of("activitynet", tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": 7},
        {"description": ["a"]},
        {"video": ["a"]},
        {"video": None},
        {"times": "12"},
        {"times": [[1, 2], "12"]},
        {"times": [[0, True]]},
        {"times": [[0, 10**12]]},
        {"times": [[2, 1]]},
        {"times": [[-1, 1]]},
        {"times": [[1.0, 2.0]]},
        {"times": []},
    ],
)
def test_didemo(tmp_path, changes):
    write(tmp_path / "train_data.json", [{"video": "a", "description": "b", "times": [[0, 1]]} | changes])
    assert "entry 1" in fault_of("didemo", tmp_path)


@pytest.mark.parametrize("changes", [{"enCap": [7]}, {"enCap": {"a": 1}}, {"videoID": 1.5}, {"videoID": ["a"]}])
def test_vatex(tmp_path, changes):
    write(tmp_path / "vatex_training_v1.0.json", [{"videoID": "a_1_2", "enCap": ["b"]} | changes])
    assert "entry 1" in fault_of("vatex", tmp_path)


def test_a_video_that_stands_there_twice_is_told(tmp_path):
    write(tmp_path / "vatex_training_v1.0.json", [{"videoID": "a_1_2", "enCap": [text]} for text in ("b", "c")])
    assert 'holds the video "a_1_2" twice' in fault_of("vatex", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"video0": "a dog"},
        {"video0": [["a", 7]]},
        {"video0": [b"a"]},
        {7: ["a"]},
        {"video0": ["\ud800"]},
        ["video0"],
        b"\x80\x04r\xff\xff\xff\x7f.",
        b"p99999999999\n.",
        b"\x80\x04" + b"(" * 10_000,
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",
        b"cos\nsystem\n.",
        b"",
    ],
)
def test_pickles(tmp_path, content):
    """A string is no list of captions, and a number of an entry is no reason to make room for as many."""
    write(tmp_path / "train_list.txt", "video0\n")
    write(tmp_path / "raw-captions.pkl", content if isinstance(content, bytes) else pickle.dumps(content))
    fault_of("msvd", tmp_path)


def shared(depth: int, first: object, make: Callable[[list[object]], object]) -> object:
    """A value in which each part holds the next one twice: few bytes of a pickle, and 2**depth parts to walk."""
    for _ in range(depth):
        first = make([first, first])
    return first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04})" + b"\x942\x86" * 40 + b"]s.", "EMPTY_TUPLE at byte"),
        (b"\x80\x04](" + b"(" * 40 + b"\x91" * 41 + b"a.", "FROZENSET at byte"),
        (b"\x80\x04})" + b"\x85" * 200_000 + b"]s.", "EMPTY_TUPLE at byte"),
        (pickle.dumps({"video0": shared(40, "a", list)}), "in two places"),
        (pickle.dumps({"video0": shared(40, "a", lambda parts: {"a": parts[0], "b": parts[1]})}), "in two places"),
        (b"\x80\x04]2a.", "DUP at byte"),
        (b"\x80\x04]q\x00h\x00a.", "in two places"),
        (
            b"\x80\x02}("
            + b"".join(b"\x8a\x08" + (n * (2**61 - 1)).to_bytes(8, "little") + b"]" for n in (1, 2))
            + b"u.",
            "LONG1 at byte",
        ),
        (pickle.dumps({"video0": [["a" * 500_000] * 10_000]}), "repeats long texts"),
        (b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".", "a list where captions by video"),
        (b"\x80\x04}X\x06\x00\x00\x00video0" + b"]" * 100_000 + b"a" * 99_999 + b"s.", "[[[["),
        (b"S" + b"a" * 100_000 + b"\n.", "not a readable pickle"),
        (b"p" + b"a" * 100_000 + b"\n.", "not a readable pickle"),
        (b"\x80\x02" + bytes(2**26), "larger than the 64 MiB"),
    ],
    ids=count(),
)
def test_few_bytes_of_a_pickle_do_not_make_work_without_end(tmp_path, content, message):
    write(tmp_path / "train_list.txt", "video0\n")
    write(tmp_path / "raw-captions.pkl", content)
    assert message in fault_of("msvd", tmp_path)


def test_the_pickles_of_python_2(tmp_path):
    write(tmp_path / "train_list.txt", "vid1\n")
    for content in (
        b"(dp1\nS'vid1'\np2\n(lp3\n(lp4\nS'a'\np5\naS'dog'\np6\naa(lp7\ng5\naas.",
        b"\x80\x02}q\x01U\x04vid1q\x02]q\x03(]q\x04(U\x01aq\x05U\x03dogq\x06e]q\x07h\x05aes.",
    ):
        write(tmp_path / "raw-captions.pkl", content)
        (video,) = read("msvd", tmp_path)
        assert [caption.text for caption in video.texts] == ["a dog", "a"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, None, 2.5], "b": {}}, '{"a": [1, null, 2.5], "b": {}}'),
        ("a" * 10**6, '"' + "a" * 59 + "…"),
        (shared(100, [], list), "[" * 60 + "…"),
        (shared(40, {}, lambda parts: {"k": parts[0], "l": parts[1]}), ('{"k": ' * 10) + "…"),
        (list(range(10**6)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17…"[:60] + "…"),
        (10**5000, "a whole number of thousands of digits"),
        (b"a" * 10**6, "a bytes"),
        ([True, -1, float("inf")], "[true, -1, Infinity]"),
    ],
    ids=count(),
)
def test_of_a_value_no_more_is_looked_at_than_a_message_shows(value, told):
    assert shown(value) == told


def test_long_values_of_a_table_are_cut_in_messages(tmp_path):
    row = {"video": "a", "caption": "b"}
    for change in ({"start": "1" * 10**6 + "x"}, {"end": "-" + "1" * 300}, {"split": "x" * 10**6}):
        fault_of("own", write(tmp_path / "mine.jsonl", [row | change]))


@pytest.mark.parametrize("marks", [0, 1, 2, 3])
def test_byte_order_marks_before_a_table(tmp_path, marks):
    table = write(tmp_path / "mine.csv", ("\ufeff" * marks + "video,caption,split\na,b,train\n").encode())
    assert [video.video_id for video in read("own", table)] == ["a"]


def test_many_captions_of_a_video_and_many_videos(tmp_path):
    """Each row costs as much as the first: with a copy of all before it these would take minutes."""
    rows = [f"a,caption {number},train" for number in range(40_000)]
    (video,) = read("own", write(tmp_path / "mine.csv", "\n".join(["video,caption,split", *rows])))
    assert [caption.text for caption in video.texts] == [f"caption {number}" for number in range(40_000)]
    rows = [f"video{number},a" for number in range(20_000)]
    assert len(read("own", write(tmp_path / "mine.csv", "\n".join(["video,caption", *rows])))) == 16_000


QUESTION = {"question": "what is it?", "answer": "a dog", "video_id": 7}


@pytest.mark.parametrize(
    "changes",
    [
        {"question": 7},
        {"question": ["a"]},
        {"question": "\u200b"},
        {"answer": None},
        {"answer": True},
        {"answer": "\ud800"},
        {"video_id": True},
        {"video_id": 1.5},
        {"video_id": {"a": 1}},
        {"answer_type": 7},
    ],
)
def test_questions(tmp_path, changes):
    write(tmp_path / "val.jsonl", [QUESTION | changes])
    with pytest.raises(DataError, match=r"val\.jsonl, line 1"):
        read("msrvtt-qa", tmp_path, "val")


@pytest.mark.parametrize("changes", [{"type": True}, {"type": 3.0}, {"type": "3"}, {"type": []}, {"question_id": []}])
def test_answers_of_activitynet(tmp_path, changes):
    write(tmp_path / "val_q.json", [{"video_name": "x", "question": "is it", "question_id": "1"}])
    write(tmp_path / "val_a.json", [{"answer": "yes", "type": 3, "question_id": "1"} | changes])
    with pytest.raises(DataError, match=r"val_a\.json, entry 1"):
        read("activitynet-qa", tmp_path, "val")


@pytest.mark.parametrize("changes", [{"answer": True}, {"answer": 1.0}, {"options": "ab"}, {"clip_name": 1.5}])
def test_choices(tmp_path, changes):
    write(tmp_path / "x.mp4", "x")
    write(tmp_path / "a_mc_test.json", [{"clip_name": "x", "options": ["a", "b"], "answer": 1} | changes])
    with pytest.raises(DataError, match="entry 1"):
        load_choices(tmp_path, tmp_path)


def test_why_a_video_of_a_question_is_missing_is_said_as_for_a_caption(tmp_path):
    for name in ("one/video7.mp4", "x.mp4", "two/video7.mp4"):
        write(tmp_path / name, "x")
    names = ("no/video7", "x")
    write(tmp_path / "val.jsonl", [QUESTION | {"video_id": name} for name in names])
    write(tmp_path / "a_mc_test.json", [{"video": name, "options": ["a"], "answer": 0} for name in names])
    questions = load_split(find_benchmark("msrvtt-qa"), None, "val", annotations=tmp_path, videos=tmp_path)
    for problems in (questions.problems, load_choices(tmp_path, tmp_path).problems):
        assert problems == (f"no/video7: no video file of this name below {tmp_path}",)


@pytest.mark.parametrize("content", [{"a": True, "b": 0}, {"a": 0.0}, ["a", 7], 7, None, {"\ud800": 0}])
def test_answer_files(tmp_path, content):
    with pytest.raises(DataError):
        read_answers(write(tmp_path / "answers.json", content))


@pytest.mark.parametrize("rank", ["nan", "inf", "0", "-1", "1_0", "", "one", "1e999", " \u0661"])
def test_ranks(tmp_path, rank):
    with pytest.raises(DataError, match=r"line 2.*run hbi evaluate"):
        read_ranks(write(tmp_path / "ranks.csv", f"video_id,rank,text\nv,{rank},x\n"))


@pytest.mark.parametrize(
    "change",
    [
        {"timestamps_seconds": [0.0, "1"]},
        {"timestamps_seconds": [0.0, True]},
        {"timestamps_seconds": [0.0]},
        {"offsets": [0, 9, 5]},
        {"offsets": "012"},
        {"offsets": [-1, 4, 9]},
        {"video_id": 7},
        {"start_seconds": "1"},
        {"fault": []},
        {"other": 1},
    ],
)
def test_a_damaged_line_of_packed_frames_says_nothing(tmp_path, change):
    video = {"video_id": "a", "start_seconds": None, "end_seconds": None, "fault": None}
    video |= {"timestamps_seconds": [0.0, 1.0], "offsets": [0, 4, 9]}
    write(tmp_path / "videos.jsonl", [video])
    assert len(read_videos(tmp_path)) == 1
    write(tmp_path / "videos.jsonl", [video | change])
    assert read_videos(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "[" * 10_000, '{"num_frames": true, "image_size": 1}', '{"a": 1}', '{"image_size": 1}'),
        '{"num_frames": 1, "image_size": 1, "more": 1}',
        '{"num_frames": 1, "image_size": {"height": 1, "width": 1}}',
    ],
)
def test_a_damaged_sampling_of_packed_frames(tmp_path, content):
    write(tmp_path / "sampling.json", content.encode())
    with pytest.raises(DataError, match="is damaged"):
        read_sampling(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
def test_only_regular_files_are_opened(tmp_path, make):
    """A pipe would be waited for, a device read for ever."""
    for name in ("train_list.txt", "vatex_training_v1.0.json", "answers.json", "ranks.csv", "sampling.json"):
        make(tmp_path / name)
    make(tmp_path / "videos.jsonl")
    for name, split in (("msvd", "train"), ("vatex", "train")):
        fault_of(name, tmp_path, split)
    for reader in (read_answers, read_ranks):
        with pytest.raises(DataError):
            reader(tmp_path / ("answers.json" if reader is read_answers else "ranks.csv"))
    for reader in (read_sampling, read_videos):
        with pytest.raises(DataError):
            reader(tmp_path)


def test_names_that_no_file_can_have(tmp_path):
    for name in ("a" * 500, "a\0b", "\ud800"):
        fault_of("own", tmp_path / name)
        fault_of("msvd", tmp_path / name)
    write(tmp_path / "mine.jsonl", json.dumps({"video": "a" * 5000, "caption": "b", "split": "train"}).encode())
    assert len(read("own", tmp_path)) == 1
