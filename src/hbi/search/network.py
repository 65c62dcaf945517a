"""The model of an index: what encodes its segments and its questions. The index carries a copy of it."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import normalize_pixels
from hbi.data.tokenizer import load_tokenizer, remark_on_unread, tokenize
from hbi.errors import HBIError
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel, open_network, save_network
from hbi.models.from_clip import read_clip
from hbi.models.processor import require_vocabulary, save_tokenizer
from hbi.search.error import SearchError


@dataclass(frozen=True)
class TextQuery:
    """Encoded texts, and where their words stand.

    Attributes:
        encoding: What the model compares with videos.
        spans: For each text the character span of every token of the encoding; () at marks.
        remarks: For each text what of it the model did not read, None where it read all.
    """

    texts: tuple[str, ...]
    encoding: Any
    spans: tuple[tuple[tuple[int, int], ...], ...]
    remarks: tuple[str | None, ...]


@dataclass(frozen=True)
class SearchModel:
    """A trained model with its tokenizer, and what it wants to see of a video."""

    model: HBIModel | GlobalContrastModel
    tokenizer: CLIPTokenizer
    name: str
    num_frames: int
    image_size: int

    @property
    def kind(self) -> str:
        """`hbi`: compares words and frames. `global`: compares wholes, knows no words."""
        return "hbi" if isinstance(self.model, HBIModel) else "global"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of weights, configuration, tokenizer and sampling: equal for models that encode alike."""
        digest = hashlib.blake2b(digest_size=16)
        settings = self.model.config.to_diff_dict()
        for volatile in ("transformers_version", "_name_or_path", "dtype", "torch_dtype", "architectures"):
            settings.pop(volatile, None)
        digest.update(repr((self.kind, self.num_frames, self.image_size, sorted(settings.items()))).encode())
        digest.update(self.tokenizer.backend_tokenizer.to_str().encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> TextQuery:
        """Return encoded texts.

        Raises:
            SearchError: One of them holds no words.
        """
        for text in texts:
            if not any(character.isalnum() for character in text):
                raise SearchError(f"the text {text!r} holds no words: describe something that a video may show")
        max_words = self.model.config.max_words
        batch = tokenize(self.tokenizer, texts, max_words)
        encoding = self.model.encode_texts(
            batch.input_ids.to(self.model.device), batch.attention_mask.to(self.model.device)
        )
        spans = tuple(tuple((start, end) for start, end in row) for row in batch.spans.tolist())
        remarks = (remark_on_unread(text, row, max_words) for text, row in zip(texts, batch.spans, strict=True))
        return TextQuery(tuple(texts), encoding, spans, tuple(remarks))

    @torch.inference_mode()
    def encode_videos(
        self, pixels: UInt8[Tensor, "video frame 3 height width"], mask: Bool[Tensor, "video frame"]
    ) -> Any:
        """Return encoded videos: a `Hierarchy`, or one embedding each of a global model."""
        device = self.model.device
        return self.model.encode_videos(normalize_pixels(pixels.to(device)), mask.to(device))

    def save(self, folder: Path) -> None:
        """Write weights, configuration and tokenizer into `folder`.

        Raises:
            StorageError: It cannot be written.
        """
        shutil.rmtree(folder / "tokenizer", ignore_errors=True)  # of an index that was not finished
        save_network(self.model, folder)
        save_tokenizer(self.tokenizer, folder / "tokenizer")


def load_search_model(
    folder: Path, *, kind: str, name: str, num_frames: int, image_size: int, device: torch.device
) -> SearchModel:
    """Return the model that an index carries.

    Raises:
        SearchError: Its files are missing or damaged.
    """
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    network: type[HBIModel] | type[GlobalContrastModel] = HBIModel if kind == "hbi" else GlobalContrastModel
    try:
        model = open_network(network, folder)
        tokenizer = load_tokenizer(str(folder / "tokenizer"))
        require_vocabulary(model.config, tokenizer)
    except HBIError as error:
        raise SearchError(f"the model in {folder} cannot be read ({error}): index anew") from error
    return SearchModel(model.to(device), tokenizer, name, num_frames, image_size)


def clip_search_model(folder: Path, device: torch.device, *, num_frames: int = 12) -> SearchModel:
    """Return a CLIP of transformers, as it is, as a model that compares the end of a text with the mean of frames.

    Raises:
        SearchError: The folder does not hold a whole CLIP with its tokenizer.
    """
    try:
        clip = read_clip(folder)
        tokenizer = load_tokenizer(str(folder))
        config = HBIConfig(
            clip_config=clip.config.to_dict(),
            max_words=clip.config.text_config.max_position_embeddings,
            max_frames=num_frames,
            temporal_layers=0,
        )
        require_vocabulary(config, tokenizer)
    except HBIError as error:
        raise SearchError(
            f"{folder} holds no whole CLIP ({error}): give its folder as save_pretrained wrote it"
        ) from error
    model = GlobalContrastModel(config)
    model.encoder.clip.load_state_dict(clip.state_dict())
    name = folder.resolve().name
    return SearchModel(model.to(device).eval(), tokenizer, name, num_frames, clip.config.vision_config.image_size)
