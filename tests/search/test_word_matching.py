"""Which words of a text are found: judged by made-up scores, of which it is known what they depend on."""

import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hbi.encoders.tokenizer import train_tokenizer
from hbi.matching.matcher import Matcher
from hbi.models import GlobalContrastModel
from hbi.search import VideoIndex, word_matching
from hbi.search.snapshot import Segments
from hbi.search.word_matching import match_words, weigh
from hbi.video.places import middles
from small_networks import global_config

NUM_REFERENCES = 100
KNOWING = train_tokenizer(["a red star and something else spins", "blue and left"])


@dataclass(frozen=True)
class Scorer:
    """Stands in for a model: a text scores what its words score, and what a word does to its neighbors.

    Attributes:
        has: For each word that the model knows, the segments (by number) that have it.
        carries: Words that mean nothing by themselves, but double what the rest of the text scores.
    """

    has: dict[str, torch.Tensor]
    carries: tuple[str, ...] = ()
    noise: float = 0.05

    def __call__(self, codec, texts, segments):
        rows = torch.from_numpy(np.asarray(segments.content, dtype=int))
        scores = []
        for text in texts:
            words = text.lower().split()
            score = sum((self.has[word].float() for word in words if word in self.has), torch.zeros(200))
            for word in self.carries:
                score = score * (2 if word in words else 1)
            scores.append(score + self.noise * torch.randn(200, generator=torch.Generator().manual_seed(hash_of(text))))
        return torch.stack(scores)[:, rows]


@pytest.fixture
def matched(monkeypatch):
    """The words of a text for segment 100 and 101, where 0 to 99 are the references."""

    def search(scorer, text, num_references=NUM_REFERENCES):
        monkeypatch.setattr(word_matching, "full_scores", scorer)
        encode = lambda texts: SimpleNamespace(encoding=texts)  # noqa: E731
        codec = SimpleNamespace(matcher=SimpleNamespace(encode_texts=encode, tokenizer=KNOWING))
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


def verdicts(words):
    return [word.verdict for word in words]


def test_a_word_that_is_there_is_found_and_one_that_is_not_is_not(matched):
    first, second = matched(Scorer({"red": shown_in(100), "star": shown_in(101).roll(1)}), "A red star")
    assert [word.text for word in first] == ["A", "red", "star"]
    assert (first[1].start, first[1].end) == (2, 5)
    assert (first[1].verdict, second[1].verdict) == ("found", "not found")
    assert first[1].share_below > 0.65 > second[1].share_below
    assert first[0].verdict == "cannot tell"


def test_of_a_word_that_lives_on_its_neighbors_nothing_is_claimed(matched):
    """Taking "spins" out costs a segment with something red most; by itself it says nothing."""
    first, _ = matched(Scorer({"red": shown_in(100)}, carries=("spins",)), "something red spins")
    words = {word.text: word for word in first}
    assert [words[word].verdict for word in ("red", "spins", "something")] == ["found", "cannot tell", "cannot tell"]


def test_of_a_word_that_no_two_groups_of_segments_differ_by_nothing_is_claimed(matched):
    """It means the same in every text, but the segments fit it more or less, and many fit it well."""
    shown = -torch.randn(200, generator=torch.Generator().manual_seed(5)).exp()
    assert verdicts(matched(Scorer({"red": shown, "star": shown_in(100)}), "red star")[0])[0] == "cannot tell"


def test_of_a_word_on_which_the_score_hardly_depends_nothing_is_claimed(matched):
    weak, strong = 0.1 * shown_in(100), 3.0 * shown_in(101).roll(1)
    without_noise = replace(Scorer({"red": weak, "star": strong}), noise=0.001)
    assert verdicts(matched(without_noise, "red star")[0]) == ["cannot tell", "found"]
    assert (
        verdicts(matched(replace(without_noise, has={"red": 30 * weak, "star": strong}), "red star")[0])[0] == "found"
    )


def test_a_word_alone_is_found_only_where_few_segments_stand_out(matched):
    has = {"red": shown_in(100), "star": torch.randn(200, generator=torch.Generator().manual_seed(1))}
    found = [verdicts(words)[-1] for text in ("red", "a red") for words in matched(Scorer(has), text)]
    assert found == ["found", "not found"] * 2
    assert verdicts(matched(Scorer(has), "star")[0]) == ["cannot tell"]


def test_of_a_tiny_index_nothing_is_claimed(matched):
    scorer = Scorer({"red": shown_in(100), "star": shown_in(101).roll(1)})
    for words in matched(scorer, "red star", 19):
        assert [(word.text, word.verdict) for word in words] == [("red", "cannot tell"), ("star", "cannot tell")]
    assert verdicts(matched(scorer, "red star", 60)[0])[0] == "found"


def test_neighbors_in_a_few_videos_count_once_a_minute():
    """Forty segments of two videos, five seconds apart, are of four minutes; with a minute between them, they count."""
    content, numbers = np.repeat(["a", "b"], 20), np.tile(np.arange(20.0), 2)
    for seconds, expected in ((5.0, 4), (60.0, 40)):
        cut = Segments(content, seconds * numbers, seconds * numbers + 10, arrays=np.zeros((40, 1)))
        assert word_matching._num_apart(cut) == expected


def test_a_word_that_the_model_has_never_seen_is_unknown_and_the_others_are_judged(matched):
    first, second = matched(Scorer({"red": shown_in(100), "cirle": shown_in(101)}), "a red cirle")
    assert verdicts(first) == ["cannot tell", "found", "unknown"]
    assert verdicts(second) == ["cannot tell", "not found", "unknown"]


def test_a_long_text_is_looked_at_up_to_its_fortieth_word(matched):
    first, _ = matched(Scorer({"red": shown_in(100)}), "red " + "and " * 60)
    assert len(first) == 40
    assert first[0].verdict == "found"


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_nearly_never_judged(seed):
    """Scores in which nothing depends on a word, but that agree with one another."""
    draw = np.random.default_rng(seed)
    common, whole = draw.normal(size=140), draw.normal(size=140)
    evidence = weigh(whole, whole - 0.1 * common, common + 0.3 * draw.normal(size=140), 128)
    assert evidence.agreement > 0.6
    assert {evidence.verdict(row) for row in range(12)} == {"cannot tell"}


def test_evidence_by_hand():
    whole, without = np.array([3.0, 1.0, 1.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    evidence = weigh(whole, without, np.array([5.0, 1.0, 1.0, 1.0, 3.0]), 4)
    assert evidence.agreement == pytest.approx(1)
    assert evidence.dependence == pytest.approx(1)
    assert evidence.explained == pytest.approx(1)
    assert evidence.place == pytest.approx([0.5])
    assert evidence.share_below == pytest.approx([0.75])


def test_a_model_that_compares_wholes_has_words_too(index, matcher, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(word_matching, "LEAST_COMPARED", 4)
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


def test_what_it_says_is_what_the_model_says(index, monkeypatch):
    """Against scores of the model, one text at a time, and what explanations show of the word by itself."""
    monkeypatch.setattr(word_matching, "LEAST_COMPARED", 4)
    text = "a red square moves"
    hits = index.search(text, limit=3).hits
    snapshot = index.snapshot()
    references = snapshot.references[: word_matching.NUM_COMPARED]

    def effect(segment):
        whole, rest = (
            float(word_matching.full_scores(index.codec, index.matcher.encode_texts([part]).encoding, segment)[0, 0])
            for part in (text, "a square moves")
        )
        return whole - rest

    def best_fit(segment, start, end):
        """The best frame of those of the segment that are shown from start to end, by an explanation of the file."""
        path = index.locate(segment.id(0)).path
        span = {"start_seconds": float(segment.start_seconds[0]), "end_seconds": float(segment.end_seconds[0])}
        explanation = index.explain(path, "red", **span)
        fits = explanation.word_fits[0]
        times = middles(*span.values(), len(fits))
        inside = [fit for fit, time in zip(fits, times, strict=True) if start <= time < end]
        return max(inside or fits)

    each = [references[row : row + 1] for row in range(len(references))]
    of_index = [np.array([effect(one) for one in each]), np.array([best_fit(one, -np.inf, np.inf) for one in each])]
    for hit in hits:
        segment = snapshot.segment(hit.segment_id)
        own = effect(segment), best_fit(segment, hit.start_seconds, hit.end_seconds)
        units = [
            ((mine - values.mean()) / values.std(), (values - values.mean()) / values.std())
            for mine, values in zip(own, of_index, strict=True)
        ]
        mine, others = (sum(part) for part in zip(*units, strict=True))
        assert hit.words[1].share_below == pytest.approx(float((others < mine).mean()), abs=1.1 / len(references))
