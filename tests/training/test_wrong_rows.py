"""What is added to a step, rows made wrong and words by themselves, and that nothing else of it changes."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from hbi.data.exchanged_captions import CaptionExchanger
from hbi.data.frames import FrameStore
from hbi.data.samples import Split, Text, Video
from hbi.data.word_classes import content_words
from hbi.encoders.tokenizer import tokenize, train_tokenizer
from hbi.shape_stories.annotation import annotate_split
from hbi.shape_stories.world import World
from hbi.training.batches import Batch, TrainingBatches
from hbi.training.distributed import Processes
from hbi.training.wrong_rows import ExchangedCaptions, TurnedVideos

NUM_VIDEOS, NUM_FRAMES = 12, 6


@pytest.fixture(scope="module")
def captions() -> list[list[str]]:
    return [[caption.text for caption in story.captions] for story in annotate_split(World(), 0, "train", 300)]


@pytest.fixture(scope="module")
def exchanged(captions) -> ExchangedCaptions:
    return ExchangedCaptions(CaptionExchanger.of(captions), share=0.5, first_step=2)


@pytest.fixture(scope="module")
def make(captions):
    """Batches of twelve videos whose green value tells the frame and whose red value the video."""
    texts = tuple(Text(text, video, (video,)) for video, own in enumerate(captions[:NUM_VIDEOS]) for text in own)
    split = Split("train", tuple(Video(str(v), Path(f"{v}.mp4")) for v in range(NUM_VIDEOS)), texts)
    pixels = torch.zeros(NUM_VIDEOS, NUM_FRAMES, 3, 2, 2, dtype=torch.uint8)
    pixels[:, :, 0] = torch.arange(NUM_VIDEOS, dtype=torch.uint8)[:, None, None, None]
    pixels[:, :, 1] = torch.arange(1, NUM_FRAMES + 1, dtype=torch.uint8)[None, :, None, None]
    mask = torch.arange(NUM_FRAMES) < torch.tensor([NUM_FRAMES, 4] * (NUM_VIDEOS // 2))[:, None]
    store = FrameStore(pixels, mask, torch.zeros(mask.shape), ())
    tokenizer = train_tokenizer(text.text for text in texts)
    settings = {"batch_size": 8, "captions_per_video": 2, "num_frames": NUM_FRAMES, "seed": 5}

    def batches(**changes) -> TrainingBatches:
        return TrainingBatches(split, store, partial(tokenize, tokenizer, max_words=60), **(settings | changes))

    return batches


def told(batch: Batch) -> list[str]:
    return [str(ids[mask.bool()].tolist()) for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True)]


def is_caption(batch: Batch) -> torch.Tensor:
    lone = batch.marks.lone_words
    return (batch.marks.true_text < 0) & (True if lone is None else ~lone.is_lone)


def without_added_rows(batch: Batch) -> dict[str, object]:
    """What is left of a batch: texts by their tokens, videos by their pixels."""
    is_text, is_video = is_caption(batch), batch.marks.true_video < 0
    place = is_video.cumsum(0) - 1
    texts = [text for text, kept in zip(told(batch), is_text.tolist(), strict=True) if kept]
    videos = place[batch.video_of_text[is_text]].tolist()
    return {"texts": texts, "frames": batch.frames[is_video].tolist(), "video_of_text": videos}


@pytest.mark.parametrize("adds_words", [False, True])
def test_the_true_rows_are_those_of_a_batch_without(make, exchanged, adds_words):
    settings = {"exchanged": exchanged, "turned": TurnedVideos(0.5, 3, 1), "finds_function_words": True}
    plain, both = make(), make(**settings, adds_words=adds_words)
    for step in range(4):
        expected = plain[step]
        found = both[step]
        assert expected.marks is None
        assert without_added_rows(found) == {
            "texts": told(expected),
            "frames": expected.frames.tolist(),
            "video_of_text": expected.video_of_text.tolist(),
        }
        assert (found.marks.true_text >= 0).any() == (step >= 2)
        assert (found.marks.true_video >= 0).any() == (step >= 1)
        assert found.marks.has_wrong_rows == (step >= 1)
        assert found.marks.function_words.shape == found.input_ids.shape


def test_a_wrong_caption_stands_behind_its_true_one_and_is_what_the_exchanger_draws(make, exchanged, captions):
    batches = make(exchanged=replace(exchanged, share=1.0))
    batch = batches[3]
    texts = told(batch)
    known = {str(tokenized_ids(batches, text)): text for own in captions[:NUM_VIDEOS] for text in own}
    wrong = [row for row, true in enumerate(batch.marks.true_text.tolist()) if true >= 0]
    assert len(wrong) > 8
    for row in wrong:
        assert batch.marks.true_text[row] == row - 1
        assert batch.video_of_text[row] == batch.video_of_text[row - 1]
        caption = known[texts[row - 1]]
        own = next(own for own in captions if caption in own)
        others = [text for text in own if text != caption]
        (made,) = exchanged.exchanger.draw(caption, others, seed=5, step=3)
        assert texts[row] == str(tokenized_ids(batches, made.text))


def test_words_that_captions_look_for_are_texts_by_themselves(make, exchanged, captions):
    batches = make(adds_words=True, exchanged=exchanged, turned=TurnedVideos(0.5, 3))
    known = {str(tokenized_ids(batches, text)): text for own in captions[:NUM_VIDEOS] for text in own}
    for step in range(4):
        batch = batches[step]
        marks, texts = batch.marks, told(batch)
        owners: dict[str, int] = {}
        for row in is_caption(batch).nonzero().flatten().tolist():
            for word in content_words(known[texts[row]]):
                owners.setdefault(word.text, int(batch.video_of_text[row]))
        lone = marks.lone_words.is_lone.nonzero().flatten().tolist()
        words = sorted(owners, key=owners.get)  # the first found stays first
        assert [texts[row] for row in lone] == [str(tokenized_ids(batches, word)) for word in words]
        assert batch.video_of_text[lone].tolist() == [owners[word] for word in words]
        assert (marks.lone_words.number[~is_caption(batch)] == -1).all()
        for row in is_caption(batch).nonzero().flatten().tolist():
            text = known[texts[row]]
            spans = batches.tokenize([text]).spans[0].tolist()
            numbers = marks.lone_words.number[row].tolist()
            for (start, end), number in zip(spans, numbers, strict=False):
                owner = [word.text for word in content_words(text) if word.start <= start < end <= word.end]
                assert [words[number]] * (number >= 0) == owner
            assert set(numbers[len(spans) :]) <= {-1}


def tokenized_ids(batches: TrainingBatches, text: str) -> list[int]:
    return batches.tokenize([text]).input_ids[0].tolist()


def test_the_share_is_kept(make, exchanged):
    numbers = [int((make(exchanged=exchanged)[step].marks.true_text >= 0).sum()) for step in range(2, 22)]
    assert 4 < sum(numbers) / len(numbers) < 9  # of 16 captions half are drawn, and nearly all allow an exchange
    assert len(set(numbers)) > 1


def test_a_turned_video_has_its_parts_reversed_and_is_of_a_caption_that_tells_an_order(make):
    batch = make(turned=TurnedVideos(share=1.0, num_parts=2))[0]
    marks = batch.marks
    turned = [row for row, true in enumerate(marks.true_video.tolist()) if true >= 0]
    assert turned
    for row in turned:
        assert marks.true_video[row] == row - 1
        assert torch.equal(batch.frame_mask[row], batch.frame_mask[row - 1])
        count = int(batch.frame_mask[row].sum())
        as_it_is = batch.frames[row - 1, :count, 1, 0, 0].tolist()
        assert batch.frames[row, :count, 1, 0, 0].tolist() == as_it_is[count // 2 :] + as_it_is[: count // 2]
        assert not batch.frames[row, count:].any()
        assert marks.tells_order[batch.video_of_text == row - 1].any()
    others = set(range(len(batch))) - set(turned) - {row - 1 for row in turned}
    assert not any(marks.tells_order[batch.video_of_text == row].any() for row in others)
    few = make(turned=TurnedVideos(share=0.25, num_parts=2))
    assert {int((few[step].marks.true_video >= 0).sum()) for step in range(6)} == {2}


@pytest.mark.parametrize("num_processes", [2, 4])
def test_processes_share_what_one_would_see(make, exchanged, num_processes):
    settings = {"exchanged": exchanged, "turned": TurnedVideos(0.5), "adds_words": True, "finds_function_words": True}
    whole = make(**settings)
    for step in (0, 3):
        expected = whole[step]
        shares = [make(**settings, processes=Processes(rank, num_processes))[step] for rank in range(num_processes)]
        texts = videos = 0
        found: dict[str, list[torch.Tensor]] = {}
        for share in shares:
            rows = everything(share)
            rows["video_of_text"] = share.video_of_text + videos
            for name, offset in (("true_text", texts), ("true_video", videos)):
                rows[name] = torch.where(rows[name] < 0, -1, rows[name] + offset)
            for name, tensor in rows.items():
                found.setdefault(name, []).append(tensor)
            texts, videos = texts + len(share.input_ids), videos + len(share)
        for name, tensor in everything(expected).items():
            assert torch.equal(torch.cat(found[name]), tensor), name


def everything(batch: Batch) -> dict[str, torch.Tensor]:
    values = vars(batch) | vars(batch.marks) | batch.marks.lone_words._asdict()
    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def test_parts_keep_a_turned_video_with_its_original(make, exchanged):
    batch = make(exchanged=exchanged, turned=TurnedVideos(1.0))[3]
    parts = list(batch.parts(3))
    assert len(parts) == 3  # of eight videos, however many of them are turned
    assert torch.equal(torch.cat([part.frames for part in parts]), batch.frames)
    assert torch.equal(torch.cat([part.input_ids for part in parts]), batch.input_ids)
    starts = [0, *torch.tensor([len(part) for part in parts]).cumsum(0).tolist()[:-1]]
    assert all(batch.marks.true_video[start] == -1 for start in starts)
    shifted = [part.video_of_text + start for part, start in zip(parts, starts, strict=True)]
    assert torch.equal(torch.cat(shifted), batch.video_of_text)
