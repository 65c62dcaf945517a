"""Gradients, broadcasting, chunks and compilation."""

import shutil

import pytest
import torch

from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    banzhaf_values,
    coalition_interaction,
    multilinear_extension,
    shapley_interactions,
    shapley_values,
)

WORDS, FRAMES = torch.tensor([True, False, True]), torch.tensor([True, False])
INDICES = {
    "banzhaf_values": lambda game: banzhaf_values(game, 0.3),
    "banzhaf_interactions": banzhaf_interactions,
    "certain_presence": lambda game: banzhaf_interactions(game, 1.0),
    "all_interactions": lambda game: banzhaf_interactions(game, 0.6, between="players"),
    "shapley_values": shapley_values,
    "shapley_interactions": shapley_interactions,
    "coalition_interaction": lambda game: coalition_interaction(game, WORDS, FRAMES),
    "multilinear_extension": lambda game: multilinear_extension(game, 0.7 * WORDS.double(), FRAMES.double()),
}


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("normalize_weights", [False, True])
def test_gradients(make_game, index, normalize_weights):
    game = make_game(3, 2, batch=(2,), with_masks=True, seed=1)

    def of(similarity, word_weights, frame_weights):
        return INDICES[index](
            LateInteractionGame(
                similarity,
                word_weights,
                frame_weights,
                game.word_mask,
                game.frame_mask,
                normalize_weights=normalize_weights,
                floor_at_zero=False,
            )
        )

    inputs = (game.similarity, game.word_weights, game.frame_weights)
    assert torch.autograd.gradcheck(of, tuple(tensor.clone().requires_grad_() for tensor in inputs))


@pytest.mark.parametrize("index", INDICES)
def test_shared_weights_broadcast_over_all_pairs(index):
    """Similarity [texts, videos, words, frames] with one set of weights for a text and one for a video."""
    similarity, word_weights = torch.rand(3, 4, 3, 2).double() - 0.3, torch.rand(3, 1, 3).double()
    frame_weights, frame_mask = torch.rand(1, 4, 2).double(), torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1]]).bool()
    together = INDICES[index](LateInteractionGame(similarity, word_weights, frame_weights, None, frame_mask))
    alone = INDICES[index](
        LateInteractionGame(similarity[2, 1], word_weights[2, 0], frame_weights[0, 1], None, frame_mask[1])
    )
    if isinstance(alone, torch.Tensor):
        torch.testing.assert_close(together[2, 1], alone)
    else:
        torch.testing.assert_close(together[0][2, 1], alone[0])
        torch.testing.assert_close(together[1][2, 1], alone[1])


@pytest.mark.parametrize("batched", ["similarity", "word_weights", "frame_weights", "word_mask", "frame_mask"])
@pytest.mark.parametrize("normalize_weights", [False, True])
@pytest.mark.parametrize("index", INDICES)
def test_any_one_part_may_have_the_batch_axis(make_game, index, normalize_weights, batched):
    """The other parts are shared, and the results have the batch axis all the same."""
    many = make_game(3, 2, batch=(4,), with_masks=True)
    parts = {name: getattr(many, name)[1] for name in ("similarity", "word_weights", "frame_weights")}
    alone = INDICES[index](
        LateInteractionGame(**{**parts, batched: getattr(many, batched)[2]}, normalize_weights=normalize_weights)
    )
    together = INDICES[index](
        LateInteractionGame(**{**parts, batched: getattr(many, batched)}, normalize_weights=normalize_weights)
    )
    pairs = [(together, alone)] if isinstance(alone, torch.Tensor) else zip(together, alone, strict=True)
    for result, expected in pairs:
        assert result.shape == (4, *expected.shape)
        torch.testing.assert_close(result[2], expected)


@pytest.mark.parametrize("chunk_size", [1, 2, 5])
def test_chunks_change_nothing(chunk_size):
    game = LateInteractionGame(torch.rand(3, 4, 3, 2), torch.rand(3, 1, 3), torch.rand(4, 2))
    for index in (banzhaf_values, banzhaf_interactions, shapley_values, shapley_interactions):
        torch.testing.assert_close(index(game, chunk_size=chunk_size), index(game))


def test_chunks_need_a_batch_axis(make_game):
    with pytest.raises(ValueError, match="chunk_size must be positive"):
        banzhaf_interactions(make_game(), chunk_size=2)


@pytest.mark.parametrize("mask", [None, torch.tensor([True, False, True])])
@pytest.mark.parametrize("index", INDICES)
def test_weights_of_zero_and_of_masked_players_have_no_gradient(index, mask):
    """The slope at a weight of zero would be as large as the spread assumed, 1e38, and 0 times infinity no number."""
    similarity, word_weights = torch.rand(3, 2) - 0.3, torch.tensor([0.5, 0.0, 0.25], requires_grad=True)
    game = LateInteractionGame(similarity.double(), word_weights, torch.ones(2), mask, check_values=False)
    sum_of(INDICES[index](game)).backward()
    assert word_weights.grad.isfinite().all()
    assert word_weights.grad[1] == 0


@pytest.mark.parametrize("index", INDICES)
def test_compiles_without_a_graph_break(make_game, index):
    # All normalize by the same lines, which take most of the time to compile.
    is_normalized = index in {"all_interactions", "shapley_interactions"}
    game = make_game(3, 2, batch=(2,), with_masks=True, normalize_weights=is_normalized)
    # Of the same two the graph of the gradients is traced as well; the others share their parts.
    assert_compiled_is_eager(INDICES[index], game, backend="aot_eager" if is_normalized else "eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiles_to_native_code(make_game):
    """One index, with the weights that take the most steps; the others share its parts and compile to a graph above."""
    game = make_game(3, 2, batch=(2,), with_masks=True, dtype=torch.float32, normalize_weights=True)
    assert_compiled_is_eager(INDICES["banzhaf_interactions"], game, backend="inductor")


def assert_compiled_is_eager(index, game, *, backend):
    """Compare the results and the gradients of one uninterrupted graph with those of plain code."""

    def of(similarity, word_weights, frame_weights):
        masks_and_kind = (game.word_mask, game.frame_mask, game.normalize_weights)
        return index(LateInteractionGame(similarity, word_weights, frame_weights, *masks_and_kind))

    torch.compiler.reset()
    runs = []
    for function in (of, torch.compile(of, fullgraph=True, backend=backend)):
        inputs = [t.clone().requires_grad_() for t in (game.similarity, game.word_weights, game.frame_weights)]
        results = function(*inputs)
        sum_of(results).backward()
        runs.append((results, [tensor.grad for tensor in inputs]))
    torch.testing.assert_close(runs[1], runs[0])


def sum_of(results):
    """Return a number that depends on every entry, unequally."""
    results = (results,) if isinstance(results, torch.Tensor) else results
    return sum((result + result.square()).sum() for result in results)
