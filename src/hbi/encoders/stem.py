"""What cuts a frame, or a tubelet of frames, into patch tokens.

A stem that reads tubelets takes their frames side by side as channels, in the order of time: red, green and blue of the
first frame, then of the second one. The stem of small convolutions finds what is in each frame and how that changes.
The patch projection of a pretrained tower is inflated over time: the weights of the middle frame (number
`tubelet_size // 2`) are its own and those of the others are zero, so that the tower starts unchanged (Carreira and
Zisserman 2017 inflate by repetition; Arnab et al. 2021, arXiv 2103.15691, equation 9, by this "central frame
initialisation").
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d
from transformers import CLIPVisionConfig

from hbi.encoders.sizes import ModelError

FIRST_CHANNELS = 16
COLORS = 3
FIRST_LAYERS = 3
"""Of a `ConvolutionalStem`: convolution, normalization and the cut at zero, which see each frame by itself."""


class ConvolutionalStem(nn.Sequential):
    """Halves a frame's sides, and widens it, until a position is a patch (Xiao et al. 2021, arXiv 2106.14881).

    Takes the place of CLIP's `patch_embedding`, where there is no pretrained CLIP to start from: that cuts patches by
    one wide convolution, from which a network that sees a few thousand videos does not learn what a shape is
    (docs/log.md).

    Of a tubelet the first convolution sees each frame by itself. What it finds in the middle one, and how that changes
    over time (`changes_over_time`), go on together. A convolution over stacked frames could compute the same, but
    frames are so alike that it hardly learns to: after as many steps it told actions in 25 % of the positions, this one
    in 91 % (docs/results/motion.md).

    Differs: the paper normalizes over the batch; here each frame is normalized by itself, whoever stands beside it.

    Args:
        config: The sizes of the tower: of its pictures, patches and tokens.
        tubelet_size: Frames that it reads at a time, all with random weights: there are none to keep.

    Raises:
        ModelError: The side of a patch is no power of two, or too small for tubelets.
    """

    def __init__(self, config: CLIPVisionConfig, tubelet_size: int = 1) -> None:
        num_halvings = int(math.log2(config.patch_size))
        if 2**num_halvings != config.patch_size:
            raise ModelError(f"a convolutional stem halves frames: patch_size={config.patch_size} is no power of two")
        if tubelet_size > 1 and num_halvings < 2:
            raise ModelError(f"patch_size={config.patch_size}: a convolutional stem of tubelets needs 4 pixels or more")
        layers: list[nn.Module] = []
        given, channels = config.num_channels, min(FIRST_CHANNELS, config.hidden_size)
        for number in range(num_halvings):
            layers += [
                nn.Conv2d(
                    given * (tubelet_size if number == 1 else 1),
                    channels,
                    kernel_size=3,
                    stride=2,
                    padding=1,
                    bias=False,
                ),
                nn.GroupNorm(1, channels),
                nn.ReLU(inplace=True),
            ]
            given, channels = channels, min(2 * channels, config.hidden_size)
        super().__init__(*layers, nn.Conv2d(given, config.hidden_size, kernel_size=1))
        self.tubelet_size = tubelet_size
        for module in self.modules():
            module._is_hf_initialized = True  # type: ignore[assignment]  # the library's mark: leave torch's weights

    def forward(
        self, pixels: Float[Tensor, "picture channel height width"]
    ) -> Float[Tensor, "picture width row column"]:
        """Return the patch tokens of pictures, or of tubelets whose frames stand side by side as channels."""
        layers, found = list(self), pixels
        if self.tubelet_size > 1:
            found = found.unflatten(1, (self.tubelet_size, -1)).flatten(0, 1)
        found = found.contiguous(memory_format=torch.channels_last)  # a processor is fastest so, by far
        if self.tubelet_size > 1:
            for layer in layers[:FIRST_LAYERS]:
                found = layer(found)
            found = self._over_time(layers[FIRST_LAYERS], found)
            layers = layers[FIRST_LAYERS + 1 :]
        for layer in layers:
            found = layer(found)
        return found

    def _over_time(
        self, layer: nn.Module, found: Float[Tensor, "frame channel height width"]
    ) -> Float[Tensor, "tubelet out row column"]:
        """Return the second convolution of changes over time.

        Both are linear, so that its weights are combined in place of the frames, of which there are many more numbers.
        """
        assert isinstance(layer, nn.Conv2d)
        # Made anew: `from_pretrained` of transformers leaves buffers that are not saved as they were in memory.
        changes = changes_over_time(self.tubelet_size).to(layer.weight)
        weight = torch.einsum("cf,oc...->of...", changes, layer.weight.unflatten(1, (self.tubelet_size, -1)))
        # Channels come last before frames are told apart, so that the gradient, too, keeps the layout that is fast.
        frames = found.movedim(1, -1).unflatten(0, (-1, self.tubelet_size))
        side_by_side = frames.movedim(1, -2).flatten(-2).movedim(-1, 1)
        return conv2d(side_by_side, weight.flatten(1, 2), stride=layer.stride, padding=layer.padding)

    @property
    def weight(self) -> Float[Tensor, "out in 1 1"]:
        """The last convolution's: CLIP asks for its type."""
        weight = self[-1].weight
        assert isinstance(weight, torch.Tensor)
        return weight


def read_tubelets(towers: nn.Module, projection: str, tubelet_size: int) -> None:
    """Let towers with a patch projection read tubelets: as before from the middle frame, with zeros for the others.

    Args:
        towers: They are changed.
        projection: The name of their patch projection, a convolution or, of pictures that come as patches, a linear
            layer.
        tubelet_size: Frames of a tubelet.
    """
    single = towers.get_submodule(projection)
    assert isinstance(single, nn.Conv2d | nn.Linear)
    options: dict[str, Any] = {"bias": single.bias is not None, "dtype": single.weight.dtype}
    inflated: nn.Conv2d | nn.Linear
    if isinstance(single, nn.Linear):
        inflated = nn.Linear(tubelet_size * single.in_features, single.out_features, **options)
    else:
        sizes: Any = (single.kernel_size, single.stride, single.padding)
        inflated = nn.Conv2d(tubelet_size * single.in_channels, single.out_channels, *sizes, **options)
    inflated.weight.data = centered(single.weight.data, tubelet_size)
    inflated.bias = single.bias
    inflated._is_hf_initialized = True  # type: ignore[assignment]  # as above
    towers.set_submodule(projection, inflated)


def inflated_state(state: Mapping[str, Tensor], projection: str, tubelet_size: int) -> dict[str, Tensor]:
    """Return the weights of towers that see single frames as those of towers that read tubelets.

    Args:
        state: Weights by name.
        projection: The name of the patch projection, or of a `ConvolutionalStem`.
        tubelet_size: Frames of a tubelet.
    """
    name = f"{projection}.weight"
    if name in state:
        return {**state, name: centered(state[name], tubelet_size)}
    name = (
        f"{projection}.{FIRST_LAYERS}.weight"  # of a stem: what it finds in the middle frame comes first, then changes
    )
    blank = torch.zeros_like(state[name])
    return {**state, name: torch.cat([state[name], *[blank] * (tubelet_size - 1)], 1)}


def changes_over_time(tubelet_size: int) -> Float[Tensor, "change frame"]:
    """Return what is looked at in a tubelet: its middle frame, and k - 1 differences of frames, the slowest first.

    The differences are the cosines of a discrete cosine transform but the first, scaled so that each is a weighted mean
    of some frames less one of the others.

    Args:
        tubelet_size: k, the number of frames.

    >>> changes_over_time(3).round(decimals=3).tolist()
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.5, -1.0, 0.5]]
    """
    frames = torch.arange(tubelet_size, dtype=torch.float64)
    rows = [(frames == tubelet_size // 2).double()]
    for order in range(1, tubelet_size):
        cosines = torch.cos(torch.pi * order * (frames + 0.5) / tubelet_size) * (-1) ** order
        rows.append(cosines / cosines.clamp(min=0).sum())
    return torch.stack(rows).round(decimals=12).float() + 0.0  # no traces of rounding, and no -0


def centered(weight: Float[Tensor, "out *single"], tubelet_size: int) -> Float[Tensor, "out *inflated"]:
    """Return the weights of a patch projection for tubelets: those given for the middle frame, zero for the others.

    Args:
        weight: Of a convolution [out, channel, height, width], or of a linear layer whose inputs are the pixels of a
            patch, their colors last [out, pixels * 3].
        tubelet_size: Frames of a tubelet.
    """
    over_time = weight.unflatten(1, (-1, COLORS)) if weight.dim() == 2 else weight
    axis = over_time.dim() - 1 if weight.dim() == 2 else 1
    blank = torch.zeros_like(over_time)
    frames = [over_time if number == tubelet_size // 2 else blank for number in range(tubelet_size)]
    inflated = torch.cat(frames, axis)
    return inflated.flatten(1) if weight.dim() == 2 else inflated
