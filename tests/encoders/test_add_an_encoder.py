"""The family of docs/how-to/add-an-encoder.md, saved as the page says and used."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from transformers import BertTokenizer, ChineseCLIPConfig, ChineseCLIPModel, ChineseCLIPProcessor
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import ChineseCLIPImageProcessorPil

import hbi
from hbi.encoders.clip import ProjectedTowers
from hbi.encoders.families import FAMILIES
from hbi.models import HBIModel
from small_encoders import SIDE, TOWER, VISION, WIDTH

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-encoder.md"
TEXTS = ["一只红猫", "狗在跑"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small Chinese-CLIP, as its processor saves it."""
    folder = tmp_path_factory.mktemp("chinese-clip")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"一只红猫狗在跑"]
    tokenizer = BertTokenizer(vocab={token: index for index, token in enumerate(tokens)})
    text = TOWER | {"vocab_size": len(tokens), "max_position_embeddings": 16, "pad_token_id": 0}
    torch.manual_seed(0)
    config = ChineseCLIPConfig(text_config=text, vision_config=VISION, projection_dim=WIDTH)
    ChineseCLIPModel(config).save_pretrained(folder)
    pictures = ChineseCLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, do_center_crop=True
    )
    ChineseCLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The module of the page, imported; forgotten after the test."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "chinese_clip.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("chinese_clip")
    del sys.modules["chinese_clip"], FAMILIES["chinese_clip"]


def test_before_it_is_not_known(folder):
    with pytest.raises(hbi.HBIError, match=r"holds a model of type 'chinese_clip', which hbi does not know"):
        hbi.load(folder, device="cpu")


def test_a_new_family_is_one_class(folder, page, tmp_path):
    assert FAMILIES["chinese_clip"] is page.ChineseCLIPEncoder
    matcher = hbi.load(folder, device="cpu")
    frames = torch.randint(0, 256, (3, 3, 45, 71), dtype=torch.uint8)
    batch = matcher.processor(videos=[frames])
    own = ChineseCLIPModel.from_pretrained(folder).eval()
    processor = ChineseCLIPProcessor.from_pretrained(folder)
    with torch.no_grad():
        found = matcher.similarity(TEXTS, matcher.model.encode_videos(batch["pixels"], batch["frame_mask"]))
        pictures = processor.image_processor(list(frames.numpy()), return_tensors="pt")
        texts = own.get_text_features(**processor.tokenizer(TEXTS, padding=True, return_tensors="pt")).pooler_output
        seen = normalize(own.get_image_features(**pictures).pooler_output, dim=-1).mean(0, keepdim=True)
    expected = normalize(texts, dim=-1) @ normalize(seen, dim=-1).T
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    matcher.save_pretrained(tmp_path / "saved")
    assert hbi.load(tmp_path / "saved", device="cpu").fingerprint == matcher.fingerprint
    network = HBIModel.from_encoder(folder, temporal_layers=1, merge_heads=2)
    assert isinstance(network.encoder, page.ChineseCLIPEncoder)


def test_the_short_form_is_the_same(folder, page):
    """As the page says, for models whose projections have CLIP's names."""
    tokens = torch.tensor([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]])
    mask = (tokens != 0).long()
    short = type("Short", (ProjectedTowers,), {"model_class": ChineseCLIPModel})
    towers = ChineseCLIPModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found, expected = (
            each(towers, None, (0, 2, 3)).encode_texts(tokens, mask) for each in (short, page.ChineseCLIPEncoder)
        )
    assert torch.equal(found.sequence.tokens, expected.sequence.tokens)
    assert torch.equal(found.sequence.mask, expected.sequence.mask)
    assert torch.equal(found.summary, expected.summary)


def test_the_page_is_short():
    assert len(PAGE.read_text().splitlines()) < 100
