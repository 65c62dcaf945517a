"""A second stage in a search: the best segments in the order of its scores, on stored tokens, only if asked for."""

import pytest
import torch

from hbi.errors import HBIError
from hbi.matching.second_stage import SecondStage, tokens_of
from hbi.models.cross_encoder import CrossEncoder, CrossEncoderSizes
from hbi.models.cross_encoder_file import save_cross_encoder
from hbi.search import VideoIndex

TEXT = "the green circle falls down"


@pytest.fixture(scope="module")
def file(index, tmp_path_factory):
    """A second stage with random weights that changes a lot."""
    matcher = VideoIndex.open(index.path).matcher  # as it was written, and is read again
    torch.manual_seed(2)
    network = CrossEncoder(CrossEncoderSizes(matcher.width, 8, 1))
    torch.nn.init.normal_(network.correction.weight, std=300.0)
    path = tmp_path_factory.mktemp("second") / "second.safetensors"
    save_cross_encoder(network, path, fingerprint=matcher.fingerprint)
    return path


def test_segments_stand_in_the_order_of_its_scores_on_stored_tokens(index, file):
    plain = index.search(TEXT, limit=20)
    opened = VideoIndex.open(index.path, second_stage=file)
    again, matcher = opened.search(TEXT, limit=20), opened.matcher
    assert {hit.segment_id for hit in again.hits} != set()
    assert again.num_segments == plain.num_segments
    second, encoded = SecondStage.open(file, matcher), matcher.encode_texts([TEXT])
    whole = index.snapshot().in_memory.whole
    videos = index.codec.decode(whole.arrays)
    similarity = matcher.model.similarity(encoded.encoding, videos)
    every = torch.arange(len(whole))[None]
    scores = second.of_candidates(tokens_of(encoded.encoding), tokens_of(videos), every, similarity)[0]
    score_of = {whole.id(row): float(scores[row]) for row in range(len(whole))}
    shown = [score_of[hit.segment_id] for hit in again.hits]
    assert shown == sorted(shown, reverse=True)
    assert [hit.segment_id for hit in again.hits] != [hit.segment_id for hit in plain.hits]
    assert shown[0] == max(score_of.values())
    similarity_of = {whole.id(row): float(similarity[0, row]) for row in range(len(whole))}
    for hit in again.hits:  # what is shown and judged is the first stage's score
        assert hit.score == pytest.approx(similarity_of[hit.segment_id], abs=1e-5)


def test_clips_are_ranked_by_the_first_stage(index, file, clips):
    again = VideoIndex.open(index.path, second_stage=file)
    found, wanted = (each.search_like(clips / "clip-2.mp4", limit=5) for each in (again, index))
    assert [hit.segment_id for hit in found.hits] == [hit.segment_id for hit in wanted.hits]


def test_one_of_another_model_is_refused(index, file, matcher, tmp_path):
    network = CrossEncoder(CrossEncoderSizes(matcher.width, 8, 1))
    save_cross_encoder(network, tmp_path / "other.safetensors", fingerprint="another")
    with pytest.raises(HBIError, match="reads the tokens of another model"):
        VideoIndex.open(index.path, second_stage=tmp_path / "other.safetensors")
