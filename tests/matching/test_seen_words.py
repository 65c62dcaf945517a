"""Words that a model has never seen are told by its tokenizer, where that was trained on the captions."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching.seen_words import has_never_seen, unknown_words
from small_clips import write_clip
from small_networks import small_matcher

CAPTIONS = ["A red circle spins, then it's gone", "two blue stars fall at 10 o'clock"]


def test_every_word_of_the_captions_is_known_and_another_is_not():
    tokenizer = train_tokenizer(CAPTIONS)
    for word in ("red", "Circle", "SPINS", "it's", "stars", "10", "1234", "a", "o'clock"):
        assert not has_never_seen(tokenizer, word), word
    for word in ("cirle", "pancake", "star", "bluered", "кот"):
        assert has_never_seen(tokenizer, word), word


def test_of_a_large_vocabulary_nothing_is_claimed():
    """There, rare words are written in pieces, though the model has met them."""
    letters = np.random.default_rng(0).integers(97, 123, size=(900, 9))
    corpus = ["".join(map(chr, word)) for word in letters]
    tokenizer = train_tokenizer(corpus)
    assert len(tokenizer) >= 512 + 2000
    assert not has_never_seen(tokenizer, "pancake")


@pytest.mark.parametrize("is_special", [True, False])
def test_a_word_for_which_the_tokenizer_has_but_one_name_is_unknown(is_special):
    vocabulary = {"[UNK]": 0, "red": 1, "[PAD]": 2}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    unknown = {"unk_token": "[UNK]"} if is_special else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", **unknown)
    assert has_never_seen(tokenizer, "pancake") == is_special
    assert not has_never_seen(tokenizer, "red")


def test_of_an_explanation_the_unknown_words_are_named_by_their_characters_and_no_other(tmp_path):
    matcher = small_matcher(CAPTIONS)
    text = "A pancake: it's blue."
    explanation = matcher.explain(write_clip(tmp_path / "clip.mp4", seconds=2), text)
    assert len(explanation.words) > len(text.split()), "the tokenizer cut them to pieces"
    unknown = unknown_words(matcher, explanation)
    assert unknown == {(2, 9): "unknown"}
    known = matcher.explain(tmp_path / "clip.mp4", "then a red circle, two stars!")
    assert unknown_words(matcher, known) == {}
