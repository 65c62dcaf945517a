"""`HBIProcessor`: from texts and frames to what the network takes, by CLIP's conventions."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, no_type_check

import torch
from jaxtyping import UInt8
from torch import Tensor
from transformers import AutoTokenizer, BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from hbi.errors import HBIError
from hbi.files import StorageError, is_regular, place_beside
from hbi.hub import HubError, asking_hub
from hbi.models.checksums import add_checksums, require_unchanged_folder
from hbi.models.config import HBIConfig, ModelError
from hbi.models.state_files import reason


class HBIProcessor(ProcessorMixin):
    """A tokenizer and CLIP's preparation of pictures, saved and loaded as one.

    Args:
        image_processor: Resizes frames, cuts out their middle and normalizes them.
        tokenizer: CLIP's.
        max_words: Tokens of a text, marks included; longer texts are cut.
        is_padded_to_max_words: Pad every text to `max_words`, as a model with `released_behavior` needs it to compute
            what it was trained to; else to the longest text of the batch.
    """

    max_words: int
    is_padded_to_max_words: bool

    # `transformers` reads the argument names off the code object, which a decorator would hide.
    @no_type_check
    def __init__(
        self,
        image_processor: Any,
        tokenizer: Any,
        max_words: int = 32,
        is_padded_to_max_words: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, **kwargs)
        self.max_words = max_words
        self.is_padded_to_max_words = is_padded_to_max_words

    @classmethod
    def for_model(cls, config: HBIConfig, tokenizer: PreTrainedTokenizerBase) -> "HBIProcessor":
        """Return the processor of a model.

        Raises:
            ModelError: The tokenizer has another vocabulary than the model.
        """
        require_vocabulary(config, tokenizer)
        return cls(picture_processor(config), tokenizer, config.max_words, config.released_behavior)

    def __call__(
        self,
        text: str | Sequence[str] | None = None,
        videos: Sequence[UInt8[Tensor, "_ 3 _ _"]] | None = None,
    ) -> BatchFeature:
        """Return `input_ids` and `attention_mask` of texts, `pixels` and `frame_mask` of videos, whichever is given.

        Videos are lists of RGB frames of any size, and may differ in number; padding is zero.

        Raises:
            ValueError: Neither texts nor videos, an empty list, or a video without frames.
        """
        if text is None and videos is None:
            raise ValueError("give text, videos or both")
        features: dict[str, Tensor] = {}
        if text is not None:
            features |= self._texts([text] if isinstance(text, str) else list(text))
        if videos is not None:
            features |= self._videos(list(videos))
        return BatchFeature(features)

    def _texts(self, texts: list[str]) -> dict[str, Tensor]:
        if not texts:
            raise ValueError("give at least one text")
        batch = self.tokenizer(
            texts,
            padding="max_length" if self.is_padded_to_max_words else True,
            truncation=True,
            max_length=self.max_words,
            return_tensors="pt",
        )
        return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}

    def _videos(self, videos: list[Tensor]) -> dict[str, Tensor]:
        if not videos or any(len(video) == 0 for video in videos):
            raise ValueError("give at least one video, and at least one frame for each")
        prepared = [self.image_processor(list(video), return_tensors="pt")["pixel_values"] for video in videos]
        num_frames = max(map(len, prepared))
        pixels = prepared[0].new_zeros(len(prepared), num_frames, *prepared[0].shape[1:])
        for row, video in zip(pixels, prepared, strict=True):
            row[: len(video)] = video
        counts = torch.tensor([len(video) for video in prepared])
        return {"pixels": pixels, "frame_mask": torch.arange(num_frames) < counts[:, None]}


def require_vocabulary(config: HBIConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ModelError where a tokenizer has another vocabulary than a model."""
    vocab_size = config.clip_config.text_config.vocab_size
    if len(tokenizer) != vocab_size:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} tokens, the model {vocab_size}: give the one it was trained with"
        )
    if max(tokenizer.get_vocab().values()) >= vocab_size:
        raise ModelError(f"the tokenizer's numbers go beyond the model's {vocab_size} tokens: its files are damaged")


def picture_processor(config: HBIConfig) -> CLIPImageProcessorPil:
    """Return CLIP's preparation of pictures, for the size that a model takes."""
    side = config.clip_config.vision_config.image_size
    return CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})


def read_tokenizer(name_or_path: str | Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder or hub name.

    Raises:
        ModelError: There is none (and the hub cannot be asked for it), or one without words.
    """
    if is_regular(name_or_path):
        raise ModelError(f"{name_or_path} is a file, which brings no tokenizer: give a folder or hub name")
    try:
        with asking_hub(name_or_path) as is_local, reading_tokenizer(name_or_path):
            tokenizer = AutoTokenizer.from_pretrained(str(name_or_path), local_files_only=is_local)
    except HubError as error:
        raise ModelError(f"no tokenizer: {error}") from error
    require_words(tokenizer, name_or_path)
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a tokenizer and checksums of its files into a new folder, the whole of it or nothing.

    Raises:
        StorageError: The folder cannot be written.
    """
    beside = place_beside(folder)
    try:
        tokenizer.save_pretrained(beside)
        add_checksums(beside)
        beside.rename(folder)
    except Exception as error:  # the tokenizers' library, in Rust, raises `Exception` itself
        shutil.rmtree(beside, ignore_errors=True)
        if isinstance(error, HBIError):
            raise
        raise StorageError(f"cannot write {folder} ({reason(error)}): free space or choose another folder") from error


@contextmanager
def reading_tokenizer(name_or_path: str | Path) -> Iterator[None]:
    """Check the files of a folder against their checksums, then make one error of whatever reading them raises.

    Raises:
        DamageError: A file is not what was written.
        ModelError: There is no tokenizer, or it cannot be read.
    """
    if os.path.isdir(name_or_path):
        require_unchanged_folder(Path(name_or_path), but=".safetensors")  # weights are checked where they are read
    try:
        yield
    except HBIError:
        raise
    except Exception as error:  # the libraries raise many kinds for damaged files, `Exception` itself among them
        raise ModelError(f"{name_or_path} holds no tokenizer ({reason(error)})") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the tokenizers' library, in Rust, gives up on a file
            raise
        raise ModelError(f"{name_or_path} holds no tokenizer (its files are damaged)") from error


def require_words(tokenizer: PreTrainedTokenizerBase, origin: str | Path) -> None:
    """Raise ModelError where a tokenizer knows marks only (`transformers` makes one where the vocabulary is missing),
    or lacks one that texts are padded or ended with.
    """
    if not tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens):
        raise ModelError(f"{origin} holds no tokenizer (its vocabulary is missing, tokenizer.json for example)")
    for mark in ("bos_token_id", "eos_token_id", "pad_token_id"):
        if not isinstance(getattr(tokenizer, mark), int):
            raise ModelError(f"{origin} holds a tokenizer without {mark.removesuffix('_id')}: its files are damaged")
