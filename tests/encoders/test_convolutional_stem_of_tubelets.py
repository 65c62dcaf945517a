"""The stem that sees motion: what it computes, and how it starts from one that sees single frames."""

import pytest
import torch
from transformers import CLIPVisionConfig

from hbi.encoders.sizes import ModelError
from hbi.encoders.stem import ConvolutionalStem, changes_over_time, inflated_state


def stem(tubelet_size: int, patch_size: int = 8) -> ConvolutionalStem:
    torch.manual_seed(0)
    config = CLIPVisionConfig(hidden_size=32, num_attention_heads=4, patch_size=patch_size, image_size=24)
    return ConvolutionalStem(config, tubelet_size).eval()


@pytest.mark.parametrize("tubelet_size", [1, 2, 3, 5])
@pytest.mark.parametrize(("patch_size", "num_patches"), [(4, 6), (8, 3)])
def test_gives_a_token_for_each_patch(tubelet_size, patch_size, num_patches):
    pixels = torch.randn(2, 3 * tubelet_size, 24, 24)
    assert stem(tubelet_size, patch_size)(pixels).shape == (2, 32, num_patches, num_patches)


@pytest.mark.parametrize("tubelet_size", [2, 3, 4, 7])
def test_changes_are_differences_of_weighted_means(tubelet_size):
    middle, *differences = changes_over_time(tubelet_size)
    assert middle.nonzero().flatten().tolist() == [tubelet_size // 2]
    for difference in differences:
        assert difference.clamp(min=0).sum() == pytest.approx(1, abs=1e-5)
        assert difference.clamp(max=0).sum() == pytest.approx(-1, abs=1e-5)
    assert torch.linalg.matrix_rank(changes_over_time(tubelet_size)) == tubelet_size, "something of the frames is lost"


@torch.no_grad()
def test_still_tubelets_say_no_more_than_their_frame():
    network, other = stem(3), stem(3)
    by_change = other[3].weight.unflatten(1, (3, -1))  # the first convolution that sees the frames together
    by_change[:, 1:] = torch.randn_like(by_change[:, 1:])
    frame = torch.randn(2, 3, 24, 24)
    still = frame.repeat(1, 3, 1, 1)
    torch.testing.assert_close(network(still), other(still), atol=1e-4, rtol=1e-4)  # rounding, normalized
    moving = torch.cat([frame, torch.randn(2, 6, 24, 24)], 1)
    assert not torch.allclose(network(moving), other(moving), atol=1e-2)


@torch.no_grad()
def test_the_direction_of_time_is_seen():
    frames = torch.randn(1, 3, 3, 24, 24)
    network = stem(3)
    assert not torch.allclose(network(frames.flatten(1, 2)), network(frames.flip(1).flatten(1, 2)), atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("tubelet_size", [2, 3])
def test_starts_unchanged_from_a_stem_that_sees_single_frames(tubelet_size):
    single, inflated = stem(1), stem(tubelet_size)
    state = {f"patch.{name}": tensor for name, tensor in single.state_dict().items()}
    grown = inflated_state(state, "patch", tubelet_size)
    inflated.load_state_dict({name.removeprefix("patch."): tensor for name, tensor in grown.items()})
    frames = torch.randn(2, tubelet_size, 3, 24, 24)
    torch.testing.assert_close(inflated(frames.flatten(1, 2)), single(frames[:, tubelet_size // 2]))


def test_refuses_patches_that_it_cannot_make():
    with pytest.raises(ModelError, match=r"patch_size=6 is no power of two"):
        stem(1, 6)
    with pytest.raises(ModelError, match=r"patch_size=2: a convolutional stem of tubelets needs 4 pixels or more"):
        stem(3, 2)
