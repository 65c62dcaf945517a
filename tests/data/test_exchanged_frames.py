"""Frames in another order, against the order written out by hand."""

import pytest
import torch

from hbi.data.exchanged_frames import backwards, captions_with_order, in_order, parts_reversed

MASK = torch.tensor([[True] * 5, [True, True, True, False, False], [True] + [False] * 4])


def test_backwards_turns_what_is_real():
    assert backwards(MASK).tolist() == [[4, 3, 2, 1, 0], [2, 1, 0, 3, 4], [0, 1, 2, 3, 4]]


def test_frames_are_put_in_order_and_tubelets_turned():
    pixels = torch.arange(3 * 5 * 2 * 3).view(3, 5, 2, 3, 1, 1)
    order = backwards(MASK)
    turned, kept = in_order(pixels, order, is_backwards=True), in_order(pixels, order)
    for video in range(3):
        for place, frame in enumerate(order[video].tolist()):
            assert torch.equal(kept[video, place], pixels[video, frame])
            assert torch.equal(turned[video, place, 0], pixels[video, frame, 1])
            assert torch.equal(turned[video, place, 1], pixels[video, frame, 0])


def test_of_single_frames_and_features_only_the_order_changes():
    for frames in (torch.randn(3, 5, 3, 2, 2), torch.randn(3, 5, 7)):
        turned = in_order(frames, backwards(MASK), is_backwards=True)
        assert torch.equal(turned[0], frames[0].flip(0))
        assert torch.equal(in_order(turned, backwards(MASK), is_backwards=True), frames)


@pytest.mark.parametrize(
    ("num_parts", "expected"),
    [
        (2, [[3, 4, 0, 1, 2], [2, 0, 1, 3, 4], [0, 1, 2, 3, 4]]),
        (4, [[4, 3, 2, 0, 1], [2, 1, 0, 3, 4], [0, 1, 2, 3, 4]]),
        (1, [[0, 1, 2, 3, 4]] * 3),
    ],
)
def test_parts_come_last_part_first(num_parts, expected):
    assert parts_reversed(MASK, num_parts).tolist() == expected
    assert parts_reversed(torch.zeros(1, 5, dtype=torch.bool), num_parts).tolist() == [[0, 1, 2, 3, 4]]


def test_of_four_parts_each_is_played_forwards():
    (order,) = parts_reversed(torch.ones(1, 12, dtype=torch.bool), 4).tolist()
    assert order == [9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2]


def test_captions_that_tell_an_order():
    captions = ["a cat sits, then a dog barks", "a cat and a dog", "after a cat sits, a dog barks", "one by one"]
    assert captions_with_order(captions).tolist() == [True, False, True, False]
