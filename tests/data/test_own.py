"""Own videos: tables and folders of clips, and the one line that each mistake ends in."""

import pytest
from annotation_samples import write

from hbi.data.benchmark import SPLIT_NAMES
from hbi.data.benchmarks import find_benchmark
from hbi.data.loading import load_split, read_annotations
from hbi.data.samples import DataError

OWN = find_benchmark("own")


def read(source, split="train"):
    return read_annotations(OWN, None, split, source)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.csv", 'video,caption,split\na.mp4,"a dog, running",train\nb.mp4,a cat,test\na.mp4,it barks,train\n'),
        ("mine.tsv", "video\tcaption\tsplit\na.mp4\ta dog, running\ttrain\nb.mp4\ta cat\ttest\na.mp4\tit barks\t\n"),
        (
            "mine.jsonl",
            [
                {"video": "a.mp4", "caption": "a dog, running"},
                {"video": "b.mp4", "caption": "a cat", "split": "test"},
                {"video": "a.mp4", "caption": "it barks", "split": "train"},
            ],
        ),
    ],
)
def test_tables(tmp_path, name, content):
    table = write(tmp_path / name, content)
    for source in (table, tmp_path):
        (video,) = read(source)
        assert video.video_id == "a.mp4"
        assert [caption.text for caption in video.captions] == ["a dog, running", "it barks"]


def test_parts_of_a_video_are_videos_of_their_own(tmp_path):
    table = write(
        tmp_path / "mine.csv", "video,caption,start,end,split\na,one,,2.5,train\na,two,2.5,8,train\na,all,,,train\n"
    )
    videos = read(table)
    assert [video.video_id for video in videos] == ["a@0-2.5", "a@2.5-8", "a"]
    assert [(video.start_seconds, video.end_seconds) for video in videos] == [(None, 2.5), (2.5, 8.0), (None, None)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.webm").touch()
    split = load_split(OWN, None, "train", annotations=table, videos=tmp_path).split
    assert {video.path.name for video in split.videos} == {"a.webm"}
    assert split.videos[1].start_seconds == 2.5


def test_folder_of_clips(tmp_path):
    for name in ("train/x.mp4", "train/y.avi", "test/z.mov"):
        write(tmp_path / name, b"")
    write(tmp_path / "train/x.txt", "a first caption\n\na second one\n")
    write(tmp_path / "test/z.txt", "a third")
    loaded = load_split(OWN, None, "train", annotations=tmp_path, videos=tmp_path)
    assert [text.text for text in loaded.split.texts] == ["a first caption", "a second one"]
    assert loaded.faults == ("train/y.avi: it has no caption",)


def test_without_splits_a_tenth_each_is_held_out_the_same_every_time(tmp_path):
    rows = "".join(f"clip{number}.mp4,caption {number}\n" for number in range(30))
    table = write(tmp_path / "mine.csv", "video,caption\n" + rows)
    splits = [{video.video_id for video in read(table, split)} for split in SPLIT_NAMES]
    assert list(map(len, splits)) == [24, 3, 3]
    assert len(set.union(*splits)) == 30
    write(table, "video,caption\n" + "".join(reversed(rows.splitlines(keepends=True))))
    assert [{video.video_id for video in read(table, split)} for split in SPLIT_NAMES] == splits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("vidoe,caption\na,b\n", "has no column 'video': did you mean 'vidoe'"),
        ("video,text\na,b\n", "has no column 'caption'; there are: video, text"),
        ("video,caption,strat\na,b,1\n", "line 2: unknown column 'strat': did you mean 'start'"),
        ("video,caption,split\na,b,training\n", "line 2: unknown split 'training'; the splits are train, val, test"),
        ("video,caption,start\na,b,soon\n", "line 2: start is 'soon', not a number of seconds"),
        ("video,caption\na,b,c\n", "line 2: 3 values for 2 columns; quote values with commas"),
        ("video,caption\n", "holds no captions"),
        (b"video,caption\na,b\nc,caf\xe9\n", "line 3: byte 0xE9 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_mistakes_in_a_table(tmp_path, content, message):
    table = write(tmp_path / "mine.csv", content)
    with pytest.raises(DataError) as caught:
        read(table)
    assert message in str(caught.value)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_mistakes(tmp_path):
    with pytest.raises(DataError, match=r"no caption file .*missing"):
        read(tmp_path / "missing.csv")
    write(tmp_path / "clip.mp4", b"")
    with pytest.raises(DataError, match="holds no caption file: write a table"):
        read(tmp_path)
    write(tmp_path / "clip.txt", "caf\xe9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"clip.txt, line 1: byte 0xE9 is not UTF-8"):
        read(tmp_path)
    write(tmp_path / "mine.jsonl", b'{"video": "a", "caption": "b"}\n{"video": "a", "captoin": "b"}\n{"video": \n')
    with pytest.raises(DataError, match=r"mine.jsonl, line 3: not valid JSON"):
        read(tmp_path)
    write(tmp_path / "mine.jsonl", [{"video": "a", "captoin": "b"}])
    with pytest.raises(DataError, match=r"line 1: unknown column 'captoin': did you mean 'caption'"):
        read(tmp_path)
    write(tmp_path / "more.csv", "video,caption\n")
    with pytest.raises(DataError, match=r"holds 2 tables \(mine.jsonl, more.csv\): name one"):
        read(tmp_path)


def test_byte_order_mark_and_windows_line_ends_are_no_mistake(tmp_path):
    table = write(tmp_path / "mine.csv", b"\xef\xbb\xbfvideo,caption,split\r\na,b,train\r\n")
    assert [caption.text for caption in read(table)[0].captions] == ["b"]
