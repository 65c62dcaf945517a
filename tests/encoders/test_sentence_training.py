"""Networks that start from a model of sentence-transformers: its tokens, what learns, and folders that open again."""

import copy
import json
import shutil

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch.nn.functional import normalize
from transformers import AutoModel

from hbi.encoders.clip import CLIPEncoder
from hbi.encoders.sentence_towers import SentenceConfig, SentenceTowers, read_sentence_towers
from hbi.encoders.sentence_transformers import open_sentence_transformer
from hbi.encoders.sizes import ModelError
from hbi.models import GlobalContrastModel, HBIModel
from hbi.models.model_folder import open_model_folder, processor_for, save_model_folder
from hbi.training.objective import contrast
from hbi.training.towers import freeze_towers
from small_sentence_models import WRITERS, write_clip, write_colbert

TEXTS = ["a red circle turns left", "the blue square", "a square moves"]
VIDEO_OF_TEXT = torch.tensor([0, 1, 1])
MASK = torch.tensor([[True, True, True], [True, True, False]])
SMALL = {"temporal_layers": 1, "merge_heads": 2}


@pytest.fixture(scope="module", params=["qwen", "colpali"])
def folder(request, tmp_path_factory):
    """A small model that gives vectors of tokens."""
    return WRITERS[request.param](tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return WRITERS["qwen"](tmp_path_factory.mktemp("qwen"))


def started(network, folder):
    return network.from_encoder(folder, **(SMALL if network is HBIModel else {"aggregator": "none"}))


def batch(model):
    processor = model.encoder.processor
    tokens = processor.tokenize(TEXTS)
    draw = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (*MASK.shape, 3, *model.config.image_size), generator=draw, dtype=torch.uint8)
    return tokens.input_ids, tokens.attention_mask, processor.network_input(frames), MASK, VIDEO_OF_TEXT


def loss_of(output):
    total = contrast(output.logit_scale * output.similarity, VIDEO_OF_TEXT)
    return total + sum(level.predicted.pow(2).sum() for level in output.levels.values())


@pytest.mark.parametrize("network", [HBIModel, GlobalContrastModel])
def test_whatever_learns_is_reached_and_the_rest_matters_to_nothing(folder, network):
    model = started(network, folder)
    arguments = batch(model)
    loss_of(model.train()(*arguments)).backward()
    assert [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None] == []
    model.eval()
    with torch.no_grad():
        before = model(*arguments).similarity
        for each in model.encoder.towers.parameters():
            if not each.requires_grad:
                each.add_(1.0)
        assert torch.equal(model(*arguments).similarity, before)


def test_words_and_frames_are_the_tokens_of_the_model(folder):
    network, processor = open_sentence_transformer(folder)
    encoder = HBIModel.from_encoder(folder, aggregator="none", **SMALL).encoder
    tokens = encoder.processor.tokenize(TEXTS)
    frames = torch.randint(256, (1, 2, 3, *encoder.image_size_of(encoder.towers.config)), dtype=torch.uint8)
    pixels, mask = encoder.processor.network_input(frames), torch.ones(1, 2, dtype=torch.bool)
    with torch.no_grad():
        texts, video = (
            encoder.encode_texts(tokens.input_ids, tokens.attention_mask),
            encoder.encode_videos(pixels, mask),
        )
        library = network.encode_texts(tokens.input_ids, tokens.attention_mask)
        own = network.encode_videos(processor.network_input(frames), mask)
    is_said = (tokens.spans[..., 0] < tokens.spans[..., 1]) & tokens.attention_mask.bool()
    assert torch.equal(texts.sequence.mask, is_said)
    assert is_said.sum(1).tolist() == [5, 3, 3]
    if isinstance(library, torch.Tensor):  # dense
        torch.testing.assert_close(texts.summary, library)
        torch.testing.assert_close(normalize(video.summary, dim=-1), normalize(own, dim=-1))
        plain = network.model[0]({"input_ids": tokens.input_ids, "attention_mask": tokens.attention_mask})
        expected = normalize(plain["token_embeddings"], dim=-1)
    else:
        expected = library.tokens
        patches = [normalize(own.tokens[0, frame][own.mask[0, frame]], dim=-1).mean(0) for frame in range(2)]
        torch.testing.assert_close(video.sequence.tokens[0], torch.stack(patches))
    torch.testing.assert_close(texts.sequence.tokens[is_said], expected[is_said])


def test_a_projection_behind_the_pooling_is_of_every_word(qwen, tmp_path):
    torch.manual_seed(0)
    narrow = Dense(16, 6, activation_function=torch.nn.Tanh())
    modules = [Transformer(str(qwen)), Pooling(16, pooling_mode="mean"), narrow, Normalize()]
    SentenceTransformer(modules=modules).save(str(tmp_path / "narrow"), create_model_card=False)
    encoder = HBIModel.from_encoder(tmp_path / "narrow", aggregator="none", merge_heads=1).encoder.eval()
    tokens = encoder.processor.tokenize(TEXTS)
    with torch.no_grad():
        given = encoder.encode_texts(tokens.input_ids, tokens.attention_mask).sequence
        plain = modules[0]({"input_ids": tokens.input_ids, "attention_mask": tokens.attention_mask})
        expected = normalize(torch.tanh(narrow.linear(plain["token_embeddings"])), dim=-1)
    assert given.tokens.shape[-1] == 6
    torch.testing.assert_close(given.tokens[given.mask], expected[given.mask])


def test_features_that_were_kept_stand_for_pixels(folder):
    model = started(HBIModel, folder)
    _, _, pixels, mask, _ = batch(model)
    with torch.no_grad():
        features = model.encoder.frame_features(pixels, mask)
        torch.testing.assert_close(
            model.encoder.encode_videos(features, mask).sequence.tokens,
            model.encoder.encode_videos(pixels, mask).sequence.tokens,
        )
    freeze_towers(model)
    assert not any(each.requires_grad for each in model.encoder.towers.parameters())
    assert model.encoder.scale.requires_grad


def test_two_steps_are_kept_in_a_folder_that_needs_nothing_else(folder, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(folder, source)
    model = started(HBIModel, source)
    start = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(model(*batch(model))).backward()
        optimizer.step()
    moved = [name for name, each in model.state_dict().items() if not torch.equal(each, start[name])]
    assert any(name.startswith("encoder.model.") for name in moved)
    save_model_folder(model, processor_for(model, model.encoder.processor.tokenizer, source), tmp_path / "kept")
    shutil.rmtree(source)
    arguments = batch(model)
    again, processor = open_model_folder(tmp_path / "kept")
    opened = AutoModel.from_pretrained(tmp_path / "kept").eval()
    with torch.no_grad():
        expected = model.eval()(*arguments).similarity
        assert torch.equal(again(*arguments).similarity, expected)
        assert torch.equal(opened(*arguments).similarity, expected)
    assert torch.equal(processor.tokenize(TEXTS).input_ids, arguments[0])
    assert processor.picture == model.encoder.processor.picture
    learned = {name for name, each in model.named_parameters() if each.requires_grad}
    assert {name for name, each in again.named_parameters() if each.requires_grad} == learned


def test_models_are_opened_beside_one_that_is_built_without_weights(qwen):
    """What keeps the library from reading weights is undone, and does not hold for others."""
    model = read_sentence_towers(qwen)
    fresh = SentenceTowers(model.config)
    assert fresh.state_dict().keys() == model.state_dict().keys()
    again = read_sentence_towers(qwen)
    assert all(torch.equal(each, again.state_dict()[name]) for name, each in model.state_dict().items())
    json.dumps(model.config.to_dict())


def test_a_plain_clip_inside_is_started_from_as_one(tmp_path):
    model = HBIModel.from_encoder(write_clip(tmp_path), **SMALL)
    assert isinstance(model.encoder, CLIPEncoder)


def test_models_without_word_vectors_are_refused_in_one_line(tmp_path, qwen):
    clip = SentenceTransformer(str(write_clip(tmp_path)))
    projected = SentenceTransformer(modules=[clip[0], Dense(12, 6)])
    projected.save(str(tmp_path / "projected"), create_model_card=False)
    with pytest.raises(ModelError, match=r"vectors of whole texts, none of words"):
        HBIModel.from_encoder(tmp_path / "projected")
    twice = SentenceTransformer(modules=[Transformer(str(qwen)), Pooling(16, pooling_mode=("mean", "max"))])
    twice.save(str(tmp_path / "twice"), create_model_card=False)
    with pytest.raises(ModelError, match=r"pools its tokens in several ways"):
        HBIModel.from_encoder(tmp_path / "twice")
    with pytest.raises(ModelError, match=r"no picture side"):
        HBIModel.from_encoder(write_colbert(tmp_path / "text alone"))


def test_files_of_a_configuration_stay_inside_their_folder(tmp_path):
    with pytest.raises(ModelError, match=r"outside of its folder"):
        SentenceTowers(SentenceConfig(files={"../outside.json": "{}"}))
    with pytest.raises(ModelError, match=r"make no model of sentence-transformers"):
        SentenceTowers(SentenceConfig(files={"config.json": "{}"}))
