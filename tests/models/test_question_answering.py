"""A question is answered from the frames it is about; released VideoQA checkpoints mean here what they mean there."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_released_checkpoint import SHARED, close, needs_fixtures, recorded_weights
from torch.nn.functional import normalize
from torch.testing import assert_close
from transformers import AutoModel

from hbi.encoders.state_files import CheckpointError
from hbi.games import banzhaf_interactions
from hbi.models import HBIModel, QuestionAnsweringModel, convert
from hbi.shapes import LEVELS
from oracles_released import divergence, released_losses
from released_weights import released_answering_state, released_batch, released_state
from small_networks import answering_config

ANSWERS = ("red", "blue", "two")


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return QuestionAnsweringModel(answering_config(config, ANSWERS)).eval()


def test_the_trunk_is_the_retrieval_model(model):
    assert type(model.trunk) is HBIModel
    assert {name.removeprefix("trunk.") for name, _ in model.named_parameters() if name.startswith("trunk.")} == {
        name for name, _ in HBIModel(model.config).named_parameters()
    }


def test_answers_are_combined_by_the_weights_of_the_levels(model):
    scores = {level: torch.full((2, 3), float(10**number)) for number, level in enumerate(LEVELS)}
    assert_close(model.combine(scores), torch.full((2, 3), 0.4 * 1 + 0.4 * 10 + 0.2 * 100))


@torch.no_grad()
def test_a_question_does_not_depend_on_its_batch(model, texts, videos):
    (ids, text_mask), (pixels, frame_mask) = texts, videos
    video_of_text = torch.tensor([2, 0, 0, 3])
    together = model.answer(ids, text_mask, pixels, frame_mask, video_of_text)
    assert together.shape == (4, 3)
    for row, video in enumerate(video_of_text.tolist()):
        length, count = int(text_mask[row].sum()), int(frame_mask[video].sum())
        alone = model.answer(
            ids[row : row + 1, :length],
            text_mask[row : row + 1, :length],
            pixels[video : video + 1, :count],
            frame_mask[video : video + 1, :count],
            torch.tensor([0]),
        )
        assert_close(alone[0], together[row], atol=2e-6, rtol=0)


@torch.no_grad()
def test_training_and_answering_give_the_same_scores(model, texts, videos):
    video_of_text = torch.tensor([0, 1, 2, 3])
    output = model(*texts, *videos, video_of_text)
    assert_close(model.combine(output.scores), model.answer(*texts, *videos, video_of_text))
    assert_close(output.matching.similarity, model.trunk(*texts, *videos, video_of_text).similarity)


@torch.no_grad()
def test_the_frame_that_is_most_like_the_words_answers(model, texts, videos):
    """With a frame in the direction of the weighted words, and a sharp scale, the others stop mattering."""
    questions = model.trunk.encode_texts(*texts).levels["entity"][1:2]
    frames = model.trunk.encode_videos(*videos).levels["entity"][0:1]
    head, scale = model.answer_heads["entity"], torch.tensor(1e6)
    words = questions.sequence.tokens[0, questions.sequence.mask[0]]
    weights = head.word_weights(words).squeeze(-1).softmax(0)
    frames.sequence.tokens[0, 3] = weights @ normalize(words, dim=-1)
    before = head(questions, frames, scale)
    for other in (0, 1, 2, 4, 5):
        frames.sequence.tokens[0, other] = torch.randn(words.shape[1])
    assert_close(head(questions, frames, scale), before)
    frames.sequence.tokens[0, 3] *= -1
    assert not torch.allclose(head(questions, frames, scale), before)


@torch.no_grad()
def test_scores_are_log_probabilities_and_what_the_frames_answer_alone_by_their_weights(model, texts, videos):
    questions = model.trunk.encode_texts(*texts).levels["entity"][1:2]
    frames = model.trunk.encode_videos(*videos).levels["entity"][0:1]
    head, scale = model.answer_heads["entity"], torch.tensor(3.0)
    whole = head(questions, frames, scale).exp()
    assert_close(whole.sum(), torch.tensor(1.0))
    word_weights, frame_weights = head.weights(questions, frames, scale)
    assert_close(word_weights.sum(), torch.tensor(1.0))
    assert not word_weights[~questions.sequence.mask].any()
    total = torch.zeros_like(whole)
    for frame in torch.nonzero(frames.sequence.mask[0]).flatten().tolist():
        mask = torch.zeros_like(frames.sequence.mask)
        mask[0, frame] = True
        only = replace(frames, sequence=replace(frames.sequence, mask=mask))
        total += frame_weights[0, frame] * head(questions, only, scale).exp()
    assert_close(total, whole)


@torch.no_grad()
def test_in_the_game_of_an_answer_players_weigh_as_in_the_answer(model, texts, videos):
    questions, seen = model.trunk.encode_texts(*texts), model.trunk.encode_videos(*videos)
    games, matching = model.games(questions, seen), model.trunk.games(questions, seen)
    for level in LEVELS:
        words, frames = questions.levels[level], seen.levels[level]
        expected = model.answer_heads[level].weights(words, frames, model.encoder.logit_scale)
        for found, weights in zip(games[level].playing_weights(), expected, strict=True):
            assert_close(found, weights)
        assert_close(games[level].similarity, matching[level].similarity)


def test_every_parameter_that_scores_answers_learns(model, texts, videos):
    sum(scores[0, 0] for scores in model(*texts, *videos, torch.arange(4)).scores.values()).backward()
    for name, parameter in model.answer_heads.named_parameters():
        assert parameter.grad is not None, name
        # A softmax does not change when all its logits move together: the last bias has no gradient.
        assert parameter.grad.abs().sum() > 0 or name.endswith("weights.2.bias"), name
    assert model.encoder.clip.vision_model.embeddings.patch_embedding.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_saving_keeps_answers_and_scores(model, texts, videos, tmp_path):
    model.save_pretrained(tmp_path)
    for loaded in (QuestionAnsweringModel.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert loaded.config.answers == ANSWERS
        batch = (*texts, *videos, torch.arange(4))
        assert torch.equal(loaded.answer(*batch), model.answer(*batch))


@needs_fixtures
@torch.no_grad()
@pytest.mark.parametrize("name", ["qa_A_w64", pytest.param("qa_A_w512", marks=pytest.mark.slow)])
def test_a_released_checkpoint_computes_what_was_recorded(name, tmp_path):
    conversion = convert(recorded_weights(name, tmp_path))
    model, recorded = conversion.model, load_file(SHARED / name / "io.safetensors")
    ids, text_mask = recorded["text_ids"], recorded["text_mask"]
    pixels, video_mask = recorded["video"].float(), recorded["video_mask"].bool()
    pairs = torch.arange(len(ids))
    assert conversion.report.kind == "question answering"
    assert all(".bn." in key for key in conversion.report.unused)

    output = model(ids, text_mask, pixels, video_mask, pairs)
    logits = model.answer(ids, text_mask, pixels, video_mask, pairs)
    close(logits, recorded["logits"], 1e-5)
    for level in LEVELS:
        close(output.scores[level], recorded[f"logits_{level}"], 1e-5)
        close(output.matching.levels[level].similarity, recorded[f"sim_{level}"], 1e-6)

    expected = {key.removeprefix("loss."): value for key, value in recorded.items() if key.startswith("loss.")}
    close(released_total(output, conversion.estimator, recorded["labels"], expected), expected["loss"], 2e-5)


def released_total(output, estimator, labels, expected) -> torch.Tensor:
    """The released training loss, from the model's outputs; every term is checked on the way."""
    levels = output.matching.levels
    terms = released_losses(
        {level: levels[level].similarity for level in LEVELS},
        {level: levels[level].predicted for level in LEVELS},
        {level: estimator(levels[level].game.similarity) for level in LEVELS},
        torch.ones(()),
        output.matching.logit_scale,
    )
    for level in LEVELS:
        terms[f"ans_{level}"] = torch.nn.functional.cross_entropy(output.scores[level], labels)
        terms[f"kl_{level}"] = divergence(output.scores[level], output.scores["entity"])
    for term in expected.keys() - {"loss"}:
        close(terms[term], expected[term], 1e-5)
    total = 2.0 * (terms["kl_action"] + terms["kl_event"])
    for level in LEVELS:
        contrast = (terms[f"ce_{level}_t2v"] + terms[f"ce_{level}_v2t"]) / 2
        total = total + terms[f"ans_{level}"] + 0.5 * (contrast + terms[f"skl_{level}"] + terms[f"skl_{level}_T"])
    return total


@pytest.fixture
def released(tmp_path):
    state = released_answering_state(num_answers=3)
    save_file(state, tmp_path / "answering.safetensors")
    return state, tmp_path / "answering.safetensors"


@torch.no_grad()
def test_a_released_head_pools_words_and_frames_apart(released):
    state, path = released
    model = convert(path).model
    ids, text_mask, pixels, video_mask = released_batch([9, 5], [4, 6], 9, 6)
    questions, videos = model.trunk.encode_texts(ids, text_mask), model.trunk.encode_videos(pixels, video_mask)
    for level, suffix in zip(LEVELS, ("", "0", "1"), strict=True):
        found = model.scores(questions, videos)[level]
        assert banzhaf_interactions(model.games(questions, videos)[level]).isfinite().all()
        for row in range(2):
            close(found[row], slow_scores(state, suffix, questions, videos, level, row), 1e-5)


def slow_scores(state, suffix, questions, videos, level, row) -> torch.Tensor:
    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    parts = []
    for side, hierarchy in (("v", videos), ("t", questions)):
        sequence = hierarchy.levels[level].sequence
        weight = torch.stack(
            [
                linear(f"{side}_weight{suffix}.2", linear(f"{side}_weight{suffix}.0", x).relu())
                for x in sequence.tokens[row]
            ]
        ).softmax(0)
        pooled = sum(w * x for w, x, real in zip(weight, sequence.tokens[row], sequence.mask[row], strict=True) if real)
        parts.append(linear(f"{side}_proj{suffix}", pooled))
    return linear(f"classifier{suffix}.2", linear(f"classifier{suffix}.0", torch.cat(parts)).relu())


def test_answers_are_named_when_they_are_given(released):
    _, path = released
    assert convert(path, answers=ANSWERS).model.config.answers == ANSWERS
    assert len(convert(path).model.config.answers) == 3
    with pytest.raises(CheckpointError, match="scores 3 answers, 2 were given"):
        convert(path, answers=ANSWERS[:2])


def test_a_retrieval_checkpoint_has_no_answers(tmp_path):
    save_file(released_state(), tmp_path / "retrieval.safetensors")
    with pytest.raises(CheckpointError, match="gives no answers"):
        convert(tmp_path / "retrieval.safetensors", answers=ANSWERS)


def test_a_missing_part_of_a_head_is_named(released, tmp_path):
    state, path = released
    for key in ("classifier.2.weight", "v_proj0.bias"):
        save_file({name: tensor for name, tensor in state.items() if name != key}, path)
        with pytest.raises(CheckpointError, match=key):
            convert(path)
