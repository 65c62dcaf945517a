"""How well frames match single words: against the definition, gone through pair by pair, for every family."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import hbi
from hbi.explanation.word_lines import FIT_MEANING, INTERACTION_MEANING, fit_meaning, word_lines
from hbi.matching.word_fits import MATCHES_ABOVE, fit_of_scores, ordinary_words
from hbi.models import GlobalContrastModel
from small_clips import write_clip
from small_encoders import small_encoder
from small_networks import global_config, small_matcher

TEXT = "a person, rides  a horse"
NUM_FRAMES = 4


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", seconds=2)


@pytest.fixture(scope="module")
def network():
    corpus = "a red circle spins then the blue star falls down while person rides horse and green square turns left"
    return small_matcher([corpus] * 3)


def by_definition(scores_of_text, text):
    """One word, one frame and one ordinary word at a time: `scores_of_text` gives a text's score with every frame."""
    fits = []
    own = scores_of_text(text)
    for frame in range(len(own)):
        others = [scores_of_text(word)[frame] for word in ORDINARY]
        mean = sum(others) / len(others)
        deviation = (sum((each - mean) ** 2 for each in others) / len(others)) ** 0.5
        fits.append((own[frame] - mean) / deviation - 1.25)
    return fits


ORDINARY: list[str] = []
"""Of the model at work; small tokenizers have fewer than 64."""


def held_against(explanation, scores_of_text, matcher):
    """Compare every line of an explanation with the definition."""
    ORDINARY[:] = ordinary_words(matcher)
    scores_of_text = cache(scores_of_text)
    assert len(ORDINARY) >= 8
    lines = word_lines(explanation)
    assert [line.text for line in lines if line.text.isalpha()] == ["a", "person", "rides", "a", "horse"]
    for line in lines:
        if line.text.isalpha():
            assert line.fit == pytest.approx(by_definition(scores_of_text, line.text), abs=2e-3), line.text
        else:
            assert not line.fit.any()
        assert not line.errors.any()
    assert fit_meaning(explanation) == FIT_MEANING


@pytest.mark.parametrize("kind", ["clip", "siglip", "altclip", "metaclip_2"])
def test_encoders_of_frames_score_a_word_with_each_frame_as_they_score_videos(kind, video, tmp_path):
    matcher = hbi.load(small_encoder(kind, tmp_path / kind), num_frames=NUM_FRAMES)
    pixels, _ = matcher.read_videos(video)

    def scores(text):
        alone = [matcher.encode_frames(pixels[:, [frame]], torch.ones(1, 1, dtype=torch.bool)) for frame in range(4)]
        return [matcher.similarity([text], each).item() for each in alone]

    held_against(matcher.explain(video, TEXT), scores, matcher)


@pytest.mark.parametrize("kind", ["xclip", "videoprism"])
def test_encoders_of_clips_see_a_frame_with_the_two_beside_it(kind, video, tmp_path):
    matcher = hbi.load(small_encoder(kind, tmp_path / kind))
    pixels, _ = matcher.read_videos(video)

    def scores(text):
        found = []
        for frame in range(pixels.shape[1]):
            mask = torch.tensor([[abs(frame - other) <= 1 for other in range(pixels.shape[1])]])
            found.append(matcher.similarity([text], matcher.encode_frames(pixels, mask)).item())
        return found

    held_against(matcher.explain(video, TEXT), scores, matcher)


@pytest.mark.parametrize("words", ["tokens", "input"])
def test_hbi_scores_a_word_with_each_frame_token(words, video, network):
    pixels, mask = network.read_videos(video)
    frames = network.encode_frames(pixels, mask).levels["entity"].sequence.tokens[0]

    def scores(text):
        players = network.encode_texts([text]).encoding.levels["entity"]
        found = []
        for frame in frames[mask[0]]:
            cosines = torch.cosine_similarity(players.sequence.tokens[0], frame[None], dim=-1)[players.sequence.mask[0]]
            weights = players.weights[0][players.sequence.mask[0]]
            found.append(float((cosines * weights).sum() + cosines.max()) / 2)
        return found

    held_against(network.explain(video, TEXT, words=words), scores, network)


def test_a_global_network_with_a_temporal_transformer_scores_frames_that_know_the_others(video, network):
    torch.manual_seed(0)
    whole = replace(network, model=GlobalContrastModel(global_config(network.config)).eval())
    assert whole.model.encoder.temporal is not None
    pixels, mask = whole.read_videos(video)
    with torch.no_grad():
        features = whole.model.frame_features(whole.network_input(pixels), mask)
        frames = whole.model.encoder.temporal(features, mask)[0]

    def scores(text):
        return torch.cosine_similarity(whole.encode_texts([text]).encoding, frames, dim=-1).tolist()

    held_against(whole.explain(video, TEXT), scores, whole)


@pytest.mark.parametrize("compare", ["maxsim", "meanmaxsim"])
def test_maxsim_counts_a_word_as_one_token_however_many_it_has(compare, video, tmp_path):
    pytest.importorskip("sentence_transformers", reason="these are opened with the extra `sentence`")
    from small_sentence_models import write_colpali

    matcher = hbi.load(write_colpali(tmp_path, compare=compare), num_frames=NUM_FRAMES)
    pixels, mask = matcher.read_videos(video)
    video_tokens = matcher.encode_frames(pixels, mask)

    def scores(text):
        texts = matcher.encode_texts([text]).encoding
        tokens = texts.tokens[0][texts.mask[0]]
        found = []
        for frame in range(int(mask.sum())):
            patches = video_tokens.tokens[0, frame][video_tokens.mask[0, frame]]
            found.append(float((tokens @ patches.T).amax(1).mean()))
        return found

    held_against(matcher.explain(video, TEXT), scores, matcher)


def test_dense_models_of_sentence_transformers_have_fits_too(video, tmp_path):
    pytest.importorskip("sentence_transformers", reason="these are opened with the extra `sentence`")
    from small_sentence_models import write_clip as write_dense

    matcher = hbi.load(write_dense(tmp_path), num_frames=NUM_FRAMES)
    pixels, _ = matcher.read_videos(video)

    def scores(text):
        alone = [matcher.encode_frames(pixels[:, [frame]], torch.ones(1, 1, dtype=torch.bool)) for frame in range(4)]
        return [matcher.similarity([text], each).item() for each in alone]

    held_against(matcher.explain(video, TEXT), scores, matcher)


def test_parts_of_a_word_have_the_line_of_the_whole_word(video, network):
    explanation = network.explain(video, "a pancake spins")
    line = next(line for line in word_lines(explanation) if line.text == "pancake")
    assert len(line.words) > 1
    for word in line.words:
        assert explanation.word_fits[word].tolist() == line.fit.tolist()
    alone = word_lines(network.explain(video, "pancake"))[0]
    assert line.fit == pytest.approx(alone.fit, abs=1e-6), "the rest of the sentence plays no part"


def test_a_picture_of_a_thing_is_a_word_and_punctuation_is_none(video, network):
    lines = {line.text: line.fit for line in word_lines(network.explain(video, "a \N{DOG FACE} , spins!"))}
    assert set(lines) == {"a", "\N{DOG FACE}", ",", "spins", "!"}
    assert {text for text, fit in lines.items() if not fit.any()} == {",", "!"}


def test_a_word_that_stands_out_from_ordinary_ones_matches_and_others_do_not():
    others = torch.linspace(-1, 1, 21)[:, None].expand(-1, 2).double()
    deviation = float(others[:, 0].std(correction=0))
    own = torch.tensor([[1.25 * deviation + 1e-6, 1.25 * deviation - 1e-6], [0.0, -2.0]]).double()
    fits = fit_of_scores(own, others)
    assert (fits > 0).tolist() == [[True, False], [False, False]]
    assert fits[1, 0] == pytest.approx(-MATCHES_ABOVE)


def test_a_frame_that_scores_alike_with_every_word_matches_none():
    fits = fit_of_scores(torch.full((3, 2), 0.5).double(), torch.full((9, 2), 0.5).double())
    assert (fits <= 0).all()


def test_a_tokenizer_with_few_words_gives_no_fits_and_says_so(video, tmp_path):
    matcher = hbi.load(small_encoder("siglip2", tmp_path / "siglip2"), num_frames=2)
    explanation = matcher.explain(video, TEXT)
    assert len(ordinary_words(matcher)) < 8
    assert explanation.word_fits is None
    assert fit_meaning(explanation) == INTERACTION_MEANING
    assert word_lines(explanation)[-1].fit == pytest.approx(explanation.interactions[-1])


def test_ordinary_words_are_words_that_the_tokenizer_knows_as_one_token(network):
    words = ordinary_words(network)
    assert len(set(words)) == len(words) > 8
    for word in words:
        assert word.isalpha()
        spans = network.tokenize([word]).spans[0]
        assert int((spans[:, 1] > spans[:, 0]).sum()) == 1, word


def test_fits_are_kept_in_the_record(video, network):
    explanation = network.explain(video, TEXT)
    again = hbi.Explanation.from_json(explanation.to_json())
    assert np.array_equal(again.word_fits, explanation.word_fits)
    assert json.loads(explanation.to_json())["version"] == 6
