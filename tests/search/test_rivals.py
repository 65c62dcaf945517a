"""How far ahead a text is of texts with one word exchanged: by hand, and in an index."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hbi.search import rivals
from hbi.search.calibration import Calibration
from hbi.search.rivals import LEAD_WEIGHT, lead_of_text
from hbi.search.word_matching import words_of


@pytest.fixture
def two_rivals(monkeypatch):
    monkeypatch.setattr(rivals, "ordinary_words", lambda matcher: ("blue", "left", "red"))
    monkeypatch.setattr(rivals, "FEWEST_ORDINARY", 1)


def test_the_lead_by_hand(index, two_rivals):
    """One text at a time: "red" and "square" are exchanged, each for the two ordinary words that the text lacks."""
    query = index.matcher.encode_texts(["a red square"])
    segments = index.snapshot().references[:3]
    read, words = words_of(index.codec, query.texts[0], query.tokens)
    assert read == "a red square"
    assert [word.text for word in words if word.is_weighed] == ["red", "square"]

    def score(text):
        return rivals.full_scores(index.codec, index.matcher.encode_texts([text]).encoding, segments)[0].numpy()

    of_red = score("a red square") - np.maximum(score("a blue square"), score("a left square"))
    of_square = score("a red square") - np.maximum(score("a red blue"), score("a red left"))
    assert lead_of_text(index.codec, query, segments) == pytest.approx((of_red + of_square) / 2, abs=1e-5)


def test_a_text_that_is_needed_word_by_word_leads_and_a_near_miss_does_not(index, two_rivals, monkeypatch):
    """Segment 0 shows what the text says, segment 1 something blue instead; a score counts the words that are right."""
    shown = [{"red", "square"}, {"blue", "square"}]

    def full_scores(codec, texts, segments):
        return torch.tensor([[len(words & set(text.split())) / 2 for words in shown] for text in texts])

    query = index.matcher.encode_texts(["a red square"])
    matcher = SimpleNamespace(
        tokenizer=index.matcher.tokenizer,
        model=index.matcher.model,
        encode_texts=lambda texts: SimpleNamespace(encoding=texts),
    )
    monkeypatch.setattr(rivals, "full_scores", full_scores)
    lead = lead_of_text(SimpleNamespace(matcher=matcher), query, index.snapshot().references[:2])
    # In segment 0 every rival costs a half; in 1 "blue" for "red" gains one, and one for "square" costs none or a half.
    assert lead == pytest.approx([0.5, -0.25])


def test_rivals_are_ordinary_words_that_the_text_does_not_say(index, monkeypatch):
    monkeypatch.setattr(rivals, "ordinary_words", lambda matcher: tuple(f"word{number}" for number in range(40)))
    chosen = rivals._rivals(index.codec, {"word0", "word1"})
    assert len(chosen) == rivals.NUM_RIVALS
    assert chosen[0] == "word2"
    assert chosen[-1] == "word39"
    monkeypatch.setattr(rivals, "LARGE_FROM", 1)
    assert len(rivals._rivals(index.codec, set())) == rivals.NUM_RIVALS_OF_LARGE
    monkeypatch.setattr(rivals, "ordinary_words", lambda matcher: ("a", "b"))
    assert rivals._rivals(index.codec, set()) == []


def test_where_nothing_can_be_exchanged_there_is_no_lead(index, two_rivals):
    segments = index.snapshot().references[:3]
    for text in ("of the", "zyx"):
        assert lead_of_text(index.codec, index.matcher.encode_texts([text]), segments).tolist() == [0.0] * 3
    assert lead_of_text(index.codec, index.matcher.encode_texts(["a red square"]), segments[:0]).tolist() == []


def test_goodness_counts_the_lead_and_rarity_does_not(index, monkeypatch):
    """Of each hit two scores are held against unrelated texts: its own, and its own with the lead."""
    seen = []

    def rarity(self, score, text):
        seen.append(score)
        return len(seen) % 2 / 2  # 0.5 for the first of each hit, 0 for the second

    monkeypatch.setattr(Calibration, "rarity_of_text", rarity)
    hits = index.search("a red square", limit=3).hits
    query = index.matcher.encode_texts(["a red square"])
    for plain, counted, hit in zip(seen[::2], seen[1::2], hits, strict=True):
        lead = float(lead_of_text(index.codec, query, index.snapshot().segment(hit.segment_id))[0])
        assert plain == hit.score
        assert counted == pytest.approx(hit.score + LEAD_WEIGHT * lead, abs=1e-5)
        assert abs(lead) > 1e-5
        assert (hit.rarity, hit.goodness) == (0.5, "none")
