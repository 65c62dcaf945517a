import copy
from dataclasses import replace

import pytest
import torch
from tiny import CPU, SPECIAL_TOKENS, assert_same_gradients, batch
from torch.testing import assert_close

from hbi.data.answer_vocabulary import OUT_OF_VOCABULARY
from hbi.encoders.preprocessing import network_input
from hbi.models import QuestionAnsweringModel
from hbi.shapes import LEVELS
from hbi.training.answering_objective import AnsweringObjective, answer_distillation
from hbi.training.batch_gradient import BatchGradient
from hbi.training.lone_words import LoneWords
from hbi.training.marks import Marks
from hbi.training.objective import Objective, contrast
from small_networks import answering_config, small_config

NUM_ANSWERS = 5
EVEN, ODD = slice(0, None, 2), slice(1, None, 2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    answers = [str(number) for number in range(NUM_ANSWERS)]
    return QuestionAnsweringModel(answering_config(small_config(special_tokens=SPECIAL_TOKENS, vocab_size=30), answers))


def questions():
    plain = batch()
    generator = torch.Generator().manual_seed(4)
    return replace(plain, labels=torch.randint(NUM_ANSWERS, (len(plain.input_ids),), generator=generator))


def loss(model, objective=None, **settings):
    objective = objective or AnsweringObjective()
    return BatchGradient(model, model.encoder, objective, CPU, **settings)(questions(), seed=3)


def test_captions_beside_questions_tell_their_words(model):
    """With words by themselves beside them the loss is the same but for the reconstruction, weighed as matching is."""
    model.eval()
    plain, asked = questions(), questions()
    asked.labels[ODD] = plain.labels[ODD] = OUT_OF_VOCABULARY  # captions
    number = torch.full(asked.input_ids.shape, -1)
    number[ODD, 1] = 0  # the first word of each
    copies = torch.tensor([0, *range(len(number))])  # a text of video 0 counts as a word by itself
    is_lone = torch.arange(len(copies)) == 0
    added = replace(
        asked,
        input_ids=asked.input_ids[copies],
        attention_mask=asked.attention_mask[copies],
        video_of_text=asked.video_of_text[copies],
        labels=asked.labels[copies].masked_fill(is_lone, OUT_OF_VOCABULARY),
        marks=Marks(
            torch.full((len(copies),), -1),
            torch.full((len(asked),), -1),
            torch.zeros(len(copies), dtype=torch.bool),
            lone_words=LoneWords(is_lone, number[copies]),
        ),
    )
    objective = AnsweringObjective(matching=0.25, retrieval=Objective(reconstruction=3.0))
    found = BatchGradient(model, model.encoder, objective, CPU)(added, seed=3)
    parts = BatchGradient(model, model.encoder, AnsweringObjective(matching=0.25), CPU)(plain, seed=3).parts
    assert found.parts.keys() - parts.keys() == {"reconstruction"}
    for name, value in parts.items():
        assert_close(found.parts[name], value)
    assert found.parts["reconstruction"].item() == 0, "one word alone is told by anything"


def test_the_loss_is_the_sum_of_its_terms(model):
    model.eval()
    asked, objective = (
        questions(),
        AnsweringObjective(matching=0.25, beta=3.0, retrieval=Objective(alpha=0.5, beta=7.0)),
    )
    output = model(
        asked.input_ids, asked.attention_mask, network_input(asked.frames), asked.frame_mask, asked.video_of_text
    )
    found = objective(output, asked.video_of_text, asked.labels)
    expected = 0.25 * replace(objective.retrieval, beta=0.0)(output.matching, asked.video_of_text).total
    for level in LEVELS:
        logits = output.scores[level].log_softmax(-1)
        expected = expected - logits[torch.arange(len(logits)), asked.labels].mean()
        if level != "entity":
            target = output.scores["entity"].softmax(-1)
            expected = expected + 3.0 * (target * (target.log() - logits)).mean()
    assert_close(found.total, expected)
    assert {name.split("/")[0] for name in found.parts} == {"answer", "contrast", "interaction", "distillation"}


def test_a_text_that_asks_nothing_is_matched_only(model):
    """Its scores play no part in the answers' loss; it is contrasted with its like, and so are the questions."""
    model.eval()
    asked, objective = questions(), AnsweringObjective()
    batch = (asked.input_ids, asked.attention_mask, network_input(asked.frames), asked.frame_mask, asked.video_of_text)
    output = model(*batch)
    labels = asked.labels.clone()
    labels[::2] = OUT_OF_VOCABULARY
    some, none = (
        objective(output, asked.video_of_text, labels),
        objective(output, asked.video_of_text, torch.full_like(labels, OUT_OF_VOCABULARY)),
    )
    for level in LEVELS:
        expected = torch.nn.functional.cross_entropy(output.scores[level][1::2], labels[1::2])
        assert_close(some.parts[f"answer/{level}"], expected)
        assert none.parts[f"answer/{level}"] == 0
        logits = output.matching.logit_scale * output.matching.levels[level].similarity
        told, inquired = (contrast(logits[rows], asked.video_of_text[rows]) for rows in (EVEN, ODD))
        assert_close(some.parts[f"contrast/{level}"], objective.matching * (told + inquired))
        assert_close(none.parts[f"contrast/{level}"], objective.matching * contrast(logits, asked.video_of_text))
    assert none.total.isfinite()


def test_distillation_teaches_the_students_alone():
    student, teacher = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    assert answer_distillation(student, teacher) > 0
    assert_close(answer_distillation(teacher, teacher), torch.zeros(()))


def test_answers_alone_train_towers_and_heads(model):
    loss(model.train(), AnsweringObjective(matching=0.0, beta=0.0))
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert any(name.startswith("trunk.encoder.clip.vision_model") for name in learned)
    assert any(name.startswith("answer_heads.event") for name in learned)
    assert not any(name.startswith("trunk.heads") for name in learned)


def test_the_gradient_in_parts_is_that_of_the_whole(model):
    gradients = []
    for settings in ({}, {"micro_batch_size": 3}):
        twin = copy.deepcopy(model).train()
        total = loss(twin, **settings).total
        gradients.append((total, {name: parameter.grad for name, parameter in twin.named_parameters()}))
    (whole_loss, whole), (part_loss, parts) = gradients
    assert_close(part_loss, whole_loss)
    assert_same_gradients(parts, whole)
