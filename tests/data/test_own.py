"""Own videos: tables and folders of clips, and the one line that each mistake ends in."""

from unicodedata import normalize

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
        assert [caption.text for caption in video.texts] == ["a dog, running", "it barks"]


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
    assert loaded.problems == ("train/y.avi: it has no caption",)


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
        ("video,caption\n ,b\n", 'line 2: the video " " is no name; write that of its file'),
        ("video,caption,start\na,b,nan\n", "line 2: start is 'nan', not a number of seconds"),
        ("video,caption,end\na,b,inf\n", "line 2: end is 'inf', not a number of seconds"),
        ("video,caption,start\na,b,-1.5\n", "line 2: start is -1.5, but seconds count from 0"),
        ("video,caption,start,end\na,b,4,4.0\n", "line 2: end 4 is not after start 4; give both in seconds"),
        ("video,caption,end\na,b,0\n", "line 2: end 0 is not after start 0"),
        ('video,caption\na,b\nc,"d\ne,f\ng,h\n', "line 3: a quotation mark begins a value and is never closed"),
        ('video,caption\na,"b"\n"c,d', "line 3: a quotation mark begins a value and is never closed"),
        ('video,caption\na,"b\nc,"d, e"\nf,g\n', "line 2: a quotation mark begins a value and is never closed"),
        ('video,caption\na,"b\nb"\nc,"d\ne,f\n', "line 4: a quotation mark begins a value and is never closed"),
        ('video,caption\r\na,"b\r\nc,d\r\n', "line 2: a quotation mark begins a value and is never closed"),
        ('video,caption,split\n"a\nb","c\nd","e\n', "line 4: a quotation mark begins a value and is never closed"),
        ('video,caption\na,"' + "b\n" * 99_999, "line 2: a quotation mark begins a value and is never closed"),
    ],
)
def test_mistakes_in_a_table(tmp_path, content, message):
    table = write(tmp_path / "mine.csv", content)
    with pytest.raises(DataError) as caught:
        read(table)
    assert message in str(caught.value)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"video": "a", "caption": NaN}', "line 2: NaN is no number; write one, or null"),
        ('{"video": "a", "caption": "NaN", "start": -Infinity}', "line 2: -Infinity is no number"),
        ('{"video": "a", "caption": "b", "end": 1e999}', "line 2: 1e999 is no number"),
        ('{"video": "a", "caption": "b", "end": "1e999"}', "line 2: end is '1e999', not a number of seconds"),
        ('{"video": "a", "caption": "b", "end": true}', "line 2: end is True, not a number of seconds"),
        ('{"video": "a", "caption": "b", "end": 1' + "0" * 400 + "}", "line 2: end is 1000"),
        ('{"video": "a", "caption": "b", "end": [1]}', "line 2: end is [1], not a number of seconds"),
        ('{"video": "a", "caption": {"en": "b"}}', 'line 2: the caption {"en": "b"} is no text; write one, or a list'),
        ('{"video": "a", "caption": 7}', "line 2: the caption 7 is no text"),
        ('{"video": "a", "caption": true}', "line 2: the caption true is no text"),
        ('{"video": "a", "caption": ["b", null]}', "line 2: the caption null is no text"),
        ('{"video": "a", "caption": [["b"]]}', 'line 2: the caption ["b"] is no text'),
        ('{"video": "a", "caption": "\\ud83d"}', "line 2: \\ud83d is half a character"),
        ('{"video": 1.5, "caption": "b"}', "line 2: the video 1.5 is no name"),
        ('{"video": null, "caption": "b"}', "line 2: the video null is no name"),
        ('{"video": false, "caption": "b"}', "line 2: the video false is no name"),
        ('{"video": ["a"], "caption": "b"}', 'line 2: the video ["a"] is no name'),
        ('{"video": "a", "caption": ' + "9" * 5000 + "}", "line 2: a whole number of thousands of digits"),
        ("[" * 100_000, "line 2: lists in lists in lists, too deep to be read"),
    ],
)
def test_mistakes_in_json_lines(tmp_path, line, message):
    table = write(tmp_path / "mine.jsonl", b'{"video": "z", "caption": "y"}\n' + line.encode() + b"\n")
    with pytest.raises(DataError) as caught:
        read(table)
    assert message in str(caught.value)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_of_texts_is_that_many_captions(tmp_path):
    rows = [
        {"video": "a.mp4", "caption": ["a dog", " it  barks "], "split": "train"},
        {"video": 7, "caption": None, "split": "train"},
        {"video": "b.mp4", "caption": [], "split": "train"},
    ]
    read_captions = {
        video.video_id: [each.text for each in video.texts] for video in read(write(tmp_path / "mine.jsonl", rows))
    }
    assert read_captions == {"a.mp4": ["a dog", "it barks"], "7": [""], "b.mp4": []}


@pytest.mark.parametrize(
    ("name", "content", "captions"),
    [
        ("mine.csv", 'video,caption\na,"one\ntwo, ""three"""\na,say "hi"\n', ['one two, "three"', 'say "hi"']),
        ("mine.tsv", 'video\tcaption\na\the said "hi"\na\t"hi" he said\na\t5"\n', ['he said "hi"', "hi he said", '5"']),
        ("mine.csv", 'video,caption\na,"a dog"\na,"it\r\nbarks"', ["a dog", "it barks"]),
        ("MINE.CSV", "video,caption\na,b\n", ["b"]),
    ],
)
def test_quotation_marks_that_are_no_mistake(tmp_path, name, content, captions):
    blank = "\t" if name == "mine.tsv" else ","
    others = "".join(f"{other}{blank}x\n" for other in "bcd")  # without them there would be too few for three splits
    write(tmp_path / name, content.rstrip("\n") + "\n" + others)
    told = {video.video_id: video.texts for split in SPLIT_NAMES for video in read(tmp_path / name, split)}
    assert [caption.text for caption in told["a"]] == captions


def test_a_mark_of_one_tab_separated_row_does_not_swallow_others(tmp_path):
    table = write(tmp_path / "mine.tsv", 'video\tcaption\na\t"hello there\nb\ta cat\nc\ta ruler of 5"\n')
    with pytest.raises(DataError, match=r"line 2: a quotation mark begins a value and is never closed"):
        read(table)


@pytest.mark.parametrize(
    "invisible", ["\u200b", "\ufeff", "\u2060\u00ad", "\u3164", "\u200b \u00a0\t", "\ufe0f", "\x07"]
)
def test_a_caption_of_which_nothing_can_be_seen_is_empty(tmp_path, invisible):
    table = write(tmp_path / "mine.csv", f"video,caption,split\na,{invisible},train\nb,a dog,train\n")
    assert [caption.text for video in read(table) for caption in video.texts] == ["", "a dog"]
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, b"x")
    loaded = load_split(OWN, None, "train", annotations=table, videos=tmp_path)
    assert loaded.problems == ("a: a caption is empty", "a: it has no caption")
    (tmp_path / "b.mp4").unlink()
    with pytest.raises(DataError, match=r"none of the 2 videos of own videos train has a file and a caption"):
        load_split(OWN, None, "train", annotations=table, videos=tmp_path)


def test_joiners_within_a_text_are_part_of_it(tmp_path):
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    table = write(tmp_path / "mine.csv", f"video,caption,split\na,a {family} می\u200cخواهم,train\n")
    assert read(table)[0].texts[0].text == f"a {family} می\u200cخواهم"


def test_a_split_that_is_not_there_is_told_with_what_to_do(tmp_path):
    table = write(tmp_path / "mine.csv", "video,caption,split\na,b,train\nc,d,\n")
    for split in ("val", "test"):
        with pytest.raises(DataError) as caught:
            read(table, split)
        assert str(caught.value) == (
            f"{table} has no row with split '{split}': mark some rows {split}, or leave the column out and a tenth is "
            "chosen"
        )
    write(table, "video,caption,split\na,b,val\n")
    with pytest.raises(DataError, match=r"no row with split 'train': mark some rows train"):
        read(table)
    write(table, "video,caption\na,b\nc,d\n")
    assert len(read(table, "test")) == len(read(table, "val")) == 1
    with pytest.raises(DataError, match=r"mine.csv has 2 videos, too few for train, val and test: three are the least"):
        read(table)
    for name in ("train/x.mp4", "test/z.mov"):
        write(tmp_path / "clips" / name, b"")
        write(tmp_path / "clips" / f"{name.split('.')[0]}.txt", "a caption")
    with pytest.raises(
        DataError, match=r"clips has no video in a folder 'val': put some into .*clips.val, or all beside"
    ):
        read(tmp_path / "clips", "val")


def test_what_systems_put_beside_clips_is_no_clip_and_no_table(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.mp4", b"")
        write(tmp_path / f"{name}.txt", f"clip {name}")
        write(tmp_path / f"._{name}.mp4", b"")
        write(tmp_path / f"._{name}.txt", b"\x00\x05\x16\x07")
    write(tmp_path / "@eaDir" / "a.mp4" / "PREVIEW.mp4", b"")
    told = [video.video_id for split in SPLIT_NAMES for video in read(tmp_path, split)]
    assert sorted(told) == ["a.mp4", "b.mp4", "c.mp4"]
    write(tmp_path / "mine.csv", "video,caption,split\na,b,train\n")
    write(tmp_path / "._mine.csv", b"\x00\x05\x16\x07")
    assert [video.video_id for video in read(tmp_path)] == ["a"]


def test_a_text_is_found_beside_its_clip_in_either_unicode_form(tmp_path):
    nfc, nfd = (normalize(form, "café") for form in ("NFC", "NFD"))
    for folder, clip, text in (("x", nfc, nfd), ("y", nfd, nfc)):
        write(tmp_path / "train" / folder / f"{clip}.mp4", b"")
        write(tmp_path / "train" / folder / f"{text}.txt", f"in {folder}")
    for form, said in ((nfc, "composed"), (nfd, "decomposed")):
        write(tmp_path / "train" / "z" / f"{form}.mp4", b"")
        write(tmp_path / "train" / "z" / f"{form}.txt", said)
    told = {video.video_id: [caption.text for caption in video.texts] for video in read(tmp_path)}
    assert told == {
        f"train/x/{nfc}.mp4": ["in x"],
        f"train/y/{nfd}.mp4": ["in y"],
        f"train/z/{nfc}.mp4": ["composed"],
        f"train/z/{nfd}.mp4": ["decomposed"],
    }


def test_the_spelling_of_accents_does_not_move_a_video_to_another_split(tmp_path):
    splits = []
    for form in ("NFC", "NFD"):
        rows = "".join(f"café {number}.mp4,a caption\n" for number in range(30))
        table = write(tmp_path / "mine.csv", "video,caption\n" + normalize(form, rows))
        splits.append([{normalize("NFC", video.video_id) for video in read(table, split)} for split in SPLIT_NAMES])
    assert splits[0] == splits[1]


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
    assert [caption.text for caption in read(table)[0].texts] == ["b"]
