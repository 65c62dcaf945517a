"""Which file a name in a table means: the one it says, or none."""

import os
from unicodedata import normalize

import pytest
from annotation_samples import write

from hbi.data.benchmarks import find_benchmark
from hbi.data.loading import load_split
from hbi.data.samples import DataError
from hbi.data.video_files import VideoFiles


def files(root, *names):
    for name in names:
        write(root / name, b"x")
    return VideoFiles(root)


def name_of(found, root):
    return None if found is None else os.path.relpath(found, root)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("day1/0001.mp4", "day1/0001.mp4"),
        ("day2/0001", "day2/0001.mp4"),
        ("day2/0001.avi", "day2/0001.mp4"),
        ("day2/0001.MP4", "day2/0001.mp4"),
        ("./day2/0001.mp4", "day2/0001.mp4"),
        ("day1/../day2/0001", "day2/0001.mp4"),
        ("day3/0001.mp4", None),
        ("day3/0001", None),
        ("y2/0001", None),
        ("0001", "day1/0001.mp4"),
        ("0001.mp4", "day1/0001.mp4"),
        ("0002", "day3/0002.mp4"),
        ("./0002.mp4", None),
        ("{root}/day2/0001.mp4", "day2/0001.mp4"),
        ("{root}/day2/0001", "day2/0001.mp4"),
        ("{root}/0002.mp4", None),
        ("/elsewhere/day2/0001.mp4", None),
        ("links/0001", "day2/0001.mp4"),
        ("", None),
    ],
)
def test_a_folder_in_a_name_is_honored(tmp_path, name, file):
    (tmp_path / "links").parent.mkdir(exist_ok=True)
    os.symlink(tmp_path / "day2", tmp_path / "links")
    found = files(tmp_path, "day1/0001.mp4", "day2/0001.mp4", "day3/0002.mp4").find(name.format(root=tmp_path))
    assert name_of(found, tmp_path) == file


def test_the_folder_of_a_name_may_lie_deeper_where_there_is_one_such(tmp_path):
    found = files(tmp_path, "clips/day2/0001.mp4", "clips/day1/0001.mp4", "a/x/c.mp4", "b/x/c.mp4", "x/c.mkv")
    assert name_of(found.find("day2/0001"), tmp_path) == "clips/day2/0001.mp4"
    assert name_of(found.find("clips/day2/0001.mp4"), tmp_path) == "clips/day2/0001.mp4"
    assert name_of(found.find("x/c.mp4"), tmp_path) == "x/c.mkv"
    (tmp_path / "x" / "c.mkv").unlink()
    found = VideoFiles(tmp_path)
    assert found.find("x/c") is None
    assert found.why_missing("x/c") == (
        f"x/c: no video file of this name below {tmp_path}; it may mean a/x/c.mp4 or b/x/c.mp4: write the whole path "
        "from there"
    )
    assert name_of(found.find("b/x/c"), tmp_path) == "b/x/c.mp4"


def test_a_relative_root_makes_no_difference(tmp_path, monkeypatch):
    files(tmp_path, "videos/day1/0001.mp4", "videos/day2/0001.mp4")
    monkeypatch.chdir(tmp_path)
    for root in ("videos", ".", "./videos/"):
        found = VideoFiles(tmp_path / root if root == "." else type(tmp_path)(root))
        assert found.find("day2/0001").parts[-2:] == ("day2", "0001.mp4")
        assert found.find(f"{tmp_path}/videos/day2/0001").parts[-2:] == ("day2", "0001.mp4")
        assert found.find("day3/0001") is None


def test_names_are_found_in_either_unicode_form(tmp_path):
    nfc, nfd = (normalize(form, "Müller/café") for form in ("NFC", "NFD"))
    for name, other in ((nfc, nfd), (nfd, nfc)):
        root = tmp_path / str(len(name))
        found = files(root, f"{name}.mp4")
        for asked in (other, f"{other}.mp4", f"{other}.avi", os.path.basename(other), f"{os.path.basename(other)}.mp4"):
            assert name_of(found.find(asked), root) == f"{name}.mp4"


def test_of_two_files_that_look_alike_the_one_spelled_so_is_meant(tmp_path):
    nfc, nfd = (normalize(form, "café") for form in ("NFC", "NFD"))
    found = files(tmp_path, f"{nfc}.mp4", f"{nfd}.mp4", f"{nfc}/a.mp4", f"{nfd}/a.mp4")
    for name in (nfc, nfd):
        for asked in (name, f"{name}.mp4", f"{name}.avi"):
            assert name_of(found.find(asked), tmp_path) == f"{name}.mp4"
        assert name_of(found.find(f"{name}/a"), tmp_path) == f"{name}/a.mp4"


def test_rivals_are_files_that_a_bare_name_may_mean_too(tmp_path):
    found = files(tmp_path, "0001.mp4", "day1/0001.mp4", "day2/0001.mkv", "day2/0001.mp4", "day2/0002.mp4")
    assert [name_of(path, tmp_path) for path in found.rivals("0001")] == [
        "day1/0001.mp4",
        "day2/0001.mkv",
        "day2/0001.mp4",
    ]
    assert [name_of(path, tmp_path) for path in found.rivals("day2/0001")] == ["day2/0001.mp4"]
    assert len(found.rivals("unknown", "0001.mp4")) == 3
    for name in ("day1/0001", "day2/0001.mp4", "0002", "unknown"):
        assert list(found.rivals(name)) == []


def test_the_first_file_that_is_not_empty_is_taken(tmp_path):
    write(tmp_path / "a" / "clip.mp4", b"")
    found = files(tmp_path, "b/clip.mp4", "clip.mod.mp4", "trip.bin")
    assert name_of(found.find("clip"), tmp_path) == "b/clip.mp4"
    assert name_of(found.find("clip.mod"), tmp_path) == "b/clip.mp4"
    (tmp_path / "b" / "clip.mp4").unlink()
    (tmp_path / "a" / "clip.mp4").unlink()
    assert name_of(VideoFiles(tmp_path).find("clip.mod"), tmp_path) == "clip.mod.mp4"
    assert name_of(found.find("trip.bin"), tmp_path) == "trip.bin"  # named as it is
    assert found.find("trip") is None


def test_what_systems_put_beside_videos_is_not_found(tmp_path):
    found = files(tmp_path, "._clip.mp4", "@eaDir/clip.mp4/PREVIEW.mp4", "#recycle/clip.mp4", "b.mp4")
    assert [path.name for path in found.paths] == ["b.mp4"]
    assert found.find("clip") is None
    assert found.find("._clip") is None


def refuse_to_open(monkeypatch, name):
    real = os.scandir

    def refuse(path):
        if os.path.basename(path) == name:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_read_is_named_with_what_is_missing(tmp_path, monkeypatch):
    write(tmp_path / "mine.csv", "video,caption,split\na,one,train\nb,two,train\n")
    files(tmp_path / "videos", "a.mp4", "locked/b.mp4")
    refuse_to_open(monkeypatch, "locked")
    videos = tmp_path / "videos"
    loaded = load_split(find_benchmark("own"), None, "train", annotations=tmp_path / "mine.csv", videos=videos)
    assert loaded.problems == (
        f"b: no video file of this name below {videos}, where {videos / 'locked'} cannot be read",
    )
    refuse_to_open(monkeypatch, "videos")
    with pytest.raises(DataError, match=r"videos cannot be read \(Permission denied\): see to it"):
        VideoFiles(videos)


def test_lists_of_benchmarks_are_found_in_any_layout(tmp_path):
    names = ["0001_Film/0001_Film_00.00.51.926.avi", "0002_Film/scene.avi", "0003_Film/scene.avi"]
    write(tmp_path / "lsmdc_ret_val.json", [{"video": name, "caption": "He turns."} for name in names])
    files(tmp_path / "videos", "0001_Film_00.00.51.926.mp4", "0003_Film/scene.mp4")
    loaded = load_split(find_benchmark("lsmdc"), None, "val", annotations=tmp_path, videos=tmp_path / "videos")
    assert [video.video_id for video in loaded.split.videos] == [names[0], names[2]]
    assert loaded.split.videos[0].path.name == "0001_Film_00.00.51.926.mp4"
