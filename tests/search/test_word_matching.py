"""Which words of a text are called matched: judged by made-up scores, of which it is known what they depend on."""

import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hbi.matching.matcher import Matcher
from hbi.models import GlobalContrastModel
from hbi.search import VideoIndex, word_matching
from hbi.search.snapshot import Segments
from hbi.search.word_matching import match_words
from small_networks import global_config

NUM_REFERENCES = 100


@dataclass(frozen=True)
class Scorer:
    """Stands in for a model: a text scores what its words score, and what a word does to its neighbors.

    Attributes:
        has: For each word that the model knows, the segments (by number) that have it.
        carries: Words that mean nothing by themselves, but double what the rest of the text scores.
    """

    has: dict[str, torch.Tensor]
    carries: tuple[str, ...] = ()

    def __call__(self, codec, texts, segments):
        rows = torch.from_numpy(np.asarray(segments.content, dtype=int))
        scores = []
        for text in texts:
            words = text.lower().split()
            score = sum((self.has[word].float() for word in words if word in self.has), torch.zeros(200))
            for word in self.carries:
                score = score * (2 if word in words else 1)
            scores.append(score + 0.05 * torch.randn(200, generator=torch.Generator().manual_seed(hash_of(text))))
        return torch.stack(scores)[:, rows]


@pytest.fixture
def matched(monkeypatch):
    """The words of a text for segment 100 and 101, where 0 to 99 are the references."""

    def search(scorer, text, num_references=NUM_REFERENCES):
        monkeypatch.setattr(word_matching, "full_scores", scorer)
        codec = SimpleNamespace(matcher=SimpleNamespace(encode_texts=lambda texts: SimpleNamespace(encoding=texts)))
        spans = torch.tensor([[(0, 0), *(match.span() for match in re.finditer(r"\w+", text)), (0, 0)]])
        query = SimpleNamespace(texts=(text,), tokens=SimpleNamespace(spans=spans))
        return match_words(codec, query, segments(100, 102), segments(0, num_references))

    return search


def hash_of(text):
    """Another number for every text, the same in every process."""
    return int.from_bytes(text.encode()[-8:], "little") % 2**31


def segments(first, last):
    numbers = np.arange(first, last)
    return Segments(numbers, numbers, numbers, arrays=np.zeros((len(numbers), 1)))


def shown_in(*numbers):
    """A third of the references, and these."""
    has = torch.arange(200) % 3 == 0
    has[100:] = False
    has[list(numbers)] = True
    return has


def test_a_word_that_is_there_is_matched_and_one_that_is_not_is_not(matched):
    first, second = matched(Scorer({"red": shown_in(100), "star": shown_in(101).roll(1)}), "A red star")
    assert [word.text for word in first] == ["A", "red", "star"]
    assert (first[1].start, first[1].end) == (2, 5)
    assert first[1].is_consistent
    assert first[1].is_matched
    assert first[1].share_below > 0.65
    assert second[1].is_consistent
    assert not second[1].is_matched


def test_of_a_word_that_lives_on_its_neighbors_nothing_is_claimed(matched):
    """Taking "spins" out costs a segment with something red most; by itself it says nothing."""
    first, _ = matched(Scorer({"red": shown_in(100)}, carries=("spins",)), "something red spins")
    words = {word.text: word for word in first}
    assert words["red"].is_matched
    assert not words["spins"].is_consistent
    assert not words["spins"].is_matched
    assert not words["something"].is_consistent


def test_of_a_text_of_one_word_and_of_a_tiny_index_nothing_is_claimed(matched):
    scorer = Scorer({"red": shown_in(100), "star": shown_in(101).roll(1)})
    for text, num_references in (("red", NUM_REFERENCES), ("red star", 4)):
        for words in matched(scorer, text, num_references):
            assert [word.text for word in words] == text.split()
            assert not any(word.is_consistent or word.is_matched for word in words)


def test_a_long_text_is_looked_at_up_to_its_fortieth_word(matched):
    first, _ = matched(Scorer({"red": shown_in(100)}), "red " + "and " * 60)
    assert len(first) == 40
    assert first[0].is_matched


def test_a_model_that_compares_wholes_has_words_too(index, matcher, clips, tmp_path):
    torch.manual_seed(0)
    network = GlobalContrastModel(global_config(matcher.config)).eval()
    whole: Matcher = replace(matcher, model=network, name="whole")
    made = VideoIndex.create(tmp_path / "videos.index", whole)
    made.add([clips])
    texts = []
    for hit in made.search("A red square, and left!").hits:
        assert [word.text for word in hit.words] == ["A", "red", "square", "and", "left"]
        texts.append([word.share_below for word in hit.words])
    assert len({tuple(shares) for shares in texts}) > 1


def test_what_it_says_is_what_the_scores_say(index):
    """Against scores of the model itself, one text at a time."""
    text = "a red square moves"
    hits = index.search(text, limit=3).hits
    references = index.snapshot().references[: word_matching.NUM_COMPARED]

    def scores(part):
        encoding = index.matcher.encode_texts([part]).encoding
        return word_matching.full_scores(index.codec, encoding, references)[0].double()

    without, alone = scores(text) - scores("a square moves"), scores("red")
    agreement = float(torch.corrcoef(torch.stack([without, alone]))[0, 1])
    expected = agreement > max(0.5, 2 / len(references) ** 0.5)
    assert all(hit.words[1].is_consistent == expected for hit in hits)
    names = [references.id(row) for row in range(len(references))]
    z = sum((each - each.mean()) / each.std(correction=0) for each in (without, alone))
    for hit in hits:
        own = z[names.index(hit.segment_id)]
        below = float((z < own - 1e-4).double().mean() + ((z - own).abs() <= 1e-4).double().mean() / 2)
        assert hit.words[1].share_below == pytest.approx(below, abs=1.1 / len(references))
