"""Explanations of encoders' own scores: against full enumeration, and sums that are the score itself."""

import pytest
import torch

import hbi
from hbi.games import enumerate_game
from hbi.matching.explaining import ExplanationError
from hbi.matching.explaining_wholes import explain_wholes, players_in, texts_of
from small_clips import write_clip
from small_encoders import small_encoder

TEXT = "a person rides  a horse"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", seconds=2)


@pytest.fixture(scope="module", params=["clip", "siglip", "siglip2", "xclip", "videoprism"])
def matcher(request, tmp_path_factory):
    folder = small_encoder(request.param, tmp_path_factory.mktemp("encoder") / request.param)
    frames = None if request.param in ("xclip", "videoprism") else 4
    return hbi.load(folder, num_frames=frames)


def own_game(matcher, video, words, text):
    """The model's own score of every coalition: texts without words, videos without frames."""
    pixels, mask = matcher.read_videos(video)
    num_frames = int(mask.sum())

    def value(coalitions):
        scores = []
        for row in coalitions:
            if not row[: len(words)].any() or not row[len(words) :].any():
                scores.append(0.0)
                continue
            left = text if row[: len(words)].all() else texts_of(words, row[None, : len(words)])[0]
            shown = matcher.encode_frames(pixels, row[None, len(words) :])
            scores.append(matcher.similarity([left], shown).item())
        return torch.tensor(scores, dtype=torch.float64)

    return value, num_frames


def test_every_number_is_that_of_the_enumerated_game(matcher, video):
    explanation = matcher.explain(video, TEXT)
    words = players_in(TEXT)
    value, num_frames = own_game(matcher, video, words, TEXT)
    truth = enumerate_game(value, len(words) + num_frames)
    interactions = truth.banzhaf_interactions()[: len(words), len(words) :]
    assert torch.tensor(explanation.interactions) == pytest.approx(interactions, abs=1e-5)
    shapley = truth.shapley_values()
    assert torch.tensor(explanation.word_contributions) == pytest.approx(shapley[: len(words)], abs=1e-5)
    assert torch.tensor(explanation.frame_contributions) == pytest.approx(shapley[len(words) :], abs=1e-5)
    assert explanation.is_exact
    assert explanation.words_at_input


def test_the_parts_sum_to_the_score_that_ranks(matcher, video):
    explanation = matcher.explain(video, TEXT)
    total = explanation.word_contributions.sum() + explanation.frame_contributions.sum()
    assert total == pytest.approx(explanation.similarity, abs=1e-6)
    assert explanation.similarity == pytest.approx(matcher.similarity([TEXT], [video]).item(), abs=1e-5)


def test_what_is_drawn_says_so_and_stays_near_the_truth(video, tmp_path):
    matcher = hbi.load(small_encoder("siglip", tmp_path / "siglip"), num_frames=3)
    text = "a red circle moves left the dog runs a red"
    sample = matcher.read_sample(video)
    exact = explain_wholes(matcher, matcher.model, text, sample, text_budget=2**10)
    drawn = explain_wholes(matcher, matcher.model, text, sample, text_budget=100)
    again = explain_wholes(matcher, matcher.model, text, sample, text_budget=100)
    assert exact.is_exact
    assert not drawn.is_exact
    assert "of the 1,023 texts that the words can make were encoded" in drawn.remark
    assert (drawn.interactions == again.interactions).all(), "the same coalitions are drawn for the same page"
    assert drawn.similarity == pytest.approx(exact.similarity)
    total = drawn.word_contributions.sum() + drawn.frame_contributions.sum()
    assert total == pytest.approx(drawn.similarity, abs=1e-6)
    far = abs(drawn.interactions - exact.interactions) > 4 * drawn.interaction_errors + 1e-9
    assert far.mean() < 0.05


def test_many_frames_play_in_groups_of_neighbors(tmp_path):
    video = write_clip(tmp_path / "long.mp4", seconds=5)
    matcher = hbi.load(small_encoder("clip", tmp_path / "clip"), num_frames=24)
    explanation = matcher.explain(video, "a horse")
    assert explanation.levels[0].interactions.shape == (2, 16)
    assert explanation.interactions.shape == (2, 24)
    assert "24 frames play in 16 groups of neighbors" in explanation.remark
    assert explanation.is_exact


@pytest.mark.parametrize("text", ["", "  ", "?!", "\N{EM DASH}"])
def test_a_text_without_words_is_told(text, video, tmp_path):
    matcher = hbi.load(small_encoder("clip", tmp_path / "clip"), num_frames=2)
    with pytest.raises(ExplanationError, match="holds no words"):
        matcher.explain(video, text)


@pytest.mark.parametrize("kind", ["write_clip", "write_colpali"])
def test_models_of_sentence_transformers_are_explained_by_their_own_score(kind, video, tmp_path):
    pytest.importorskip("sentence_transformers", reason="these are opened with the extra `sentence`")
    import small_sentence_models

    matcher = hbi.load(getattr(small_sentence_models, kind)(tmp_path), num_frames=3)
    explanation = matcher.explain(video, TEXT)
    assert explanation.score == ("MaxSim" if kind == "write_colpali" else "cosine similarity")
    assert explanation.similarity == pytest.approx(matcher.similarity([TEXT], [video]).item(), abs=1e-5)
    total = explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned
    assert total == pytest.approx(explanation.similarity, abs=1e-6)
    assert explanation.words_at_input == (kind == "write_clip")


def test_many_words_play_in_groups_of_neighbors(video, tmp_path):
    matcher = hbi.load(small_encoder("siglip", tmp_path / "siglip"), num_frames=2)
    explanation = matcher.explain(video, " ".join(["red", "dog"] * 50))
    assert explanation.interactions.shape == (100, 2)
    assert "100 words play in 40 groups of neighbors" in explanation.remark
    assert "of the 2^40 texts that the words can make were encoded" in explanation.remark
    total = explanation.word_contributions.sum() + explanation.frame_contributions.sum()
    assert total == pytest.approx(explanation.similarity, abs=1e-6)


def test_a_word_that_is_too_long_to_be_drawn_is_told(video, tmp_path):
    matcher = hbi.load(small_encoder("clip", tmp_path / "clip"), num_frames=2)
    with pytest.raises(ExplanationError, match="a word of the text has 5000 letters"):
        matcher.explain(video, "a " + 5000 * "x")


def test_how_a_word_is_out_is_the_models_to_say(video, tmp_path):
    matcher = hbi.load(small_encoder("clip", tmp_path / "clip"), num_frames=2)
    assert matcher.explain(video, "a dog", words="input").words_at_input
    with pytest.raises(ExplanationError, match="can be explained with words='input' only"):
        matcher.explain(video, "a dog", words="tokens")


def test_the_mean_of_maxsim_is_explained_where_it_is_the_score(video, tmp_path):
    pytest.importorskip("sentence_transformers", reason="these are opened with the extra `sentence`")
    from small_sentence_models import write_colpali

    matcher = hbi.load(write_colpali(tmp_path, compare="meanmaxsim"), num_frames=2)
    explanation = matcher.explain(video, TEXT)
    assert explanation.score == "mean MaxSim"
    assert explanation.similarity == pytest.approx(matcher.similarity([TEXT], [video]).item(), abs=1e-5)
