"""What frozen towers make of every frame, kept in a file, so that what comes after them trains without pixels."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hbi.data.frames import KeptFrames, Pixels
from hbi.data.samples import DataError
from hbi.files import open_regular, write_atomically
from hbi.files.json_values import is_whole, parse_json
from hbi.video import PictureFormat


@dataclass(frozen=True)
class FeatureStore(KeptFrames):
    """CLIP's embedding of the frames of many videos, see `KeptFrames`; it takes a `FrameStore`'s place.

    Attributes:
        features: In float16 or float32; zeros at padding.
        fingerprint: Of the towers that made them.
    """

    features: Float[Tensor, "video frame width"]
    mask: Bool[Tensor, "video frame"]
    timestamps_seconds: Float[Tensor, "video frame"]
    problems: tuple[str, ...]
    fingerprint: str

    @property
    def content(self) -> Pixels:
        """The features."""
        return self.features

    def only(self, is_kept: Bool[Tensor, " video"]) -> Self:
        """See `KeptFrames`."""
        features, mask, times = self.features[is_kept], self.mask[is_kept], self.timestamps_seconds[is_kept]
        return replace(self, features=features, mask=mask, timestamps_seconds=times)

    def to(self, dtype: torch.dtype) -> Self:
        """Return the store with its features in another precision."""
        return replace(self, features=self.features.to(dtype))


@dataclass(frozen=True)
class Sampling:
    """Which frames of which videos a file of features holds."""

    video_ids: tuple[str, ...]
    num_frames: int
    picture: PictureFormat

    def difference(self, other: "Sampling") -> str | None:
        """Return in what `other`, which is wanted, differs; None if in nothing."""
        if self.num_frames != other.num_frames:
            return f"num_frames {self.num_frames}, not {other.num_frames}"
        if difference := self.picture.difference(other.picture):
            return difference
        if self.video_ids != other.video_ids:
            return f"other videos ({len(self.video_ids)}, not the {len(other.video_ids)} of this split)"
        return None

    def to_json(self) -> dict[str, Any]:
        """Return what stands for it in the file."""
        return {"video_ids": self.video_ids, "num_frames": self.num_frames, "image_size": self.picture.to_json()}


def join_features(stores: Sequence[FeatureStore]) -> FeatureStore:
    """Return the features of consecutive videos as one store."""
    return FeatureStore(
        torch.cat([store.features for store in stores]),
        torch.cat([store.mask for store in stores]),
        torch.cat([store.timestamps_seconds for store in stores]),
        tuple(problem for store in stores for problem in store.problems),
        stores[0].fingerprint,
    )


def save_features(path: Path, store: FeatureStore, sampling: Sampling) -> None:
    """Write features as safetensors; all of the file or none.

    Args:
        path: The file to write; an older one is replaced.
        store: The features, with what tells which network made them.
        sampling: Which frames of which videos they are of.
    """
    tensors = {name: getattr(store, name).contiguous() for name in ("features", "mask", "timestamps_seconds")}
    about = sampling.to_json() | {"faults": store.problems, "fingerprint": store.fingerprint}
    write_atomically(path, save(tensors, {"features": json.dumps(about)}))


def load_features(path: Path, wanted: Sampling) -> FeatureStore:
    """Return the features of a file that `save_features` wrote.

    Raises:
        DataError: There is no such file, it is damaged, or it holds other videos or frames than wanted.
    """
    try:
        open_regular(path).close()
        with safe_open(path, "pt") as file:
            about = parse_json((file.metadata() or {})["features"])
            features, mask, times = (file.get_tensor(name) for name in ("features", "mask", "timestamps_seconds"))
        found, problems, fingerprint = _about(about)
        _require_fitting(features, mask, times, found)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} holds no features that `hbi cache-features` wrote ({error}): make them first"
        ) from error
    if difference := found.difference(wanted):
        raise DataError(f"{path} was made with {difference}: make this recipe's features in another folder")
    return FeatureStore(features, mask, times, problems, fingerprint)


def _about(values: Any) -> tuple[Sampling, tuple[str, ...], str]:
    """Return how a file says that frames were chosen, its problems, its fingerprint; ValueError where damaged."""
    if not isinstance(values, dict):
        raise ValueError("it does not say of which videos")
    texts, num_frames = (values["video_ids"], values["faults"]), values["num_frames"]
    picture = PictureFormat.from_json(values["image_size"])
    are_texts = all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in texts)
    if not are_texts or not is_whole(num_frames) or not isinstance(values["fingerprint"], str):
        raise ValueError("what it says of its videos is damaged")
    return Sampling(tuple(texts[0]), num_frames, picture), tuple(texts[1]), values["fingerprint"]


def _require_fitting(features: Tensor, mask: Tensor, times: Tensor, sampling: Sampling) -> None:
    shape = (len(sampling.video_ids), sampling.num_frames)
    if features.dim() != 3 or not features.is_floating_point() or mask.dtype != torch.bool:
        raise ValueError("its tensors are of another kind")
    if not shape == features.shape[:2] == mask.shape == times.shape:
        raise ValueError(f"its tensors are not of {shape[0]} videos with {shape[1]} frames")
