"""The game that a late-interaction similarity plays: words and frames are players, a coalition is worth its similarity."""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

WORST_SPREAD = 1e38
"""The spread of weights that is assumed where their values must not be looked at (see `check_values`)."""


@dataclass(frozen=True, eq=False)
class LateInteractionGame:
    """A cooperative game between the words of a text and the frames of a video, one game per leading batch index.

    A coalition `C` of words and frames is worth

        value(C) = 1/2 [ sum_{t in C} alpha_t(C) max_{v in C} s[t, v] + sum_{v in C} beta_v(C) max_{t in C} s[t, v] ]

    and 0 when it holds no word or no frame. `alpha_t(C)` is the weight of word `t`, divided by the sum over the words of
    the coalition when `normalize_weights` (a softmax restricted to the coalition); `beta_v(C)` likewise.

    Args:
        similarity: similarity of every word with every frame, finite.
        word_weights: non-negative; broadcasts against the batch axes of `similarity`, as do the next three.
        frame_weights: non-negative.
        word_mask: True where a word is a player. A masked token never enters a coalition; its values are ignored.
        frame_mask: True where a frame is a player.
        normalize_weights: divide the weights by their sum over the coalition.
        floor_at_zero: play with `max(s, 0)`.
        check_values: look at the values (one pass, one device synchronization) to refuse NaN and negative weights and to
            learn the spread of the weights, which sets the number of quadrature nodes. False assumes the widest spread.

    Raises:
        ValueError: shapes that do not fit, a similarity or weight that is not finite, a negative weight.
    """

    similarity: Float[Tensor, "*batch word frame"]
    word_weights: Float[Tensor, "*#batch word"]
    frame_weights: Float[Tensor, "*#batch frame"]
    word_mask: Bool[Tensor, "*#batch word"] | None = None
    frame_mask: Bool[Tensor, "*#batch frame"] | None = None
    normalize_weights: bool = True
    floor_at_zero: bool = True
    check_values: bool = True
    word_spread: float = field(init=False, repr=False, default=WORST_SPREAD)
    frame_spread: float = field(init=False, repr=False, default=WORST_SPREAD)

    def __post_init__(self) -> None:
        self._check_shapes()
        if self.check_values and not torch.compiler.is_compiling():
            self._check_values()

    @property
    def num_words(self) -> int:
        """How many words there are, masked ones included."""
        return self.similarity.shape[-2]

    @property
    def num_frames(self) -> int:
        """How many frames there are, masked ones included."""
        return self.similarity.shape[-1]

    @property
    def batch_shape(self) -> torch.Size:
        """The leading axes, after broadcasting: one game each."""
        per_player = (self.word_weights, self.frame_weights, self.word_mask, self.frame_mask)
        return torch.broadcast_shapes(
            self.similarity.shape[:-2], *(tensor.shape[:-1] for tensor in per_player if tensor is not None)
        )

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of every result: float64 for float64 input, else float32."""
        types = (self.similarity.dtype, self.word_weights.dtype, self.frame_weights.dtype)
        return torch.float64 if torch.float64 in types else torch.float32

    def playing_weights(self) -> tuple[Tensor, Tensor]:
        """Return word and frame weights in the type of computation, 0 for masked tokens."""
        return (
            _zero_where_masked(self.word_weights.to(self.dtype), self.word_mask),
            _zero_where_masked(self.frame_weights.to(self.dtype), self.frame_mask),
        )

    def __repr__(self) -> str:
        masked = [name for name in ("word_mask", "frame_mask") if getattr(self, name) is not None]
        return (
            f"LateInteractionGame(batch={tuple(self.batch_shape)}, words={self.num_words}, frames={self.num_frames}, "
            f"{'normalized' if self.normalize_weights else 'fixed'} weights, "
            f"{'floor at zero' if self.floor_at_zero else 'no floor'}, "
            f"{' and '.join(masked) or 'no mask'}, {self.similarity.dtype}, {self.similarity.device})"
        )

    def _check_shapes(self) -> None:
        if self.similarity.dim() < 2 or 0 in self.similarity.shape[-2:] or not self.similarity.is_floating_point():
            raise ValueError(
                f"similarity must be floating with shape [..., words, frames] and at least one of each, not "
                f"{self.similarity.dtype} {list(self.similarity.shape)}"
            )
        sizes = {"word": self.num_words, "frame": self.num_frames}
        for name in ("word_weights", "frame_weights", "word_mask", "frame_mask"):
            tensor = getattr(self, name)
            side, kind = name.split("_")
            if tensor is None:
                continue
            if tensor.dim() < 1 or tensor.shape[-1] != sizes[side]:
                raise ValueError(
                    f"{name} must have shape [..., {sizes[side]}] for a similarity of shape "
                    f"{list(self.similarity.shape)}, not {list(tensor.shape)}"
                )
            if kind == "mask" and tensor.dtype != torch.bool:
                raise ValueError(f"{name} must be boolean (True: a player), not {tensor.dtype}")
            if kind == "weights" and not tensor.is_floating_point():
                raise ValueError(f"{name} must be floating, not {tensor.dtype}")
        try:
            _ = self.batch_shape
        except RuntimeError:
            shapes = {
                name: list(tensor.shape)
                for name in ("similarity", "word_weights", "frame_weights", "word_mask", "frame_mask")
                if (tensor := getattr(self, name)) is not None
            }
            raise ValueError(f"the batch axes of a game must broadcast, these do not: {shapes}") from None

    def _check_values(self) -> None:
        word_weights, frame_weights = (weights.detach() for weights in self.playing_weights())
        similarity_sum, word_minimum, word_spread, frame_minimum, frame_spread = torch.stack(
            [
                self.similarity.detach().sum(dtype=torch.float64),
                self.word_weights.detach().min().double(),
                _spread(word_weights),
                self.frame_weights.detach().min().double(),
                _spread(frame_weights),
            ]
        ).tolist()
        if not math.isfinite(similarity_sum):
            raise ValueError(
                f"similarity of shape {list(self.similarity.shape)} must be finite, it holds NaN or infinity"
            )
        for name, minimum, spread in (
            ("word_weights", word_minimum, word_spread),
            ("frame_weights", frame_minimum, frame_spread),
        ):
            if not (minimum >= 0 and math.isfinite(spread)):
                raise ValueError(
                    f"{name} of shape {list(getattr(self, name).shape)} must be finite and not negative, "
                    f"the smallest is {minimum}"
                )
        object.__setattr__(self, "word_spread", word_spread)
        object.__setattr__(self, "frame_spread", frame_spread)


def _zero_where_masked(weights: Tensor, mask: Tensor | None) -> Tensor:
    return weights if mask is None else weights * mask


def _spread(weights: Float[Tensor, "*batch player"]) -> Float[Tensor, ""]:
    """Return the largest ratio, over the batch, of the sum of the weights to the smallest positive weight."""
    weights = weights.double()
    smallest = torch.where(weights > 0, weights, torch.inf).amin(-1)
    return (weights.sum(-1) / smallest).amax()
