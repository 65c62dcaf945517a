"""Games of multi-vector models: what everybody is worth is the model's own score."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.games import banzhaf_interactions, enumerate_game, maxsim_game, mean_maxsim_game, shapley_values


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_maxsim(word_tokens, frame_tokens, word_mask, frame_mask):
    """Over the words of one text, one after the other."""
    total = 0.0
    for word, is_word in zip(word_tokens, word_mask, strict=True):
        if is_word:
            total += max(
                float(word @ frame) for frame, is_frame in zip(frame_tokens, frame_mask, strict=True) if is_frame
            )
    return total


@settings(max_examples=40, deadline=None)
@given(num_words=st.integers(1, 6), num_frames=st.integers(1, 6), seed=st.integers(0, 1000), has_masks=st.booleans())
def test_everybody_is_worth_the_score(num_words, num_frames, seed, has_masks):
    words, frames = draw(num_words, 5, seed=seed), draw(num_frames, 5, seed=seed + 1)
    word_mask, frame_mask = torch.ones(num_words, dtype=torch.bool), torch.ones(num_frames, dtype=torch.bool)
    if has_masks:
        word_mask[1:] = draw(num_words - 1, seed=seed + 2) > 0
        frame_mask[1:] = draw(num_frames - 1, seed=seed + 3) > 0
    expected = plain_maxsim(words, frames, word_mask, frame_mask)
    everybody = torch.ones(num_words, dtype=torch.bool), torch.ones(num_frames, dtype=torch.bool)
    for make, scale in ((maxsim_game, 1), (mean_maxsim_game, 1 / int(word_mask.sum()))):
        game = make(words, frames, word_mask, frame_mask)
        assert game.value(*everybody).item() == pytest.approx(scale * expected, abs=1e-12)
        by_word, by_frame = shapley_values(game)
        assert (by_word.sum() + by_frame.sum()).item() == pytest.approx(scale * expected, abs=1e-10)
        if not has_masks:
            assert make(words, frames).value(*everybody).item() == pytest.approx(scale * expected, abs=1e-12)


def test_coalitions_are_worth_their_own_maxsim():
    words, frames = draw(3, 4), draw(4, 4, seed=1)
    game = maxsim_game(words, frames)
    values = enumerate_game(game, 7).values
    for number, value in enumerate(values):
        inside = (number >> torch.arange(7)) & 1 == 1
        expected = plain_maxsim(words, frames, inside[:3], inside[3:]) if inside[3:].any() else 0.0
        assert value.item() == pytest.approx(expected, abs=1e-12)
    expected = enumerate_game(game, 7).banzhaf_interactions()[:3, 3:]
    torch.testing.assert_close(banzhaf_interactions(game), expected, rtol=0, atol=1e-12)


def test_frames_of_patches_match_as_their_best_patch_does():
    words, patches = draw(3, 4), draw(5, 6, 4, seed=1)
    mask = draw(5, 6, seed=2) > 0
    mask[0], mask[1] = False, True
    everybody = torch.ones(3, dtype=torch.bool), torch.ones(5, dtype=torch.bool)
    every_patch = plain_maxsim(words, patches.flatten(0, 1), torch.ones(3), torch.ones(30))
    assert maxsim_game(words, patches, has_patches=True).value(*everybody).item() == pytest.approx(every_patch)
    real_patches = plain_maxsim(words, patches.flatten(0, 1), torch.ones(3), mask.flatten())
    game = maxsim_game(words, patches, None, mask, has_patches=True)
    assert game.value(*everybody).item() == pytest.approx(real_patches, abs=1e-12)
    assert game.frame_mask.tolist() == [False, True, *mask[2:].any(1).tolist()]
    assert shapley_values(game)[1][0] == 0
    one = maxsim_game(words, patches[2], None, mask[2]).value(everybody[0], torch.ones(6, dtype=torch.bool))
    assert game.value(everybody[0], torch.arange(5) == 2).item() == pytest.approx(one.item(), abs=1e-12)


def test_batches_of_texts_and_videos():
    words, patches = draw(2, 3, 4), draw(5, 2, 6, 4, seed=1)
    word_mask = torch.tensor([[True, True, True], [True, False, False]])
    for make in (maxsim_game, mean_maxsim_game):
        game = make(words[:, None], patches[None], word_mask[:, None], has_patches=True)
        assert game.batch_shape == (2, 5)
        everybody = torch.ones(3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        alone = make(words[1], patches[4], word_mask[1], has_patches=True).value(*everybody)
        torch.testing.assert_close(game.value(*everybody)[1, 4], alone)


def test_directions_can_be_compared():
    words, frames = draw(3, 4), draw(2, 4, seed=1)
    everybody = torch.ones(3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    unit = (torch.nn.functional.normalize(tokens, dim=-1) for tokens in (words, frames))
    expected = plain_maxsim(*unit, torch.ones(3), torch.ones(2))
    assert maxsim_game(words, frames, use_cosine=True).value(*everybody).item() == pytest.approx(expected)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\[\.\.\., frames, width\] with one width, not \[3, 4\] and \[2, 5\]"):
        maxsim_game(draw(3, 4), draw(2, 5))
    with pytest.raises(ValueError, match=r"\[\.\.\., frames, patches, width\]"):
        mean_maxsim_game(draw(3, 4), draw(2, 4), has_patches=True)
    with pytest.raises(ValueError, match=r"frame_mask must be boolean with shape \[\.\.\., 2, 6\]"):
        maxsim_game(draw(3, 4), draw(2, 6, 4), None, torch.ones(2, dtype=torch.bool), has_patches=True)
