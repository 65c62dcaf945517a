from functools import partial
from pathlib import Path

import pytest
import torch

from hbi.data.frames import FrameStore
from hbi.data.samples import DataError, Split, Text, Video
from hbi.encoders.tokenizer import tokenize, train_tokenizer
from hbi.training.augmentation import RandAugment
from hbi.training.batches import TrainingBatches
from hbi.training.distributed import Processes
from hbi.training.dropped_words import DroppedWords


def split(num_videos: int) -> Split:
    texts = tuple(Text(f"video {v} caption {c}", v, (v,)) for v in range(num_videos) for c in range(3))
    return Split("train", tuple(Video(str(v), Path(f"{v}.mp4")) for v in range(num_videos)), texts)


def store(counts: list[int], total: int = 8) -> FrameStore:
    """Frames whose red value tells the video and whose green value tells the position."""
    mask = torch.arange(total)[None] < torch.tensor(counts)[:, None]
    pixels = torch.zeros(len(counts), total, 3, 2, 2, dtype=torch.uint8)
    pixels[:, :, 0] = torch.arange(len(counts), dtype=torch.uint8)[:, None, None, None]
    pixels[:, :, 1] = torch.arange(total, dtype=torch.uint8)[None, :, None, None]
    return FrameStore(pixels, mask, torch.zeros(mask.shape), ())


def batches(counts: list[int], **changes: int | Processes | torch.Tensor) -> TrainingBatches:
    settings = {"batch_size": 2, "captions_per_video": 2, "num_frames": 4, "seed": 0} | changes
    texts = split(len(counts))
    return TrainingBatches(
        texts, store(counts), partial(tokenize, train_tokenizer(t.text for t in texts.texts), max_words=12), **settings
    )


def positions(frames: torch.Tensor) -> list[int]:
    return frames[:, 1, 0, 0].tolist()


def test_a_step_is_a_function_of_seed_and_number():
    first, again, other = batches([8] * 6), batches([8] * 6), batches([8] * 6, seed=1)
    for step in (5, 0, 3):
        assert torch.equal(first[step].frames, again[step].frames)
        assert torch.equal(first[step].input_ids, again[step].input_ids)
    assert any(not torch.equal(first[step].frames, other[step].frames) for step in range(3))


def test_an_epoch_visits_every_usable_video_once():
    training = batches([8, 0, 8, 8, 8])
    assert training.steps_per_epoch == 2
    seen = [frames[0, 0, 0, 0].item() for step in range(2) for frames in training[step].frames]
    assert sorted(seen) == [0, 2, 3, 4]


def test_captions_belong_to_their_video_and_differ():
    batch = batches([8] * 4)[0]
    assert batch.video_of_text.tolist() == [0, 0, 1, 1]
    assert not torch.equal(batch.input_ids[0], batch.input_ids[1])


def test_one_frame_is_drawn_from_each_stretch():
    training = batches([8] * 4)
    drawn = [positions(frames) for step in range(8) for frames in training[step].frames]
    for frames in drawn:
        assert all(position in (2 * index, 2 * index + 1) for index, position in enumerate(frames))
    assert len({tuple(frames) for frames in drawn}) > 1


def test_a_label_stays_with_its_text():
    """Three texts a video, which differ in their last word; their labels are that word."""
    labelled = batches([8] * 4, batch_size=4, captions_per_video=3, labels=torch.arange(12) % 3)[2]
    plain = batches([8] * 4, batch_size=4, captions_per_video=3)[2]
    assert plain.labels is None
    assert torch.equal(labelled.input_ids, plain.input_ids)
    words = [plain.input_ids[labelled.labels == label, 4] for label in range(3)]
    assert all(len(each) == 4 and len(each.unique()) == 1 for each in words)
    for part in labelled.parts(3):
        assert len(part.labels) == len(part.input_ids)


def test_short_videos_keep_all_their_frames_in_order():
    batch = batches([8, 3, 1, 2], batch_size=4)[0]
    counts = batch.frame_mask.sum(1).tolist()
    assert sorted(counts) == [1, 2, 3, 4]
    for frames, count in zip(batch.frames, counts, strict=True):
        if count < 4:
            assert positions(frames[:count]) == list(range(count))


def test_processes_share_the_batch_that_one_would_see():
    labels = torch.arange(12) % 5
    whole = batches([8, 3, 8, 8], batch_size=4, labels=labels)
    for step in range(3):
        parts = [
            batches([8, 3, 8, 8], batch_size=4, labels=labels, processes=Processes(rank, 2))[step] for rank in range(2)
        ]
        for name, expected in vars(whole[step]).items():
            if expected is None:  # without marks
                continue
            shift = 2 if name == "video_of_text" else 0
            found = torch.cat(
                [
                    getattr(part, name) + shift * rank if shift else getattr(part, name)
                    for rank, part in enumerate(parts)
                ]
            )
            assert torch.equal(found, expected), name
    with pytest.raises(DataError, match="cannot be shared equally by 3 processes"):
        batches([8] * 4, processes=Processes(0, 3))


def test_too_few_usable_videos_are_refused():
    with pytest.raises(DataError, match="only 1 are usable"):
        batches([8, 0, 0])


def test_captions_come_beside_questions_in_a_number_of_their_own():
    labels = torch.tensor([3, 1, -1] * 4)  # two questions and a caption for each of four videos
    for step in range(4):
        batch = batches([8] * 4, captions_per_video=1, labels=labels, captions_beside_questions=1)[step]
        assert batch.video_of_text.tolist() == [0, 0, 1, 1]
        assert [label >= 0 for label in batch.labels.tolist()] == [True, False] * 2
    without = batches([8] * 4, captions_per_video=3, labels=labels)[0]
    assert sorted(without.labels.tolist()) == [-1, -1, 1, 1, 3, 3]


def test_words_by_themselves_are_those_of_captions_and_ask_nothing():
    labels = torch.tensor([3, 1, -1] * 4)
    settings = {"captions_per_video": 2, "labels": labels, "captions_beside_questions": 1, "batch_size": 4}
    plain, batch = batches([8] * 4, **settings)[0], batches([8] * 4, **settings, adds_words=True)[0]
    lone = batch.marks.lone_words
    assert lone.is_lone.any()
    assert torch.equal(batch.labels[~lone.is_lone], plain.labels)
    assert (batch.labels[lone.is_lone] == -1).all()
    says_something = (lone.number >= 0).any(1)
    assert torch.equal(says_something, (batch.labels == -1) & ~lone.is_lone)
    assert set(lone.number[lone.number >= 0].tolist()) == set(range(int(lone.is_lone.sum())))


def test_dropped_words_change_nothing_but_the_captions():
    plain, short = batches([8] * 6), batches([8] * 6, dropped_words=DroppedWords(0.5, 1.0))
    for step in range(4):
        expected, found = plain[step], short[step]
        assert torch.equal(found.frames, expected.frames)
        assert torch.equal(found.video_of_text, expected.video_of_text)
        assert (found.attention_mask.sum(1) <= expected.attention_mask.sum(1)).all()
    assert found.attention_mask.sum() < expected.attention_mask.sum()


def test_no_words_are_dropped_from_questions():
    settings = {"labels": torch.tensor([0, -1, -1] * 4), "captions_per_video": 1, "captions_beside_questions": 2}
    expected = batches([8] * 4, batch_size=4, **settings)[0]
    found = batches([8] * 4, batch_size=4, **settings, dropped_words=DroppedWords(0.5, 1.0))[0]
    is_question = expected.labels >= 0
    assert torch.equal(found.input_ids[is_question], expected.input_ids[is_question])
    assert found.attention_mask[~is_question].sum() < expected.attention_mask[~is_question].sum()


def test_frames_are_changed_anew_in_each_step_whoever_shares_the_batch():
    """A function of seed and step alone, so that a run that was killed sees what an unbroken one does."""
    plain, augmented = batches([8, 8, 3, 8], batch_size=4), batches([8, 8, 3, 8], batch_size=4, augment=RandAugment(4))
    again = batches([8, 8, 3, 8], batch_size=4, augment=RandAugment(4))
    steps = [augmented[step] for step in range(6)]
    for step in (4, 0, 5):
        assert torch.equal(again[step].frames, steps[step].frames)
        assert torch.equal(plain[step].frame_mask, steps[step].frame_mask)
        assert not steps[step].frames[~steps[step].frame_mask].any()
        shared = [
            batches([8, 8, 3, 8], batch_size=4, augment=RandAugment(4), processes=Processes(rank, 2))[step].frames
            for rank in range(2)
        ]
        assert torch.equal(torch.cat(shared), steps[step].frames)
    assert sum(not torch.equal(plain[step].frames, steps[step].frames) for step in range(6)) == 6
