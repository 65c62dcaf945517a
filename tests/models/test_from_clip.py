"""Networks that start from a CLIP, of any size, in either naming."""

import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close
from transformers import CLIPConfig, CLIPModel

from hbi.models import CheckpointError, GlobalContrastModel, HBIModel, ModelError
from released_weights import released_state


def save_clip(folder, *, text_width=32, vision_width=48, projection=32, text_layers=3, patch=8, act="quick_gelu"):
    torch.manual_seed(1)
    shared = {"projection_dim": projection, "hidden_act": act}
    config = CLIPConfig(
        projection_dim=projection,
        text_config=shared
        | {
            "hidden_size": text_width,
            "intermediate_size": 4 * text_width,
            "num_hidden_layers": text_layers,
            "num_attention_heads": 4,
            "vocab_size": 60,
            "max_position_embeddings": 20,
            "bos_token_id": 58,
            "eos_token_id": 59,
            "pad_token_id": 59,
        },
        vision_config=shared
        | {
            "hidden_size": vision_width,
            "intermediate_size": 2 * vision_width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 16,
            "patch_size": patch,
        },
    )
    clip = CLIPModel(config).eval()
    clip.save_pretrained(folder)
    return clip


@pytest.fixture
def batch():
    torch.manual_seed(2)
    ids = torch.tensor([[58, 4, 5, 6, 59], [58, 7, 59, 59, 59]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    return ids, mask, torch.randn(2, 4, 3, 16, 16), torch.tensor([[True] * 4, [True, True, False, False]])


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"text_width": 64, "projection": 64, "vision_width": 64, "patch": 4},
        {"text_width": 48, "projection": 48, "vision_width": 32, "act": "gelu"},
    ],
)
@torch.no_grad()
def test_towers_and_temporal_transformer_are_clips(tmp_path, batch, sizes):
    clip = save_clip(tmp_path, **sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = HBIModel.from_clip(tmp_path, temporal_layers=2, max_frames=6)
    ids, mask, pixels, frame_mask = batch
    words = clip.text_projection(clip.text_model(ids, mask).last_hidden_state)
    assert_close(model.encoder.encode_texts(ids, mask).sequence.tokens, words)
    features = clip.get_image_features(pixels[frame_mask]).pooler_output
    assert_close(model.encoder.frame_features(pixels, frame_mask)[frame_mask], features)
    for number, layer in enumerate(model.encoder.temporal.encoder.layers):
        for own, text in zip(layer.parameters(), clip.text_model.encoder.layers[number].parameters(), strict=True):
            assert torch.equal(own, text)
    assert torch.equal(model.encoder.temporal.position.weight, clip.text_model.embeddings.position_embedding.weight[:6])
    assert model.encoder.logit_scale == clip.logit_scale.exp()
    assert not model.training
    assert model(*batch, torch.arange(2)).similarity.isfinite().all()


def test_what_clip_cannot_give_is_named(tmp_path):
    save_clip(tmp_path, text_width=48, projection=32)
    with pytest.warns(
        UserWarning,
        match="the temporal transformer starts at random, because its width is 32, that of the text tower 48",
    ):
        HBIModel.from_clip(tmp_path)
    save_clip(tmp_path, text_layers=1)
    with pytest.warns(
        UserWarning, match=r"temporal layers from number 1 on start .*; frame positions from number 20 on start"
    ):
        HBIModel.from_clip(tmp_path, temporal_layers=2, max_frames=30)


def test_lengths_follow_clip(tmp_path):
    save_clip(tmp_path)
    assert HBIModel.from_clip(tmp_path, aggregator="none").config.max_words == 20
    with pytest.raises(ModelError, match=r"max_words=21, but .* at most 20"):
        HBIModel.from_clip(tmp_path, max_words=21)
    with pytest.raises(ModelError, match="width 32 cannot be split among 5 heads"):
        HBIModel.from_clip(tmp_path, merge_heads=5)


@torch.no_grad()
def test_a_clip_without_training_compares_the_end_token_with_the_mean_frame(tmp_path, batch):
    clip = save_clip(tmp_path)
    model = GlobalContrastModel.from_clip(tmp_path, aggregator="none")
    ids, mask, pixels, frame_mask = batch
    texts = torch.nn.functional.normalize(clip.get_text_features(ids, mask).pooler_output, dim=-1)
    for row in range(2):
        frames = clip.get_image_features(pixels[row, frame_mask[row]]).pooler_output
        mean = torch.nn.functional.normalize(torch.nn.functional.normalize(frames, dim=-1).mean(0), dim=-1)
        similarity = model.similarity(model.encode_texts(ids, mask), model.encode_videos(pixels, frame_mask))
        assert_close(similarity[:, row], texts @ mean)


def openai_state(**sizes):
    """OpenAI's naming is what a released checkpoint has under `clip.`."""
    return {
        name.removeprefix("clip."): tensor
        for name, tensor in released_state(**sizes).items()
        if name.startswith("clip.")
    }


@pytest.mark.parametrize("sizes", [{"layers": 2}, {"width": 128, "vision_width": 64}])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@torch.no_grad()
def test_a_state_dict_in_openais_naming(tmp_path, sizes, suffix):
    state = openai_state(**sizes)
    path = tmp_path / f"clip{suffix}"
    (torch.save if suffix == ".pt" else save_file)(state, path)
    layers = sizes.get("layers", 1)
    model = HBIModel.from_clip(path, temporal_layers=layers, max_frames=5)
    clip, stacked = model.encoder.clip, state["transformer.resblocks.0.attn.in_proj_weight"]
    own = clip.text_model.encoder.layers[0].self_attn
    assert torch.equal(torch.cat([own.q_proj.weight, own.k_proj.weight, own.v_proj.weight]), stacked)
    assert torch.equal(clip.visual_projection.weight, state["visual.proj"].T)
    assert torch.equal(clip.text_projection.weight, state["text_projection"].T)
    assert clip.logit_scale == state["logit_scale"]
    assert torch.equal(model.encoder.temporal.encoder.layers[0].self_attn.q_proj.weight, own.q_proj.weight)


@pytest.mark.parametrize("missing", ["visual.ln_post.bias", "ln_final.weight"])
def test_a_state_dict_with_a_gap_is_refused(tmp_path, missing):
    state = openai_state()
    del state[missing]
    torch.save(state, tmp_path / "clip.pt")
    with pytest.raises(CheckpointError, match=missing):
        HBIModel.from_clip(tmp_path / "clip.pt")


def test_a_resnet_is_refused(tmp_path):
    torch.save({"visual.layer1.0.conv1.weight": torch.zeros(1)}, tmp_path / "clip.pt")
    with pytest.raises(CheckpointError, match="ResNet"):
        HBIModel.from_clip(tmp_path / "clip.pt")


def test_what_is_no_clip_is_refused_in_one_line(tmp_path, config):
    HBIModel(config).save_pretrained(tmp_path / "hbi")
    (tmp_path / "empty").mkdir()
    save_clip(tmp_path / "gap")
    state = CLIPModel.from_pretrained(tmp_path / "gap").state_dict()
    del state["text_projection.weight"]
    save_file(state, tmp_path / "gap" / "model.safetensors", metadata={"format": "pt"})
    for folder, message in (
        ("hbi", "model of type 'hbi'"),
        ("empty", "it needs config.json and weights"),
        ("absent", "there is no folder or file"),
        ("gap", "lacks text_projection.weight"),
    ):
        with pytest.raises(CheckpointError, match=message) as caught:
            HBIModel.from_clip(tmp_path / folder)
        assert "\n" not in str(caught.value)
