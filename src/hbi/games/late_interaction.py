"""The game that a late-interaction similarity plays between the words of a text and the frames of a video."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.weights import LARGEST_SPREAD, normalize

_ASSUMED_SPREAD = {torch.float32: 1e46, torch.float64: LARGEST_SPREAD}
"""Where nothing is looked at: that of any softmax in float32, and of any weights in float64 that are not refused."""


@dataclass(frozen=True, eq=False)
class LateInteractionGame:
    """A cooperative game between the words of a text and the frames of a video, one game per leading batch index.

    A coalition `C` of words and frames is worth

        value(C) = 1/2 [ sum_{t in C} alpha_t(C) max_{v in C} s[t, v] + sum_{v in C} beta_v(C) max_{t in C} s[t, v] ]

    and 0 when it holds no word or no frame. `alpha_t(C)` is the weight of word `t`, divided by the sum over the words
    of the coalition when `normalize_weights` (a softmax restricted to the coalition); `beta_v(C)` likewise.

    Args:
        similarity: similarity of every word with every frame, finite.
        word_weights: non-negative; broadcasts against the batch axes of `similarity`, as do the next three.
        frame_weights: non-negative.
        word_mask: True where a word is a player. A masked token never enters a coalition; its similarities and its
            weight are ignored, whatever they are: NaN and infinity, too.
        frame_mask: True where a frame is a player.
        normalize_weights: divide the weights by their sum over the coalition.
        floor_at_zero: play with `max(s, 0)`.
        check_values: refuse NaN, infinity and negative weights, and measure the spread of the weights. Costs one pass
            and one synchronization with the device; left out where `torch.compile` is tracing.
        weight_spread: for normalized weights, the largest ratio of their sum to the smallest positive one: the accuracy
            holds up to it, the cost grows with its logarithm. It is raised to what is measured. Where nothing is
            checked, None stands for 1e46 in float32, enough for any softmax, and for 1e300 in float64.

    Raises:
        ValueError: shapes that do not fit, a similarity or weight that is not finite, a negative weight; normalized
            weights that spread, or a `weight_spread`, beyond 1e300.

    >>> game = LateInteractionGame(
    ...     torch.tensor([[1.0, 0.5], [0.25, 0.75]]), torch.ones(2), torch.ones(2), normalize_weights=False
    ... )
    >>> game.value(torch.tensor([True, True]), torch.tensor([True, False]))
    tensor(1.1250)
    >>> game
    LateInteractionGame(batch=(), words=2, frames=2, fixed weights, floor at zero, no mask, torch.float32, cpu)
    """

    similarity: Float[Tensor, "*#batch word frame"]
    word_weights: Float[Tensor, "*#batch word"]
    frame_weights: Float[Tensor, "*#batch frame"]
    word_mask: Bool[Tensor, "*#batch word"] | None = None
    frame_mask: Bool[Tensor, "*#batch frame"] | None = None
    normalize_weights: bool = True
    floor_at_zero: bool = True
    check_values: bool = True
    weight_spread: float | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        if self.weight_spread is not None and not 1 <= self.weight_spread <= LARGEST_SPREAD:
            raise ValueError(f"weight_spread must lie in [1, {LARGEST_SPREAD:g}], not {self.weight_spread}")
        if self.check_values and not torch.compiler.is_compiling():
            object.__setattr__(self, "weight_spread", max(self._check_values(), self.weight_spread or 1.0))
        elif self.weight_spread is None:
            object.__setattr__(self, "weight_spread", _ASSUMED_SPREAD[self.dtype])

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
            zero_where_masked(self.word_weights.to(self.dtype), self.word_mask),
            zero_where_masked(self.frame_weights.to(self.dtype), self.frame_mask),
        )

    def playing_similarity(self) -> Float[Tensor, "*#batch word frame"]:
        """Return what coalitions find their best match in: in the type of computation, `playing_cells` of it.

        With `floor_at_zero` nothing is below 0.
        """
        similarity = self.playing_cells(self.similarity.to(self.dtype))
        return similarity.clamp(min=0) if self.floor_at_zero else similarity

    def playing_cells(self, cells: Float[Tensor, "*#batch word frame"]) -> Float[Tensor, "*#batch word frame"]:
        """Return `cells`, 0 where the word or the frame is masked."""
        if self.word_mask is not None:
            cells = torch.where(self.word_mask.unsqueeze(-1), cells, 0)
        return cells if self.frame_mask is None else torch.where(self.frame_mask.unsqueeze(-2), cells, 0)

    def value(
        self, word_coalition: Bool[Tensor, "*#batch word"], frame_coalition: Bool[Tensor, "*#batch frame"]
    ) -> Float[Tensor, "*#batch"]:
        """Return what each coalition is worth; the batch axes broadcast against those of the game.

        Raises:
            ValueError: a coalition that is not boolean or not of shape [..., words] or [..., frames].
        """
        words, frames = self.playing(word_coalition, frame_coalition)
        similarity = self.playing_similarity()
        best_frame = _maximum(similarity, frames.unsqueeze(-2), axis=-1)
        best_word = _maximum(similarity, words.unsqueeze(-1), axis=-2)
        word_weights, frame_weights = (
            zero_where_masked(self.word_weights.to(self.dtype), words),
            zero_where_masked(self.frame_weights.to(self.dtype), frames),
        )
        if self.normalize_weights:
            word_weights, frame_weights = normalize(word_weights), normalize(frame_weights)
        return 0.5 * ((word_weights * best_frame).sum(-1) + (frame_weights * best_word).sum(-1))

    def playing(
        self, word_coalition: Bool[Tensor, "*#batch word"], frame_coalition: Bool[Tensor, "*#batch frame"]
    ) -> tuple[Bool[Tensor, "*#batch word"], Bool[Tensor, "*#batch frame"]]:
        """Return the coalition, checked, without masked players."""
        parts = []
        for name, coalition, size, mask in (
            ("word_coalition", word_coalition, self.num_words, self.word_mask),
            ("frame_coalition", frame_coalition, self.num_frames, self.frame_mask),
        ):
            if coalition.dtype != torch.bool or coalition.dim() < 1 or coalition.shape[-1] != size:
                raise ValueError(
                    f"{name} must be boolean with shape [..., {size}], not {coalition.dtype} {list(coalition.shape)}"
                )
            parts.append(coalition if mask is None else coalition & mask)
        return parts[0], parts[1]

    def __call__(self, coalitions: Bool[Tensor, "*#batch player"]) -> Float[Tensor, "*#batch"]:
        """Return what coalitions of players, words first and then frames, are worth: `value` for `games.protocol`."""
        return self.value(coalitions[..., : self.num_words], coalitions[..., self.num_words :])

    def chunks(self, size: int) -> Iterator["LateInteractionGame"]:
        """Yield the games `size` at a time along the first batch axis, without copying."""
        batch_shape = self.batch_shape
        if size < 1 or not batch_shape:
            raise ValueError(f"chunk_size must be positive and the game have a batch axis, not {size} and {self}")
        batched = {
            name: tensor
            for name, tensor in self._tensors().items()
            if tensor.dim() == len(batch_shape) + (2 if name == "similarity" else 1) and tensor.shape[0] > 1
        }
        for start in range(0, batch_shape[0], size):
            part: dict[str, Any] = {name: tensor[start : start + size] for name, tensor in batched.items()}
            yield replace(self, check_values=False, **part)

    def to(self, device: torch.device) -> "LateInteractionGame":
        """Return the same games on another device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self._tensors().items()}
        return replace(self, check_values=False, **moved)

    def __repr__(self) -> str:
        masked = [name for name in ("word_mask", "frame_mask") if getattr(self, name) is not None]
        return (
            f"LateInteractionGame(batch={tuple(self.batch_shape)}, words={self.num_words}, frames={self.num_frames}, "
            f"{'normalized' if self.normalize_weights else 'fixed'} weights, "
            f"{'floor at zero' if self.floor_at_zero else 'no floor'}, "
            f"{' and '.join(masked) or 'no mask'}, {self.similarity.dtype}, {self.similarity.device})"
        )

    def _tensors(self) -> dict[str, Tensor]:
        names = ("similarity", "word_weights", "frame_weights", "word_mask", "frame_mask")
        return {name: tensor for name in names if (tensor := getattr(self, name)) is not None}

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
            shapes = {name: list(tensor.shape) for name, tensor in self._tensors().items()}
            raise ValueError(f"the batch axes of a game must broadcast, these do not: {shapes}") from None

    def _check_values(self) -> float:
        """Return the spread of the weights, 1 where nothing depends on it."""
        sides = [_extent(weights.detach()) for weights in self.playing_weights()]
        similarity_sum = self.similarity.detach().sum(dtype=torch.float64)
        numbers = torch.stack((similarity_sum, *sides[0], *sides[1])).tolist()
        # One pass says that all is well. Where it does not, masked numbers may be the reason, or a sum too large.
        if not (math.isfinite(numbers[0]) or self.playing_cells(self.similarity.detach()).isfinite().all()):
            raise ValueError(
                f"similarity of shape {list(self.similarity.shape)} must be finite, but holds NaN or infinity"
            )
        self._check_side("word_weights", *numbers[1:4])
        self._check_side("frame_weights", *numbers[4:7])
        return max(1.0, numbers[3], numbers[6]) if self.normalize_weights else 1.0

    def _check_side(self, name: str, low: float, high: float, spread: float) -> None:
        origin = f"{name} of shape {list(getattr(self, name).shape)}"
        if not (low >= 0 and high < math.inf):
            raise ValueError(f"{origin} must be finite and not negative, but the smallest is {low}, the largest {high}")
        if self.normalize_weights and spread > LARGEST_SPREAD:
            raise ValueError(
                f"{origin} are too far apart to be normalized: their sum is more than {LARGEST_SPREAD:g} times the "
                "smallest; set weights that are next to nothing to 0, or mask them"
            )


def _maximum(similarity: Tensor, members: Tensor, *, axis: int) -> Tensor:
    best = torch.where(members, similarity, -torch.inf).amax(axis)
    return best.masked_fill(best == -torch.inf, 0)


def zero_where_masked(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the values where the mask is True, 0 elsewhere, whatever stands there: NaN times 0 would be NaN."""
    return values if mask is None else torch.where(mask, values, 0)


def _extent(weights: Float[Tensor, "*#batch player"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the smallest and the largest weight, and the largest ratio of a sum to the smallest positive weight."""
    weights = weights.double()
    low, high = torch.aminmax(weights)
    smallest = torch.where(weights > 0, weights, torch.inf).amin(-1, keepdim=True)
    return low, high, (weights / smallest).sum(-1).amax()
