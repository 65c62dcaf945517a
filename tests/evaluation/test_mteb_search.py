"""A model of ours in mteb: what it is asked, what it answers, what it refuses. Skipped where mteb is not installed."""

from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
import torch

from evaluation.small_split import TEXTS
from hbi.errors import HBIError
from hbi.evaluation.mteb_search import MtebSearch
from hbi.video import VideoError
from small_clips import write_clip
from small_networks import small_matcher

mteb = pytest.importorskip("mteb")

from datasets import Dataset, Video  # noqa: E402
from mteb.cache import ResultCache  # noqa: E402
from mteb.mocks.mock_tasks import retrieval as mocks  # noqa: E402
from mteb.models import SearchProtocol  # noqa: E402

from evaluation.small_mteb import QUIET, texts_table, videos_table  # noqa: E402

TEXT_TO_VIDEO = mocks.MockVideoRetrievalT2V.metadata
VIDEO_TO_TEXT = mocks.MockVideoRetrievalV2T.metadata


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [write_clip(folder / f"{seed}.mp4", seconds=1, seed=seed) for seed in range(3)]


def found(model: MtebSearch, corpus: Dataset, queries: Dataset, metadata: object, **options: object) -> dict:
    model.index(
        corpus, task_metadata=metadata, hf_split="test", hf_subset="default", encode_kwargs=QUIET, num_proc=None
    )
    asked = {"hf_split": "test", "hf_subset": "default", "encode_kwargs": QUIET, "num_proc": None, "top_k": 1000}
    return model.search(queries, task_metadata=metadata, **(asked | options))


def as_matrix(results: dict[str, dict[str, float]]) -> torch.Tensor:
    return torch.tensor([[scores[name] for name in sorted(scores)] for _, scores in sorted(results.items())])


def test_it_is_what_mteb_searches_with(matcher):
    assert isinstance(MtebSearch(matcher), SearchProtocol)


@pytest.mark.parametrize("kind", [mocks.MockVideoRetrievalT2V, mocks.MockVideoRetrievalV2T])
def test_mock_tasks_of_mteb_run_and_score_as_the_model_ranks(matcher, kind, tmp_path):
    model, task = MtebSearch(matcher, "somebody/small"), kind()
    task.load_data()
    result = mteb.evaluate(model, task, cache=ResultCache(tmp_path), show_progress_bar=False).task_results[0]

    data = task.dataset["default"]["test"]
    texts, videos = data["queries"], data["corpus"]
    if kind is mocks.MockVideoRetrievalV2T:
        texts, videos = videos, texts
    paths = []
    for row, video in enumerate(videos.cast_column("video", Video(decode=False))["video"]):
        paths.append(tmp_path / f"{row}.mp4")
        paths[-1].write_bytes(video["bytes"])
    similarity = matcher.similarity(list(texts["text"]), paths)
    best = (similarity if kind is mocks.MockVideoRetrievalT2V else similarity.T).argmax(1)

    scores = result.scores["test"][0]
    assert scores["hit_rate_at_1"] == pytest.approx(float((best == torch.arange(2)).double().mean()))
    assert scores["main_score"] == scores["ndcg_at_10"]
    assert [path.parent.name for path in tmp_path.rglob(f"{task.metadata.name}.json")] == [matcher.fingerprint]
    assert list(tmp_path.rglob("somebody__small"))


def test_both_directions_rank_with_the_similarity_of_the_matcher(matcher, clips):
    similarity = matcher.similarity(list(TEXTS), clips)
    videos = videos_table(clips)
    model = MtebSearch(matcher)
    torch.testing.assert_close(as_matrix(found(model, videos, texts_table(), TEXT_TO_VIDEO)), similarity)
    torch.testing.assert_close(as_matrix(found(model, texts_table(), videos, VIDEO_TO_TEXT)), similarity.T)


def test_no_more_than_top_k_and_only_candidates_of_the_query(matcher, clips):
    similarity = matcher.similarity(list(TEXTS), clips)
    model, videos = MtebSearch(matcher), videos_table(clips)
    best = found(model, videos, texts_table(), TEXT_TO_VIDEO, top_k=1)
    assert [list(scores) for scores in best.values()] == [[f"v{column}"] for column in similarity.argmax(1).tolist()]
    chosen = {"t0": ["v2", "v0"], "t1": ["v1"], "t2": []}
    some = found(model, videos, texts_table(), TEXT_TO_VIDEO, top_ranked=chosen)
    assert {name: set(scores) for name, scores in some.items()} == {
        **{name: set(names) for name, names in chosen.items()},
        "t3": set(),
    }
    assert some["t0"]["v2"] == pytest.approx(float(similarity[0, 2]), abs=1e-6)


def test_videos_are_files_bytes_or_addresses(matcher, clips):
    content = [clip.read_bytes() for clip in clips]
    with fsspec.open("memory://clips/2.mp4", "wb") as file:
        file.write(content[2])
    videos = videos_table([clips[0], {"bytes": content[1], "path": "1.mp4"}, "memory://clips/2.mp4"])
    torch.testing.assert_close(
        as_matrix(found(MtebSearch(matcher), videos, texts_table(), TEXT_TO_VIDEO)),
        matcher.similarity(list(TEXTS), clips),
    )


@pytest.mark.parametrize("address", ["memory://clips/none.mp4", "none.mp4", "nowhere://none.mp4"])
def test_a_video_that_is_not_there_is_one_line(matcher, address):
    with pytest.raises(HBIError, match=rf"the video '{address}' cannot be read") as caught:
        found(MtebSearch(matcher), videos_table([address]), texts_table(), TEXT_TO_VIDEO)
    assert "\n" not in str(caught.value)


def test_a_broken_video_is_not_found_and_finds_nothing(matcher, clips):
    broken = {"bytes": b"no video at all", "path": None}
    videos = videos_table([clips[0], broken, clips[2]])
    model = MtebSearch(matcher)
    results = found(model, videos, texts_table(), TEXT_TO_VIDEO)
    assert {frozenset(scores) for scores in results.values()} == {frozenset({"v0", "v2"})}
    torch.testing.assert_close(as_matrix(results), matcher.similarity(list(TEXTS), [clips[0], clips[2]]))
    assert len(model.problems) == 1
    assert model.problems[0].startswith("v1: ")
    results = found(model, texts_table(), videos, VIDEO_TO_TEXT)
    assert [len(scores) for scores in results.values()] == [len(TEXTS), 0, len(TEXTS)]
    assert len(model.problems) == 1
    with pytest.raises(HBIError, match=r"none of the 2 videos could be decoded; the first: v0: "):
        found(model, videos_table([broken, broken]), texts_table(), TEXT_TO_VIDEO)


def test_titles_stand_before_texts_and_instructions_behind(matcher, clips):
    titles = ["a story", "", "an end", ""]
    videos, model = videos_table(clips), MtebSearch(matcher)
    with_titles = [f"{title} {text}".strip() for title, text in zip(titles, TEXTS, strict=True)]
    torch.testing.assert_close(
        as_matrix(found(model, texts_table(title=titles), videos, VIDEO_TO_TEXT)),
        matcher.similarity(with_titles, clips).T,
    )
    with_instructions = [f"{text} {title}".strip() for title, text in zip(titles, TEXTS, strict=True)]
    torch.testing.assert_close(
        as_matrix(found(model, videos, texts_table(instruction=titles), TEXT_TO_VIDEO)),
        matcher.similarity(with_instructions, clips),
    )


def test_other_tasks_are_not_runnable_and_are_refused(matcher):
    searchable = [
        mocks.MockVideoRetrievalV2T,
        mocks.MockVideoRetrievalT2V,
        mocks.MockVideoAudioRetrievalVA2T,
        mocks.MockVideoAudioRetrievalT2VA,
    ]
    others = [mocks.MockVideoAudioTextRetrievalVAT2T, mocks.MockRetrievalTask, mocks.MockAny2AnyRetrievalT2ITask]
    from mteb.mocks.mock_tasks.classification import MockVideoClassification

    tasks = [kind() for kind in (*others, *searchable, MockVideoClassification)]
    assert [type(task) for task in MtebSearch(matcher).runnable(tasks)] == searchable
    with pytest.raises(
        HBIError, match=r"MockVideoAudioTextRetrievalVAT2T searches text with text and video, and hbi compares texts"
    ):
        found(MtebSearch(matcher), texts_table(), texts_table(), others[0].metadata)
    with pytest.raises(HBIError, match=r"MockRetrievalTask searches text with text"):
        mteb.evaluate(MtebSearch(matcher), others[1](), cache=None, show_progress_bar=False)


def test_a_table_of_another_form_is_one_line(matcher):
    wrong = Dataset.from_dict({"id": ["v0"], "clip": ["0.mp4"]})
    with pytest.raises(HBIError, match=r"no column video"):
        found(MtebSearch(matcher), wrong, texts_table(), TEXT_TO_VIDEO)
    with pytest.raises(HBIError, match=r"no column text that holds one text a row"):
        found(MtebSearch(matcher), wrong, wrong, VIDEO_TO_TEXT)
    talk = Dataset.from_dict({"id": ["t0"], "text": [["hello", "who is there"]]})
    with pytest.raises(HBIError, match=r"no column text that holds one text a row"):
        found(MtebSearch(matcher), talk, wrong, VIDEO_TO_TEXT)


def test_a_damaged_model_is_one_line(clips):
    damaged = small_matcher(TEXTS)
    with torch.no_grad():
        for weight in damaged.model.parameters():
            weight.fill_(torch.nan)
    with pytest.raises(HBIError, match=r"a small run computes no numbers"):
        found(MtebSearch(damaged), videos_table([clips[0]]), texts_table(), TEXT_TO_VIDEO)


def test_what_mteb_is_told_of_the_model(matcher):
    meta = MtebSearch(matcher, facts={"license": "apache-2.0", "training_datasets": {"MSRVTTT2V"}}).mteb_model_meta
    weights = sum(weight.numel() for weight in matcher.model.state_dict().values() if weight.is_floating_point())
    assert (meta.name, meta.revision, meta.modalities) == ("hbi/a small run", matcher.fingerprint, ["text", "video"])
    assert (meta.license, meta.training_datasets, meta.languages) == ("apache-2.0", {"MSRVTTT2V"}, None)
    assert 0 < meta.n_parameters <= weights
    assert meta.model_type == ["late-interaction"]
    assert meta.max_tokens == matcher.max_words


@pytest.mark.parametrize(
    ("name", "expected"),
    [("author/model", "author/model"), ("runs/deep/mine", "hbi/mine"), ("mine", "hbi/mine"), ("/mine/", "hbi/mine")],
)
def test_the_name_has_two_parts(name, expected):
    assert MtebSearch(SimpleNamespace(name=name))._name == expected
    assert MtebSearch(SimpleNamespace(name=name), "other/name")._name == "other/name"


def test_a_cause_outside_the_video_ends_the_task(matcher, clips, monkeypatch):
    def out_of_memory(*_: object) -> None:
        raise VideoError(clips[0], "no memory", "close something", may_pass=True)

    monkeypatch.setattr(type(matcher), "read_videos", out_of_memory)
    with pytest.raises(VideoError, match=r"no memory"):
        found(MtebSearch(matcher), videos_table(clips), texts_table(), TEXT_TO_VIDEO)
