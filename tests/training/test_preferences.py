"""Rows made wrong are compared with the true ones alone, and the rest of a step is as if they were not there."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy, normalize
from torch.testing import assert_close

from hbi.encoders.preprocessing import network_input
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel
from hbi.training.batches import Batch
from hbi.training.objective import Objective
from hbi.training.preferences import TrueAndFalse, match_with_wrong_rows, pair_similarity, preference
from training.marked import EVERYTHING, gradients_of, marked_batch
from training.tiny import assert_same_gradients, batch, gradients, network

WRONG = Objective(exchanged=0.6, turned=0.8)
ADDED = replace(WRONG, reconstruction=0.9)


def encodings(model, rows: Batch):
    return model.encoder(rows.input_ids, rows.attention_mask, network_input(rows.frames), rows.frame_mask)


def similarity(model, rows: Batch, text: int, video: int) -> torch.Tensor:
    """Of one text and one video, by themselves."""
    words = model.encode_texts(rows.input_ids[[text]], rows.attention_mask[[text]])
    frames = model.encode_videos(network_input(rows.frames[[video]]), rows.frame_mask[[video]])
    return model.similarity(words, frames)[0, 0]


def pairs_of(model, rows: Batch) -> dict[str, list[tuple[torch.Tensor, torch.Tensor]]]:
    """Similarity of true and of false, pair by pair, as the terms are described."""
    marks, found = rows.marks, {"exchanged": [], "turned": []}
    for text, true in enumerate(marks.true_text.tolist()):
        video = int(rows.video_of_text[text])
        if true >= 0:
            found["exchanged"].append((similarity(model, rows, true, video), similarity(model, rows, text, video)))
        if true >= 0 or (marks.lone_words is not None and marks.lone_words.is_lone[text]):
            continue
        for turned, original in enumerate(marks.true_video.tolist()):
            if original == video and marks.tells_order[text]:
                found["turned"].append((similarity(model, rows, text, video), similarity(model, rows, text, turned)))
    return found


def reconstruction(model, rows: Batch) -> torch.Tensor:
    """How badly the tokens of captions are told, token by token."""
    lone, lost = rows.marks.lone_words, []
    words = model.encode_texts(rows.input_ids, rows.attention_mask).levels["entity"].sequence
    frames = model.encode_videos(network_input(rows.frames), rows.frame_mask).levels["entity"].sequence
    scale = model.encoder.logit_scale
    alone = [
        (normalize(words.tokens[row], dim=-1) * words.mask[row, :, None]).sum(0)
        for row in lone.is_lone.nonzero().flatten().tolist()
    ]
    for text, token in (lone.number >= 0).nonzero().tolist():
        video = rows.video_of_text[text]
        seen = normalize(frames.tokens[video][frames.mask[video]], dim=-1)
        pointing = (scale * seen @ normalize(words.tokens[text, token], dim=-1)).softmax(0).detach()
        told = scale * torch.stack([cosine_similarity(pointing @ seen, each, dim=0) for each in alone])
        lost.append(-told.log_softmax(0)[lone.number[text, token]])
    return torch.stack(lost).mean()


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
def test_true_and_false_are_the_similarities_of_single_pairs(kind):
    model, rows = network(kind).eval(), marked_batch(has_lone_words=False)
    with torch.no_grad():
        matched = match_with_wrong_rows(model, encodings(model, rows), rows.video_of_text, rows.marks)
        for name, pairs in pairs_of(model, rows).items():
            found = getattr(matched, name)
            assert len(found.true) == len(pairs) >= 2
            for place, (true, false) in enumerate(pairs):
                assert_close(found.true[place], true, atol=1e-5, rtol=0)
                assert_close(found.false[place], false, atol=1e-5, rtol=0)
                assert true != false
        alone = model.match(*encodings(model, batch()), batch().video_of_text)
    assert torch.equal(matched.video_of_text, batch().video_of_text)
    assert_close(matched.output.similarity, alone.similarity, atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", [{"level_weights": (0.4, 0.2, 0.1, 0.3), "learns_level_weights": True}, {}])
def test_a_pair_is_worth_its_cell_of_the_matrix(changes):
    values = network().config.to_dict()
    values.pop("model_type")
    model, rows = HBIModel(HBIConfig(**values | changes)).eval(), batch()
    texts, videos = model.merge(*encodings(model, rows))
    found = pair_similarity(model, texts, videos[rows.video_of_text])
    matrix = model.similarity(texts, videos)
    assert_close(found, matrix[torch.arange(len(found)), rows.video_of_text], atol=1e-6, rtol=0)


def test_pairs_are_compared_in_float32_whatever_the_precision():
    model, rows = network(), marked_batch(has_lone_words=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        matched = match_with_wrong_rows(model, encodings(model, rows), rows.video_of_text, rows.marks)
    assert matched.output.similarity.dtype == torch.bfloat16
    for pairs in (matched.exchanged, matched.turned):
        assert {pairs.true.dtype, pairs.false.dtype} == {torch.float32}


def test_preference_is_infonce_with_one_negative():
    pairs = TrueAndFalse(torch.tensor([0.3, -0.2, 0.9]), torch.tensor([0.1, 0.4, 0.9]))
    logits = 10 * torch.stack(pairs, dim=1)
    assert_close(preference(pairs, torch.tensor(10.0)), cross_entropy(logits, torch.zeros(3, dtype=torch.long)))
    nothing = TrueAndFalse(torch.zeros(0), torch.zeros(0))
    assert preference(nothing, torch.tensor(10.0)).item() == 0


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
def test_the_gradient_is_that_of_the_terms_as_they_are_described(kind):
    model, rows = network(kind), marked_batch()
    objective = ADDED if kind is HBIModel else WRONG  # the baseline has no words that could point
    loss, found = gradients_of(model, rows, objective)
    plain = Objective()(model.match(*encodings(model, batch()), batch().video_of_text), batch().video_of_text)
    total = plain.total
    for name, pairs in pairs_of(model, rows).items():
        logits = model.encoder.logit_scale * torch.stack([torch.stack(pair) for pair in pairs])
        term = cross_entropy(logits, torch.zeros(len(pairs), dtype=torch.long))
        total = total + getattr(WRONG, name) * term
        assert loss.parts[f"contrast/{name}"].item() == pytest.approx(getattr(WRONG, name) * term.item(), rel=1e-4)
    if objective.reconstruction:
        term = reconstruction(model, rows)
        assert loss.parts["reconstruction"].item() == pytest.approx(0.9 * term.item(), rel=1e-4)
        total = total + 0.9 * term
    total.backward()
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-5)
    assert_same_gradients(found, {name: each.grad for name, each in model.named_parameters()}, tolerance=1e-3)


@pytest.mark.parametrize("micro_batch_size", [1, 3, 8])
def test_the_cached_gradient_of_everything_is_the_whole_one(micro_batch_size):
    model = network()
    whole_loss, whole = gradients_of(model, marked_batch(), EVERYTHING)
    names = {"contrast/interaction", "concentration", "function_words", "reconstruction"}
    names |= {f"contrast/{name}" for name in ("exchanged", "turned")}
    assert names < set(whole_loss.parts)
    assert all(whole_loss.parts[name] > 0 for name in names)
    cached_loss, cached = gradients_of(model, marked_batch(), EVERYTHING, micro_batch_size=micro_batch_size)
    assert cached_loss.total.item() == pytest.approx(whole_loss.total.item(), rel=1e-5)
    assert_same_gradients(cached, whole, tolerance=1e-4)


def test_without_weight_marks_change_no_bit():
    loss, expected = gradients(network())
    found_loss, found = gradients_of(network(), marked_batch(has_wrong_rows=False), Objective())
    assert found_loss.total.item() == loss
    assert all(
        (found[name] is None) if each is None else torch.equal(found[name], each) for name, each in expected.items()
    )
    assert not {"contrast/exchanged", "contrast/turned", "reconstruction"} & found_loss.parts.keys()


def test_a_wrong_row_is_compared_with_its_own_partner_alone():
    """No gradient of the terms reaches a text or a video that has no part in a pair."""
    model, rows = network(), marked_batch(has_lone_words=False)
    texts, videos = encodings(model, rows)
    words, frames = texts.sequence.tokens.detach(), videos.sequence.tokens.detach()
    leaves = words.requires_grad_(), frames.requires_grad_()
    sides = [
        replace(side, sequence=replace(side.sequence, tokens=leaf))
        for side, leaf in zip((texts, videos), leaves, strict=True)
    ]
    matched = match_with_wrong_rows(model, tuple(sides), rows.video_of_text, rows.marks)
    (preference(matched.exchanged, model.encoder.logit_scale.detach())).backward()
    wrong = [text for text, true in enumerate(rows.marks.true_text.tolist()) if true >= 0]
    in_pairs = {*wrong, *(int(rows.marks.true_text[text]) for text in wrong)}
    own_videos = {int(rows.video_of_text[text]) for text in wrong}
    assert 0 < len(own_videos) < len(rows)
    reached = [{row for row, gradient in enumerate(leaf.grad) if gradient.abs().max() > 0} for leaf in (words, frames)]
    assert reached == [in_pairs, own_videos]
