import pytest
import torch
from torch.testing import assert_close

from hbi.games import multilinear_extension
from hbi.models import GlobalContrastModel, HBIConfig, HBIModel
from hbi.shapes import LEVELS
from small_networks import global_config

PAIRED = torch.tensor([0, 0, 1, 2, 3, 3])
"""The video of each of six texts."""


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return HBIModel(config).eval()


def test_levels_have_fewer_and_fewer_players(model, texts, videos):
    words, frames = model.encode_texts(*texts), model.encode_videos(*videos)
    counts = {level: words.levels[level].sequence.mask.sum(1).tolist() for level in LEVELS}
    assert counts == {"entity": [5, 1, 3, 0], "action": [3, 1, 2, 0], "event": [2, 1, 1, 0]}
    counts = {level: frames.levels[level].sequence.mask.sum(1).tolist() for level in LEVELS}
    assert counts == {"entity": [6, 1, 2, 4], "action": [3, 1, 1, 2], "event": [2, 1, 1, 1]}
    for hierarchy in (words, frames):
        for players in hierarchy.levels.values():
            assert_close(players.weights.sum(1), players.sequence.mask.any(1).float())
            members = players.sequence.members
            for row, mask in zip(members, players.sequence.mask, strict=True):
                assert set(row[row >= 0].tolist()) == set(torch.nonzero(mask).flatten().tolist())


def test_start_and_end_marks_are_no_players(model, texts):
    sequence = model.encode_texts(*texts).levels["entity"].sequence
    assert sequence.mask[0].tolist() == [False, True, True, True, True, True, False]
    assert (sequence.members[0][[0, 6]] == -1).all()


def test_an_item_does_not_depend_on_its_batch(model, texts, videos):
    (ids, text_mask), (pixels, frame_mask) = texts, videos
    together = model.similarity(model.encode_texts(ids, text_mask), model.encode_videos(pixels, frame_mask))
    for a in range(4):
        length = int(text_mask[a].sum())
        alone = model.encode_texts(ids[a : a + 1, :length], text_mask[a : a + 1, :length])
        for b in range(4):
            count = int(frame_mask[b].sum())
            video = model.encode_videos(pixels[b : b + 1, :count], frame_mask[b : b + 1, :count])
            assert_close(model.similarity(alone, video)[0, 0], together[a, b], atol=2e-6, rtol=0)


def test_what_stands_at_padding_does_not_matter(model, texts, videos):
    (ids, text_mask), (pixels, frame_mask) = texts, videos
    before = model(ids, text_mask, pixels, frame_mask, torch.arange(4))
    noisy_ids = torch.where(text_mask.bool(), ids, 17)
    noisy_pixels = torch.where(frame_mask[:, :, None, None, None], pixels, torch.full_like(pixels, 99.0))
    after = model(noisy_ids, text_mask, noisy_pixels, frame_mask, torch.arange(4))
    assert_close(after.similarity, before.similarity, atol=1e-6, rtol=0)
    for level in LEVELS:
        assert_close(after.levels[level].predicted, before.levels[level].predicted, atol=1e-6, rtol=0)


def test_the_grand_coalition_is_worth_the_similarity(model, texts, videos):
    encoded = model.encode_texts(*texts)[:3], model.encode_videos(*videos)[:3]
    similarities = model.level_similarities(*encoded)
    for level, game in model.games(*encoded).items():
        everyone = torch.ones(3, game.num_words), torch.ones(3, game.num_frames)
        assert_close(multilinear_extension(game, *everyone), similarities[level].diagonal(), atol=1e-6, rtol=0)


def test_one_frame_and_one_word_give_gradients_everywhere(model, texts, videos):
    model.train()
    (ids, mask), (pixels, frame_mask) = texts, videos
    output = model(ids[[0, 2, 1, 1, 2, 0]], mask[[0, 2, 1, 1, 2, 0]], pixels, frame_mask, PAIRED)
    total = output.similarity.sum() + sum(level.predicted.square().sum() for level in output.levels.values())
    total.backward()
    for name, parameter in model.named_parameters():
        if name != "encoder.clip.logit_scale":
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_games_are_those_of_each_video_with_its_first_text(model, texts, videos):
    (ids, mask), (pixels, frame_mask) = texts, videos
    order = [0, 2, 1, 1, 2, 0]
    output = model(ids[order], mask[order], pixels, frame_mask, PAIRED)
    firsts = model.encode_texts(ids[[0, 1, 1, 2]], mask[[0, 1, 1, 2]])
    for level, game in model.games(firsts, model.encode_videos(pixels, frame_mask)).items():
        assert_close(output.levels[level].game.similarity, game.similarity)


def test_saved_and_loaded_gives_the_same_numbers(model, texts, videos, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = HBIModel.from_pretrained(tmp_path).eval()
    before, after = (
        each.similarity(each.encode_texts(*texts), each.encode_videos(*videos)) for each in (model, loaded)
    )
    assert torch.equal(before, after)
    assert isinstance(loaded.config, HBIConfig)
    assert loaded.config.merge_ratio == (0.5, 0.5)


def test_the_baseline_compares_whole_texts_with_whole_videos(config, texts, videos):
    model = GlobalContrastModel(global_config(config)).eval()
    output = model(*texts, *videos, torch.arange(4))
    assert output.similarity.shape == (4, 4)
    assert not output.levels
    encoded = model.encoder.encode_videos(*videos)
    alone = model.encoder.encode_videos(videos[0][1:2, :1], videos[1][1:2, :1])
    assert_close(alone.summary[0], encoded.summary[1], atol=1e-5, rtol=0)
