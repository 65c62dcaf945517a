"""An index of a model that compares the whole beside the parts: it ranks as the model, candidates included."""

from pathlib import Path

import numpy as np
import pytest
import torch

import hbi.search.snapshot as snapshots
from hbi.data.frames import decode_frames
from hbi.data.samples import Video
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.matching import Matcher
from hbi.models import HBIConfig, HBIModel
from hbi.models.processor import HBIProcessor
from hbi.search import VideoIndex
from hbi.search.ranking import rank
from hbi.video import PictureFormat
from small_clips import write_clip
from small_networks import small_model

TEXTS = ["a red square moves", "the green circle", "one blue star spins at night"]


@pytest.fixture(scope="module", params=[(0.4, 0.2, 0.1, 0.3), (0.0, 0.0, 0.0, 1.0)], ids=["beside", "alone"])
def index(request, tmp_path_factory):
    """An index of short videos, each of them one segment."""
    model, tokenizer = small_model(TEXTS)
    values = {name: value for name, value in model.config.to_dict().items() if name != "model_type"}
    torch.manual_seed(0)
    config = HBIConfig(**values | {"level_weights": request.param})
    matcher = Matcher(HBIModel(config).eval(), HBIProcessor.for_model(config, tokenizer), "with the whole")
    folder = tmp_path_factory.mktemp("whole")
    for number in range(8):
        write_clip(folder / "videos" / f"{number:02d}.mp4", seconds=2, seed=number)
    made = VideoIndex.create(folder / "index", matcher, window_seconds=None)
    made.add([folder / "videos"])
    return made


def test_it_ranks_as_the_model(index):
    paths = [record.path for record in index.videos()]
    store = decode_frames([Video(path, Path(path)) for path in paths], num_frames=6, picture=PictureFormat.square(16))
    similarity = similarity_matrix(index.matcher, TEXTS, store)
    again = VideoIndex.open(index.path)
    for row, text in enumerate(TEXTS):
        hits = again.search(text, limit=len(paths)).hits
        found = {str(hit.path): hit.score for hit in hits}
        assert np.allclose([found[path] for path in paths], similarity[row], atol=1e-3)


def test_candidates_are_found_by_the_whole_too(index, monkeypatch):
    monkeypatch.setattr(snapshots, "EXACT_UP_TO", 0)
    coarse = VideoIndex.open(index.path)
    assert coarse.snapshot().in_memory.whole is None
    if index.matcher.model.weight_of_level["whole"] < 1:
        assert [hit.segment_id for hit in coarse.search(TEXTS[0]).hits] == [
            hit.segment_id for hit in index.search(TEXTS[0]).hits
        ]
        return
    for text in TEXTS:  # where the whole alone ranks, the best candidate is the best of all
        query = coarse.matcher.encode_texts([text])
        one = rank(coarse.codec, coarse.snapshot(), query.encoding, num_candidates=2)
        everything = rank(index.codec, index.snapshot(), query.encoding)
        assert one.segments.id(0) == everything.segments.id(0)
