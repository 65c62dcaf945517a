"""One word, one frame, fewer tokens than clusters or neighbors: defined, finite, repeatable, whatever the batch."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from hbi.games import banzhaf_interactions
from hbi.models import HBIConfig, HBIModel
from hbi.shapes import LEVELS
from small_networks import small_config

BEGIN, END = 48, 49
LENGTHS = st.lists(st.integers(0, 9), min_size=1, max_size=4)
COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
MODEL = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def build(**fields) -> HBIModel:
    special_tokens = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": END}
    config = small_config(special_tokens=special_tokens, vocab_size=50, max_words=12)
    torch.manual_seed(0)
    return HBIModel(HBIConfig(**(config.to_dict() | {"merge_ratio": (0.25, 0.5)} | fields))).eval()


@pytest.fixture(scope="module")
def model():
    return build()


def texts(lengths):
    generator = torch.Generator().manual_seed(sum(lengths))
    ids = torch.full((len(lengths), max(lengths) + 2), END)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        words = torch.randint(0, BEGIN, (length,), generator=generator)
        ids[row, : length + 2] = torch.tensor([BEGIN, *words, END])
        mask[row, : length + 2] = 1
    return ids, mask


def videos(counts):
    generator = torch.Generator().manual_seed(sum(counts))
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    return torch.randn(*mask.shape, 3, 16, 16, generator=generator), mask


def alone(batch, row, length):
    return tuple(tensor[row : row + 1, :length] for tensor in batch)


@MODEL
@given(lengths=LENGTHS, counts=COUNTS)
@torch.no_grad()
def test_alone_is_as_in_a_batch(model, lengths, counts):
    many_texts, many_videos = texts(lengths), videos(counts)
    encoded_texts, encoded_videos = model.encode_texts(*many_texts), model.encode_videos(*many_videos)
    together = model.level_similarities(encoded_texts, encoded_videos)
    one_videos = [model.encode_videos(*alone(many_videos, row, count)) for row, count in enumerate(counts)]
    for a, length in enumerate(lengths):
        text = model.encode_texts(*alone(many_texts, a, length + 2))
        for b, video in enumerate(one_videos):
            apart = model.level_similarities(text, video)
            for level in LEVELS:
                assert_close(apart[level][0, 0], together[level][a, b], atol=2e-6, rtol=0)
                assert together[level][a, b].isfinite()
    check_groups(encoded_texts, lengths)
    check_groups(encoded_videos, counts)


def check_groups(hierarchy, lengths):
    """No merged token is made of padding, and there are as many as the real tokens ask for."""
    for level in LEVELS[1:]:
        sequence = hierarchy.levels[level].sequence
        for members, mask in zip(sequence.members, sequence.mask, strict=True):
            assert set(members[members >= 0].tolist()) == set(range(int(mask.sum())))
    assert hierarchy.levels["action"].sequence.mask.sum(1).tolist() == [-(-length // 4) for length in lengths]


@MODEL
@given(pairs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=3))
@torch.no_grad()
def test_interactions_and_predictions_too(model, pairs):
    lengths, counts = map(list, zip(*pairs, strict=True))
    many_texts, many_videos = texts(lengths), videos(counts)
    together = model(*many_texts, *many_videos, torch.arange(len(pairs)))
    for row, (length, count) in enumerate(pairs):
        apart = model(*alone(many_texts, row, length + 2), *alone(many_videos, row, count), torch.arange(1))
        for level in LEVELS:
            one, many = apart.levels[level], together.levels[level]
            interactions = [banzhaf_interactions(output.game) for output in (one, many)]
            for cells in ((one.predicted, many.predicted), interactions):
                small = cells[0][0][one.cells[0]]
                assert_close(small, cells[1][row][many.cells[row]], atol=5e-6, rtol=0)


@torch.no_grad()
def test_the_same_input_gives_the_same_numbers_to_the_bit(model):
    batch = texts([1, 2, 9]), videos([1, 2, 3])
    first, second = (model.similarity(model.encode_texts(*batch[0]), model.encode_videos(*batch[1])) for _ in range(2))
    assert torch.equal(first, second)


@torch.no_grad()
def test_one_frame_again_and_again(model):
    """Equal frames are equally dense: which of them is the center must not be a matter of luck."""
    pixels = videos([1])[0].expand(1, 6, 3, 16, 16)
    mask = torch.ones(1, 6, dtype=torch.bool)
    still = build(aggregator="none")
    for network in (model, still):
        groups = [network.encode_videos(pixels, mask).levels["action"].sequence.members for _ in range(3)]
        assert all(torch.equal(group, groups[0]) for group in groups)


@pytest.mark.parametrize("fields", [{"aggregator": "lstm"}, {"aggregator": "none"}, {"temporal_layers": 0}])
@pytest.mark.parametrize("interaction", ["weighted", "plain", "global"])
def test_every_variant_is_finite_and_independent_of_its_batch(fields, interaction):
    model = build(interaction=interaction, **fields)
    many_texts, many_videos = texts([1, 5, 0]), videos([6, 1, 2])
    output = model(*many_texts, *many_videos, torch.arange(3))
    for a, length in enumerate([1, 5, 0]):
        for b, count in enumerate([6, 1, 2]):
            text, video = alone(many_texts, a, length + 2), alone(many_videos, b, count)
            apart = model.similarity(model.encode_texts(*text), model.encode_videos(*video))
            assert_close(apart[0, 0], output.similarity[a, b], atol=2e-6, rtol=0)
    output.similarity.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
