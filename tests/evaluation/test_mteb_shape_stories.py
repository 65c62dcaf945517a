"""ShapeStories as a task of mteb: its hit rates are the recalls of `hbi evaluate`. Skipped without mteb."""

import pytest

from hbi.data.samples import Split
from hbi.evaluation.mteb_model import mteb_model
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.experiments.evaluating import evaluate
from hbi.shape_stories import generate_shape_stories, load_stories
from hbi.shape_stories.splits import retrieval_split
from small_networks import small_matcher

mteb = pytest.importorskip("mteb")

from datasets import Dataset, Video  # noqa: E402
from mteb.abstasks import AbsTaskRetrieval  # noqa: E402
from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData  # noqa: E402
from mteb.mocks.mock_tasks import retrieval as mocks  # noqa: E402

from evaluation.small_mteb import small_global_matcher  # noqa: E402

METADATA = {"t2v": mocks.MockVideoRetrievalT2V.metadata, "v2t": mocks.MockVideoRetrievalV2T.metadata}


def task_of(split: Split, category: str) -> AbsTaskRetrieval:
    """A split as a task of mteb: "t2v" searches its videos with its texts, "v2t" its texts with its videos."""

    class SplitTask(AbsTaskRetrieval):
        metadata = METADATA[category].model_copy(update={"name": f"Split{category.upper()}"})

    texts = Dataset.from_dict(
        {"id": [f"t{row:04}" for row in range(len(split.texts))], "text": [text.text for text in split.texts]}
    )
    videos = Dataset.from_dict(
        {"id": [video.video_id for video in split.videos], "video": [str(video.path) for video in split.videos]}
    ).cast_column("video", Video())
    queries, corpus, relevance = (
        (texts, videos, split.relevance) if category == "t2v" else (videos, texts, split.relevance.T)
    )
    right = {
        query: {name: 1 for name, is_right in zip(corpus["id"], row, strict=True) if is_right}
        for query, row in zip(queries["id"], relevance.tolist(), strict=True)
    }
    task = SplitTask()
    data = RetrievalSplitData(queries=queries, corpus=corpus, relevant_docs=right, top_ranked=None)
    task.dataset = {"default": {"test": data}}
    task.data_loaded = True
    return task


def scores_of_mteb(matcher, split: Split, category: str) -> dict[str, float]:
    result = mteb.evaluate(mteb_model(matcher), task_of(split, category), cache=None, show_progress_bar=False)
    return result.task_results[0].scores["test"][0]


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories") / "stories"
    generate_shape_stories(folder, num_train=1, num_val=1, num_test=12, num_workers=1)
    return folder


@pytest.fixture(scope="module")
def split(stories) -> Split:
    return retrieval_split("test", load_stories(stories, "test"))


@pytest.mark.parametrize("make", [small_matcher, small_global_matcher])
def test_hit_rates_are_the_recalls_of_hbi_evaluate(stories, split, make):
    matcher = make([text.text for text in split.texts])
    report = evaluate(matcher, data=stories).report
    assert len(split.texts) > len(split.videos)
    for category, ours in (("t2v", report.text_to_video), ("v2t", report.video_to_text)):
        theirs = scores_of_mteb(matcher, split, category)
        for k, recall in ((1, ours.recall_at_1), (5, ours.recall_at_5), (10, ours.recall_at_10)):
            assert 100 * theirs[f"hit_rate_at_{k}"] == pytest.approx(recall, abs=1e-3), (category, k)
    assert 0 < report.text_to_video.recall_at_1 < 100
    assert 0 < report.video_to_text.recall_at_5 < 100


def test_ties_are_decided_by_the_id_in_mteb_and_averaged_by_hbi(split):
    """A right and a wrong video that are the same file: hbi finds half a hit, mteb puts the greater id first."""
    matcher = small_matcher([text.text for text in split.texts])
    first = split.videos[0]
    twins = tuple(type(first)(name, first.path) for name in ("a", "b"))
    for right, hit_rate in ((0, 0.0), (1, 1.0)):
        text = type(split.texts[0])(split.texts[0].text, right, (right,))
        tied = Split("test", twins, (text,))
        similarity = matcher.similarity([text.text], [first.path, first.path])
        assert similarity[0, 0] == similarity[0, 1]
        theirs = scores_of_mteb(matcher, tied, "t2v")
        own = ranks(similarity, tied.relevance)
        assert own.expected.tolist() == [1.5]
        assert retrieval_scores(own).recall_at_1 == 50.0
        assert theirs["hit_rate_at_1"] == hit_rate
        assert theirs["hit_rate_at_5"] == 1.0
