"""Features of frames, made by the frozen towers that a recipe starts from."""

import hashlib
from collections.abc import Iterable, Iterator

import torch

from hbi.data.benchmark import SplitName
from hbi.data.features import FeatureStore
from hbi.data.frames import FrameStore, decode_frames
from hbi.data.packed_frames import FrameSampling, open_frames
from hbi.data.samples import Split
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import frames_of_split, packed_folder
from hbi.models.encoder import Encoder
from hbi.models.preprocessing import network_input


def frame_stores(recipe: Recipe, name: SplitName, split: Split, *, batch_size: int = 16) -> Iterator[FrameStore]:
    """Yield the frames of a split, those of `batch_size` videos at a time, decoded now or packed before."""
    sampling = FrameSampling(frames_of_split(recipe, name), recipe.data.image_size)
    packed = open_frames(packed_folder(recipe, name), split.videos, sampling) if recipe.data.frames else None
    for start in range(0, len(split.videos), batch_size):
        rows = slice(start, start + batch_size)
        if packed:
            problems = packed.problems if start == 0 else ()
            yield FrameStore(packed.pixels[rows], packed.mask[rows], packed.timestamps_seconds[rows], problems)
        else:
            yield decode_frames(
                split.videos[rows], num_frames=sampling.num_frames, image_size=sampling.image_size, requires_any=False
            )


def tower_fingerprint(encoder: Encoder) -> str:
    """Return a hash of the weights that make frame features."""
    digest = hashlib.sha256()
    for part in (encoder.clip.vision_model, encoder.clip.visual_projection):
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def encode_features(encoder: Encoder, stores: Iterable[FrameStore], *, device: torch.device) -> Iterator[FeatureStore]:
    """Yield the features of each store, so that no more pixels need to be held than those of one."""
    fingerprint = tower_fingerprint(encoder)
    for store in stores:
        pixels = network_input(store.pixels[:].to(device))
        features = encoder.frame_features(pixels, store.mask.to(device))
        yield FeatureStore(features.float().cpu(), store.mask, store.timestamps_seconds, store.problems, fingerprint)
