"""Rows made wrong are compared with the true ones, excerpts with all videos; the rest is as if they were not there."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from hbi.encoders.preprocessing import network_input
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel
from hbi.training.batches import Batch
from hbi.training.objective import Objective, true_contrast
from hbi.training.preferences import TrueAndFalse, match_with_added_rows, pair_similarity, preference
from training.marked import EVERYTHING, gradients_of, marked_batch
from training.tiny import assert_same_gradients, batch, gradients, network

WRONG = Objective(exchanged=0.6, turned=0.8)
ADDED = replace(WRONG, excerpts=0.9)


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
        if true >= 0 or marks.excerpts.is_excerpt[text]:
            continue
        for turned, original in enumerate(marks.true_video.tolist()):
            if original == video and marks.tells_order[text]:
                found["turned"].append((similarity(model, rows, text, video), similarity(model, rows, text, turned)))
    return found


def excerpt_logits(model, rows: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of excerpts and videos as they are, cell by cell, and which are true."""
    texts = rows.marks.excerpts.is_excerpt.nonzero().flatten().tolist()
    videos = (rows.marks.true_video < 0).nonzero().flatten()
    cells = [torch.stack([similarity(model, rows, text, video) for video in videos.tolist()]) for text in texts]
    return model.encoder.logit_scale * torch.stack(cells), rows.marks.excerpts.is_true[:, videos]


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
def test_true_and_false_are_the_similarities_of_single_pairs(kind):
    model, rows = network(kind).eval(), marked_batch()
    with torch.no_grad():
        matched = match_with_added_rows(model, encodings(model, rows), rows.video_of_text, rows.marks)
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


@pytest.mark.parametrize("kind", [HBIModel, GlobalContrastModel])
def test_excerpts_are_compared_with_all_videos_as_they_are(kind):
    model, rows = network(kind).eval(), marked_batch()
    with torch.no_grad():
        matched = match_with_added_rows(model, encodings(model, rows), rows.video_of_text, rows.marks)
        texts = rows.marks.excerpts.is_excerpt.nonzero().flatten().tolist()
        videos = (rows.marks.true_video < 0).nonzero().flatten().tolist()
        assert matched.excerpts.similarity.shape == matched.excerpts.is_true.shape == (len(texts), len(videos))
        for row, text in enumerate(texts):
            for column, video in enumerate(videos):
                expected = similarity(model, rows, text, video)
                assert_close(matched.excerpts.similarity[row, column], expected, atol=1e-5, rtol=0)
                assert matched.excerpts.is_true[row, column] == rows.marks.excerpts.is_true[row, video]


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
    model, rows = network(), marked_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        matched = match_with_added_rows(model, encodings(model, rows), rows.video_of_text, rows.marks)
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
    loss, found = gradients_of(model, rows, ADDED)
    plain = Objective()(model.match(*encodings(model, batch()), batch().video_of_text), batch().video_of_text)
    total = plain.total
    for name, pairs in pairs_of(model, rows).items():
        logits = model.encoder.logit_scale * torch.stack([torch.stack(pair) for pair in pairs])
        term = cross_entropy(logits, torch.zeros(len(pairs), dtype=torch.long))
        total = total + getattr(WRONG, name) * term
        assert loss.parts[f"contrast/{name}"].item() == pytest.approx(getattr(WRONG, name) * term.item(), rel=1e-4)
    term = true_contrast(*excerpt_logits(model, rows))
    assert loss.parts["contrast/excerpts"].item() == pytest.approx(0.9 * term.item(), rel=1e-4)
    total = total + ADDED.excerpts * term
    total.backward()
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-5)
    assert_same_gradients(found, {name: each.grad for name, each in model.named_parameters()}, tolerance=1e-3)


@pytest.mark.parametrize("micro_batch_size", [1, 3, 8])
def test_the_cached_gradient_of_everything_is_the_whole_one(micro_batch_size):
    model = network()
    whole_loss, whole = gradients_of(model, marked_batch(), EVERYTHING)
    names = {"contrast/interaction", "concentration", "function_words"}
    names |= {f"contrast/{name}" for name in ("exchanged", "turned", "excerpts")}
    assert names < set(whole_loss.parts)
    assert all(whole_loss.parts[name] > 0 for name in names)
    cached_loss, cached = gradients_of(model, marked_batch(), EVERYTHING, micro_batch_size=micro_batch_size)
    assert cached_loss.total.item() == pytest.approx(whole_loss.total.item(), rel=1e-5)
    assert_same_gradients(cached, whole, tolerance=1e-4)


def test_without_weight_marks_change_no_bit():
    loss, expected = gradients(network())
    found_loss, found = gradients_of(network(), marked_batch(has_added_rows=False), Objective())
    assert found_loss.total.item() == loss
    assert all(
        (found[name] is None) if each is None else torch.equal(found[name], each) for name, each in expected.items()
    )
    assert not {f"contrast/{name}" for name in ("exchanged", "turned", "excerpts")} & found_loss.parts.keys()


def test_a_wrong_row_is_compared_with_its_own_partner_alone():
    """No gradient of the terms reaches a text or a video that has no part in a pair."""
    model, rows = network(), marked_batch()
    texts, videos = encodings(model, rows)
    words, frames = texts.sequence.tokens.detach(), videos.sequence.tokens.detach()
    leaves = words.requires_grad_(), frames.requires_grad_()
    sides = [
        replace(side, sequence=replace(side.sequence, tokens=leaf))
        for side, leaf in zip((texts, videos), leaves, strict=True)
    ]
    matched = match_with_added_rows(model, tuple(sides), rows.video_of_text, rows.marks)
    (preference(matched.exchanged, model.encoder.logit_scale.detach())).backward()
    wrong = [text for text, true in enumerate(rows.marks.true_text.tolist()) if true >= 0]
    in_pairs = {*wrong, *(int(rows.marks.true_text[text]) for text in wrong)}
    own_videos = {int(rows.video_of_text[text]) for text in wrong}
    assert 0 < len(own_videos) < len(rows)
    reached = [{row for row, gradient in enumerate(leaf.grad) if gradient.abs().max() > 0} for leaf in (words, frames)]
    assert reached == [in_pairs, own_videos]
