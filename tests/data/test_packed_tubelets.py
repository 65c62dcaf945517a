"""Tubelets kept in memory and packed: the same pictures, each of them once."""

import json

import pytest
import torch
from made_up_msrvtt import write_video

from hbi.data.frames import decode_frames, distinct_pictures
from hbi.data.packed_frames import PICTURES, VIDEOS, FrameSampling, open_frames, read_sampling
from hbi.data.packing import pack_videos
from hbi.data.samples import DataError, Video
from hbi.video import PictureFormat, read_frames

SINGLE = PictureFormat.square(24)
TUBELETS = SINGLE.in_tubelets(3, 0.25)
SAMPLING = FrameSampling(6, TUBELETS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Videos, one short and one broken, with the folder that they were packed to and what is in memory."""
    folder = tmp_path_factory.mktemp("tubelets")
    videos = [
        Video(f"clip{n}", write_video(folder / f"clip{n}.mp4", seed=n, num_frames=4 if n == 1 else 8)) for n in range(3)
    ]
    (folder / "broken.mp4").write_bytes(b"")
    videos += [Video("part", videos[0].path, 0.5, 1.5), Video("broken", folder / "broken.mp4")]
    pack_videos(videos, folder / "frames", SAMPLING, num_workers=1)
    return videos, folder / "frames", decode_frames(videos, num_frames=6, picture=TUBELETS)


def test_what_is_kept_in_memory_is_what_was_read(made):
    videos, _, store = made
    assert store.pixels.shape == (5, 6, 3, 3, 24, 24)
    for row, video in enumerate(videos[:4]):
        frames = read_frames(
            video.path, 6, image_size=TUBELETS, start_seconds=video.start_seconds, end_seconds=video.end_seconds
        )
        count = len(frames.pixels)
        assert int(store.mask[row].sum()) == count
        assert torch.equal(store.pixels[row][:count], frames.pixels)
        assert not store.pixels[row][count:].any()
        assert torch.equal(store.tubelet_timestamps_seconds[row, :count], frames.tubelet_timestamps_seconds)
        pictures, numbers = distinct_pictures(frames)
        assert torch.equal(pictures[numbers], frames.pixels)
        assert len(pictures) == len(frames.tubelet_timestamps_seconds.unique()) < 3 * count
    rows, columns = torch.tensor([2, 0]), torch.tensor([[1, 0], [2, 5]])
    whole = store.pixels[:]
    for index in (rows, slice(1, 3), store.mask.any(-1), 2, (rows[:, None], columns)):
        assert torch.equal(store.pixels[index], whole[index])
    usable = store.only(store.is_usable)
    assert torch.equal(usable.pixels[:], whole[:4])
    assert torch.equal(usable.tubelet_timestamps_seconds, store.tubelet_timestamps_seconds[:4])


def test_packed_tubelets_are_those_of_the_videos(made):
    videos, folder, decoded = made
    assert read_sampling(folder) == SAMPLING
    store = open_frames(folder, videos, SAMPLING)
    assert store.pixels.shape == decoded.pixels.shape
    assert torch.equal(store.mask, decoded.mask)
    assert torch.equal(store.timestamps_seconds, decoded.timestamps_seconds)
    assert torch.equal(store.tubelet_timestamps_seconds, decoded.tubelet_timestamps_seconds)
    error = (store.pixels[:].int() - decoded.pixels[:].int()).abs()
    assert error.float().mean() < 2
    assert error.max() < 40
    rows, columns = torch.tensor([2, 0, 4]), torch.tensor([1, 4, 0])
    assert torch.equal(store.pixels[rows, columns], store.pixels[:][rows, columns])


def test_a_picture_of_several_tubelets_is_packed_once(made):
    _, folder, decoded = made
    lines = [json.loads(line) for line in (folder / VIDEOS).read_text().splitlines()]
    for row, line in enumerate(lines[:4]):
        times = decoded.tubelet_timestamps_seconds[row][decoded.mask[row]]
        assert line["picture_seconds"] == times.unique().tolist()
        assert len(line["offsets"]) == len(line["picture_seconds"]) + 1
    assert lines[3]["offsets"][-1] == (folder / PICTURES).stat().st_size


def test_what_was_packed_otherwise_is_refused_in_one_line(made, tmp_path):
    videos, folder, _ = made
    for wanted, problem in (
        (SINGLE, r"was packed with tubelet_size 3, not 1: pack it again into another folder \(hbi data pack\)"),
        (SINGLE.in_tubelets(5, 0.25), r"was packed with tubelet_size 3, not 5: pack it again"),
        (SINGLE.in_tubelets(3, None), r"was packed with tubelet_seconds 0\.25, not None: pack it again"),
    ):
        with pytest.raises(DataError, match=problem):
            open_frames(folder, videos, FrameSampling(6, wanted))
    pack_videos(videos[:1], tmp_path / "single", FrameSampling(6, SINGLE), num_workers=1)
    with pytest.raises(DataError, match=r"was packed with tubelet_size 1, not 3: pack it again"):
        open_frames(tmp_path / "single", videos[:1], SAMPLING)
    assert not {"tubelets", "picture_seconds"} & json.loads((tmp_path / "single" / VIDEOS).read_text()).keys()


def test_a_packing_that_goes_on_keeps_the_tubelets(made, tmp_path):
    videos, folder, _ = made
    out = tmp_path / "frames"
    pack_videos(videos[:1], out, SAMPLING, num_workers=1)
    pack_videos(videos, out, SAMPLING, num_workers=1)
    assert (out / PICTURES).read_bytes() == (folder / PICTURES).read_bytes()
    assert (out / VIDEOS).read_text() == (folder / VIDEOS).read_text()


@pytest.mark.parametrize("damage", [[[0, 1, 99]], [[0, 1]], "012", [[0, 1, 2], [0.5, 1, 2]]])
def test_tubelets_of_pictures_that_are_not_there_are_no_video(made, tmp_path, damage):
    videos, _, _ = made
    out = tmp_path / "frames"
    pack_videos(videos[:2], out, SAMPLING, num_workers=1)
    first, second = (json.loads(line) for line in (out / VIDEOS).read_text().splitlines())
    (out / VIDEOS).write_text(json.dumps(first | {"tubelets": damage}) + "\n" + json.dumps(second) + "\n")
    store = open_frames(out, videos[:2], SAMPLING)
    assert store.is_usable.tolist() == [False, True]
    assert store.problems[0].startswith("clip0: not in ")
