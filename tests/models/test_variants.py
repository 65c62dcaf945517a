"""Aggregators and interactions, by name."""

import pytest
import torch
from torch.testing import assert_close

from hbi.games import multilinear_extension
from hbi.models import HBIConfig, HBIModel, ModelError
from hbi.shapes import LEVELS
from oracles import cosine, late_interaction


def build(config, **fields) -> HBIModel:
    torch.manual_seed(0)
    return HBIModel(HBIConfig(**(config.to_dict() | fields))).eval()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"aggregator": "mamba"}, "no aggregator 'mamba': choose one of temporal, lstm, none"),
        ({"interaction": "wti"}, "no interaction 'wti': choose one of weighted, plain, global"),
        ({"max_words": 78}, "max_words=78, but the text tower reads at most 12 tokens"),
        ({"merge_heads": 3}, "tokens of width 16 cannot be split among 3 heads"),
    ],
)
def test_what_does_not_exist_is_named(config, fields, message):
    with pytest.raises(ModelError, match=message):
        build(config, **fields)


def test_no_layers_is_no_aggregator(config):
    fields = config.to_dict() | {"temporal_layers": 0}
    assert HBIConfig(**fields).aggregator == "none"
    assert build(config, aggregator="none").encoder.temporal is None


@torch.no_grad()
def test_an_lstm_lets_a_frame_know_of_those_before_it(config, videos):
    model = build(config, aggregator="lstm")
    pixels, mask = videos
    before = model.encoder.encode_videos(pixels, mask).sequence.tokens[0]
    changed = pixels.clone()
    changed[0, 3] += 1.0
    after = model.encoder.encode_videos(changed, mask).sequence.tokens[0]
    assert_close(after[:3], before[:3], atol=1e-6, rtol=0)
    assert ((after[3:] - before[3:]).abs().amax(-1) > 1e-6).all()


def test_more_frames_than_positions_is_an_error(config, videos):
    pixels, mask = videos
    with pytest.raises(ModelError, match="7 frames, but the temporal transformer has positions for 6"):
        build(config).encode_videos(pixels[:, [0] * 7], mask[:, [0] * 7])


@torch.no_grad()
def test_plain_interaction_weighs_all_tokens_alike(config, texts, videos):
    model = build(config, interaction="plain")
    words, frames = model.encode_texts(*texts), model.encode_videos(*videos)
    similarities = model.level_similarities(words, frames)
    for level in LEVELS:
        word, frame = words.levels[level].sequence, frames.levels[level].sequence
        for a in range(4):
            for b in range(4):
                left, right = word.tokens[a, word.mask[a]].tolist(), frame.tokens[b, frame.mask[b]].tolist()
                expected = late_interaction(
                    left, right, [1 / max(len(left), 1)] * len(left), [1 / len(right)] * len(right)
                )
                assert similarities[level][a, b].item() == pytest.approx(expected, abs=1e-6)
    game = model.games(words, frames)["entity"]
    everyone = torch.ones(4, game.num_words), torch.ones(4, game.num_frames)
    assert_close(multilinear_extension(game, *everyone), similarities["entity"].diagonal(), atol=1e-6, rtol=0)
    assert not any("weight_heads" in name for name in model.state_dict())


@torch.no_grad()
def test_global_interaction_compares_means_and_plays_no_game(config, texts, videos):
    model = build(config, interaction="global")
    words, frames = model.encode_texts(*texts), model.encode_videos(*videos)
    similarities = model.level_similarities(words, frames)
    for level in LEVELS:
        word, frame = words.levels[level].sequence, frames.levels[level].sequence
        means = []
        for sequence, row in ((word, 0), (frame, 3)):
            tokens = sequence.tokens[row, sequence.mask[row]]
            means.append((tokens / tokens.norm(dim=-1, keepdim=True)).mean(0).tolist())
        assert similarities[level][0, 3].item() == pytest.approx(cosine(*means), abs=1e-6)
    assert not model(*texts, *videos, torch.arange(4)).levels
    with pytest.raises(ModelError, match="no game"):
        model.games(words, frames)


@torch.no_grad()
def test_sides_may_merge_by_other_ratios(config, texts, videos):
    model = build(config, frame_merge_ratio=(1.0, 0.25))
    frames = model.encode_videos(*videos).levels
    assert [frames[level].sequence.mask.sum(1).tolist() for level in LEVELS] == [
        [6, 1, 2, 4],
        [6, 1, 2, 4],
        [2, 1, 1, 1],
    ]


@pytest.mark.parametrize("fields", [{"aggregator": "lstm", "interaction": "plain"}, {"weight_channels": 5}])
@torch.no_grad()
def test_variants_survive_saving(config, texts, videos, tmp_path, fields):
    model = build(config, **fields)
    model.save_pretrained(tmp_path)
    loaded = HBIModel.from_pretrained(tmp_path)
    before, after = (each(*texts, *videos, torch.arange(4)).similarity for each in (model, loaded))
    assert torch.equal(before, after)
