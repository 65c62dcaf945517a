"""A folder of `hbi convert` is evaluated and explained from the command line, and scores as its processor has it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close
from transformers import AutoProcessor

from hbi.data.frames import decode_frames
from hbi.data.samples import Video
from hbi.encoders.preprocessing import CLIP_MEAN, CLIP_STD
from hbi.encoders.tokenizer import read_tokenizer, tokenize, train_tokenizer
from hbi.evaluation.ranks import ranks
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.explanation import Explanation
from hbi.matching import load_matcher
from hbi.models import HBIModel, convert
from hbi.search import VideoIndex
from hbi.shape_stories import generate_shape_stories, load_stories
from hbi.shape_stories.splits import retrieval_split
from hbi.video import PictureFormat
from oracles_loader import plain_pixels
from released_weights import released_state
from small_clips import write_clip

pytestmark = pytest.mark.slow
NUM_FRAMES, MAX_WORDS, SIDE = 6, 30, 64


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories") / "data"
    generate_shape_stories(folder, num_train=1, num_val=1, num_test=5)
    return folder


@pytest.fixture(scope="module")
def split(stories):
    return retrieval_split("test", load_stories(stories, "test"))


@pytest.fixture(scope="module")
def files(split, tmp_path_factory):
    """A checkpoint of the released form and the tokenizer that it was trained with."""
    folder = tmp_path_factory.mktemp("released")
    tokenizer = train_tokenizer(text.text for text in split.texts)
    tokenizer.save_pretrained(folder / "tokenizer")
    save_file(released_state(vocab=len(tokenizer)), folder / "best.safetensors")
    return folder


@pytest.fixture(scope="module")
def converted(files):
    folder = files / "converted"
    conversion = convert(files / "best.safetensors", max_words=MAX_WORDS, level_weights=(0.5, 0.3, 0.2))
    conversion.save(folder, read_tokenizer(files / "tokenizer"))
    return folder


@torch.no_grad()
def by_the_processor(folder, texts, frames):
    """The similarities that `HBIModel` and `HBIProcessor` give, all texts and videos in one batch."""
    model, processor = HBIModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    batch = processor(texts, frames)
    assert batch["input_ids"].shape[1] == MAX_WORDS
    texts = model.encode_texts(batch["input_ids"], batch["attention_mask"])
    return model.similarity(texts, model.encode_videos(batch["pixels"], batch["frame_mask"]))


def test_evaluation_scores_as_model_and_processor_do(hbi, stories, split, converted, tmp_path):
    out = ("--out", tmp_path, "--device", "cpu")
    code, printed, error = hbi("evaluate", converted, "--data", stories, "--frames", NUM_FRAMES, *out)
    assert code == 0, error
    printed = " ".join(printed.split())
    assert "as the released code does, texts padded to 30 tokens and videos to 6 frames, one a second" in printed
    assert "entity 0.5, action 0.3, event 0.2" in printed
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["level_weights"] == "entity 0.5, action 0.3, event 0.2"

    texts = [text.text for text in split.texts]
    store = decode_frames(split.videos, num_frames=NUM_FRAMES, picture=PictureFormat.released(SIDE))
    expected = by_the_processor(converted, texts, list(store.pixels))
    matcher = load_matcher(converted, num_frames=NUM_FRAMES, device="cpu")
    assert_close(similarity_matrix(matcher, texts, store), expected, atol=1e-6, rtol=0)
    rank = ranks(expected, split.relevance)
    assert record["text_to_video"]["mean_rank"] == pytest.approx(rank.expected.mean().item(), abs=0.05)
    few = texts[:3]
    assert_close(
        similarity_matrix(matcher, few, store),
        by_the_processor(converted, few, list(store.pixels)),
        atol=1e-6,
        rtol=0,
    )
    tokens = tokenize(matcher.tokenizer, few, MAX_WORDS)
    assert tokens.input_ids.shape[1] < MAX_WORDS, "the texts are as long as padding makes them: nothing was tested"


def test_an_explanation_is_of_the_score_that_evaluation_gives(hbi, split, converted, tmp_path):
    video, text = split.videos[0].path, "a red circle slides left"
    options = ("--out", tmp_path / "x.json", "--frames", NUM_FRAMES, "--device", "cpu")
    code, _, error = hbi("explain", converted, video, text, *options)
    assert code == 0, error
    explanation = Explanation.load(tmp_path / "x.json")
    assert (explanation.words[0].text, explanation.words[-1].text) == ("(start)", "(end)")
    frames = decode_frames(split.videos[:1], num_frames=NUM_FRAMES, picture=PictureFormat.released(SIDE)).pixels
    assert explanation.similarity == pytest.approx(by_the_processor(converted, [text], list(frames)).item(), abs=1e-6)
    parts = explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned
    assert parts == pytest.approx(explanation.similarity, abs=1e-9)


@torch.no_grad()
def test_an_explained_video_of_few_frames_is_padded_as_in_evaluation(hbi, split, converted, tmp_path):
    """Half a second of film has fewer frames than are asked for."""
    video, text, count = split.videos[0].path, "a red circle slides left", 20
    options = ("--out", tmp_path / "x.json", "--frames", count, "--end", 0.5, "--device", "cpu")
    code, _, error = hbi("explain", converted, video, text, *options)
    assert code == 0, error
    explanation = Explanation.load(tmp_path / "x.json")
    assert len(explanation.frames) < count
    matcher = load_matcher(converted, num_frames=count, device="cpu")
    part = Video("part", video, 0.0, 0.5)
    store = decode_frames([part], num_frames=count, picture=PictureFormat.released(SIDE))
    assert store.mask.shape[1] == count
    similarity = similarity_matrix(matcher, [text], store).item()
    assert explanation.similarity == pytest.approx(similarity, abs=1e-6)


@torch.no_grad()
def test_a_video_file_scores_by_the_frames_of_the_authors_loader(hbi, files, converted, tmp_path):
    """From the file on, whoever asks: against frames counted by hand and padded with zeros."""
    text, count = "a red circle slides left", 5
    clips = [
        write_clip(tmp_path / "clips" / f"{seconds}.mp4", seconds=seconds, seed=number, size=96, rate=6)
        for number, seconds in enumerate((0.5, 3, 9.5))
    ]
    model, processor = HBIModel.from_pretrained(converted).eval(), AutoProcessor.from_pretrained(converted)
    pixels, mask = torch.zeros(len(clips), count, 3, SIDE, SIDE), torch.zeros(len(clips), count, dtype=torch.bool)
    for row, clip in enumerate(clips):
        shown = torch.from_numpy(plain_pixels(clip, count, SIDE)).permute(0, 3, 1, 2) / 255
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        pixels[row, : len(shown)], mask[row, : len(shown)] = (shown - mean) / std, True
    assert mask.sum(1).tolist() == [1, 3, 5]
    words = processor(text)
    texts = model.encode_texts(words["input_ids"], words["attention_mask"])
    expected = model.similarity(texts, model.encode_videos(pixels, mask))

    matcher = load_matcher(converted, num_frames=count, device="cpu")
    assert_close(matcher.similarity(text, clips), expected, atol=1e-6, rtol=0)
    store = decode_frames([Video(clip.name, clip) for clip in clips], num_frames=count, picture=matcher.picture)
    assert_close(similarity_matrix(matcher, [text], store), expected, atol=1e-6, rtol=0)
    for clip, similarity in zip(clips, expected[0].tolist(), strict=True):
        out = tmp_path / "x.json"
        code, _, error = hbi("explain", converted, clip, text, "--out", out, "--frames", count, "--device", "cpu")
        assert code == 0, error
        assert Explanation.load(out).similarity == pytest.approx(similarity, abs=1e-6)
    index = VideoIndex.create(tmp_path / "videos.index", matcher, window_seconds=None)
    index.add([tmp_path / "clips"])
    found = {Path(hit.path).name: hit.score for hit in index.search(text).hits}
    by_clip = dict(zip((clip.name for clip in clips), expected[0].tolist(), strict=True))
    assert found == pytest.approx(by_clip, abs=2e-3)  # half precision


def test_a_folder_that_was_converted_before_sees_what_it_saw(converted, tmp_path):
    """Its processor says nothing of a loader: middles of equal parts, squares of the decoder."""
    shutil.copytree(converted, tmp_path / "before")
    file = tmp_path / "before" / "processor_config.json"
    stated = json.loads(file.read_text())
    assert stated.pop("released_loader") is True
    file.write_text(json.dumps(stated | {"is_scaled_by_decoder": True}))
    (tmp_path / "before" / "SHA256SUMS").unlink()
    assert load_matcher(tmp_path / "before", device="cpu").picture == PictureFormat.square(SIDE)


def test_a_page_is_drawn(hbi, split, converted, tmp_path):
    video, out = split.videos[0].path, tmp_path / "x.html"
    other = ("--instead-of", "a blue circle slides left", "--frames", NUM_FRAMES)
    assert hbi("explain", converted, video, "a red circle slides left", "--out", out, *other)[0] == 0
    page = out.read_text()
    assert page.count('class="hbi-explanation hbi-comparison"') == 1
    assert "(start)" in page


def test_mistakes_end_in_one_line(hbi, stories, split, files, converted, tmp_path):
    bare = tmp_path / "bare"
    assert hbi("convert", files / "best.safetensors", "--to", bare)[0] == 0
    data = ("--data", stories)
    for arguments, message in (
        (("evaluate", bare, *data), "has no tokenizer: run hbi convert again with --tokenizer"),
        (("explain", bare, split.videos[0].path, "a red circle"), "has no tokenizer"),
        (("evaluate", f"model:{converted}"), "give its folder with --data"),
        (("evaluate", tmp_path / "absent", *data), "there is no folder or file"),
        (("evaluate", converted, *data, "--frames", 33), "has positions for 32 frames"),
        (("explain", converted, "--worst", 3), "give its folder with --data"),
        (("evaluate", files / "best.safetensors", *data), "open a released checkpoint with hbi convert"),
    ):
        code, _, error = hbi(*arguments)
        assert code == 2
        assert message in error
        assert len(error.strip().splitlines()) == 1, error
