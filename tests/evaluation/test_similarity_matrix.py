"""The matrix does not depend on how it is cut into blocks and shared among processes."""

import pytest
import torch
from torch.testing import assert_close

from evaluation.small_split import TEXTS
from hbi.evaluation.similarity_matrix import Blocks, pair_similarity, similarity_matrix


def test_blocks_and_pairs_give_what_one_comparison_gives(matcher, frames):
    matrix = similarity_matrix(matcher, list(TEXTS), frames)
    videos = torch.tensor([2, 0, 1, 0])
    assert_close(pair_similarity(matcher, list(TEXTS), videos, frames), matrix[torch.arange(4), videos])
    alone = similarity_matrix(matcher, [TEXTS[1]], frames)
    assert_close(alone[0], matrix[1], atol=1e-6, rtol=0)


class Job:
    """Processes that compute one after the other; `gather_rows` is called once all have their rows."""

    def __init__(self, rank, world_size, rows):
        self.rank, self.world_size, self.rows = rank, world_size, rows

    def gather_rows(self, rows):
        self.rows[self.rank] = rows
        return torch.cat([self.rows.get(rank, rows[:0]) for rank in range(self.world_size)]), slice(0)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_processes_that_share_the_work_compute_the_same_bits(matcher, frames, world_size):
    blocks = Blocks(texts=3, videos=1, kept_videos=1)
    alone = similarity_matrix(matcher, list(TEXTS), frames, blocks=blocks)
    rows = {}
    for rank in range(world_size):
        together = similarity_matrix(matcher, list(TEXTS), frames, blocks=blocks, sharing=Job(rank, world_size, rows))
    assert torch.equal(together, alone)


def test_no_more_videos_are_kept_than_asked_for(matcher, frames, monkeypatch):
    calls = []
    for name in ("encode_texts", "encode_videos"):
        whole = getattr(matcher.model, name)
        monkeypatch.setattr(matcher.model, name, lambda *a, whole=whole, name=name: calls.append(name) or whole(*a))
    whole = similarity_matrix(matcher, list(TEXTS), frames, blocks=Blocks(4, 1, 8))
    assert calls == ["encode_videos"] * 3 + ["encode_texts"]
    calls.clear()
    parts = similarity_matrix(matcher, list(TEXTS), frames, blocks=Blocks(4, 1, 2))
    assert calls == [*["encode_videos"] * 2, "encode_texts", "encode_videos", "encode_texts"]
    assert torch.equal(parts, whole)


def test_short_texts_are_encoded_with_short_ones_and_stand_in_their_own_rows(matcher, frames, monkeypatch):
    texts = ["a blue star falls, then a red circle", "a star", "a red circle grows then a cyan ring", "a ring"]
    whole = similarity_matrix(matcher, texts, frames)
    lengths, encode = [], matcher.model.encode_texts
    monkeypatch.setattr(
        matcher.model, "encode_texts", lambda ids, mask: lengths.append(mask.shape[1]) or encode(ids, mask)
    )
    assert_close(similarity_matrix(matcher, texts, frames, blocks=Blocks(texts=2)), whole, atol=1e-6, rtol=0)
    assert lengths[0] < lengths[1]
    assert not torch.equal(whole[0], whole[1])
