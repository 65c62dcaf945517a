"""The splits of a recipe: captions or questions, by what its network does with them, in one way."""

import json

import pytest
import torch

from data.made_up_msrvtt import write_msrvtt, write_video
from hbi.cli.data_pack import pack
from hbi.data.answer_vocabulary import OUT_OF_VOCABULARY
from hbi.data.samples import DataError, Question
from hbi.experiments.content import RecipeError
from hbi.experiments.reading import read_recipe
from hbi.experiments.splits import decode_split, read_split
from hbi.experiments.training import start_training

SIZES = [
    *("data.image_size=16", "data.num_frames=4", "data.max_words=12", "data.num_answers=null"),
    *("model.clip=null", "model.width=16", "model.heads=2", "model.merge_heads=2", "model.head_channels=4"),
    *("model.answer_channels=8", "training.num_steps=2", "training.warmup_steps=1", "training.batch_size=2"),
    *("training.precision=fp32", "training.validate_every=2", "training.checkpoint_every=2"),
]


@pytest.fixture
def asked(tmp_path):
    """Questions about four videos, of which one cannot be decoded and one has no file, in each split."""
    videos = ("video7", "video8", "video9", "video10")
    for split in ("train", "val"):
        rows = [
            {"video_id": video, "question": f"{word} is {number}?", "answer": answer}
            for number, (word, answer) in enumerate((("what", "a dog"), ("who", "a man")))
            for video in videos
        ]
        path = tmp_path / "annotations" / f"{split}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for seed, name in enumerate(videos[:2]):
        write_video(tmp_path / "videos" / f"{name}.mp4", seed=seed)
    (tmp_path / "videos" / "video9.mp4").write_text("this is no video")
    return tmp_path


def recipe(folder, *more):
    return read_recipe("msrvtt-qa", [f"data.root={folder}", *SIZES, *more])


def test_questions_are_read_as_captions_are(asked):
    loaded = read_split(recipe(asked), "val")
    assert [video.video_id for video in loaded.split.videos] == ["video7", "video8", "video9"]
    assert loaded.split.questions == loaded.split.texts
    assert loaded.split.questions[:2] == (
        Question("what is 0?", 0, (0,), "a dog", "what"),
        Question("who is 1?", 0, (0,), "a man", "who"),
    )
    assert loaded.split.kinds == ("what", "who")
    (missing,) = loaded.problems
    assert missing.startswith("video10: no video file of this name")
    *_, cut = read_split(recipe(asked, "data.max_words=4"), "val").problems
    assert "val: at least 6 of 6 texts are cut to 4 tokens" in cut


def test_a_question_about_a_video_without_a_frame_is_left_out_of_all_but_training(asked):
    val, train = (decode_split(recipe(asked), name) for name in ("val", "train"))
    assert [video.video_id for video in val.split.videos] == ["video7", "video8"]
    assert len(val.split.questions) == len(val.split.texts) == 4
    assert val.frames.is_usable.tolist() == [True, True]
    assert [problem for problem in val.frames.problems if "video9" in problem]
    assert len(train.split.questions) == 6
    assert train.frames.is_usable.tolist() == [True, True, False]


def test_black_frames_need_no_videos(asked):
    blank = decode_split(recipe(asked, "data.blank=true", f"data.videos={asked / 'nowhere'}"), "val")
    assert len(blank.split.videos) == 4
    assert not blank.frames.content[:].any()
    assert blank.frames.mask.shape == (4, 1)


def test_questions_train_on_packed_frames(asked):
    overrides = [f"data.root={asked}", *SIZES]
    pack("msrvtt-qa", asked / "frames", overrides=overrides, split=["train", "val"], workers=1)
    trainer = start_training(
        recipe(asked, f"data.frames={asked / 'frames'}"),
        asked / "run",
        resume=False,
        device=torch.device("cpu"),
        progress=None,
    )
    trainer.run(lambda progress: None)
    kept = (asked / "run" / "faults.txt").read_text()
    for problem in ("video9", "video10", "100.0 % of the answers are among 2"):
        assert problem in kept
    assert trainer.batches.labels.tolist() == [0, 1] * 4
    assert OUT_OF_VOCABULARY not in trainer.batches.labels


def test_a_network_gets_the_texts_that_it_takes(tmp_path):
    write_msrvtt(tmp_path)
    with pytest.raises(DataError, match="'msrvtt' asks no questions: did you mean 'msrvtt-qa'"):
        read_split(recipe(tmp_path, "data.dataset=msrvtt"), "train")
    with pytest.raises(DataError, match="'msrvtt-qa' asks questions and has no captions: did you mean 'msrvtt'"):
        read_split(read_recipe("msrvtt", [f"data.root={tmp_path}", "data.dataset=msrvtt-qa"]), "train")
    with pytest.raises(RecipeError, match="answers questions takes frames; leave it out"):
        recipe(tmp_path, "data.features=features", "training.freeze_towers=true")
