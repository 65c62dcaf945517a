"""Networks that start from each family: every parameter that learns is reached, and what was trained is kept."""

import copy

import pytest
import torch
from transformers import AutoModel

from hbi.encoders.opening import read_towers
from hbi.encoders.tokenizer import read_tokenizer, special_ids_of, tokenize
from hbi.models import GlobalConfig, GlobalContrastModel, HBIConfig, HBIModel
from hbi.models.model_folder import open_model_folder, processor_for, save_model_folder
from hbi.training.objective import contrast
from hbi.training.towers import freeze_towers, matching_parameters, tower_parameters
from small_encoders import KINDS, NUM_FRAMES, small_encoder, small_pe_video

TEXTS = ["a red circle turns left", "the dog runs", "a blue square"]
VIDEO_OF_TEXT = torch.tensor([0, 1, 1])
MASK = torch.tensor([[True] * NUM_FRAMES, [True] * (NUM_FRAMES - 1) + [False]])


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    """A small encoder of a family."""
    return small_encoder(request.param, tmp_path_factory.mktemp(request.param))


def from_family(folder, network, **config):
    """A network that starts from a family's towers; of HBI's with few heads, as its tokens are narrow."""
    if network is GlobalContrastModel:
        return network.from_encoder(folder, aggregator="none", **config)
    config = {"temporal_layers": 1, "merge_heads": 2} | config
    return network.from_encoder(folder, **config)


def batch(folder, model, seed=0):
    """Texts of a family's form, and random pixels."""
    config = model.config
    is_padded = config.encoder_family.is_padded
    tokenizer = read_tokenizer(folder, ("pad_token_id",))
    tokens = tokenize(tokenizer, TEXTS, config.max_words, is_padded_to_max_words=is_padded)
    draw = torch.Generator().manual_seed(seed)
    pixels = torch.randn(*MASK.shape, 3, *config.image_size, generator=draw) * MASK[..., None, None, None]
    if config.encoder_config.model_type == "siglip2":  # the last patch says 4 rows and 4 columns
        pixels[..., -config.image_size[0] :] = 0.0
        pixels[..., :2, 0, -config.image_size[0] : -config.image_size[0] + 4] = 1.0
    return tokens.input_ids, tokens.attention_mask, pixels, MASK, VIDEO_OF_TEXT


def loss_of(output):
    """The contrastive loss of texts, and something that depends on the interaction maps."""
    total = contrast(output.logit_scale * output.similarity, VIDEO_OF_TEXT)
    for level in output.levels.values():
        total = total + level.predicted.pow(2).sum()
    return total


def without_gradient(model):
    return [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]


@pytest.mark.parametrize("network", [HBIModel, GlobalContrastModel])
def test_whatever_learns_is_reached(folder, network):
    """Processes that average gradients wait for one of each parameter that asked for it."""
    model = from_family(folder, network).train()
    loss_of(model(*batch(folder, model))).backward()
    assert without_gradient(model) == []
    assert model.encoder.scale.grad is not None


@pytest.mark.parametrize("network", [HBIModel, GlobalContrastModel])
def test_what_does_not_learn_matters_to_nothing(folder, network):
    """The other side: no parameter is left out that a token or a score depends on."""
    model = from_family(folder, network)
    arguments = batch(folder, model)
    frozen = [each for each in model.encoder.towers.parameters() if not each.requires_grad]
    with torch.no_grad():
        before = model(*arguments).similarity
        for each in frozen:
            each.add_(1.0)
        after = model(*arguments).similarity
    assert torch.equal(before, after)


def test_two_steps_of_training_are_kept(folder, tmp_path):
    model = from_family(folder, HBIModel)  # without dropout, so that two steps go down
    start = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=1e-5)
    losses = []
    for _ in range(2):
        loss = loss_of(model(*batch(folder, model)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    tokenizer = read_tokenizer(folder, ("pad_token_id",))
    save_model_folder(model, processor_for(model, tokenizer, folder), tmp_path)
    again, processor = open_model_folder(tmp_path)
    arguments = batch(folder, model)
    with torch.no_grad():
        assert torch.equal(again(*arguments).similarity, model(*arguments).similarity)
    assert processor.picture == processor_for(model, tokenizer, folder).picture
    assert special_ids_of(processor.tokenizer) == special_ids_of(tokenizer)
    opened = AutoModel.from_pretrained(tmp_path)
    assert isinstance(opened, HBIModel)
    learned = {name for name, each in model.named_parameters() if each.requires_grad}
    assert {name for name, each in opened.named_parameters() if each.requires_grad} == learned
    for name, each in model.encoder.named_parameters():
        has_moved = not torch.equal(each, start[f"encoder.{name}"])
        assert has_moved == each.requires_grad or each.dim() < 2, name


def test_frozen_towers_let_the_scale_learn(folder):
    model = from_family(folder, HBIModel)
    freeze_towers(model)
    temporal = [] if model.encoder.temporal is None else list(model.encoder.temporal.parameters())
    assert {id(each) for each in tower_parameters(model) if each.requires_grad} == {id(each) for each in temporal}
    assert model.encoder.scale.requires_grad
    assert any(each is model.encoder.scale for each in matching_parameters(model))


def test_a_temporal_transformer_of_ours_comes_behind_any_family(folder):
    model = from_family(folder, HBIModel, aggregator="temporal").train()
    assert model.encoder.temporal is not None
    loss_of(model(*batch(folder, model))).backward()
    assert without_gradient(model) == []


def test_with_the_whole_alone_any_family_ranks_as_its_towers_do(folder):
    """So nothing that the global baseline can express is out of reach of the levels' network."""
    if folder.name.startswith("xclip"):
        pytest.skip("it compares several vectors of a video, and is refused")
    model = from_family(folder, HBIModel, aggregator="none", level_weights=(0.0, 0.0, 0.0, 1.0))
    baseline = from_family(folder, GlobalContrastModel)
    arguments = batch(folder, model)
    with torch.no_grad():
        ours, theirs = model(*arguments).similarity, baseline(*arguments).similarity
    assert ours.std() > 1e-4
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    parts = from_family(folder, HBIModel, aggregator="none", level_weights=(0.4, 0.2, 0.1, 0.3)).train()
    loss_of(parts(*arguments)).backward()
    assert without_gradient(parts) == []


@pytest.mark.parametrize("network", [HBIModel, GlobalContrastModel])
def test_pe_video_learns_too(network):
    """In memory: from a file, its vision tower would ask for `timm`."""
    towers = small_pe_video()
    config = HBIConfig if network is HBIModel else GlobalConfig
    own = {"merge_heads": 2} if network is HBIModel else {}
    model = network(
        config(encoder_config=towers.config, aggregator="none", max_words=8, special_token_ids=(0, 1, 2), **own)
    )
    model.encoder.towers.load_state_dict(towers.state_dict())
    ids = torch.tensor([[1, 5, 6, 7, 2, 0], [1, 8, 9, 2, 0, 0], [1, 10, 11, 12, 13, 2]])
    pixels = torch.randn(*MASK.shape, 3, 32, 32)
    loss_of(model.train()(ids, (ids != 0).long(), pixels, MASK, VIDEO_OF_TEXT)).backward()
    assert without_gradient(model) == []


def test_towers_are_read_in_float32_and_whole(folder):
    towers = read_towers(folder)
    assert {each.dtype for each in towers.parameters()} == {torch.float32}
    expected = AutoModel.from_pretrained(folder).state_dict()
    assert towers.state_dict().keys() == expected.keys()
    assert all(torch.equal(each, expected[name]) for name, each in towers.state_dict().items())
