"""Every reader on made-up rows of every form of its files, and on the real files where they lie beside the project."""

import pytest
from annotation_samples import REAL, lsmdc_line, msrvtt_data, write

from hbi.data.benchmark import SPLIT_NAMES
from hbi.data.benchmarks import benchmark_names, find_benchmark, find_protocol
from hbi.data.loading import read_annotations
from hbi.data.samples import DataError


def texts(name, folder, split, protocol=None):
    """What a reader gives: the texts of every video."""
    read = read_annotations(find_benchmark(name), protocol, split, folder)
    assert len({video.video_id for video in read}) == len(read)
    return {video.video_id: [caption.text for caption in video.texts] for video in read}


def test_every_benchmark_is_known_by_its_name_and_small():
    captions = ["activitynet", "didemo", "lsmdc", "msrvtt", "msvd", "own", "vatex"]
    questions = ["activitynet-qa", "msrvtt-qa", "msvd-qa", "tgif-qa"]
    assert benchmark_names() == sorted(captions + questions)
    assert [find_benchmark(name).asks_questions for name in captions + questions] == [False] * 7 + [True] * 4
    for name in benchmark_names():
        assert find_benchmark(name).name == name
    with pytest.raises(DataError, match="no data set 'msvtt': did you mean 'msrvtt'"):
        find_benchmark("msvtt")
    with pytest.raises(DataError, match="MSR-VTT has no protocol '1k-A': did you mean '1k-A-9k'"):
        find_protocol(find_benchmark("msrvtt"), "1k-A")


# MSR-VTT


MSRVTT = {"video0": "train", "video1": "train", "video2": "validate", "video3": "test", "video4": "test"}


@pytest.fixture
def msrvtt(tmp_path):
    write(tmp_path / "MSRVTT_data.json", msrvtt_data(splits=MSRVTT))
    write(tmp_path / "MSRVTT_train.9k.csv", "video_id\nvideo0\nvideo1\nvideo2\nvideo4\n")
    write(tmp_path / "MSRVTT_train.7k.csv", "video_id\nvideo0\nvideo1\nvideo2\n")
    rows = 'key,vid_key,video_id,sentence\nret0,msr3,video3,"one man, who waves"\n'
    write(tmp_path / "MSRVTT_JSFUSION_test.csv", rows)
    return tmp_path


def test_msrvtt_1k(msrvtt):
    train = texts("msrvtt", msrvtt, "train")
    assert list(train) == ["video0", "video1", "video2", "video4"]
    assert train["video1"] == ["video1 does thing 0", "video1 does thing 1"]
    assert list(texts("msrvtt", msrvtt, "train", "1k-A-7k")) == ["video0", "video1", "video2"]
    for split in ("val", "test"):
        assert texts("msrvtt", msrvtt, split) == {"video3": ["one man, who waves"]}


def test_msrvtt_full(msrvtt):
    splits = [list(texts("msrvtt", msrvtt, split, "full")) for split in SPLIT_NAMES]
    assert splits == [["video0", "video1"], ["video2"], ["video3", "video4"]]


def test_msrvtt_in_the_authors_two_files(msrvtt):
    (msrvtt / "MSRVTT_data.json").unlink()
    halves = ({k: v for k, v in MSRVTT.items() if (v == "test") == is_test} for is_test in (False, True))
    for name, half in zip(("train_val", "test"), halves, strict=True):
        write(msrvtt / "annotation" / f"{name}_videodatainfo.json", msrvtt_data(splits=half))
    assert list(texts("msrvtt", msrvtt, "test", "full")) == ["video3", "video4"]
    assert texts("msrvtt", msrvtt, "train")["video4"] == ["video4 does thing 0", "video4 does thing 1"]


@pytest.mark.parametrize(
    ("name", "captions"),
    [
        (
            "MSR_VTT.json",
            {"annotations": [{"image_id": "video0", "caption": "a"}, {"image_id": "video0", "caption": "b"}]},
        ),
        ("raw-captions.pkl", {"video0": [["a"], ["b"]]}),
    ],
)
def test_msrvtt_lists_with_other_caption_files(tmp_path, name, captions):
    write(tmp_path / "train_list_jsfusion.txt", "video0\n")
    write(tmp_path / name, captions)
    assert texts("msrvtt", tmp_path, "train") == {"video0": ["a", "b"]}


def test_msrvtt_as_records(tmp_path):
    write(tmp_path / "msrvtt_ret_train9k.json", [{"video": "video0.mp4", "caption": ["a  man", "he sings"]}])
    write(tmp_path / "test1k.jsonl", [{"clip_name": "video9", "caption": "x", "sen_id": 1}])
    assert texts("msrvtt", tmp_path, "train") == {"video0.mp4": ["a man", "he sings"]}
    assert texts("msrvtt", tmp_path, "test") == {"video9": ["x"]}


# MSVD


MSVD = {"-4wsuPCjDBc_5_15": ["a squirrel eats", "a chipmunk nibbles"]}


@pytest.mark.parametrize(
    "files",
    [
        {"MSVD_train.tsv": "a squirrel eats, a chipmunk nibbles, \t-4wsuPCjDBc_5_15\n"},
        {
            "train_list.txt": "-4wsuPCjDBc_5_15\n",
            "raw-captions.pkl": {"-4wsuPCjDBc_5_15": [["a", "squirrel", "eats"], ["a", "chipmunk", "nibbles"]]},
        },
        {
            "train_list.txt": "-4wsuPCjDBc_5_15\r\n",
            "AllVideoDescriptions.txt": "# header\n\n-4wsuPCjDBc_5_15 a squirrel eats\n"
            "-4wsuPCjDBc_5_15 a chipmunk nibbles\n",
        },
        {"msvd_ret_train.json": [{"video": "-4wsuPCjDBc_5_15", "caption": ["a squirrel eats", "a chipmunk nibbles"]}]},
    ],
)
def test_msvd(tmp_path, files):
    for name, content in files.items():
        write(tmp_path / name, content)
    assert texts("msvd", tmp_path, "train") == MSVD


def test_msvd_knows_the_other_names_of_its_files(tmp_path):
    write(tmp_path / "MSVD_test.tsv", "a cat\tabc_1_2\n")
    write(tmp_path / "youtube_mapping.txt", "abc_1_2 vid7\n")
    (video,) = read_annotations(find_benchmark("msvd"), None, "test", tmp_path)
    assert video.aliases == ("vid7",)


# LSMDC


def test_lsmdc_keeps_quotation_marks_and_several_sentences_of_a_clip(tmp_path):
    clip = "0001_American_Beauty_00.00.51.926-00.00.54.129"
    lines = (
        lsmdc_line(clip, 'SOMEONE says "go') + lsmdc_line(clip, "He turns.") + lsmdc_line("0001_b", '" Then, she goes.')
    )
    write(tmp_path / "LSMDC16_annos_training.csv", lines)
    assert texts("lsmdc", tmp_path, "train") == {
        clip: ['SOMEONE says "go', "He turns."],
        "0001_b": ['" Then, she goes.'],
    }
    write(tmp_path / "lsmdc_ret_test_1000.json", [{"video": f"0001/{clip}.avi", "caption": "He waits."}])
    assert texts("lsmdc", tmp_path, "test") == {f"0001/{clip}.avi": ["He waits."]}


def test_lsmdc_names_the_line_of_a_wrong_row(tmp_path):
    write(tmp_path / "LSMDC16_annos_val.csv", lsmdc_line("a", "He turns.") + "b,He goes.\n")
    with pytest.raises(DataError, match=r"LSMDC16_annos_val.csv, line 2: 1 values instead of 6"):
        texts("lsmdc", tmp_path, "val")


# DiDeMo


def test_didemo_table_with_line_breaks_in_quotes(tmp_path):
    rows = '"a cat looks up.\n, it paws, "\t1@N00_2_3.mp4\nswimmers dive., \t4@N03_5_6.mp4\n'
    write(tmp_path / "DiDeMo_test.tsv", rows)
    told = {"1@N00_2_3.mp4": ["a cat looks up. , it paws"], "4@N03_5_6.mp4": ["swimmers dive."]}
    assert texts("didemo", tmp_path, "test") == told


def test_didemo_moments_are_what_half_of_the_annotators_chose(tmp_path):
    entries = [
        {"annotation_id": 1, "video": "a.mov", "description": "a dog", "times": [[1, 2], [2, 2], [2, 3], [0, 2]]},
        {"annotation_id": 2, "video": "a.mov", "description": "it runs", "times": [[5, 5]]},
    ]
    write(tmp_path / "val_data.json", entries)
    (video,) = read_annotations(find_benchmark("didemo"), None, "val", tmp_path)
    moments = [(caption.text, caption.start_seconds, caption.end_seconds) for caption in video.texts]
    assert moments == [("a dog", 5.0, 15.0), ("it runs", 25.0, 30.0)]


# ActivityNet Captions


ANET = {"v_abc": {"duration": 20.0, "timestamps": [[0, 5.5], [9, 4]], "sentences": ["A man sits.", " He stands."]}}


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ["train.json"]),
        ("test", ["val_1.json"]),
        ("val", ["val_1.json"]),
        ("test", ["anet_entities_val_1.json", "anet_entities_test_1.json"]),
    ],
)
def test_activitynet(tmp_path, split, names):
    for number, name in enumerate(names):
        write(tmp_path / name, {f"{video}{number}": told for video, told in ANET.items()})
    videos = read_annotations(find_benchmark("activitynet"), None, split, tmp_path)
    assert [video.video_id for video in videos] == [f"v_abc{number}" for number in range(len(names))]
    assert videos[0].aliases == ("abc0",)
    moments = [(caption.text, caption.start_seconds, caption.end_seconds) for caption in videos[0].texts]
    assert moments == [("A man sits.", 0.0, 5.5), ("He stands.", 4.0, 9.0)]


# VATEX


def test_vatex(tmp_path):
    def entries(*names):
        return [{"videoID": name, "enCap": ["one", "two"], "chCap": ["一"]} for name in names]

    write(tmp_path / "vatex_training_v1.0.json", entries("a_000001_000011"))
    write(tmp_path / "vatex_validation_v1.0.json", entries("b_000001_000011", "c_d_000002_000012"))
    write(tmp_path / "val_list.txt", "b_000001_000011\n")
    write(tmp_path / "test_list.txt", "c_d_000002_000012\n")
    assert texts("vatex", tmp_path, "train") == {"a_000001_000011": ["one", "two"]}
    assert list(texts("vatex", tmp_path, "val")) == ["b_000001_000011"]
    (video,) = read_annotations(find_benchmark("vatex"), None, "test", tmp_path)
    assert video.aliases == ("c_d",)
    assert len(texts("vatex", tmp_path, "val", "official")) == 2


# All of them


def test_what_is_no_number_is_told_with_its_line(tmp_path):
    told = '{"v_abc": {\n"sentences": ["a \\"NaN\\" sits", "Infinity"],\n"timestamps": [[0, NaN], [1, 2]]}}'
    write(tmp_path / "val_1.json", told.encode())
    with pytest.raises(DataError, match=r"val_1.json, line 3: NaN is no number; write one, or null"):
        texts("activitynet", tmp_path, "test")
    write(tmp_path / "val_1.json", told.replace("NaN]", "1e999]").encode())
    with pytest.raises(DataError, match=r"val_1.json, line 3: 1e999 is no number"):
        texts("activitynet", tmp_path, "test")


def test_captions_and_videos_that_are_no_texts_are_told(tmp_path):
    write(tmp_path / "msrvtt_ret_train9k.json", [{"video": "a", "caption": "b"}, {"video": "a", "caption": [1]}])
    with pytest.raises(DataError, match=r"entry 2: the caption 1 is no text"):
        texts("msrvtt", tmp_path, "train")
    write(tmp_path / "msrvtt_ret_train9k.json", [{"video": {"id": 3}, "caption": "b"}])
    with pytest.raises(DataError, match=r'entry 1: the video \{"id": 3\} is no name'):
        texts("msrvtt", tmp_path, "train")


def test_what_a_mac_leaves_beside_annotations_is_passed_over(tmp_path):
    write(tmp_path / "vatex_validation_v1.0.json", [{"videoID": "b_000001_000011", "enCap": ["one"]}])
    write(tmp_path / "._my_vatex_val_list.txt", b"\x00\x05\x16\x07")
    write(tmp_path / "__MACOSX" / "a_vatex_val_list.txt", b"\x00\x05\x16\x07")
    write(tmp_path / "the" / "lists" / "my_vatex_val_list.txt", "b_000001_000011\n")
    assert list(texts("vatex", tmp_path, "val")) == ["b_000001_000011"]


# The real files


@pytest.mark.skipif(not REAL.is_dir(), reason="no real annotation files beside the project")
@pytest.mark.parametrize(
    ("name", "folder", "split"),
    [
        ("msrvtt", "msrvtt", "test"),
        *(("msvd", "msvd", split) for split in SPLIT_NAMES),
        *(("didemo", "didemo", split) for split in ("val", "test")),
        ("activitynet", "activitynet_captions", "test"),
    ],
)
def test_real_files_have_the_published_sizes(name, folder, split):
    benchmark = find_benchmark(name)
    read = read_annotations(benchmark, None, split, REAL / folder)
    published = benchmark.protocols[0].published(split)
    num_texts = len(read) if benchmark.is_paragraph else sum(len(video.texts) for video in read)
    assert (len(read), num_texts) == (published.num_videos, published.num_texts)
    assert all(caption.text for video in read for caption in video.texts)


@pytest.mark.skipif(not REAL.is_dir(), reason="no real annotation files beside the project")
def test_the_real_table_of_didemo_lacks_three_training_videos():
    assert len(read_annotations(find_benchmark("didemo"), None, "train", REAL / "didemo")) == 8_392
