"""From a model, a file and a text to an explanation; the drawing is tested elsewhere."""

from dataclasses import replace

import av
import numpy as np
import pytest
import torch

from hbi.games import banzhaf_interactions
from hbi.matching.explaining import ExplanationError
from hbi.matching.matcher import Matcher
from hbi.models import HBIModel
from hbi.models.processor import HBIProcessor
from hbi.video import VideoError
from small_networks import small_matcher, small_model


@pytest.fixture(scope="module")
def matcher():
    return small_matcher(["a red circle spins then a blue star falls"])


def of_frames(matcher, num_frames):
    return replace(matcher, num_frames=num_frames)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(16):
            frame = av.VideoFrame.from_ndarray(random.integers(0, 256, (32, 48, 3), dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_an_explanation_holds_the_exact_interactions_of_what_ranks(matcher, clip):
    text = "a red circle spins"
    result = of_frames(matcher, 4).explain(clip, text)
    assert [word.text for word in result.words] == text.split()
    assert len(result.frames) == 4
    assert result.frames[0].start_seconds == 0.0
    assert result.frames[-1].end_seconds == pytest.approx(4.0, abs=0.01)
    assert result.frames[0].thumbnail.shape == (3, 120, 180)
    weights = np.array(matcher.config.level_weights) / sum(matcher.config.level_weights)
    assert result.similarity == pytest.approx(float(weights @ [level.similarity for level in result.levels]), abs=1e-6)
    entity, action, event = result.levels
    assert entity.word_groups == (0, 1, 2, 3) or len(set(entity.word_groups)) == 4
    assert len(set(action.frame_groups)) == 2
    assert len(set(event.frame_groups)) == 1


def test_words_and_frames_sum_to_the_score_of_the_model(matcher, clip):
    result = of_frames(matcher, 4).explain(clip, "a red circle spins")
    total = result.word_contributions.sum() + result.frame_contributions.sum()
    assert result.unassigned == 0.0
    assert total == pytest.approx(result.similarity, abs=1e-9)
    for part in result.levels:
        assert part.word_weights.sum() == pytest.approx(1.0)
        assert part.frame_weights.sum() == pytest.approx(1.0)


def test_the_score_is_the_one_that_ranks(matcher, clip):
    result = matcher.explain(clip, "a blue star falls")
    assert float(matcher.similarity("a blue star falls", clip)) == pytest.approx(result.similarity, abs=1e-5)


def test_a_model_that_counts_special_tokens_as_words_names_them(clip):
    model, tokenizer = small_model(["a red circle"])
    model.config.released_behavior = True
    released = Matcher(HBIModel(model.config).eval(), HBIProcessor.for_model(model.config, tokenizer), "run")
    result = of_frames(released, 4).explain(clip, "a red circle")
    assert [word.text for word in result.words] == ["(start)", "a", "red", "circle", "(end)"]
    assert (result.words[-1].start, result.words[-1].end) == (12, 12)


def test_a_model_without_a_game_is_named(matcher, clip):
    config = type(matcher.config).from_dict(matcher.config.to_dict() | {"interaction": "global"})
    whole = replace(matcher, model=HBIModel(config).eval(), name="whole")
    with pytest.raises(ExplanationError, match="whole compares whole texts"):
        whole.explain(clip, "a star")


def test_its_numbers_are_the_game_of_the_model(matcher, clip):
    matcher = of_frames(matcher, 4)
    result = matcher.explain(clip, "a blue star")
    texts, videos = matcher.encode_texts(["a blue star"]), matcher.encode_videos([clip])
    with torch.inference_mode():
        expected = banzhaf_interactions(matcher.games(texts, videos)["entity"])[0].numpy()
    is_word = texts.encoding.levels["entity"].sequence.mask[0].numpy()
    np.testing.assert_allclose(result.levels[0].on_players, expected[is_word], atol=1e-6)


def test_a_span_is_explained_in_its_own_seconds(matcher, clip):
    result = of_frames(matcher, 4).explain(clip, "a star", start_seconds=1.0, end_seconds=3.0)
    assert result.frames[0].start_seconds == pytest.approx(1.0)
    assert result.frames[-1].end_seconds == pytest.approx(3.0)


def test_what_the_model_did_not_read_is_said(matcher, clip):
    result = of_frames(matcher, 2).explain(clip, "a red circle " * 9)
    assert "did not read" in result.remark


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_is_explained_without_words(matcher, clip, text):
    with pytest.raises(ExplanationError, match="holds no words"):
        matcher.explain(clip, text)


def test_a_missing_video_is_named(matcher, tmp_path):
    with pytest.raises(VideoError, match=r"none\.mp4"):
        matcher.explain(tmp_path / "none.mp4", "a star")
