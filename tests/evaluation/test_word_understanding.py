"""A network that knows what words mean, and one whose action words live on the color beside them, told apart."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import one_hot

from evaluation.small_split import TEXTS
from hbi.data.frames import FrameStore
from hbi.evaluation.word_understanding import (
    AT_INPUT,
    COSINE,
    OF_TOKENS,
    PlacedWord,
    WordExchange,
    measure_understanding,
)
from hbi.games import LateInteractionGame
from hbi.models import GlobalContrastModel
from small_networks import global_config

COLORS, ACTIONS = ("red", "blue", "green"), ("spins", "falls", "jumps")
WORDS = (*COLORS, *ACTIONS)
VIDEOS = (
    ("red spins", "blue falls"),
    ("green jumps", "green jumps"),
    ("blue jumps", "red jumps"),
    ("green spins",) * 2,
)
EVENTS = ((0.0, 4.0), (4.0, 8.0))


class Network:
    """Stands in for a matcher: tokens are one-hot, and a text scores the mean of its words' best matches.

    With `is_blind`, an action word has the token of the color beside it, as far as one is there.
    """

    model = None

    def __init__(self, *, is_blind):
        self.is_blind = is_blind

    def encode_texts(self, texts):
        spans = [[match.span() for match in re.finditer(r"\w+", text)] for text in texts]
        most = max(map(len, spans))
        tokens = torch.zeros(len(texts), most, len(WORDS))
        for row, text in enumerate(texts):
            words = text.split()
            for column, word in enumerate(words):
                known = next((each for each in words if each in COLORS), None) if self.is_blind else word
                known = word if word in COLORS else known
                if known in WORDS:
                    tokens[row, column] = one_hot(torch.tensor(WORDS.index(known)), len(WORDS))
        padded = torch.tensor([[*each, *[(0, 0)] * (most - len(each))] for each in spans])
        mask = padded[..., 1] > 0
        return SimpleNamespace(encoding=(tokens, mask), tokens=SimpleNamespace(spans=padded))

    def encode_frames(self, content, mask):
        shown = [[sum(WORDS.index(word) == index for word in events[frame // 4].split()) for index in range(len(WORDS))]
                 for events in VIDEOS for frame in range(8)]  # fmt: skip
        return torch.tensor(shown).float().view(len(VIDEOS), 8, len(WORDS))

    def similarity(self, texts, videos):
        tokens, mask = texts.encoding
        best = torch.einsum("atd,bvd->abtv", tokens, videos).amax(-1)
        return (best * mask[:, None]).sum(-1) / mask.sum(-1)[:, None]

    def games(self, texts, videos):
        tokens, mask = texts.encoding
        similarity = torch.einsum("atd,avd->atv", tokens, videos)
        return {
            "entity": LateInteractionGame(similarity, torch.ones(tokens.shape[:2]), torch.ones(len(tokens), 8), mask)
        }


@pytest.fixture(scope="module")
def frames():
    times = (torch.arange(8.0) + 0.5).double().expand(len(VIDEOS), 8)
    return FrameStore(torch.zeros(len(VIDEOS), 8, 3, 1, 1), torch.ones(len(VIDEOS), 8, dtype=torch.bool), times, ())


def exchange(kind, old, new, seconds=None):
    """Of a word of "red spins", which the first event of the first video shows."""
    text = "red spins"
    start, wrong = text.index(old), text.replace(old, new)
    true = PlacedWord(text, start, start + len(old), EVENTS[0])
    return WordExchange(kind, 0, true, PlacedWord(wrong, start, start + len(new), seconds))


EXCHANGES = (
    exchange("color", "red", "green"),
    exchange("color", "red", "blue", EVENTS[1]),
    exchange("action", "spins", "jumps"),
    exchange("action", "spins", "falls", EVENTS[1]),
)


def measured(network, frames):
    return {each.kind: each for each in measure_understanding(network, EXCHANGES, frames, batch_size=3)}


def test_a_network_that_knows_its_words(frames):
    for kind, found in measured(Network(is_blind=False), frames).items():
        assert found.is_understood, kind
        assert (found.falls, found.num_exchanges, found.num_elsewhere) == (100.0, 1, 1)
        assert (found.points_by_chance, found.credited_by_chance) == (50.0, 25.0)
        assert {each.name: each.credited for each in found.maps} == dict.fromkeys((COSINE, OF_TOKENS, AT_INPUT), 100.0)


def test_pointing_is_no_understanding(frames):
    """Its maps of an action word point right, and stay there when the word is another."""
    found = measured(Network(is_blind=True), frames)
    assert found["color"].is_understood
    action = found["action"]
    assert not action.is_understood
    assert action.falls == 0.0
    of_tokens = {each.name: each for each in action.maps}[COSINE]
    assert (of_tokens.points, of_tokens.follows, of_tokens.credited) == (100.0, 0.0, 0.0)


def test_a_text_that_scores_less_everywhere_does_not_count(frames):
    """The exchanged word lowers the score of every video alike: nothing was understood of this one."""
    network = Network(is_blind=True)
    similarity = network.similarity
    network.similarity = lambda texts, videos: similarity(texts, videos) - texts.tokens.spans[:, :, 1].amax(1)[:, None]
    assert measured(network, frames)["action"].falls == 0.0


def test_a_model_that_compares_wholes_has_the_maps_of_removed_words(matcher):
    from evaluation.small_split import three_videos

    frames = three_videos()
    torch.manual_seed(0)
    whole = replace(matcher, model=GlobalContrastModel(global_config(matcher.config)).eval())
    end = len(TEXTS[0].split()[0])
    true, wrong = PlacedWord(TEXTS[0], 0, end, (0.0, 4.0)), PlacedWord(TEXTS[0], 0, end, (4.0, 8.0))
    (found,) = measure_understanding(whole, [WordExchange("word", 0, true, wrong)], frames)
    assert [each.name for each in found.maps] == [AT_INPUT]
    assert found.falls_elsewhere == 0.0  # the same text
    assert found.maps[0].credited == 0.0  # one map cannot point at two places
