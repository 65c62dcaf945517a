"""What cuts a frame into patch tokens: small convolutions, where there is no pretrained CLIP to start from."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import CLIPVisionConfig

from hbi.encoders.sizes import ModelError

FIRST_CHANNELS = 16


class ConvolutionalStem(nn.Sequential):
    """Halves a frame's sides, and widens it, until a position is a patch (Xiao et al. 2021, arXiv 2106.14881).

    CLIP cuts patches by one wide convolution, from which a network that sees a few thousand videos does not learn what
    a shape is (docs/log.md). Takes the place of CLIP's `patch_embedding`.

    Differs: the paper normalizes over the batch; here each frame is normalized by itself, whoever stands beside it.

    Raises:
        ModelError: The side of a patch is no power of two.
    """

    def __init__(self, config: CLIPVisionConfig) -> None:
        num_halvings = int(math.log2(config.patch_size))
        if 2**num_halvings != config.patch_size:
            raise ModelError(f"a convolutional stem halves frames: patch_size={config.patch_size} is no power of two")
        layers: list[nn.Module] = []
        given, channels = config.num_channels, min(FIRST_CHANNELS, config.hidden_size)
        for _ in range(num_halvings):
            layers += [
                nn.Conv2d(given, channels, kernel_size=3, stride=2, padding=1, bias=False),
                nn.GroupNorm(1, channels),
                nn.ReLU(),
            ]
            given, channels = channels, min(2 * channels, config.hidden_size)
        super().__init__(*layers, nn.Conv2d(given, config.hidden_size, kernel_size=1))
        for module in self.modules():
            module._is_hf_initialized = True  # type: ignore[assignment]  # the library's mark: leave torch's weights

    @property
    def weight(self) -> Float[Tensor, "out in 1 1"]:
        """The last convolution's: CLIP asks for its type."""
        weight = self[-1].weight
        assert isinstance(weight, torch.Tensor)
        return weight
