"""HBI's match with words taken out of the text: against enumeration of all coalitions of words and frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hbi.games import enumerate_game
from hbi.matching.explaining import ExplanationError
from hbi.matching.matcher import Matcher
from hbi.matching.word_fits import ordinary_words
from hbi.matching.words_at_input import explain_words_at_input
from hbi.models import HBIModel
from hbi.models.processor import HBIProcessor
from hbi.shapes import LEVELS
from small_clips import write_clip
from small_networks import small_matcher, small_model

TEXT = "a red  circle, spins"


@pytest.fixture(scope="module")
def matcher():
    return replace(small_matcher(["a red circle spins then a blue star falls"]), num_frames=4)


@pytest.fixture(scope="module")
def sample(matcher, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, seconds=4, seed=0)
    return matcher.read_sample(path)


def explain(matcher, sample, text=TEXT, **options):
    return explain_words_at_input(matcher, matcher.model, text, sample, **options)


def games_of(matcher, sample, text, level):
    """The games of each coalition of words, one text at a time: the slow way."""
    words = text.split()
    pixels = sample.frames.pixels[None]
    videos = matcher.encode_frames(pixels, torch.ones(1, pixels.shape[1], dtype=torch.bool))

    def value(coalitions):
        result = torch.zeros(len(coalitions), dtype=torch.float64)
        for row, coalition in enumerate(coalitions):
            kept = [word for word, stays in zip(words, coalition.tolist(), strict=False) if stays]
            if kept and coalition[len(words) :].any():
                whole = text if len(kept) == len(words) else " ".join(kept)
                game = matcher.games(matcher.encode_texts([whole]), videos)[level]
                everybody = torch.ones(1, game.num_words, dtype=torch.bool)
                result[row] = game.value(everybody, coalition[None, len(words) :])[0].double()
        return result

    return value, videos.levels[level].sequence


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_the_game_of_texts_that_are_left(matcher, sample, level):
    part = explain(matcher, sample).levels[LEVELS.index(level)]
    value, frames = games_of(matcher, sample, TEXT, level)
    enumerated = enumerate_game(value, 4 + frames.tokens.shape[1])
    np.testing.assert_allclose(part.interactions, enumerated.banzhaf_interactions()[:4, 4:], atol=1e-6)
    values = enumerated.shapley_values().numpy()
    np.testing.assert_allclose(np.concatenate([part.word_values, part.frame_values]), values, atol=1e-6)
    assert part.word_groups == (0, 1, 2, 3)
    assert part.frame_groups == tuple(frames.members[0].tolist())
    assert part.is_exact


def test_words_and_frames_sum_to_the_score_that_ranks(matcher, sample):
    result = explain(matcher, sample)
    assert result.words_at_input
    assert [word.text for word in result.words] == ["a", "red", "circle,", "spins"]
    total = result.word_contributions.sum() + result.frame_contributions.sum()
    assert total == pytest.approx(result.similarity, abs=1e-9)
    assert float(matcher.similarity(TEXT, sample.frames.path)) == pytest.approx(result.similarity, abs=1e-5)
    assert result.remark is None


def test_each_text_is_encoded_once_for_all_levels(matcher, sample, monkeypatch):
    encoded = []
    encode = matcher.model.encode_texts
    monkeypatch.setattr(matcher.model, "encode_texts", lambda ids, mask: encoded.append(len(ids)) or encode(ids, mask))
    explain(matcher, sample)
    # And once more for how well frames match single words: these alone, and ordinary words.
    assert encoded == [2**4 - 1, 4, len(ordinary_words(matcher))]


def test_what_is_drawn_says_so_and_lies_around_the_truth(matcher, sample):
    text = "a red circle spins then a blue star"
    exact, drawn = (explain(matcher, sample, text, text_budget=budget) for budget in (256, 60))
    assert exact.is_exact
    assert not drawn.is_exact
    assert drawn.remark.endswith("of the 255 texts that the words can make were encoded")
    assert drawn.similarity == pytest.approx(exact.similarity, abs=1e-6)
    total = drawn.word_contributions.sum() + drawn.frame_contributions.sum()
    assert total == pytest.approx(drawn.similarity, abs=1e-6)
    first, second = exact.levels[0], drawn.levels[0]
    assert second.interaction_errors.max() > 0
    inside = np.abs(first.interactions - second.interactions) <= 4 * second.interaction_errors + 1e-9
    assert inside.mean() > 0.9
    again = explain(matcher, sample, text, text_budget=60)
    np.testing.assert_array_equal(again.levels[0].interactions, second.interactions)


def test_padding_that_plays_in_the_released_code_plays_here(sample):
    model, tokenizer = small_model(["a red circle spins"])
    model.config.released_behavior = True
    released = Matcher(HBIModel(model.config).eval(), HBIProcessor.for_model(model.config, tokenizer), "run")
    result = explain(released, sample, "red circle")
    pixels = torch.zeros(1, 6, *sample.frames.pixels.shape[1:], dtype=torch.uint8)
    pixels[0, :4] = sample.frames.pixels
    videos = released.encode_frames(pixels, torch.arange(6)[None] < 4)
    expected = float(released.similarity(released.encode_texts(["red circle"]), videos))
    assert result.similarity == pytest.approx(expected, abs=1e-5)
    assert len(result.frames) == 4
    total = result.word_contributions.sum() + result.frame_contributions.sum() + result.unassigned
    assert total == pytest.approx(result.similarity, abs=1e-6)


def test_what_is_refused(matcher, sample):
    with pytest.raises(ExplanationError, match=r"holds no words"):
        explain(matcher, sample, " ... ")
    with pytest.raises(ExplanationError, match=r"600 words: write at most 512"):
        explain(matcher, sample, "red " * 600)
