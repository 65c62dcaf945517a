"""What frozen towers make of every frame, kept in a file, so that what comes after them trains without pixels."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hbi.data.frames import FrameBank, network_input
from hbi.data.json_values import is_whole, parse_json
from hbi.data.samples import DataError
from hbi.files import open_regular, write_atomically
from hbi.models.encoder import Encoder


@dataclass(frozen=True)
class FeatureBank:
    """CLIP's embedding of the frames of many videos, padded to the same number; it takes a `FrameBank`'s place.

    Attributes:
        features: In float16 or float32; zeros at padding.
        mask: True where a frame is real. A video that could not be decoded has none.
        timestamps_seconds: When each frame is shown; 0 at padding.
        faults: One line for every video that could not be decoded wholly.
        fingerprint: Of the towers that made them.
    """

    features: Float[Tensor, "video frame width"]
    mask: Bool[Tensor, "video frame"]
    timestamps_seconds: Float[Tensor, "video frame"]
    faults: tuple[str, ...]
    fingerprint: str

    @property
    def is_usable(self) -> Bool[Tensor, " video"]:
        """True for the videos with at least one frame."""
        return self.mask.any(-1)

    @property
    def content(self) -> Tensor:
        """What is kept of every frame [video, frame, width]: its features."""
        return self.features

    def only(self, is_kept: Bool[Tensor, " video"]) -> "FeatureBank":
        """Return the features of some of the videos; what was wrong with the others is still told."""
        return replace(
            self,
            features=self.features[is_kept],
            mask=self.mask[is_kept],
            timestamps_seconds=self.timestamps_seconds[is_kept],
        )

    def to(self, dtype: torch.dtype) -> "FeatureBank":
        """Return the bank with its features in another precision."""
        return replace(self, features=self.features.to(dtype))


KeptFrames = FrameBank | FeatureBank
"""The frames of a split in memory, as pixels or as features."""


@dataclass(frozen=True)
class Sampling:
    """Which frames of which videos a file of features holds."""

    video_ids: tuple[str, ...]
    num_frames: int
    image_size: int

    def difference(self, other: "Sampling") -> str | None:
        """Return in what `other`, which is wanted, differs; None if in nothing."""
        for name in ("num_frames", "image_size"):
            if getattr(self, name) != getattr(other, name):
                return f"{name} {getattr(self, name)}, not {getattr(other, name)}"
        if self.video_ids != other.video_ids:
            return f"other videos ({len(self.video_ids)}, not the {len(other.video_ids)} of this split)"
        return None


def tower_fingerprint(encoder: Encoder) -> str:
    """Return a hash of the weights that make frame features."""
    digest = hashlib.sha256()
    for part in (encoder.clip.vision_model, encoder.clip.visual_projection):
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def encode_features(encoder: Encoder, banks: Iterable[FrameBank], *, device: torch.device) -> Iterator[FeatureBank]:
    """Yield the features of each bank, so that no more pixels need to be held than those of one."""
    fingerprint = tower_fingerprint(encoder)
    for bank in banks:
        pixels = network_input(bank.pixels[:].to(device))
        features = encoder.frame_features(pixels, bank.mask.to(device))
        yield FeatureBank(features.float().cpu(), bank.mask, bank.timestamps_seconds, bank.faults, fingerprint)


def join_features(banks: Sequence[FeatureBank]) -> FeatureBank:
    """Return the features of consecutive videos as one bank."""
    return FeatureBank(
        torch.cat([bank.features for bank in banks]),
        torch.cat([bank.mask for bank in banks]),
        torch.cat([bank.timestamps_seconds for bank in banks]),
        tuple(fault for bank in banks for fault in bank.faults),
        banks[0].fingerprint,
    )


def save_features(path: Path, bank: FeatureBank, sampling: Sampling) -> None:
    """Write features as safetensors; all of the file or none."""
    tensors = {name: getattr(bank, name).contiguous() for name in ("features", "mask", "timestamps_seconds")}
    about = vars(sampling) | {"faults": bank.faults, "fingerprint": bank.fingerprint}
    write_atomically(path, save(tensors, {"features": json.dumps(about)}))


def load_features(path: Path, wanted: Sampling) -> FeatureBank:
    """Return the features of a file that `save_features` wrote.

    Raises:
        DataError: There is no such file, it is damaged, or it holds other videos or frames than wanted.
    """
    try:
        open_regular(path).close()
        with safe_open(path, "pt") as file:
            about = parse_json((file.metadata() or {})["features"])
            features, mask, times = (file.get_tensor(name) for name in ("features", "mask", "timestamps_seconds"))
        found, faults, fingerprint = _about(about)
        _require_fitting(features, mask, times, found)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} holds no features that `hbi cache-features` wrote ({error}): make them first"
        ) from error
    if difference := found.difference(wanted):
        raise DataError(f"{path} was made with {difference}: make this recipe's features in another folder")
    return FeatureBank(features, mask, times, faults, fingerprint)


def _about(values: Any) -> tuple[Sampling, tuple[str, ...], str]:
    """Return what a file says of itself: how frames were chosen, faults, the fingerprint; ValueError where damaged."""
    if not isinstance(values, dict):
        raise ValueError("it does not say of which videos")
    texts, numbers = (values["video_ids"], values["faults"]), (values["num_frames"], values["image_size"])
    are_texts = all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in texts)
    if not are_texts or not all(map(is_whole, numbers)) or not isinstance(values["fingerprint"], str):
        raise ValueError("what it says of its videos is damaged")
    return Sampling(tuple(texts[0]), *numbers), tuple(texts[1]), values["fingerprint"]


def _require_fitting(features: Tensor, mask: Tensor, times: Tensor, sampling: Sampling) -> None:
    shape = (len(sampling.video_ids), sampling.num_frames)
    if features.dim() != 3 or not features.is_floating_point() or mask.dtype != torch.bool:
        raise ValueError("its tensors are of another kind")
    if not shape == features.shape[:2] == mask.shape == times.shape:
        raise ValueError(f"its tensors are not of {shape[0]} videos with {shape[1]} frames")
