"""Small files of every form in which annotations are read: what fuzz targets damage."""

from collections.abc import Mapping
from pathlib import Path

from data.annotation_samples import lsmdc_line, msrvtt_data, write

Files = Mapping[str, object]

CLIPS = {"video0": "train", "video1": "train", "video2": "validate", "video3": "test"}
PAIRS = [
    {"video": "0001/clip.avi", "caption": ["a man, who waves", "he sings"], "id": 3},
    {"video": "clip.mp4", "caption": "a dog"},
]
TALE = {
    "v_abc": {"duration": 20.0, "timestamps": [[0, 5.5], [9, 4]], "sentences": ["A man sits.", " He stands."]},
    "v_d": {"duration": 3, "timestamps": [[1.25, 2]], "sentences": ["A dog."]},
}
VATEX = [
    {"videoID": "b_000001_000011", "enCap": ["one", "two"], "chCap": ["一"]},
    {"videoID": "c_d_000002_000012", "enCap": ["three"], "chCap": []},
]
MOMENTS = [
    {"annotation_id": 1, "video": "a.mov", "description": "a dog", "times": [[1, 2], [2, 2], [0, 2]]},
    {"annotation_id": 2, "video": "a.mov", "description": "it runs", "times": [[5, 5]]},
]
OWN = [
    {"video": "a.mp4", "caption": ["a dog", "it  barks"], "start": 1.5, "end": 4, "split": "train"},
    {"video": 7, "caption": "a cat", "split": "val"},
    {"video": "c", "caption": "a tree", "start": None, "end": "2.5", "split": "test"},
]
TABLE = 'video,caption,start,end,split\na.mp4,"a dog, running",1.5,4,train\nb.mp4,"a\ncat",,2,test\nc.mp4,it,,,val\n'

FORMS: list[tuple[str, Files]] = [
    (
        "msrvtt",
        {
            "MSRVTT_data.json": msrvtt_data(splits=CLIPS),
            "MSRVTT_train.9k.csv": "video_id\nvideo0\nvideo1\nvideo2\n",
            "MSRVTT_JSFUSION_test.csv": 'key,vid_key,video_id,sentence\nret0,msr3,video3,"one man, who waves"\n',
        },
    ),
    ("msrvtt", {"msrvtt_ret_train9k.json": PAIRS, "test1k.jsonl": [{"clip_name": "video9", "caption": "x"}]}),
    ("msrvtt", {"train_list_jsfusion.txt": "video0\n", "raw-captions.pkl": {"video0": [["a", "dog"], "a cat"]}}),
    ("msvd", {"MSVD_train.tsv": "a squirrel, a chipmunk, \t-4w_5_15\na cat\tb_1_2\n", "MSVD_test.tsv": "a\tb\n"}),
    (
        "msvd",
        {
            "train_list.txt": "-4w_5_15\r\nb_1_2\n",
            "AllVideoDescriptions.txt": "# header\n\n-4w_5_15 a squirrel eats\nb_1_2 a cat\n",
            "youtube_mapping.txt": "-4w_5_15 vid1\nb_1_2 vid2\n",
        },
    ),
    (
        "lsmdc",
        {"LSMDC16_annos_training.csv": lsmdc_line("1_a", 'SOMEONE says "go') + lsmdc_line("1_b", "He turns.")},
    ),
    ("didemo", {"DiDeMo_test.tsv": '"a cat.\n, it paws, "\t1@N00.mp4\nswimmers., \t4@N03.mp4\n'}),
    ("didemo", {"val_data.json": MOMENTS}),
    ("activitynet", {"train.json": TALE, "val_1.json": TALE}),
    (
        "vatex",
        {
            "vatex_training_v1.0.json": VATEX,
            "vatex_validation_v1.0.json": VATEX,
            "val_list.txt": "b_000001_000011\n",
            "test_list.txt": "c_d_000002_000012\n",
        },
    ),
    ("own", {"mine.csv": TABLE}),
    ("own", {"mine.tsv": TABLE.replace('"a dog, running"', "a dog").replace(",", "\t")}),
    ("own", {"mine.jsonl": OWN}),
    ("own", {f"{name}/x.{end}": "a dog\n" for name in ("train", "val", "test") for end in ("mp4", "txt")}),
]
"""A benchmark, and files of it."""

QUESTION = {"answer": "Couch", "question": "What is it?", "video_id": 7}
QUESTIONS: list[tuple[str, Files]] = [
    ("msrvtt-qa", {"val.jsonl": [QUESTION, QUESTION | {"video_id": "video8", "answer_type": "what"}]}),
    ("msvd-qa", {"val_qa.json": [QUESTION, QUESTION | {"video_id": 3}], "youtube_mapping.txt": "abc_1_5 vid3\n"}),
    (
        "activitynet-qa",
        {
            "val_q.json": [{"video_name": "x", "question": "is it", "question_id": "v_x_1"}],
            "val_a.json": [{"answer": "yes", "type": 3, "question_id": "v_x_1"}],
        },
    ),
    (
        "tgif-qa",
        {"Test_frameqa_question.csv": "gif_name\tquestion\tanswer\ttype\ntumblr_a\twhere is he ?\tRoom\t3\n"},
    ),
]
CHOICES = [{"clip_name": "x", "options": ["a dog", "a cat"], "answer": 1}]
ANSWERS = {"one": 0, "two": 1, "ten": 2}


def put(folder: Path, files: Files) -> list[Path]:
    """Write files into a folder."""
    return [write(folder / name, content) for name, content in files.items()]
