"""Explanations of a dual encoder: every number against the network itself, text by text and video by video."""

import dataclasses
import math
import statistics

import pytest
import torch
from torch.testing import assert_close

from evaluation.small_split import TEXTS, three_videos
from hbi.evaluation.dual_attributions import dual_methods, mean_worth
from hbi.evaluation.dual_faithfulness import MEASURES, dual_explanation_scores, dual_summary, leave_one_out
from hbi.evaluation.dual_pairs import encode_dual_pairs
from hbi.evaluation.explained_pairs import ExplainedPair, TimedWords
from hbi.evaluation.gradient_attributions import gradient_times_tokens
from hbi.evaluation.similarity_matrix import pair_similarity
from hbi.games import enumerate_game
from hbi.games.enumeration import all_coalitions
from hbi.matching import Matcher
from hbi.models import GlobalConfig, GlobalContrastModel, HBIProcessor, ModelError
from small_networks import small_config, small_matcher, small_model

TEXT = "a red circle spins"
RED = TimedWords(2, 5, 0.0, 4.0, "color")
SPINS = TimedWords(13, 18, 4.0, 8.0, "action")


def dual_matcher(**changes):
    """A dual encoder with random weights: without a temporal transformer, unless told otherwise."""
    _, tokenizer = small_model(TEXTS)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    sizes = small_config(special_tokens=special, vocab_size=len(tokenizer)).to_dict()
    sizes.pop("model_type")
    torch.manual_seed(3)
    network = GlobalContrastModel(GlobalConfig(**(sizes | {"temporal_layers": 0} | changes))).eval()
    return Matcher(network, HBIProcessor.for_model(network.config, tokenizer), "a small dual encoder")


@pytest.fixture(scope="module")
def dual():
    return dual_matcher()


@pytest.fixture(scope="module")
def videos():
    return three_videos()


@pytest.fixture(scope="module")
def pair(dual, videos):
    return next(encode_dual_pairs(dual, [ExplainedPair(TEXT, 0, (RED, SPINS))], videos))


@pytest.fixture(scope="module")
def solved(pair):
    return enumerate_game(pair.values, pair.num_players)


@pytest.fixture(scope="module")
def said(pair):
    return {method.name: method.attribute(pair) for method in dual_methods()}


def test_a_coalition_is_worth_what_the_network_says_of_the_shorter_text_and_video(dual, videos, pair):
    for words, frames in (("a red circle spins", "1111"), ("red spins", "1010"), ("circle", "0001")):
        kept = torch.tensor([letter == "1" for letter in frames])
        shorter = dataclasses.replace(videos, mask=videos.mask & kept)
        expected = pair_similarity(dual, [words], torch.tensor([0]), shorter).double()
        present = [word in words.split() for word in TEXT.split()] + kept.tolist()
        assert_close(pair.values(torch.tensor([present])), expected, atol=1e-6, rtol=0)
        assert_close(pair.game(torch.tensor([present])).double(), expected, atol=1e-6, rtol=0)
    nobody = torch.tensor([[False] * 8, [True] * 4 + [False] * 4, [False] * 4 + [True] * 4])
    assert pair.values(nobody).tolist() == [0, 0, 0]
    assert pair.value == pytest.approx(float(pair.values(torch.ones(1, 8, dtype=torch.bool))))


def test_a_video_with_fewer_frames_has_fewer_players(dual, videos):
    pair = next(encode_dual_pairs(dual, [ExplainedPair("a blue star", 1)], videos))
    assert (pair.num_words, pair.num_frames, pair.num_players) == (3, 2, 5)
    expected = pair_similarity(dual, ["a blue star"], torch.tensor([1]), videos)
    assert pair.value == pytest.approx(float(expected), abs=1e-6)


def test_models_that_are_no_such_dual_encoder_are_refused(videos):
    pairs = [ExplainedPair(TEXT, 0)]
    with pytest.raises(ModelError, match=r"compares words and frames"):
        next(encode_dual_pairs(small_matcher(TEXTS), pairs, videos))
    with pytest.raises(ModelError, match=r"see one another"):
        next(encode_dual_pairs(dual_matcher(temporal_layers=1), pairs, videos))
    with pytest.raises(ModelError, match=r"has 4 words and its video 4 frames, more than 3"):
        next(encode_dual_pairs(dual_matcher(), pairs, videos, most_players=3))


def test_exact_indices_are_those_of_full_enumeration(pair, said, solved):
    for name, probability in (("banzhaf-0.3", 0.3), ("banzhaf-0.5", 0.5), ("banzhaf-0.7", 0.7)):
        first, second = solved.banzhaf_values(probability), solved.banzhaf_interactions(probability)
        assert_close(torch.cat((said[name].words, said[name].frames)), first, atol=1e-6, rtol=0)
        assert_close(said[name].cells, second[:4, 4:], atol=1e-6, rtol=0)
        assert_close(said[name].make_surrogate().second, second, atol=1e-6, rtol=0)
    shapley = said["shapley"]
    assert_close(torch.cat((shapley.words, shapley.frames)), solved.shapley_values(), atol=1e-6, rtol=0)
    assert_close(shapley.cells, solved.shapley_interactions()[:4, 4:], atol=1e-6, rtol=0)
    assert_close(said["banzhaf-drawn"].cells, said["banzhaf-0.5"].cells)  # four words: nothing has to be drawn


def test_the_mean_worth_is_that_of_all_coalitions(pair):
    coalitions = torch.cat(list(all_coalitions(8, torch.device("cpu"))))
    size = coalitions.sum(-1).double()
    for probability in (0.3, 1.0):
        expected = (probability**size * (1 - probability) ** (8 - size) * pair.values(coalitions)).sum()
        assert mean_worth(pair.indices, probability) == pytest.approx(float(expected), abs=1e-7)


def test_surrogates_say_what_their_indices_claim(pair, said):
    everybody = torch.ones(1, 8, dtype=torch.bool)
    assert float(said["shapley"].make_surrogate()(everybody)) == pytest.approx(pair.value, abs=1e-6)
    without = everybody.repeat(3, 1)
    without[1, 2] = without[2, 2] = without[2, 5] = False
    assert_close(said["leave-one-out"].make_surrogate()(without), pair.values(without), atol=1e-6, rtol=0)
    assert float(said["gradient"].make_surrogate()(everybody)) == pytest.approx(pair.value, abs=1e-6)


def test_leaving_one_out_is_a_difference_of_values(pair, said):
    of_words, of_frames, interplay = leave_one_out(pair)
    kept = torch.ones(4, 8, dtype=torch.bool)
    kept[1, 2] = kept[2, 5] = kept[3, 2] = kept[3, 5] = False
    whole, without_word, without_frame, without_both = pair.values(kept).tolist()
    assert float(of_words[2]) == pytest.approx(whole - without_word, abs=1e-7)
    assert float(of_frames[1]) == pytest.approx(whole - without_frame, abs=1e-7)
    assert float(interplay[2, 1]) == pytest.approx(whole - without_word - without_frame + without_both, abs=1e-7)
    assert_close(said["leave-one-out"].words, of_words, atol=1e-6, rtol=0)
    assert_close(said["leave-one-out"].cells, interplay, atol=1e-6, rtol=0)


def test_cosines_are_of_single_words_and_frames(dual, videos, said):
    for word, frame in ((1, 0), (3, 2)):
        one = dataclasses.replace(videos, mask=videos.mask & (torch.arange(4) == frame))
        expected = pair_similarity(dual, [TEXT.split()[word]], torch.tensor([0]), one)
        assert float(said["cosine"].cells[word, frame]) == pytest.approx(float(expected), abs=1e-6)
        expected = pair_similarity(dual, [TEXT], torch.tensor([0]), one)
        assert float(said["cosine-text"].cells[word, frame]) == pytest.approx(float(expected), abs=1e-6)
        assert float(said["cosine"].frames[frame]) == pytest.approx(float(expected), abs=1e-6)


def test_samples_are_near_the_exact_interactions(said):
    exact = said["banzhaf-0.5"]
    for name in ("fitted-10000", "sampled-10000"):
        assert float((said[name].cells - exact.cells).abs().max()) < 0.06, name
    assert_close(said["fitted-10000"].words, exact.words, atol=0.02, rtol=0)


def test_gradients_are_derivatives_along_embeddings_and_frames(pair):
    """Against differences of the score, as the embeddings of one word and the vector of one frame are scaled."""
    words, frames, cells = gradient_times_tokens(pair)
    network = pair.matcher.model
    tokens = pair.matcher.tokenize([TEXT])
    embedding = network.encoder.towers.text_model.get_input_embeddings()

    def score(word, by_word, frame, by_frame):
        first, last = tokens.spans[0].unbind(-1)
        is_part = (first >= pair.words[word].start) & (last <= pair.words[word].end) & (last > first)
        hook = embedding.register_forward_hook(
            lambda module, inputs, output: output * (1 + by_word * is_part.to(output.dtype))[:, None]
        )
        with torch.no_grad():
            text = network.encode_texts(tokens.input_ids, tokens.attention_mask)[0].double()
        hook.remove()
        scaled = pair.frame_tokens.double().clone()
        scaled[frame] *= 1 + by_frame
        return float(torch.nn.functional.cosine_similarity(text, scaled.mean(0), dim=0))

    network.double()
    try:
        step = 1e-3
        for word, frame in ((1, 2), (3, 0)):
            up, down = score(word, step, frame, 0), score(word, -step, frame, 0)
            assert float(words[word]) == pytest.approx((up - down) / (2 * step), abs=1e-4)
            up, down = score(word, 0, frame, step), score(word, 0, frame, -step)
            assert float(frames[frame]) == pytest.approx((up - down) / (2 * step), abs=1e-4)
            mixed = sum(
                sign * score(word, a * step, frame, b * step)
                for a, b, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
            )
            assert float(cells[word, frame]) == pytest.approx(mixed / (4 * step**2), abs=1e-4)
    finally:
        network.float()
    assert float(frames.sum()) == pytest.approx(0, abs=1e-6)
    assert not embedding._forward_hooks


def test_every_method_says_something_of_every_player(said):
    for name, attribution in said.items():
        shapes = (attribution.words.shape, attribution.frames.shape, attribution.cells.shape)
        assert shapes == ((4,), (4,), (4, 4)), name
        assert all(part.isfinite().all() for part in (attribution.words, attribution.frames, attribution.cells)), name


def test_scores_are_of_pairs_and_a_summary_of_all(dual, videos):
    comma = ExplainedPair("red, a circle", 2, (TimedWords(0, 3, 0.0, 4.0, "color"),))
    pairs = [ExplainedPair(TEXT, 0, (RED, SPINS)), comma, ExplainedPair("a blue star", 1)]
    methods, calls = dual_methods(), []
    measured, scores = dual_explanation_scores(
        dual, pairs, videos, methods, num_curves=2, progress=lambda done, total: calls.append((done, total))
    )
    assert measured == pairs
    assert calls[-1] == (3, 3)
    first = scores["leave-one-out"][0]
    assert (first.word_correlation, first.frame_correlation, first.cell_correlation) == (1.0, 1.0, 1.0)
    assert [word.kind for word in scores["cosine"][1].words] == ["color"]
    assert math.isnan(scores["shapley"][2].score)
    by_name = {score.method: score for score in dual_summary(methods, scores)}
    banzhaf = by_name["banzhaf-0.5"]
    assert (banzhaf.num_pairs, banzhaf.num_curves) == (3, 2)
    assert [(part.kind, part.num_words) for part in banzhaf.pointing] == [("all", 3), ("action", 1), ("color", 2)]
    both = [score.foretold_5 for score in scores["banzhaf-0.5"][:2]]
    assert banzhaf.measures["foretold_5"] == statistics.median(both)
    assert banzhaf.measures["area"] == pytest.approx(statistics.mean(score.area for score in scores["banzhaf-0.5"][:2]))
    assert math.isnan(by_name["cosine"].measures["foretold_5"])
    assert set(banzhaf.measures) == set(MEASURES)
    second = next(score for score in dual_summary(methods, scores, [False, True, False]) if score.method == "shapley")
    assert (second.num_pairs, second.measures["area"]) == (1, scores["shapley"][1].area)


def test_at_its_own_probability_banzhaf_foretells_best(dual, videos):
    """No surrogate of second order is better under its own probability, but for the chance of 1,000 coalitions."""
    methods = dual_methods()
    _, scores = dual_explanation_scores(dual, [ExplainedPair(TEXT, 0)], videos, methods)
    for name, own in (("banzhaf-0.3", "foretold_3"), ("banzhaf-0.5", "foretold_5"), ("banzhaf-0.7", "foretold_7")):
        best = getattr(scores[name][0], own)
        assert 0 < best < 1
        others = [getattr(score[0], own) for score in scores.values()]
        assert all(math.isnan(other) or other <= best + 0.02 for other in others), name
