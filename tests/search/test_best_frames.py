"""The frame that is worth most, against slow ways to find it; and indexes that do not know single frames."""

import itertools
from dataclasses import replace

import pytest
import torch

from hbi.matching import Matcher, load_matcher
from hbi.models import GlobalConfig, GlobalContrastModel
from hbi.search import VideoIndex, calibration
from hbi.search.best_frames import frame_worth
from hbi.video.places import middles
from small_networks import global_config

TEXTS = ["a red square moves left", "one blue star"]


def opened(matcher: Matcher, *, temporal_layers: int) -> Matcher:
    """A model of whole videos with random weights."""
    torch.manual_seed(3)
    values = global_config(matcher.config).to_dict() | {"temporal_layers": temporal_layers}
    config = GlobalConfig(**{name: value for name, value in values.items() if name not in ("model_type", "aggregator")})
    return replace(matcher, model=GlobalContrastModel(config).eval(), name="whole")


def test_of_words_and_frames_it_is_the_banzhaf_value_with_every_word_there(index, matcher):
    for text in TEXTS:
        texts = matcher.encode_texts([text])
        for hit in index.search(text, limit=3).hits:
            segment = index.snapshot().segment(hit.segment_id)
            game = matcher.games(texts, index.codec.decode(segment.arrays))["entity"]
            is_frame = segment.arrays.mask[0][: index.codec.num_frames]
            expected = banzhaf_by_counting(game, int(is_frame.sum()))
            worth = frame_worth(index.codec, texts.encoding, segment, None)[0]
            assert worth[: len(expected)] == pytest.approx(expected, abs=1e-4)
            span = hit.segment_start_seconds, hit.segment_end_seconds
            assert hit.best_frame_seconds == best_inside(hit, middles(*span, len(expected)), worth)


def best_inside(hit, times, worth) -> float:
    """When the frame is shown that is worth most of those in the moment."""
    inside = [row for row, time in enumerate(times) if hit.start_seconds <= time < hit.end_seconds]
    return float(times[max(inside, key=lambda row: float(worth[row]))])


def banzhaf_by_counting(game, num_frames: int) -> list[float]:
    """What each frame adds to every set of the others, on average."""
    everything, worth = game.word_mask[0], {}
    for chosen in itertools.product([False, True], repeat=num_frames):
        frames = torch.zeros(game.num_frames, dtype=torch.bool)
        frames[:num_frames] = torch.tensor(chosen)
        worth[chosen] = float(game.value(everything[None], frames[None])[0])
    gains = []
    for frame in range(num_frames):
        without = [chosen for chosen in worth if not chosen[frame]]
        added = [worth[(*chosen[:frame], True, *chosen[frame + 1 :])] - worth[chosen] for chosen in without]
        gains.append(sum(added) / len(added))
    return gains


@pytest.mark.parametrize("temporal_layers", [0, 1])
def test_of_whole_videos_it_is_the_frame_that_scores_best_by_itself(matcher, clips, tmp_path, temporal_layers):
    whole = opened(matcher, temporal_layers=temporal_layers)
    index = VideoIndex.create(tmp_path / "index", whole)
    index.add([clips])
    for text in TEXTS:
        check_against_frames_one_by_one(index, whole, text)
    like = index.search_like(clips / "clip-1.mp4", limit=1).hits[0]
    assert like.segment_start_seconds <= like.best_frame_seconds < like.segment_end_seconds


@pytest.mark.parametrize("kind", ["clip", "colpali"])
def test_of_sentence_transformers_too(clips, tmp_path, kind, monkeypatch):
    pytest.importorskip("sentence_transformers")
    import small_sentence_models

    write = {"clip": small_sentence_models.write_clip, "colpali": small_sentence_models.write_colpali}[kind]
    matcher = load_matcher(write(tmp_path), device="cpu", num_frames=3)
    index = VideoIndex.create(tmp_path / "index", matcher)
    assert index.search(TEXTS[0]).hits == ()
    index.add([clips / "clip-2.mp4", clips / "clip-3.mp4"])
    check_against_frames_one_by_one(index, matcher, TEXTS[0])
    monkeypatch.setattr(calibration, "COMPARED_AT_ONCE", 0)  # as in an index of more segments: one text at a time
    again = calibration.calibrate(index.codec, index.snapshot())
    for text, score in list(zip(calibration.unrelated_texts(matcher), again.text_scores, strict=True))[:4]:
        assert score == pytest.approx(index.search(text, limit=1).hits[0].score, abs=1e-4)


def check_against_frames_one_by_one(index: VideoIndex, matcher: Matcher, text: str) -> None:
    """Read the segment from its file, encode every frame as a video of its own, and compare."""
    hits = index.search(text, limit=3).hits
    assert hits
    for hit in hits:
        span = hit.segment_start_seconds, hit.segment_end_seconds
        pixels, mask = matcher.read_videos([hit.path], start_seconds=span[0], end_seconds=span[1])
        frames = pixels[0][mask[0]]
        single = matcher.encode_frames(frames[:, None], torch.ones(len(frames), 1, dtype=torch.bool))
        scores = matcher.similarity([text], single)[0]
        times = [float(each) for each in middles(*span, len(frames))]
        best = times.index(hit.best_frame_seconds)
        inside = [row for row, time in enumerate(times) if hit.start_seconds <= time < hit.end_seconds]
        assert scores[best] >= scores[inside].max() - 2e-3
        assert scores[best] > scores.mean()


def test_an_index_of_an_earlier_version_gives_the_middle_and_takes_more_videos(matcher, clips, tmp_path):
    whole = opened(matcher, temporal_layers=0)
    made = VideoIndex.create(tmp_path / "index", whole)
    made.add([clips / "clip-1.mp4"])
    made.store.segments.drop_columns(["frames", "frames_checksum"])
    index = VideoIndex.open(tmp_path / "index")
    assert index.add([clips]).num_new == 4
    for hit in index.search(TEXTS[0], limit=9).hits:
        assert hit.best_frame_seconds == pytest.approx((hit.segment_start_seconds + hit.segment_end_seconds) / 2)
