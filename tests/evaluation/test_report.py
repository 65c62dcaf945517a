"""Measures of a small random network and of fakes whose answers are known."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from hbi.data.frames import FrameBank
from hbi.data.samples import Evidence, MinimalPair, RetrievalSplit, Text, Video
from hbi.data.tokenizer import tokenize
from hbi.evaluation.localization import _measure, localization
from hbi.evaluation.minimal_pairs import minimal_pair_accuracy
from hbi.evaluation.post_processing import dual_softmax
from hbi.evaluation.ranks import ranks
from hbi.evaluation.report import evaluate
from hbi.evaluation.similarity import Blocks, pair_similarity, similarity_matrix
from hbi.games import interactions_of_members
from hbi.shapes import LEVELS
from small_networks import small_model

TEXTS = ("a red circle spins", "a blue star", "then it falls slowly to the ground", "red")


@pytest.fixture(scope="module")
def network():
    return small_model(TEXTS)


@pytest.fixture(scope="module")
def model(network):
    return network[0]


@pytest.fixture(scope="module")
def tokenizer(network):
    return network[1]


@pytest.fixture(scope="module")
def bank():
    torch.manual_seed(1)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    pixels = torch.randint(0, 256, (3, 4, 3, 16, 16), dtype=torch.uint8)
    times = torch.tensor([[1.0, 3.0, 5.0, 7.0]]).expand(3, 4) * mask
    return FrameBank(pixels, mask, times, ("one fault",))


@pytest.fixture
def split():
    return RetrievalSplit(
        "test",
        tuple(Video(f"v{index}", Path(f"v{index}.mp4")) for index in range(3)),
        (Text(TEXTS[0], 0, (0,)), Text(TEXTS[1], 1, (1, 2)), Text(TEXTS[2], 2, (2,)), Text(TEXTS[3], 0, (0, 2))),
        (MinimalPair("color", 0, TEXTS[0], "a blue circle spins"), MinimalPair("shape", 1, TEXTS[1], "a blue circle")),
        (Evidence(TEXTS[0], 2, 5, 0, 0.0, 4.0, 8.0), Evidence(TEXTS[1], 7, 11, 2, 4.0, 8.0, 8.0)),
    )


def test_a_report_holds_every_measure_and_agrees_with_itself(model, tokenizer, split, bank):
    calls = []
    report = evaluate(model, tokenizer, split, bank, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (4, 4)
    assert (report.num_texts, report.num_videos) == (4, 3)
    assert report.text_to_video.mean_rank == pytest.approx(sum(query.rank for query in report.text_ranks) / 4)
    assert report.video_to_text.mean_rank == pytest.approx(sum(query.rank for query in report.video_ranks) / 3)
    assert report.video_to_captions.num_queries == 3
    assert report.intervals_text_to_video[3].value == pytest.approx(report.text_to_video.mean_rank)
    assert report.chance_text_to_video == pytest.approx((50.0, 100.0, 100.0))
    assert [pair.kind for pair in report.minimal_pairs] == ["color", "shape"]
    assert [level.level for level in report.localization] == list(LEVELS)
    values = report.to_dict()
    assert values["text_to_video"]["recall@5"] == 100.0
    assert values["faults"] == ("one fault",)
    assert "text_ranks" not in values
    assert [query.text for query in report.text_ranks] == list(TEXTS)
    assert [query.video_id for query in report.text_ranks] == ["v0", "v1", "v2", "v0"]


def test_dual_softmax_changes_ranks_alone(model, tokenizer, split, bank):
    plain, dual = (evaluate(model, tokenizer, split, bank, is_dual_softmax=chosen) for chosen in (False, True))
    similarity = similarity_matrix(model, tokenizer, list(TEXTS), bank)
    expected = ranks(dual_softmax(similarity, float(model.encoder.logit_scale.detach())), split.relevance)
    assert [query.rank for query in dual.text_ranks] == expected.tolist()
    assert dual.minimal_pairs == plain.minimal_pairs


def test_blocks_and_pairs_give_what_one_comparison_gives(model, tokenizer, bank):
    matrix = similarity_matrix(model, tokenizer, list(TEXTS), bank)
    videos = torch.tensor([2, 0, 1, 0])
    assert_close(pair_similarity(model, tokenizer, list(TEXTS), videos, bank), matrix[torch.arange(4), videos])
    alone = similarity_matrix(model, tokenizer, [TEXTS[1]], bank)
    assert_close(alone[0], matrix[1], atol=1e-6, rtol=0)


class Job:
    """Processes that compute one after the other; `gather_rows` is called once all have their rows."""

    def __init__(self, rank, world_size, rows):
        self.rank, self.world_size, self.rows = rank, world_size, rows

    def gather_rows(self, rows):
        self.rows[self.rank] = rows
        return torch.cat([self.rows.get(rank, rows[:0]) for rank in range(self.world_size)]), slice(0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_processes_that_share_the_work_compute_the_same_bits(model, tokenizer, bank, world_size):
    blocks = Blocks(texts=3, videos=1, kept_videos=1)
    alone = similarity_matrix(model, tokenizer, list(TEXTS), bank, blocks=blocks)
    rows = {}
    for rank in range(world_size):
        together = similarity_matrix(
            model, tokenizer, list(TEXTS), bank, blocks=blocks, sharing=Job(rank, world_size, rows)
        )
    assert torch.equal(together, alone)


def test_no_more_videos_are_kept_than_asked_for(model, tokenizer, bank, monkeypatch):
    calls = []
    for name in ("encode_texts", "encode_videos"):
        whole = getattr(model, name)
        monkeypatch.setattr(model, name, lambda *a, whole=whole, name=name: calls.append(name) or whole(*a))
    whole = similarity_matrix(model, tokenizer, list(TEXTS), bank, blocks=Blocks(4, 1, 8))
    assert calls == ["encode_videos"] * 3 + ["encode_texts"]
    calls.clear()
    parts = similarity_matrix(model, tokenizer, list(TEXTS), bank, blocks=Blocks(4, 1, 2))
    assert calls == [*["encode_videos"] * 2, "encode_texts", "encode_videos", "encode_texts"]
    assert torch.equal(parts, whole)


def test_short_texts_are_encoded_with_short_ones_and_stand_in_their_own_rows(model, tokenizer, bank, monkeypatch):
    texts = ["a blue star falls, then a red circle", "a star", "a red circle grows then a cyan ring", "a ring"]
    whole = similarity_matrix(model, tokenizer, texts, bank)
    lengths, encode = [], model.encode_texts
    monkeypatch.setattr(model, "encode_texts", lambda ids, mask: lengths.append(mask.shape[1]) or encode(ids, mask))
    assert_close(similarity_matrix(model, tokenizer, texts, bank, blocks=Blocks(texts=2)), whole, atol=1e-6, rtol=0)
    assert lengths[0] < lengths[1]
    assert not torch.equal(whole[0], whole[1])


def test_a_tie_counts_half(model, tokenizer, bank):
    pairs = [MinimalPair("color", 0, "a red circle", "a red circle")]
    (accuracy,) = minimal_pair_accuracy(model, tokenizer, pairs, bank)
    assert (accuracy.kind, accuracy.accuracy, accuracy.num_pairs) == ("color", 50.0, 1)


def pointing_model(tokenizer, bank, *, frame: int) -> SimpleNamespace:
    """A fake whose every word interacts with one frame alone."""

    def encode(mask):
        mask = mask.bool()
        members = torch.arange(mask.shape[1]).expand(mask.shape).masked_fill(~mask, -1)
        level = SimpleNamespace(sequence=SimpleNamespace(mask=mask, members=members))
        return SimpleNamespace(levels=dict.fromkeys(LEVELS, level))

    def games(texts, videos):
        from hbi.games import LateInteractionGame

        words, frames = (side.levels["entity"].sequence.mask for side in (texts, videos))
        similarity = torch.zeros(len(words), words.shape[1], frames.shape[1])
        similarity[:, :, frame] = 1.0
        weights = [mask.float() / mask.sum(1, keepdim=True) for mask in (words, frames)]
        return dict.fromkeys(LEVELS, LateInteractionGame(similarity, *weights, words, frames, floor_at_zero=False))

    return SimpleNamespace(
        config=SimpleNamespace(max_words=16, released_behavior=False),
        device=torch.device("cpu"),
        eval=lambda: None,
        encode_texts=lambda ids, mask: encode(mask),
        encode_videos=lambda pixels, mask: encode(mask),
        games=games,
    )


@pytest.mark.parametrize(("frame", "inside"), [(0, True), (3, False)])
def test_localization_tells_inside_from_outside(tokenizer, bank, frame, inside):
    evidence = [Evidence(TEXTS[0], 2, 5, 0, 0.0, 4.0, 8.0)]
    for level in localization(pointing_model(tokenizer, bank, frame=frame), tokenizer, evidence, bank):
        assert level.num_words == 1
        assert level.share_of_frames == 50.0
        assert level.pointing == (100.0 if inside else 0.0)
        assert (level.share_inside > 70.0) == inside


def test_a_long_clip_has_no_more_than_a_short_one_of_the_same_worth():
    merged, frames = torch.ones(1, 1, 2), torch.tensor([[0, 0, 0, 1]])
    words, inside = torch.zeros(1, 1, dtype=torch.long), torch.tensor([[True, True, True, False]])
    lent = interactions_of_members(merged, words, frames)
    shared_out = interactions_of_members(merged, words, frames, is_shared_out=True)
    one_word = torch.ones(1, 1, dtype=torch.bool)
    share, of_frames, pointing, count = _measure(lent, shared_out, one_word, inside, torch.ones_like(inside)).tolist()
    assert (share, of_frames, pointing, count) == (pytest.approx(0.5), 0.75, 1.0, 1.0)


def test_tokens_know_their_characters(tokenizer):
    text = "A red circle, 日本 🙂"
    tokenized = tokenize(tokenizer, [text, ""], 32)
    words = [text[start:end] for start, end in tokenized.spans[0].tolist() if end > start]
    assert words[:3] == ["A", "red", "circle"]
    assert tokenized.input_ids[1, :2].tolist() == [tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert tokenized.attention_mask[1].sum() == 2
    cut = tokenize(tokenizer, ["red " * 50], 10)
    assert cut.input_ids.shape == (1, 10)
