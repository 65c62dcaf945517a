"""The whole beside the parts: summaries as a level of their own, and weights that are learned."""

import pytest
import torch
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close

from hbi.games import banzhaf_interactions, multilinear_extension
from hbi.models import AnsweringConfig, GlobalContrastModel, HBIConfig, HBIModel, ModelError
from hbi.models.weights import open_network, save_network
from hbi.shapes import COMPARED_LEVELS, LEVELS
from small_encoders import small_encoder
from small_networks import global_config

WEIGHTS = (0.4, 0.2, 0.1, 0.3)


def with_weights(config: HBIConfig, weights: tuple[float, ...], **fields: object) -> HBIConfig:
    values = {name: value for name, value in config.to_dict().items() if name != "model_type"}
    return HBIConfig(**values | {"level_weights": weights} | fields)


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return HBIModel(with_weights(config, WEIGHTS)).eval()


@torch.no_grad()
def test_the_whole_is_the_cosine_of_summaries_and_ranks_with_its_weight(model, texts, videos):
    words, frames = model.encode_texts(*texts), model.encode_videos(*videos)
    similarities = model.level_similarities(words, frames)
    assert tuple(similarities) == COMPARED_LEVELS
    text, video = model.encoder.encode_texts(*texts).summary, model.encoder.encode_videos(*videos).summary
    for a in range(4):
        for b in range(4):
            assert_close(similarities["whole"][a, b], cosine_similarity(text[a], video[b], dim=0))
    expected = sum(weight * similarities[level] for weight, level in zip(WEIGHTS, COMPARED_LEVELS, strict=True))
    assert_close(model.similarity(words, frames), expected)


@torch.no_grad()
def test_three_weights_give_what_they_gave_before(config, model, texts, videos):
    torch.manual_seed(0)
    before = HBIModel(config).eval()
    assert before.state_dict().keys() == model.state_dict().keys()
    output, with_whole = (each(*texts, *videos, torch.arange(4)) for each in (before, model))
    assert output.whole is None
    assert set(output.levels) == set(with_whole.levels) == set(LEVELS)
    for level in LEVELS:
        assert torch.equal(output.levels[level].similarity, with_whole.levels[level].similarity)
        assert torch.equal(output.levels[level].predicted, with_whole.levels[level].predicted)


@torch.no_grad()
@pytest.mark.parametrize("aggregator", ["temporal", "none"])
def test_with_the_whole_alone_it_ranks_as_the_global_baseline_with_its_towers(config, texts, videos, aggregator):
    torch.manual_seed(1)
    baseline = GlobalContrastModel(global_config(with_weights(config, WEIGHTS, aggregator=aggregator))).eval()
    model = HBIModel(with_weights(config, (0.0, 0.0, 0.0, 1.0), aggregator=aggregator)).eval()
    model.encoder.load_state_dict(baseline.encoder.state_dict())
    ours, theirs = (
        each.similarity(each.encode_texts(*texts), each.encode_videos(*videos)) for each in (model, baseline)
    )
    assert_close(ours, theirs, atol=1e-7, rtol=0)
    assert ours.std() > 1e-3
    assert_close(model(*texts, *videos, torch.arange(4)).similarity, theirs, atol=1e-7, rtol=0)


@torch.no_grad()
def test_its_game_has_one_player_a_side(model, texts, videos):
    encoded = model.encode_texts(*texts)[:3], model.encode_videos(*videos)[:3]
    similarity = model.level_similarities(*encoded)["whole"].diagonal()
    game = model.games(*encoded)["whole"]
    assert (game.num_words, game.num_frames) == (1, 1)
    assert_close(multilinear_extension(game, torch.ones(3, 1), torch.ones(3, 1)), similarity)
    assert_close(banzhaf_interactions(game).flatten(), similarity)
    members = encoded[0].levels["whole"].sequence.members
    assert members[0].tolist() == [-1, 0, 0, 0, 0, 0, -1]  # start and end are no words


def test_what_only_summaries_depend_on_learns_only_where_they_are_compared(tmp_path):
    folder = small_encoder("videoprism", tmp_path)
    network = HBIModel.from_encoder(folder, level_weights=WEIGHTS, merge_heads=2)
    alone = HBIModel.from_encoder(folder, merge_heads=2)
    assert network.encoder.towers.text_model.embeddings.cls_emb.requires_grad
    assert not alone.encoder.towers.text_model.embeddings.cls_emb.requires_grad


def test_learned_weights_start_as_given_move_and_are_saved(config, texts, videos, tmp_path):
    torch.manual_seed(0)
    model = HBIModel(with_weights(config, (0.8, 0.4, 0.2, 0.6), learns_level_weights=True))
    assert list(model.weight_of_level.values()) == pytest.approx(WEIGHTS)
    output = model(*texts, *videos, torch.arange(4))
    assert output.learns_weights
    expected = sum(model.weight_of_level[level] * output.levels[level].similarity for level in LEVELS)
    assert_close(output.similarity, expected + model.weight_of_level["whole"] * output.whole)
    with torch.no_grad():
        model.level_logits += torch.tensor([1.0, 0.0, -1.0, 2.0])
    save_network(model.eval(), tmp_path)
    opened = open_network(HBIModel, tmp_path)
    moved = torch.tensor([0.4 * torch.e, 0.2, 0.1 / torch.e, 0.3 * torch.e**2])
    assert list(opened.weight_of_level.values()) == pytest.approx((moved / moved.sum()).tolist())
    with torch.no_grad():
        similarities = [
            each.similarity(each.encode_texts(*texts), each.encode_videos(*videos)) for each in (model, opened)
        ]
    assert torch.equal(*similarities)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"level_weights": (1.0, 0.0)}, "three numbers, or a fourth"),
        ({"level_weights": (1.0, 0.0, 0.0, 0.0, 1.0)}, "three numbers, or a fourth"),
        ({"level_weights": (1.0, 0.0, 0.0, -1.0)}, "at least 0"),
        ({"level_weights": (0.0, 0.0, 0.0, 0.0)}, "one of them above"),
        ({"level_weights": (1.0, 0.0, 0.0, 1.0), "learns_level_weights": True}, "start above 0"),
        ({"level_weights": WEIGHTS, "released_behavior": True}, "three levels"),
        ({"learns_level_weights": True, "released_behavior": True}, "fixed weights"),
    ],
)
def test_weights_that_say_nothing_are_refused(fields, problem):
    with pytest.raises(ModelError, match=problem):
        HBIConfig(**fields)


def test_towers_that_compare_several_vectors_have_no_whole(tmp_path):
    towers = small_encoder("xclip", tmp_path)
    with pytest.raises(ModelError, match="several vectors"):
        HBIModel.from_encoder(towers, level_weights=WEIGHTS, merge_heads=2)
    network = HBIModel.from_encoder(towers, level_weights=WEIGHTS, merge_heads=2, aggregator="temporal")
    assert network.config.has_whole


def test_answers_are_read_off_tokens(config):
    for fields in ({"level_weights": WEIGHTS}, {"learns_level_weights": True}):
        with pytest.raises(ModelError, match="three level_weights"):
            AnsweringConfig(answers=("yes", "no"), encoder_config=config.encoder_config, max_words=12, **fields)
