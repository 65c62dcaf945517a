import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize
from torch.testing import assert_close

from hbi.ops import (
    all_pairs_interaction,
    global_similarity,
    mean_token_similarity,
    pair_token_similarity,
    token_similarity,
    weighted_token_interaction,
)
from oracles import cosine, late_interaction


def sequences(lengths: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    total = max(*lengths, 1) + 1
    mask = torch.arange(total)[None] < torch.tensor(lengths)[:, None]
    weights = torch.rand(len(lengths), total) * mask
    return torch.randn(len(lengths), total, width), mask, weights / weights.sum(1, keepdim=True).clamp(min=1e-9)


@given(
    num_words=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    num_frames=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_plain_loops(num_words, num_frames, seed):
    torch.manual_seed(seed)
    words, word_mask, word_weights = sequences(num_words, 3)
    frames, frame_mask, frame_weights = sequences(num_frames, 3)
    similarity = weighted_token_interaction(
        token_similarity(words, frames), word_weights, frame_weights, word_mask, frame_mask
    )
    for a, t in enumerate(num_words):
        for b, v in enumerate(num_frames):
            expected = late_interaction(
                words[a, :t].tolist(),
                frames[b, :v].tolist(),
                word_weights[a, :t].tolist(),
                frame_weights[b, :v].tolist(),
            )
            assert abs(similarity[a, b].item() - expected) < 1e-5

    def noisy(values, mask):
        return torch.where(mask, values, torch.tensor(torch.nan))  # padding is never looked at

    weights = noisy(word_weights, word_mask), noisy(frame_weights, frame_mask)
    words, frames = noisy(words, word_mask[..., None]), noisy(frames, frame_mask[..., None])
    assert_close(
        weighted_token_interaction(token_similarity(words, frames), *weights, word_mask, frame_mask), similarity
    )
    ranking = all_pairs_interaction(words, frames, *weights, word_mask, frame_mask)
    assert_close(ranking, similarity, atol=1e-6, rtol=0)


def test_all_pairs_have_the_gradient_of_the_plain_form():
    torch.manual_seed(0)
    words, word_mask, word_weights = sequences([5, 1, 0, 3], 3)
    frames, frame_mask, frame_weights = sequences([4, 2, 0], 3)
    inputs = [each.double().requires_grad_() for each in (words, frames, word_weights, frame_weights)]
    factors = torch.randn(4, 3, dtype=torch.float64)

    def plain(words, frames, word_weights, frame_weights, *masks):
        return weighted_token_interaction(token_similarity(words, frames), word_weights, frame_weights, *masks)

    expected, found = (
        torch.autograd.grad((compare(*inputs, word_mask, frame_mask) * factors).sum(), inputs)
        for compare in (plain, all_pairs_interaction)
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs)


def test_padding_neither_raises_a_negative_similarity_nor_gets_a_gradient():
    words = torch.tensor([[[1.0, 0.0]]])
    frames = torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]], requires_grad=True)
    mask = torch.tensor([[True, False]])
    one = torch.ones(1, 1, dtype=torch.bool)
    similarity = weighted_token_interaction(
        token_similarity(words, frames), torch.ones(1, 1), torch.tensor([[1.0, 0.0]]), one, mask
    )
    assert similarity.item() == -1.0
    similarity.sum().backward()
    assert frames.grad[0, 1].abs().sum() == 0


def test_matched_pairs_are_the_diagonal_of_all_pairs():
    words, frames = torch.randn(3, 4, 5), torch.randn(3, 2, 5)
    everything = token_similarity(words, frames)
    assert_close(pair_token_similarity(words, frames), torch.stack([everything[i, i] for i in range(3)]))


def test_global_similarity_is_the_cosine():
    texts, videos = torch.randn(2, 4), torch.randn(3, 4)
    similarity = global_similarity(texts, videos)
    for a in range(2):
        for b in range(3):
            assert abs(similarity[a, b].item() - cosine(texts[a].tolist(), videos[b].tolist())) < 1e-6


def test_the_mean_token_takes_nothing_from_padding():
    words, word_mask, word_weights = sequences([3, 1, 0], 4)
    frames, frame_mask, frame_weights = sequences([2, 5], 4)
    texts, videos = (
        torch.stack(
            [(weights[row, :, None] * normalize(tokens[row], dim=-1))[mask[row]].sum(0) for row in range(len(mask))]
        )
        for tokens, weights, mask in ((words, word_weights, word_mask), (frames, frame_weights, frame_mask))
    )
    words, frames = (
        torch.where(mask[..., None], tokens, torch.nan) for tokens, mask in ((words, word_mask), (frames, frame_mask))
    )
    found = mean_token_similarity(words, frames, word_weights, frame_weights)
    assert_close(found, global_similarity(texts, videos))
    assert (found[2] == 0).all()
