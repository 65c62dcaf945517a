"""The last vision layer computes the class token only: what is read of it, and its gradients, are CLIP's own."""

import copy

import torch
from torch.testing import assert_close
from transformers import CLIPModel

from hbi.encoders.class_token import ClassTokenLayer, compute_class_token_only


def test_the_class_token_and_all_gradients_are_those_of_clip(config):
    torch.manual_seed(0)
    whole = CLIPModel(config.encoder_config).vision_model.train()
    less = copy.deepcopy(whole)
    compute_class_token_only(less)
    pixels = torch.randn(5, 3, 16, 16)
    expected, found = (tower(pixel_values=pixels) for tower in (whole, less))
    assert found.last_hidden_state.shape[1] == 1 < expected.last_hidden_state.shape[1]
    assert_close(found.pooler_output, expected.pooler_output, atol=1e-6, rtol=0)
    for output in (expected, found):
        output.pooler_output.square().sum().backward()
    for name, parameter in whole.named_parameters():
        assert_close(less.get_parameter(name).grad, parameter.grad, atol=1e-5, rtol=1e-4)


def test_only_the_last_layer_is_another(config):
    towers = config.encoder_config.to_dict()
    towers["vision_config"]["num_hidden_layers"] = 3
    tower = CLIPModel(type(config.encoder_config)(**towers)).vision_model
    names = list(tower.state_dict())
    compute_class_token_only(tower)
    layers = list(tower.get_submodule("encoder.layers").children())
    assert [isinstance(layer, ClassTokenLayer) for layer in layers] == [False, False, True]
    assert list(tower.state_dict()) == names
