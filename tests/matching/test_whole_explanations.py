"""Explanations of a model that compares the whole beside the parts: one number, and its share in the score."""

from dataclasses import replace

import pytest
import torch

from hbi.matching import Matcher
from hbi.models import HBIConfig, HBIModel
from hbi.models.processor import HBIProcessor
from small_clips import write_clip
from small_networks import small_model

TEXT = "a red circle spins"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=4, seed=1)


def matcher_of(**fields):
    model, tokenizer = small_model([TEXT, "a blue star falls"])
    values = {name: value for name, value in model.config.to_dict().items() if name != "model_type"}
    torch.manual_seed(0)
    config = HBIConfig(**values | {"level_weights": (0.4, 0.2, 0.1, 0.3)} | fields)
    return Matcher(HBIModel(config).eval(), HBIProcessor.for_model(config, tokenizer), "with the whole", num_frames=4)


@pytest.mark.parametrize("words", ["tokens", "input"])
@pytest.mark.parametrize("learns", [False, True])
def test_words_frames_and_the_whole_sum_to_the_score_that_ranks(clip, words, learns):
    matcher = matcher_of(learns_level_weights=learns)
    if learns:
        with torch.no_grad():
            matcher.model.level_logits += torch.tensor([1.0, 0.0, 0.5, -1.0])
    explanation = matcher.explain(clip, TEXT, words=words)
    assert explanation.similarity == pytest.approx(float(matcher.similarity(TEXT, clip)), abs=1e-5)
    parts = explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned
    assert parts + explanation.whole.contribution == pytest.approx(explanation.similarity, abs=1e-9)
    weights = matcher.model.weight_of_level
    assert [part.level for part in explanation.levels] == ["entity", "action", "event"]
    shown = {part.level: part.weight for part in explanation.levels} | {"whole": explanation.whole.weight}
    assert shown == pytest.approx(weights)
    texts, videos = matcher.encode_texts([TEXT]), matcher.encode_videos([clip])
    whole = matcher.model.level_similarities(texts.encoding, videos)["whole"]
    assert explanation.whole.similarity == pytest.approx(float(whole), abs=1e-5)


def test_levels_are_explained_as_without_the_whole(clip):
    matcher = matcher_of()
    fewer = replace(matcher, model=matcher_of(level_weights=(0.4, 0.2, 0.1)).model)
    with_whole, without = matcher.explain(clip, TEXT), fewer.explain(clip, TEXT)
    assert without.whole is None
    for ours, theirs in zip(with_whole.levels, without.levels, strict=True):
        assert (ours.interactions == theirs.interactions).all()
        assert ours.weight == pytest.approx(0.7 * theirs.weight)
