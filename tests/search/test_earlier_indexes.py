"""Indexes of earlier versions, which kept their model in another form, are opened and added to; nothing differs."""

from dataclasses import replace

import pytest
import torch

from earlier_folders import give_earlier_form_of_index_model
from hbi.matching import Matcher, load_matcher
from hbi.models import GlobalContrastModel
from hbi.models.processor import HBIProcessor
from hbi.search import VideoIndex
from small_networks import global_config, small_model

TEXTS = ["a red square moves left and right", "the green circle falls down"]


def opened(kind: str, folder) -> Matcher:
    """A model as `hbi index --model` opens it, from a folder."""
    model, tokenizer = small_model(TEXTS)
    if kind == "global":
        torch.manual_seed(1)
        model = GlobalContrastModel(global_config(model.config)).eval()
    Matcher(model, HBIProcessor.for_model(model.config, tokenizer), kind).save_pretrained(folder)
    return load_matcher(folder, device="cpu", num_frames=5)


@pytest.mark.parametrize("kind", ["hbi", "global"])
def test_an_index_of_an_earlier_version(kind, clips, tmp_path):
    matcher = opened(kind, tmp_path / "model")
    made = VideoIndex.create(tmp_path / "index", matcher)
    made.add([clips])
    expected = [made.search(text, limit=50).hits for text in TEXTS]

    give_earlier_form_of_index_model(tmp_path / "index" / "model")
    index = VideoIndex.open(tmp_path / "index")

    assert [index.search(text, limit=50).hits for text in TEXTS] == expected
    assert (index.matcher.name, index.matcher.num_frames, index.matcher.kind) == (matcher.name, 5, kind)
    assert index.matcher.fingerprint == made.settings.fingerprint == matcher.fingerprint
    for again in (index.matcher, replace(matcher, name="under another name")):
        assert VideoIndex.create(tmp_path / "index", again).add([clips]).num_new == 0
