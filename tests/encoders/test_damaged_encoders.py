"""Folders of encoders with one value that cannot be: each ends in one line that says which."""

import json
import shutil
from importlib.util import find_spec

import pytest

import hbi
from hbi.errors import HBIError
from small_encoders import small_encoder


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    return small_encoder("siglip", tmp_path_factory.mktemp("encoder") / "siglip")


def damaged(folder, place, file, change):
    """A copy of a folder, one of whose files was changed."""
    shutil.copytree(folder, place)
    path = next(place / name for name in file if (place / name).is_file())
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return place


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("resample", 99, "filter of number 99"),
        ("resample", -1, "filter of number -1"),
        ("rescale_factor", "x", "prepares pictures in a way that is not known here"),
        ("rescale_factor", 1.0, "colors times 1"),
        ("image_std", [float("nan")] * 3, "mean and deviation of 3 colors"),
        ("image_std", [0.5, 0.0, 0.5], "mean and deviation of 3 colors"),
        ("size", {"height": -4, "width": 32}, "prepares pictures in a way that is not known here"),
        ("size", {"height": 64, "width": 64}, "their files are of different models"),
    ],
)
def test_a_preparation_of_pictures_that_cannot_be(siglip, tmp_path, field, value, told):
    def change(values):
        (values.get("image_processor") or values)[field] = value

    folder = damaged(siglip, tmp_path / "bad", ("preprocessor_config.json", "processor_config.json"), change)
    with pytest.raises(HBIError, match=told) as caught:
        hbi.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "field", "value", "told"),
    [
        ("vision_config", "num_hidden_layers", 10**7, "num_hidden_layers=10000000"),
        ("text_config", "vocab_size", -5, "vocab_size=-5"),
        ("text_config", "hidden_size", 10**9, "hidden_size=1000000000"),
        ("text_config", "projection_size", 8, "other sizes than its config.json"),
    ],
)
def test_sizes_that_no_network_has(siglip, tmp_path, part, field, value, told):
    def change(values):
        values[part][field] = value

    folder = damaged(siglip, tmp_path / "bad", ("config.json",), change)
    with pytest.raises(HBIError, match=told) as caught:
        hbi.load(folder)
    assert "\n" not in str(caught.value)


def test_an_adapter_alone_is_told(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(HBIError, match="merge it into its model"):
        hbi.load(tmp_path)


def test_nothing_is_said_while_an_encoder_is_opened(siglip, capfd):
    hbi.load(siglip)
    printed, said = capfd.readouterr()
    assert (printed, said) == ("", "")


@pytest.mark.parametrize("kind", ["siglip", "altclip", "metaclip_2", "clip"])
def test_tokens_stand_for_words_without_the_space_before_them(kind, tmp_path):
    matcher = hbi.load(small_encoder(kind, tmp_path / kind))
    text = "the dog runs"
    spans = matcher.tokenize([text]).spans[0].tolist()
    pieces = [text[start:end] for start, end in spans if end > start]
    assert "".join(pieces) == "thedogruns"
    assert all(piece == piece.strip() for piece in pieces)


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="it is installed here")
def test_a_tokenizer_that_needs_another_library_names_it(siglip, tmp_path):
    """A first SigLIP: its folder has spiece.model and no tokenizer.json."""
    folder = tmp_path / "first"
    shutil.copytree(siglip, folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "SiglipTokenizer"}))
    (folder / "spiece.model").write_bytes(b"a model")
    with pytest.raises(HBIError, match="pip install sentencepiece"):
        hbi.load(folder)
