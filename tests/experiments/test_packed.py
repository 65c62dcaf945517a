"""Frames that were packed are found by a training, unless something speaks against them; then it says what."""

import json
import os
import shutil
import warnings

import pytest
import torch

from hbi.data.samples import DataError
from hbi.errors import Note
from hbi.experiments.frame_features import cache_features
from hbi.experiments.network import start_picture
from hbi.experiments.packed import NOTES, leave_note, usual_folder, with_found_frames
from hbi.experiments.packing import pack_frames
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split
from hbi.experiments.training import SPLITS, start_training
from hbi.shape_stories import generate_shape_stories
from training.tiny import CPU, SIZES


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """Videos, and their packed frames at the usual place."""
    folder = tmp_path_factory.mktemp("data") / "stories"
    generate_shape_stories(folder, num_train=4, num_val=2, num_test=2, num_workers=1)
    made = recipe(folder, "data.frames=null")
    list(pack_frames(made, usual_folder(made), num_workers=1))
    assert leave_note(made, usual_folder(made))
    return folder


@pytest.fixture
def own(stories, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(stories, tmp_path / "stories")


def recipe(folder, *changes: str):
    return read_recipe("shape-stories", [*SIZES, f"data.root={folder}", "data.frames_per_position=1", *changes])


def found(asked, names=SPLITS) -> tuple[str | None, list[str]]:
    """What a recipe's frames become, and what is said."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        settled = with_found_frames(asked, names, start_picture(asked))
    return settled.data.frames, [str(each.message) for each in said if each.category is Note]


def test_what_was_packed_is_found_and_said(own):
    frames, said = found(recipe(own))
    assert frames == str(own / "packed-frames")
    assert len(said) == 1
    assert "frames are read from" in said[0]
    assert "data.frames=null" in said[0]


def test_it_is_found_where_the_whole_data_set_has_been_moved_to_and_without_its_videos(own, tmp_path):
    moved = own.rename(tmp_path / "moved")
    shutil.rmtree(moved / "videos")
    assert found(recipe(moved))[0] == str(moved / "packed-frames")


def test_a_folder_elsewhere_is_found_too(own, tmp_path, monkeypatch):
    shutil.move(own / "packed-frames", tmp_path / "elsewhere")
    assert found(recipe(own)) == (None, [])
    monkeypatch.chdir(tmp_path)
    assert leave_note(recipe("stories"), (tmp_path / "elsewhere").relative_to(tmp_path))
    assert found(recipe(own))[0] == str(tmp_path / "elsewhere")
    monkeypatch.chdir("/")
    assert found(recipe(own))[0] == str(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "change",
    ["data.frames=null", "data.num_frames=4", "data.image_size=24", "model.tubelet_size=2", "data.videos=/nowhere"],
)
def test_frames_of_another_form_or_other_videos_are_passed_over_in_silence(own, change):
    assert found(recipe(own, change)) == (None, [])


def test_named_frames_are_not_looked_for(own):
    assert found(recipe(own, "data.frames=here")) == ("here", [])


def test_an_unfinished_folder_is_not_used_and_named(own):
    lines = own / "packed-frames" / "train" / "videos.jsonl"
    lines.write_text("".join(lines.read_text().splitlines(keepends=True)[:3]))
    frames, (said,) = found(recipe(own))
    assert frames is None
    assert f"{own / 'packed-frames' / 'train'} lacks 1 of 4 videos" in said
    assert found(recipe(own), ("val",))[0] is not None


def test_frames_of_videos_that_were_changed_since_are_not_used(own):
    video = own / "videos" / "val" / "00001.mp4"
    packed_at = (own / "packed-frames" / "val" / "videos.jsonl").stat().st_mtime
    os.utime(video, (packed_at + 5, packed_at + 5))
    frames, (said,) = found(recipe(own))
    assert frames is None
    assert "1 videos were changed since" in said


@pytest.mark.parametrize("text", ["", "[", "{}", "[1]", '[{"folder": 1, "videos": "videos"}]', "[" * 100_000])
def test_a_damaged_note_is_as_none(own, text):
    (own / NOTES).write_text(text)
    assert found(recipe(own)) == (None, [])
    assert leave_note(recipe(own), own / "packed-frames")
    assert [each["folder"] for each in json.loads((own / NOTES).read_text())] == ["packed-frames"]
    assert found(recipe(own))[0] is not None


def test_no_note_is_left_where_there_is_no_data_set(tmp_path):
    assert not leave_note(recipe(tmp_path / "none"), tmp_path / "frames")
    assert not (tmp_path / "none").exists()


def test_a_training_uses_them_keeps_that_and_goes_on_with_it(own, tmp_path):
    asked = recipe(own, "training.batch_size=2", "training.captions_per_video=1")
    with pytest.warns(Note, match="frames are read from"):
        trainer = start_training(asked, tmp_path / "run", resume=False, device=CPU, progress=None)
    kept = read_recipe(str(tmp_path / "run"))
    assert kept.data.frames == str(own / "packed-frames")
    trainer.run(lambda progress: None)
    (own / NOTES).unlink()  # what it began with counts, not what would be found now
    start_training(asked, tmp_path / "run", resume=True, device=CPU, progress=None)
    start_training(kept, tmp_path / "run", resume=True, device=CPU, progress=None)


def test_a_run_that_began_without_them_goes_on_without_them(own, tmp_path):
    notes = (own / NOTES).read_text()
    (own / NOTES).unlink()
    asked = recipe(own, "training.batch_size=2", "training.captions_per_video=1")
    start_training(asked, tmp_path / "run", resume=False, device=CPU, progress=None).run(lambda progress: None)
    (own / NOTES).write_text(notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        start_training(asked, tmp_path / "run", resume=True, device=CPU, progress=None)
    assert read_recipe(str(tmp_path / "run")).data.frames is None


def test_a_split_that_was_not_packed_is_decoded_and_that_is_said(own):
    named = recipe(own, f"data.frames={own / 'packed-frames'}")
    exact = decode_split(recipe(own, "data.frames=null"), "test").frames
    shutil.rmtree(own / "packed-frames" / "test")
    with pytest.warns(Note, match="holds train and val, not test: its videos are decoded"):
        decoded = decode_split(named, "test").frames
    assert torch.equal(decoded.pixels[:], exact.pixels[:])
    shutil.rmtree(own / "packed-frames")
    with pytest.raises(DataError, match="holds no packed frames"):
        decode_split(named, "test")


def test_features_are_made_of_them_too(own, tmp_path):
    shutil.rmtree(own / "videos")  # there is nothing else to make them of
    asked = recipe(own, f"data.features={tmp_path / 'features'}", "training.freeze_towers=true")
    with pytest.warns(Note, match="frames are read from"):
        cached = cache_features(asked, device="cpu")
    assert [len(split.features.mask) for split in cached] == [4, 2]
