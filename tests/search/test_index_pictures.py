"""An index of a model that wants its pictures in a format of its own: kept in index.json, used for every segment."""

import json

import pytest
import torch

from hbi.files.checksums import json_with_checksum
from hbi.matching import Matcher
from hbi.search import VideoIndex
from hbi.search.index_errors import SearchError
from hbi.search.index_folder import require_same_model
from hbi.search.index_settings import IndexSettings
from hbi.video import PictureFormat, read_frames

SIGLIP = PictureFormat(16, 16, "squash", "bilinear")
OTHERS = [SIGLIP, PictureFormat(16, 16, "crop", "bicubic", 18), PictureFormat.strip(4, 4)]


def settings_of(picture: PictureFormat) -> IndexSettings:
    return IndexSettings(10.0, 0.5, 6, picture, "a run", "hbi", "abc")


def test_an_index_of_before_means_a_square_and_one_of_a_square_is_written_as_before(tmp_path):
    values = {"format": 3, "window_seconds": 10.0, "overlap": 0.5, "num_frames": 6, "image_size": 24}
    values |= {"model": "a run", "kind": "hbi", "fingerprint": "abc"}
    (tmp_path / "before.json").write_text(json_with_checksum(values))
    assert IndexSettings.read(tmp_path / "before.json") == settings_of(PictureFormat.square(24))
    settings_of(PictureFormat.square(24)).write(tmp_path / "now.json")
    assert (tmp_path / "now.json").read_bytes() == (tmp_path / "before.json").read_bytes()


@pytest.mark.parametrize("picture", OTHERS, ids=str)
def test_other_formats_are_kept(picture, tmp_path):
    settings_of(picture).write(tmp_path / "index.json")
    assert IndexSettings.read(tmp_path / "index.json") == settings_of(picture)


@pytest.mark.parametrize("value", ["24", None, -1, {"height": 24}, SIGLIP.to_json() | {"resampling": "none"}])
def test_a_format_that_is_none_is_refused_in_one_line(value, tmp_path):
    settings_of(SIGLIP).write(tmp_path / "index.json")
    values = json.loads((tmp_path / "index.json").read_text())
    del values["checksum"]
    (tmp_path / "index.json").write_text(json_with_checksum(values | {"image_size": value}))
    with pytest.raises(SearchError, match=r"index.json cannot be read .*: restore it or index anew") as error:
        IndexSettings.read(tmp_path / "index.json")
    assert "\n" not in str(error.value)


def test_an_index_of_the_same_weights_with_other_pictures_is_another_models(tmp_path):
    with pytest.raises(SearchError, match=r"was exchanged for an index that was made with another model"):
        require_same_model(settings_of(SIGLIP), settings_of(PictureFormat.square(16)), tmp_path)
    require_same_model(settings_of(SIGLIP), settings_of(SIGLIP), tmp_path)


@pytest.mark.parametrize("picture", [PictureFormat.square(16), *OTHERS[:2]], ids=str)
def test_every_segment_is_encoded_in_the_models_format(picture, matcher, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(Matcher, "picture", picture)
    index, encoded = VideoIndex.create(tmp_path / "index", matcher, window_seconds=None), []
    encode = index.codec.encode
    monkeypatch.setattr(index.codec, "encode", lambda pixels, mask: encoded.append(pixels) or encode(pixels, mask))
    assert index.add([clips / "clip-3.mp4"]).num_segments == 1
    assert json.loads((tmp_path / "index" / "index.json").read_text())["image_size"] == picture.to_json()
    (pixels,) = encoded
    assert torch.equal(pixels[0], read_frames(clips / "clip-3.mp4", 6, image_size=picture).pixels)
    assert index.search("a red square").hits[0].path.name == "clip-3.mp4"
