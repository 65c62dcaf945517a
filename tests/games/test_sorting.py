"""The quick sort of the similarities, against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.games import LateInteractionGame, banzhaf_interactions
from hbi.games.sorting import _order_on_cpu, ascending_order


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=70), st.booleans())
def test_orders_any_numbers(numbers, is_double):
    rows = torch.tensor([numbers, numbers[::-1]], dtype=torch.float64 if is_double else torch.float32)
    order = ascending_order(rows)
    assert (rows.gather(-1, order) == rows.sort(-1).values).all()
    assert (order.sort(-1).values == torch.arange(len(numbers))).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_those_who_do_not_play_stand_first(dtype):
    similarity = torch.tensor([[0.5, -2.0, 3.0, 0.0]], dtype=dtype)
    assert ascending_order(similarity, torch.tensor([True, True, False, True])).tolist() == [[2, 1, 3, 0]]


@pytest.mark.parametrize("num_positions", [1, 2, 65, 300])
def test_operator_keeps_its_promises_to_torch(num_positions):
    keys = torch.randint(-(2**31), 2**31 - 1, (3, num_positions), dtype=torch.int32)
    torch.library.opcheck(_order_on_cpu, (keys,))
    assert (keys.gather(-1, _order_on_cpu(keys)) == keys.sort(-1).values).all()


def test_games_can_be_mapped_and_differentiated_by_torch_func(make_game):
    game = make_game(batch=(3,), dtype=torch.float32)

    def index(similarity, word_weights, frame_weights):
        return banzhaf_interactions(LateInteractionGame(similarity, word_weights, frame_weights, check_values=False))

    inputs = (game.similarity, game.word_weights, game.frame_weights)
    torch.testing.assert_close(torch.vmap(index)(*inputs), index(*inputs))
    jacobian = torch.func.jacrev(index)(*(tensor[0] for tensor in inputs))
    torch.testing.assert_close(torch.vmap(torch.func.jacrev(index))(*inputs)[0], jacobian)
