"""Texts to token ids: a tokenizer of CLIP's form trained on a corpus, and batches with character spans."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from hbi.models.processor import reading_tokenizer, require_words

WORD = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""How CLIP cuts a text into words."""
_NAMES = ("input_ids", "attention_mask", "offset_mapping")
_CUT = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)


@dataclass(frozen=True)
class TokenizedTexts:
    """A batch of texts as token ids.

    Attributes:
        input_ids: Start mark, words, end mark, padding.
        attention_mask: 1 where there is no padding.
        spans: Character span [start, end) of each token in its text; (0, 0) for marks and padding.
    """

    input_ids: Int[Tensor, "text word"]
    attention_mask: Int[Tensor, "text word"]
    spans: Int[Tensor, "text word 2"]


def tokenize(
    tokenizer: CLIPTokenizer, texts: Sequence[str], max_words: int, *, is_padded_to_max_words: bool = False
) -> TokenizedTexts:
    """Return the texts as ids, cut to `max_words` tokens, marks included, and padded to the longest.

    With `is_padded_to_max_words` they are padded to `max_words`: what a model with `released_behavior` computes depends
    on the padded length, and this is the one that it was trained with.
    """
    batch = tokenizer(
        list(texts),
        padding="max_length" if is_padded_to_max_words else True,
        truncation=True,
        max_length=max_words,
        return_offsets_mapping=True,
    )
    # The library's own tensors take as long again as the tokenizing: it walks through every number of every span.
    ids, mask, spans = (torch.from_numpy(np.array(batch[name])) for name in _NAMES)
    return TokenizedTexts(ids, mask, spans)


def remark_on_unread(text: str, spans: Int[Tensor, "word 2"], max_words: int) -> str | None:
    """Return a sentence on the end of a text that was cut off, None where all was read; `spans` are its tokens."""
    unread = text[int(spans[:, 1].max()) :].strip()
    if len(spans) < max_words or not any(character.isalnum() for character in unread):
        return None
    return f"the text is too long for the model: it did not read {unread!r}"


def count_words(text: str) -> int:
    """Return how many pieces CLIP cuts a text into before byte pairs, and the two marks: its tokens at the least.

    >>> count_words("a dog's tail, 1 inch")
    9
    """
    return len(_CUT.pre_tokenize_str(text)) + 2


def train_tokenizer(corpus: Iterable[str], *, num_merges: int = 2000) -> CLIPTokenizer:
    """Return a byte-pair tokenizer of CLIP's form for a corpus; the frequent words of a small corpus become whole.

    Every byte has a symbol, inside and at the end of a word, so that no text (emoji, another script) meets an unknown.
    """
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    bpe.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            _CUT,
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    symbols = list(bytes_to_unicode().values())
    symbols += [symbol + "</w>" for symbol in symbols]
    trainer = trainers.BpeTrainer(
        vocab_size=len(symbols) + num_merges,
        end_of_word_suffix="</w>",
        # Named one by one: the library numbers symbols that it meets itself in the order of a hash map, another one in
        # each process, and the numbers decide which of two equally frequent pairs is merged first.
        special_tokens=symbols,
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    merges = [tuple(merge) for merge in json.loads(bpe.to_str())["model"]["merges"]]
    tokens = dict.fromkeys([*symbols, *("".join(merge) for merge in merges), "<|startoftext|>", "<|endoftext|>"])
    return CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=merges, model_max_length=77)


def load_tokenizer(folder: str) -> CLIPTokenizer:
    """Return a tokenizer that was saved with `save_pretrained`.

    Raises:
        ModelError: The folder holds none, a damaged one, or one without words.
        DamageError: A file is not what was written.
    """
    with reading_tokenizer(folder):
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    require_words(tokenizer, folder)
    return tokenizer
