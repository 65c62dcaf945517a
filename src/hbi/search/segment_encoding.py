"""Encoded segments as arrays of fixed size, and back: what is stored is what the model compares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn.functional import normalize, pad

from hbi.encoders.sentence_networks import DenseNetwork, FrameTokens, MultiVectorNetwork
from hbi.matching.matcher import Matcher
from hbi.models import GlobalContrastModel, HBIModel, Hierarchy, Players
from hbi.ops import TokenSequence
from hbi.search.index_errors import SearchError
from hbi.shapes import LEVELS, WHOLE, ComparedLevel
from hbi.video.places import expected_places


@dataclass(frozen=True)
class SegmentArrays:
    """A batch of encoded segments: the tokens of all levels side by side, padded to the same number, and the summary
    behind them where it is compared as a level of its own.

    Attributes:
        tokens: Half precision, as the model gave them, not normalized.
        weights: How much each token counts at its level.
        mask: True where a token is real.
        members: For every level and frame: the token it is merged into, -1 at padding.
        frames: The vector of every frame by itself, half precision, 0 at padding, of a model that compares vectors of
            whole videos; None for others, and where they were not read.
    """

    tokens: Float[np.ndarray, "segment token width"]
    weights: Float[np.ndarray, "segment token"]
    mask: Bool[np.ndarray, "segment token"]
    members: Int[np.ndarray, "segment level_frame"]
    frames: Float[np.ndarray, "segment frame width"] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: Any) -> "SegmentArrays":
        """Return some segments (a slice or indices)."""
        frames = None if self.frames is None else self.frames[rows]
        return SegmentArrays(self.tokens[rows], self.weights[rows], self.mask[rows], self.members[rows], frames)

    @classmethod
    def concatenate(cls, parts: "list[SegmentArrays]") -> "SegmentArrays":
        """Return all segments of several batches."""
        names = ("tokens", "weights", "mask", "members")
        frames = [part.frames for part in parts if part.frames is not None]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**arrays, frames=np.concatenate(frames) if frames else None)


@dataclass(frozen=True)
class CoarseVectors:
    """The few tokens by which a text's candidates are found: those of the last level, as unit vectors.

    One vector a segment was tried and is not enough: see docs/results/search.md.

    Attributes:
        vectors, weights, mask: The tokens, and last of them the summary where the model compares it as well.
        whole_share: Share of the summary in the model's similarity; None: it is not compared.
    """

    vectors: Float[Tensor, "item token width"]
    weights: Float[Tensor, "item token"]
    mask: Bool[Tensor, "item token"]
    whole_share: float | None = None


class SegmentCodec:
    """Turns pixels into `SegmentArrays`, and these into what `model.similarity` takes."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.width = matcher.width
        self.num_frames = matcher.num_frames
        self.counts = self._level_counts()

    def frame_times(self, start_seconds: float, end_seconds: float, count: int) -> Sequence[float]:
        """Return when the frames of a segment are shown that was indexed.

        Args:
            start_seconds, end_seconds: Of the segment.
            count: Frames that there are of it.
        """
        return expected_places(
            start_seconds, end_seconds, count, num_frames=self.num_frames, picture=self.matcher.picture
        )

    @property
    def num_tokens(self) -> int:
        """Of all levels together."""
        return sum(self.counts)

    @property
    def num_members(self) -> int:
        """Entries that say where each frame is at each level."""
        return len(self.counts) * self.num_frames if self._has_levels else 1

    @property
    def num_coarse(self) -> int:
        """Vectors by which a segment is found."""
        if self.matcher.has_games:
            return sum(self.counts[len(LEVELS) - 1 :])  # of the last level, and the summary
        return self.num_frames if self._has_patches else 1

    @property
    def keeps_frames(self) -> bool:
        """Whether the model has a vector for each frame by itself, beside the one of a video that it compares."""
        if isinstance(self.matcher.model, GlobalContrastModel):
            return not self.matcher.model.encoder.has_video_side and self.num_tokens == 1
        return isinstance(self.matcher.model, DenseNetwork)

    @property
    def _has_levels(self) -> bool:
        return isinstance(self.matcher.model, HBIModel)

    @property
    def _compared_levels(self) -> tuple[ComparedLevel, ...]:
        return self.matcher.config.compared_levels

    @property
    def _has_patches(self) -> bool:
        return isinstance(self.matcher.model, MultiVectorNetwork)

    def _flat(self, encoding: Any) -> tuple[Tensor, Tensor]:
        """Return the vectors of each segment side by side [segment, token, width], and which of them are real."""
        if isinstance(encoding, FrameTokens):
            per_frame = self.num_tokens // self.num_frames
            if encoding.mask.shape[2] > per_frame:
                raise SearchError(f"a frame with {encoding.mask.shape[2]} tokens, others have {per_frame}")
            tokens, mask = (_padded(each.flatten(0, 1), per_frame) for each in (encoding.tokens, encoding.mask))
            count = len(encoding)
            return tokens.unflatten(0, (count, -1)).flatten(1, 2), mask.unflatten(0, (count, -1)).flatten(1, 2)
        tokens = encoding.view(len(encoding), self.num_tokens, self.width)
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)

    def encode(
        self, pixels: UInt8[Tensor, "segment frame *tubelet 3 height width"], mask: Bool[Tensor, "segment frame"]
    ) -> SegmentArrays:
        """Return encoded segments."""
        if self.keeps_frames:
            return self._with_frames(pixels, mask)
        encoding = self.matcher.encode_frames(pixels, mask)
        if not self._has_levels:
            tokens, real = self._flat(encoding)
            return SegmentArrays(
                tokens.half().cpu().numpy(),
                real.float().cpu().numpy(),
                real.cpu().numpy(),
                np.zeros((len(encoding), 1), np.int16),
            )
        players = [encoding.levels[level] for level in self._compared_levels]
        sizes = list(zip(players, self.counts, strict=True))
        return SegmentArrays(
            torch.cat([_padded(each.sequence.tokens, count) for each, count in sizes], 1).half().cpu().numpy(),
            torch.cat([_padded(each.weights, count) for each, count in sizes], 1).float().cpu().numpy(),
            torch.cat([_padded(each.sequence.mask, count) for each, count in sizes], 1).cpu().numpy(),
            torch.cat([each.sequence.members for each in players], 1).short().cpu().numpy(),
        )

    @torch.inference_mode()
    def _with_frames(
        self, pixels: UInt8[Tensor, "segment frame *tubelet 3 height width"], mask: Bool[Tensor, "segment frame"]
    ) -> SegmentArrays:
        """Return segments with one vector each, and one for every frame, which is encoded once."""
        model: Any = self.matcher.model
        real = mask.to(self.matcher.device)
        features = model.frame_features(self.matcher.network_input(pixels), real)
        whole = model.encode_videos(features, real)
        single = model.encode_videos(features.flatten(0, 1)[:, None], real.flatten(0, 1)[:, None])
        frames = single.unflatten(0, real.shape) * real[..., None]
        count = len(whole)
        return SegmentArrays(
            whole[:, None].half().cpu().numpy(),
            np.ones((count, 1), np.float32),
            np.ones((count, 1), bool),
            np.zeros((count, 1), np.int16),
            frames.half().cpu().numpy(),
        )

    def decode(self, arrays: SegmentArrays) -> Any:
        """Return what the model's `similarity` takes as videos."""
        device = self.matcher.device
        tokens = torch.from_numpy(arrays.tokens).to(device).float()
        if self._has_patches:
            shape = (self.num_frames, self.num_tokens // self.num_frames)
            return FrameTokens(tokens.unflatten(1, shape), torch.from_numpy(arrays.mask).to(device).unflatten(1, shape))
        if not self._has_levels:
            return tokens if self.num_tokens > 1 else tokens[:, 0]
        weights = torch.from_numpy(arrays.weights).to(device).split(self.counts, dim=1)
        mask = torch.from_numpy(arrays.mask).to(device).split(self.counts, dim=1)
        members = torch.from_numpy(arrays.members).to(device).long().split(self.num_frames, dim=1)
        parts = zip(self._compared_levels, tokens.split(self.counts, dim=1), weights, mask, members, strict=True)
        levels: dict[ComparedLevel, Players] = {
            level: Players(TokenSequence(token, real, member), weight) for level, token, weight, real, member in parts
        }
        return Hierarchy(levels)

    def coarse(self, encoding: Any) -> CoarseVectors:
        """Return the vectors by which an encoded text finds segments, or is found as a segment."""
        if isinstance(encoding, FrameTokens):
            means = (encoding.tokens * encoding.mask[..., None]).sum(2).float()
            return _equal(normalize(means, dim=-1), encoding.mask.any(2))
        if isinstance(encoding, TokenSequence):
            return _equal(normalize(encoding.tokens.float(), dim=-1), encoding.mask)
        if not self._has_levels:
            return _single(encoding if encoding.dim() == 2 else encoding[:, -1])
        players = encoding.levels[LEVELS[-1]]
        unit = normalize(players.sequence.tokens.float(), dim=-1)
        if not self.matcher.has_games:
            return _single(torch.einsum("btd,bt->bd", unit, players.weights))
        if WHOLE not in encoding.levels:
            return CoarseVectors(unit, players.weights, players.sequence.mask)
        whole, weights = encoding.levels[WHOLE], self.matcher.weight_of_level
        return CoarseVectors(
            torch.cat([unit, normalize(whole.sequence.tokens.float(), dim=-1)], 1),
            torch.cat([players.weights, whole.weights], 1),
            torch.cat([players.sequence.mask, whole.sequence.mask], 1),
            weights[WHOLE] / sum(weights.values()),
        )

    def _level_counts(self) -> tuple[int, ...]:
        """Return how many tokens a segment has at each level when all its frames are real."""
        model = self.matcher.model
        if not self._has_levels and not self._has_patches:
            return (model.encoder.num_summary_vectors if isinstance(model, GlobalContrastModel) else 1,)
        pixels = self.matcher.picture.black(1, self.num_frames)
        encoding = self.matcher.encode_frames(pixels, torch.ones(1, self.num_frames, dtype=torch.bool))
        if isinstance(encoding, FrameTokens):
            return (encoding.mask[0].numel(),)
        return tuple(encoding.levels[level].sequence.mask.shape[1] for level in self._compared_levels)


def _padded(values: Tensor, count: int) -> Tensor:
    """Return `values` with zeros (False) behind, to `count` along axis 1."""
    return pad(values, (0, 0) * (values.dim() - 2) + (0, count - values.shape[1]))


def _equal(unit: Float[Tensor, "item token width"], mask: Bool[Tensor, "item token"]) -> CoarseVectors:
    """Return vectors that all count the same."""
    return CoarseVectors(unit, mask / mask.sum(-1, keepdim=True).clamp(min=1), mask)


def _single(vectors: Float[Tensor, "item width"]) -> CoarseVectors:
    unit = normalize(vectors.float(), dim=-1)[:, None]
    ones = torch.ones(unit.shape[:2], device=unit.device)
    return CoarseVectors(unit, ones, ones.bool())
