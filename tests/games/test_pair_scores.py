"""Games of scores without vectors, against enumeration; and against the dual encoder, which is a special case."""

import pytest
import torch

from hbi.games import DualEncoderGame, enumerate_game, normalized_mean, solve_dual_encoder, solve_pair_scores


def tangled(num_words, num_frames, seed=0):
    """A score that does not factorize: a network on all players at once."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(num_words + num_frames, 7, generator=generator, dtype=torch.float64)
    out = torch.randn(7, generator=generator, dtype=torch.float64)

    def score(words, frames):
        players = torch.cat(
            [words[:, None].expand(-1, len(frames), -1), frames[None].expand(len(words), -1, -1)], -1
        ).double()
        return torch.tanh(players @ hidden) @ out

    return score


@pytest.mark.parametrize(("num_words", "num_frames"), [(4, 3), (1, 4), (3, 1), (1, 1)])
def test_all_indices_equal_those_of_the_enumerated_game(num_words, num_frames):
    score = tangled(num_words, num_frames)

    def game(coalitions):
        words, frames = coalitions.split([num_words, num_frames], 1)
        values = torch.stack([score(a[None], b[None])[0, 0] for a, b in zip(words, frames, strict=True)])
        return values * (words.any(1) & frames.any(1))

    truth = enumerate_game(game, num_words + num_frames)
    indices = solve_pair_scores(score, num_words, num_frames)
    assert indices.is_exact
    for probability in (0.3, 0.5):
        found = indices.banzhaf_interactions(probability, between="players").values
        assert torch.allclose(found, truth.banzhaf_interactions(probability), atol=1e-12)
        values = torch.cat([part.values for part in indices.banzhaf_values(probability)])
        assert torch.allclose(values, truth.banzhaf_values(probability), atol=1e-12)
    assert torch.allclose(indices.shapley_interactions("players").values, truth.shapley_interactions(), atol=1e-12)
    shapley = torch.cat([part.values for part in indices.shapley_values()])
    assert torch.allclose(shapley, truth.shapley_values(), atol=1e-12)


def test_a_product_of_vectors_gives_what_the_dual_encoder_gives():
    generator = torch.Generator().manual_seed(1)
    words, frames = (normalized_mean(torch.randn(count, 5, generator=generator), True) for count in (10, 9))
    game = DualEncoderGame(words, frames, 10, 9)
    draw = {"text_budget": 100, "video_budget": 60}
    expected = solve_dual_encoder(game, **draw, generator=torch.Generator().manual_seed(2))
    found = solve_pair_scores(
        lambda texts, videos: words(texts) @ frames(videos).T, 10, 9, **draw, generator=torch.Generator().manual_seed(2)
    )
    assert not found.is_exact
    for index in ("banzhaf_interactions", "shapley_interactions"):
        ours, theirs = getattr(found, index)(), getattr(expected, index)()
        assert torch.allclose(ours.values, theirs.values, atol=1e-5)
        assert torch.allclose(ours.standard_errors, theirs.standard_errors, atol=1e-5)
    total = sum(part.values.sum() for part in found.shapley_values())
    assert torch.allclose(total, found.value, atol=1e-6)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"score must return finite numbers of shape \[3, 3\]"):
        solve_pair_scores(lambda words, frames: torch.zeros(len(words)), 2, 2)
