"""From a model, a file and a text to an explanation; the drawing is tested elsewhere."""

import av
import numpy as np
import pytest
import torch

from hbi.explanation.explain import ExplanationError, explain
from hbi.games import banzhaf_interactions
from hbi.models import HBIModel
from hbi.video import VideoError
from small_networks import small_model


@pytest.fixture(scope="module")
def parts():
    return small_model(["a red circle spins then a blue star falls"])


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


def test_an_explanation_holds_the_exact_interactions_of_what_ranks(parts, clip):
    model, tokenizer = parts
    text = "a red circle spins"
    result = explain(model, tokenizer, clip, text, name="run", num_frames=4, image_size=16)
    assert [word.text for word in result.words] == text.split()
    assert len(result.frames) == 4
    assert result.frames[0].start_seconds == 0.0
    assert result.frames[-1].end_seconds == pytest.approx(4.0, abs=0.01)
    assert result.frames[0].thumbnail.shape == (3, 120, 180)
    weights = np.array(model.config.level_weights) / sum(model.config.level_weights)
    assert result.similarity == pytest.approx(float(weights @ [level.similarity for level in result.levels]), abs=1e-6)
    entity, action, event = result.levels
    assert entity.word_groups == (0, 1, 2, 3) or len(set(entity.word_groups)) == 4
    assert len(set(action.frame_groups)) == 2
    assert len(set(event.frame_groups)) == 1


def test_words_and_frames_sum_to_the_score_of_the_model(parts, clip):
    model, tokenizer = parts
    result = explain(model, tokenizer, clip, "a red circle spins", name="run", num_frames=4, image_size=16)
    total = result.word_contributions.sum() + result.frame_contributions.sum()
    assert result.unassigned == 0.0
    assert total == pytest.approx(result.similarity, abs=1e-9)
    for part in result.levels:
        assert part.word_weights.sum() == pytest.approx(1.0)
        assert part.frame_weights.sum() == pytest.approx(1.0)


def test_the_score_is_the_one_that_ranks(parts, clip):
    from hbi.data.frames import decode_frames
    from hbi.data.samples import Video
    from hbi.evaluation.similarity import similarity_matrix

    model, tokenizer = parts
    result = explain(model, tokenizer, clip, "a blue star falls", name="run", num_frames=4, image_size=16)
    bank = decode_frames([Video("clip", clip)], num_frames=4, image_size=16)
    assert float(similarity_matrix(model, tokenizer, ["a blue star falls"], bank)) == pytest.approx(
        result.similarity, abs=1e-5
    )


def test_a_model_that_counts_its_marks_as_words_shows_them_as_marks(clip):
    config = small_model(["a red circle"])[0].config
    config.released_behavior = True
    tokenizer = small_model(["a red circle"])[1]
    result = explain(HBIModel(config).eval(), tokenizer, clip, "a red circle", name="run", num_frames=4, image_size=16)
    assert [word.text for word in result.words] == ["(start)", "a", "red", "circle", "(end)"]
    assert (result.words[-1].start, result.words[-1].end) == (12, 12)


def test_a_model_without_a_game_is_named(parts, clip):
    model, tokenizer = parts
    config = type(model.config).from_dict(model.config.to_dict() | {"interaction": "global"})
    with pytest.raises(ExplanationError, match="run whole compares whole texts"):
        explain(HBIModel(config).eval(), tokenizer, clip, "a star", name="whole", num_frames=2, image_size=16)


def test_its_numbers_are_the_game_of_the_model(parts, clip):
    from hbi.data.frames import normalize_pixels
    from hbi.data.tokenizer import tokenize
    from hbi.video import read_frames

    model, tokenizer = parts
    result = explain(model, tokenizer, clip, "a blue star", name="run", num_frames=4, image_size=16)
    tokenized = tokenize(tokenizer, ["a blue star"], 16)
    pixels = normalize_pixels(read_frames(clip, 4, image_size=16).pixels[None])
    with torch.inference_mode():
        texts = model.encode_texts(tokenized.input_ids, tokenized.attention_mask)
        videos = model.encode_videos(pixels, torch.ones(1, 4, dtype=torch.bool))
        game = model.games(texts, videos)["entity"]
        expected = banzhaf_interactions(game)[0].numpy()
    is_word = texts.levels["entity"].sequence.mask[0].numpy()
    np.testing.assert_allclose(result.levels[0].on_players, expected[is_word], atol=1e-6)


def test_a_span_is_explained_in_its_own_seconds(parts, clip):
    model, tokenizer = parts
    result = explain(
        model, tokenizer, clip, "a star", name="run", num_frames=4, image_size=16, start_seconds=1.0, end_seconds=3.0
    )
    assert result.frames[0].start_seconds == pytest.approx(1.0)
    assert result.frames[-1].end_seconds == pytest.approx(3.0)


def test_what_the_model_did_not_read_is_said(parts, clip):
    model, tokenizer = parts
    result = explain(model, tokenizer, clip, "a red circle " * 9, name="run", num_frames=2, image_size=16)
    assert "did not read" in result.remark


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_is_explained_without_words(parts, clip, text):
    with pytest.raises(ExplanationError, match="holds no words"):
        explain(*parts, clip, text, name="run", num_frames=2, image_size=16)


def test_a_missing_video_is_named(parts, tmp_path):
    with pytest.raises(VideoError, match=r"none\.mp4"):
        explain(*parts, tmp_path / "none.mp4", "a star", name="run", num_frames=2, image_size=16)
