"""Texts and frames for a model of sentence-transformers: what its own library makes of them, and where words stand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from hbi.encoders.sizes import ModelError
from hbi.encoders.tokenizer import ONE_AT_A_TIME, TokenizedTexts
from hbi.video import PictureFormat

QUERIES, DOCUMENTS = ("query",), ("document", "passage", "corpus")
"""Names of the prompts that the library puts before a text that asks, and before what is searched."""
PICTURE_SIDE = 448
"""In pixels, of the pictures that a model is shown which takes them in any size."""
_PROBE = "qzxv jwk"
"""A text that no prompt and no template holds, to see what stands before a text."""
_MANY = 10**6
"""More tokens than any model reads: how tokenizers write that they know no limit."""


class SentenceProcessor:
    """The tokenizer and the pictures of a model of sentence-transformers.

    Texts are queries: the library puts the model's prompt, chat template and expansion around them.

    Args:
        model: A `SentenceTransformer` or `MultiVectorEncoder` that reads texts and pictures.
        picture_side: Height and width in pixels of a picture where the model takes any size.

    Attributes:
        picture: What becomes of a frame before the model's own preparation, which then leaves its size as it is.
        max_words: Tokens of a text, with all that stands around it; longer texts are cut.

    Raises:
        ModelError: The model's texts or pictures cannot be followed.
    """

    def __init__(self, model: Any, picture_side: int = PICTURE_SIDE) -> None:
        self._model = model
        self.prompt = prompt_of(model, QUERIES)
        self.max_words = _limit_words(model)
        self.picture = picture_format(_image_processor(model), picture_side)
        rendered, _, _ = self._read([_PROBE])
        self._begin = rendered[0].find(_PROBE)
        if self._begin < 0:
            raise ModelError("the model changes a text before it reads it: its words cannot be found again")

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self._model.tokenizer

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return texts as token ids with the characters that each token stands for.

        Tokens of the prompt and of the template stand for none, as special tokens do.

        Raises:
            ModelError: The model's template changes one of the texts.
        """
        rendered, encodings, features = self._read(list(texts))
        ids, mask = features["input_ids"], features["attention_mask"]
        spans = [
            _spans(text, encoding, row, self._begin_of(text, whole))
            for text, whole, encoding, row in zip(texts, rendered, encodings, ids.tolist(), strict=True)
        ]
        return TokenizedTexts(ids, mask, torch.tensor(spans))

    def features(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return all that the library makes of texts for the model."""
        return self._read(list(texts))[2]

    def network_input(self, frames: Tensor) -> Tensor:
        """Return frames as the network takes them: as they are, from 0 to 255; the model's own library prepares them.

        Args:
            frames: Pixels in uint8 [video, frame, 3, height, width], or features of frames [video, frame, width].
        """
        return frames.float()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model's own tokenizer and preparation of pictures into a folder."""
        self._model.processor.save_pretrained(folder)

    def _begin_of(self, text: str, rendered: str) -> int:
        """Return where a text begins in what the tokenizer read; templates may drop spaces around it."""
        for kept, dropped in ((text, 0), (text.strip(), len(text) - len(text.lstrip()))):
            if rendered[self._begin : self._begin + len(kept)].lower() == kept.lower():
                return self._begin - dropped
        raise ModelError(f"the model changes the text {text!r} before it reads it: its words cannot be found again")

    def _read(self, texts: list[str]) -> tuple[list[str], list[Any], dict[str, Any]]:
        """Return what the tokenizer read for each text, its encodings, and the library's features."""
        with ONE_AT_A_TIME, _recorded(self.tokenizer) as calls:
            features = dict(self._model.preprocess(texts, prompt=self.prompt, task="query"))
        ids = features["input_ids"].tolist()
        # Beside the texts it may have read the prompt alone, or the template with another text.
        found = [call for call in calls if len(call[1]) == len(texts)]
        if not found:
            raise ModelError("the model does not read texts with its tokenizer: their words cannot be found")
        return *max(found, key=lambda call: _agreement(call[1], ids)), features


def prompt_of(model: Any, names: Sequence[str]) -> str | None:
    """Return the prompt that the library takes: the first of some names, else the default; None: no prompt."""
    default = model.prompts.get(model.default_prompt_name)
    return next((model.prompts[name] for name in names if name in model.prompts), default)


def picture_format(images: Any, side: int) -> PictureFormat:
    """Return the format of frames that an image processor of transformers leaves in their size.

    Args:
        images: The image processor.
        side: Height and width in pixels where it takes any size.

    Raises:
        ModelError: It says nothing of sizes.
    """
    size = dict(getattr(images, "size", None) or {})
    size = {name: int(value) for name, value in size.items() if value}
    number = getattr(images, "resample", None)
    resampling: Any = Image.Resampling(int(number)).name.lower() if number is not None else "bicubic"
    if {"height", "width"} <= size.keys():
        return PictureFormat(size["height"], size["width"], "squash", resampling)
    if "shortest_edge" in size and "longest_edge" not in size:
        edge = size["shortest_edge"]  # the processor cuts its picture out of this square
        return PictureFormat(edge, edge, "crop", resampling, edge)
    if "longest_edge" not in size:
        raise ModelError(f"{type(images).__name__} does not say how large pictures are ({size or 'no size'})")
    if not hasattr(images, "merge_size"):
        return PictureFormat(side, side, "crop", resampling)
    # As Qwen-VL counts: sizes are numbers of pixels, sides are whole patches that are merged.
    step = int(images.patch_size * images.merge_size)
    least, most = size.get("shortest_edge", 1), size["longest_edge"]
    sides = [step * count for count in range(1, 2 * side // step + 2) if least <= (step * count) ** 2 <= most]
    if not sides:
        raise ModelError(f"no square picture of whole patches of {step} pixels has {least} to {most} pixels")
    best = min(sides, key=lambda each: abs(each - side))
    return PictureFormat(best, best, "crop", resampling)


def pictures(frames: Tensor) -> list[Image.Image]:
    """Return pixels from 0 to 255 [frame, 3, height, width] as the pictures that the library takes."""
    return [Image.fromarray(frame) for frame in frames.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()]


def _image_processor(model: Any) -> Any:
    return getattr(model.processor, "image_processor", model.processor)


def _limit_words(model: Any) -> int:
    """Return how many tokens of a text a model reads, and let its tokenizer cut there."""
    module, tokenizer = model[0], model.tokenizer
    config = model.config.get_text_config() if model.config is not None else None
    expansion = getattr(module, "query_expansion", None) or {}
    fixed = expansion.get("length") if expansion.get("strategy") == "fixed" else None
    positions = getattr(config, "max_position_embeddings", None)
    limits = [fixed, getattr(module, "query_length", None), model.max_seq_length, positions]
    known = [int(limit) for limit in limits if limit is not None and 0 < limit < _MANY]
    if positions is not None and 0 < positions < tokenizer.model_max_length:
        tokenizer.model_max_length = int(positions)
    return min(known, default=_MANY)


def _within(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span of a text without what lies outside of it, and without spaces; (0, 0) where nothing is left."""
    start, end = max(0, start), min(len(text), end)
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else (0, 0)


def _spans(text: str, encoding: Any, ids: Sequence[int], begin: int) -> list[tuple[int, int]]:
    """Return the characters of a text that its tokens stand for.

    Args:
        text: As it was written.
        encoding: What the tokenizer made of the text and of what stands around it.
        ids: The tokens that the model is given: the library may put others in the place of some (an expansion, the end
            of a template).
        begin: Where the text begins in what the tokenizer read.
    """
    spans = [(0, 0)] * len(ids)
    for column, (index, (start, end)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True)):
        if column < len(ids) and index == ids[column]:
            spans[column] = _within(text, start - begin, end - begin)
    return spans


def _agreement(encodings: Sequence[Any], ids: Sequence[Sequence[int]]) -> int:
    """Return how many tokens of some encodings are those that the model is given."""
    rows = zip(encodings, ids, strict=True)
    return sum(a == b for encoding, row in rows for a, b in zip(encoding.ids, row, strict=False))


@contextmanager
def _recorded(tokenizer: Any) -> Iterator[list[tuple[list[str], list[Any]]]]:
    """Note what a tokenizer reads inside, and its encodings: the library hands on token ids alone."""
    calls: list[tuple[list[str], list[Any]]] = []
    encode = tokenizer._encode_plus

    def noting(*arguments: Any, **options: Any) -> Any:
        encoded = encode(*arguments, **options)
        texts = arguments[0] if arguments else options["text"]
        calls.append(([texts] if isinstance(texts, str) else list(texts), list(encoded.encodings or ())))
        return encoded

    tokenizer._encode_plus = noting
    try:
        yield calls
    finally:
        del tokenizer._encode_plus
