"""Texts to token ids: a tokenizer of CLIP's form trained on a corpus, and batches with character spans."""

import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import AutoTokenizer, CLIPTokenizer, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import reason
from hbi.errors import HBIError
from hbi.files import is_regular
from hbi.files.checksums import require_unchanged_folder
from hbi.hub import HubError, asking_hub

WORD = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""How CLIP cuts a text into words."""
SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
"""That a tokenizer of CLIP's form has; those of other families may have no start, or no end."""
_NAMES = ("input_ids", "attention_mask", "offset_mapping")
ONE_AT_A_TIME = threading.Lock()
"""A fast tokenizer keeps how it cuts and pads: what one thread asks for would hold for the texts of another."""
_CUT = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)


@dataclass(frozen=True)
class TokenizedTexts:
    """A batch of texts as token ids.

    Attributes:
        input_ids: Start token, words, end token, padding.
        attention_mask: 1 where there is no padding.
        spans: Character span [start, end) of each token in its text; (0, 0) for special tokens and padding.
    """

    input_ids: Int[Tensor, "text word"]
    attention_mask: Int[Tensor, "text word"]
    spans: Int[Tensor, "text word 2"]


def tokenize(
    tokenizer: CLIPTokenizer, texts: Sequence[str], max_words: int, *, is_padded_to_max_words: bool = False
) -> TokenizedTexts:
    """Return the texts as ids, cut and padded to one length.

    Args:
        tokenizer: A CLIP tokenizer, with the vocabulary of the model.
        texts: What to tokenize.
        max_words: Tokens of a text at most, special tokens included; a longer text is cut.
        is_padded_to_max_words: Pad to `max_words`, not to the longest text: what a model with `released_behavior`
            computes depends on the padded length, and this is the one that it was trained with.
    """
    with ONE_AT_A_TIME:
        batch = tokenizer(
            list(texts),
            padding="max_length" if is_padded_to_max_words else True,
            truncation=True,
            max_length=max_words,
            return_offsets_mapping=tokenizer.is_fast,
            return_attention_mask=True,
        )
    if not tokenizer.is_fast:
        batch["offset_mapping"] = [
            _spans_by_words(tokenizer, *each) for each in zip(texts, batch["input_ids"], strict=True)
        ]
    # The library's own tensors take as long again as the tokenizing: it walks through every number of every span.
    ids, mask, spans = (torch.from_numpy(np.array(batch[name])) for name in _NAMES)
    if not isinstance(tokenizer, CLIPTokenizer):
        for text, row in zip(texts, spans, strict=True):
            _leave_out_spaces(text, row)
    return TokenizedTexts(ids, mask, spans)


def _leave_out_spaces(text: str, spans: Int[Tensor, "word 2"]) -> None:
    """Let spans begin and end with the letters of a word: for some tokenizers the space before it is a part of it."""
    for span in spans:
        start, end = span.tolist()
        piece = text[start:end]
        stripped = piece.strip()
        if stripped and stripped != piece:  # a token of spaces alone keeps them
            start += len(piece) - len(piece.lstrip())
            span[0], span[1] = start, start + len(stripped)


def ids_of_words(tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> list[list[int]]:
    """Return the ids of the tokens of each word by itself, without special tokens.

    Args:
        tokenizer: Any.
        words: Whatever is to be read as a text of its own.
    """
    if not words:
        return []
    with ONE_AT_A_TIME:
        ids: list[list[int]] = tokenizer(list(words), add_special_tokens=False)["input_ids"]
    return ids


def _spans_by_words(tokenizer: PreTrainedTokenizerBase, text: str, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the characters of each token where a tokenizer does not tell: those of its word, tokenized by itself.

    Tokens that do not come in the order of the words' own get no characters.
    """
    spans, start = [(0, 0)] * len(ids), 0
    special = set(special_ids_of(tokenizer))
    for match in re.finditer(r"\S+", text):
        own = [index for index in ids_of_words(tokenizer, [match.group()])[0] if index not in special]
        while start < len(ids) and ids[start] in special:
            start += 1
        if list(ids[start : start + len(own)]) == own:
            spans[start : start + len(own)] = [match.span()] * len(own)
            start += len(own)
    return spans


def remark_on_unread(text: str, spans: Int[Tensor, "word 2"], max_words: int) -> str | None:
    """Return a sentence on the end of a text that was cut off, None where all was read.

    Args:
        text: As it was written.
        spans: The characters of each of its tokens.
        max_words: Tokens that the model reads at most, special tokens included.
    """
    unread = text[int(spans[:, 1].max()) :].strip()
    if len(spans) < max_words or not any(character.isalnum() for character in unread):
        return None
    return f"the text is too long for the model: it did not read {unread!r}"


def count_words(text: str) -> int:
    """Return how many pieces CLIP cuts a text into before byte pairs, with the two special tokens.

    A text has no fewer tokens.

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


def require_vocabulary(vocab_size: int, tokenizer: PreTrainedTokenizerBase, *, is_exact: bool = True) -> None:
    """Raise ModelError where a tokenizer has another vocabulary than a model of so many tokens.

    Args:
        vocab_size: Of the model.
        tokenizer: That should belong to it.
        is_exact: Whether the model has as many tokens as the tokenizer; some round their number up.
    """
    if is_exact and len(tokenizer) != vocab_size:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} tokens, the model {vocab_size}: give the one it was trained with"
        )
    if max(tokenizer.get_vocab().values()) >= vocab_size:
        raise ModelError(f"the tokenizer's numbers go beyond the model's {vocab_size} tokens: its files are damaged")


def special_ids_of(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the tokens that no text is made of: start, end, padding; a word that is not known is a word."""
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id")
    marks = {getattr(tokenizer, name) for name in names}  # CLIP's end token stands for what is not known as well
    return tuple(
        sorted({index for index in tokenizer.all_special_ids if index in marks or index != tokenizer.unk_token_id})
    )


def read_tokenizer(name_or_path: str | Path, special_tokens: Sequence[str] = SPECIAL_TOKENS) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder or hub name.

    Args:
        name_or_path: Where it is.
        special_tokens: Those that it must have.

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
    require_words(tokenizer, name_or_path, special_tokens)
    return tokenizer


@contextmanager
def reading_tokenizer(name_or_path: str | Path) -> Iterator[None]:
    """Check the files of a folder against their checksums, then make one error of whatever reading them raises.

    Raises:
        DamageError: A file is not what was written.
        ModelError: There is no tokenizer, or it cannot be read.
    """
    if os.path.isdir(name_or_path):
        # Weights are checked where they are read; what a run resumes from is large, and may be deleted.
        require_unchanged_folder(Path(name_or_path), but=(".safetensors", ".pt"))
    try:
        yield
    except HBIError:
        raise
    except Exception as error:  # the libraries raise many kinds for damaged files, `Exception` itself among them
        if "SentencePiece" in str(error):
            raise ModelError(
                f"the tokenizer of {name_or_path} is read by sentencepiece, which is not installed: "
                "pip install sentencepiece protobuf"
            ) from error
        raise ModelError(f"{name_or_path} holds no tokenizer ({reason(error)})") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the tokenizers' library, in Rust, gives up on a file
            raise
        raise ModelError(f"{name_or_path} holds no tokenizer (its files are damaged)") from error


def require_words(
    tokenizer: PreTrainedTokenizerBase, origin: str | Path, special_tokens: Sequence[str] = SPECIAL_TOKENS
) -> None:
    """Raise ModelError where a tokenizer knows special tokens only, or lacks one that texts are padded or ended with.

    `transformers` makes the former where the vocabulary is missing.
    """
    if not tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens):
        raise ModelError(f"{origin} holds no tokenizer (its vocabulary is missing, tokenizer.json for example)")
    for name in special_tokens:
        if not isinstance(getattr(tokenizer, name), int):
            raise ModelError(f"{origin} holds a tokenizer without {name.removesuffix('_id')}: its files are damaged")
