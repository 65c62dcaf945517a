"""A second stage beside an opened model: pairs by ones and in batches, and its score explained, against enumeration."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from evaluation.small_split import TEXTS, three_videos
from hbi.errors import HBIError
from hbi.games import enumerate_game
from hbi.matching.encoded_split import encode_split
from hbi.matching.explaining_second_stage import explain_second_stage
from hbi.matching.matcher import Matcher
from hbi.matching.second_stage import SecondStage, tokens_of
from hbi.models import GlobalContrastModel
from hbi.models.cross_encoder import CrossEncoder, CrossEncoderSizes
from hbi.models.cross_encoder_file import save_cross_encoder
from small_clips import write_clip
from small_networks import global_config, small_matcher

TEXT = "a red  circle, spins"


@pytest.fixture(scope="module")
def matcher():
    return replace(small_matcher([*TEXTS, TEXT]), num_frames=4)


@pytest.fixture(scope="module")
def second(matcher, tmp_path_factory):
    torch.manual_seed(2)
    network = CrossEncoder(CrossEncoderSizes(matcher.width, 8, 2))
    torch.nn.init.normal_(network.correction.weight, std=50.0)
    path = tmp_path_factory.mktemp("second") / "second.safetensors"
    save_cross_encoder(network, path, fingerprint=matcher.fingerprint)
    return SecondStage.open(path, matcher)


def score_of(second, matcher, text, pixels, mask) -> float:
    """The score of one text and one video, encoded by themselves."""
    words, frames = matcher.encode_texts([text]), matcher.encode_frames(pixels, mask)
    similarity = matcher.similarity(words, frames)[0]
    return float(second.scores(tokens_of(words.encoding), tokens_of(frames), similarity)[0])


def test_candidates_score_as_pairs_encoded_by_themselves(second, matcher):
    frames = three_videos()
    encoded = encode_split(matcher, TEXTS, frames, torch.ones(4, 3).bool())
    candidates = encoded.candidates(2)
    scores = second.of_candidates(encoded.words, encoded.frames, candidates.videos, candidates.similarity)
    for row, text in enumerate(TEXTS):
        for column, video in enumerate(candidates.videos[row].tolist()):
            own = score_of(second, matcher, text, frames.pixels[video : video + 1], frames.mask[video : video + 1])
            assert scores[row, column] == pytest.approx(own, abs=2e-3)  # kept in half precision
            assert encoded.similarity[row, video] == candidates.similarity[row, column]
    assert (candidates.similarity[:, 0] >= candidates.similarity[:, 1]).all()
    assert (scores - candidates.similarity).std() > 0.05


def test_wrong_candidates_hold_nothing_that_is_right(matcher):
    relevance = torch.tensor([[True, False, False], [False, True, True], [False, False, True], [True, True, True]])
    encoded = encode_split(matcher, TEXTS, three_videos(), relevance)
    wrong = encoded.wrong_candidates()
    assert wrong.similarity.isfinite().sum(1).tolist() == [2, 1, 2, 0]
    for row in range(4):
        found = wrong.videos[row][wrong.similarity[row].isfinite()]
        assert not relevance[row, found].any()


def test_one_of_another_model_and_models_without_tokens_are_refused(second, matcher, tmp_path):
    save_cross_encoder(second.network, tmp_path / "second.safetensors", fingerprint="another")
    with pytest.raises(HBIError, match="reads the tokens of another model"):
        SecondStage.open(tmp_path / "second.safetensors", matcher)
    baseline = Matcher(GlobalContrastModel(global_config(matcher.config)).eval(), matcher.processor, "the baseline")
    with pytest.raises(HBIError, match="a second stage reads words and frames"):
        SecondStage.open(tmp_path / "second.safetensors", baseline)


def test_its_explanation_is_the_game_of_its_own_score(second, matcher, tmp_path):
    sample = matcher.read_sample(write_clip(tmp_path / "clip.mp4", seconds=4))
    pixels, words = sample.frames.pixels, TEXT.split()

    def value(coalitions):
        result = torch.zeros(len(coalitions), dtype=torch.float64)
        for row, coalition in enumerate(coalitions):
            kept = [word for word, stays in zip(words, coalition.tolist(), strict=False) if stays]
            shown = coalition[None, len(words) :]
            if kept and shown.any():
                whole = TEXT if len(kept) == len(words) else " ".join(kept)
                result[row] = score_of(second, matcher, whole, pixels[None], shown)
        return result

    game = enumerate_game(value, len(words) + len(pixels))
    explanation = explain_second_stage(second, matcher, TEXT, sample)
    (level,) = explanation.levels
    wanted = game.banzhaf_interactions()[: len(words), len(words) :]
    np.testing.assert_allclose(level.interactions, wanted, atol=2e-3)
    np.testing.assert_allclose(level.word_values, game.shapley_values()[: len(words)], atol=2e-3)
    assert explanation.similarity == pytest.approx(float(game.values[-1]), abs=2e-3)
    assert level.word_values.sum() + level.frame_values.sum() == pytest.approx(explanation.similarity, abs=1e-5)
    assert level.interaction_errors is None  # exact
    assert np.abs(level.interactions).max() > 0.01


def test_where_it_is_drawn_that_is_said_with_standard_errors(second, matcher, tmp_path):
    sample = matcher.read_sample(write_clip(tmp_path / "clip.mp4", seconds=4))
    text = "a red circle spins then a blue star falls slowly to the ground"
    explanation = explain_second_stage(second, matcher, text, sample, text_budget=48)
    (level,) = explanation.levels
    assert level.interaction_errors is not None
    assert "texts that the words can make were encoded" in explanation.remark
    total = level.word_values.sum() + level.frame_values.sum()
    assert total == pytest.approx(explanation.similarity, abs=1e-5)
