"""A model with one vector a text and one a video, in the tasks of mteb that need vectors. Skipped without mteb."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cosine_similarity

import hbi
from evaluation.small_split import TEXTS
from hbi.errors import HBIError
from hbi.evaluation.mteb_model import MtebEncoder, mteb_model
from hbi.evaluation.mteb_search import MtebSearch
from small_clips import write_clip

mteb = pytest.importorskip("mteb")

from datasets import Dataset, Video  # noqa: E402
from mteb.mocks.mock_tasks.classification import (  # noqa: E402
    MockVideoAudioClassification,
    MockVideoClassification,
    MockVideoMultilabelClassificationTask,
)
from mteb.mocks.mock_tasks.clustering import MockVideoClusteringTask  # noqa: E402
from mteb.mocks.mock_tasks.pair_classification import MockVideoPairClassificationTask  # noqa: E402
from mteb.mocks.mock_tasks.retrieval import (  # noqa: E402
    MockAny2AnyRetrievalT2ITask,
    MockVideoAudioTextRetrievalVAT2T,
    MockVideoRetrievalT2V,
    MockVideoRetrievalV2T,
)
from mteb.mocks.mock_tasks.zeroshot_classification import MockVideoZeroshotClassificationTask  # noqa: E402
from mteb.models import EncoderProtocol, SearchProtocol  # noqa: E402

from evaluation.small_mteb import QUIET, small_global_matcher, texts_table, videos_table  # noqa: E402

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "mteb.md"
OF_VIDEOS = (
    MockVideoClassification,
    MockVideoClusteringTask,
    MockVideoMultilabelClassificationTask,
    MockVideoPairClassificationTask,
    MockVideoZeroshotClassificationTask,
)


@pytest.fixture(scope="module")
def wholes():
    return small_global_matcher(TEXTS)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [write_clip(folder / f"{seed}.mp4", seconds=1, seed=seed) for seed in range(3)]


def encode(model: MtebEncoder, table: Dataset) -> torch.Tensor:
    task = SimpleNamespace(name="a task")
    return model.encode(SimpleNamespace(dataset=table), task_metadata=task, hf_split="test", hf_subset="", **QUIET)


def test_a_model_gets_what_it_can_do(matcher, wholes):
    assert isinstance(mteb_model(wholes), EncoderProtocol)
    assert isinstance(mteb_model(wholes), SearchProtocol)
    assert type(mteb_model(matcher)) is MtebSearch
    assert not isinstance(mteb_model(matcher), EncoderProtocol)
    with pytest.raises(HBIError, match=r"it answers questions and ranks nothing"):
        mteb_model(SimpleNamespace(name="it"))


def test_what_mteb_is_told_of_it(wholes):
    meta = mteb_model(wholes, "some/body", {"license": "mit"}).mteb_model_meta
    assert (meta.name, meta.revision, meta.license) == ("some/body", wholes.fingerprint, "mit")
    assert (meta.embed_dim, meta.model_type) == (16, ["dense"])


def test_vectors_are_those_that_the_matcher_compares_in_the_order_of_the_table(wholes, clips):
    model = mteb_model(wholes)
    texts, videos = encode(model, texts_table()), encode(model, videos_table(clips))
    torch.testing.assert_close(texts, wholes.encode_texts(list(TEXTS)).encoding)
    torch.testing.assert_close(videos, wholes.encode_videos(clips))
    similarity = wholes.similarity(list(TEXTS), clips)
    torch.testing.assert_close(model.similarity(texts, videos.numpy()), similarity)
    torch.testing.assert_close(model.similarity(texts[0], videos), similarity[:1])
    torch.testing.assert_close(model.similarity_pairwise(texts[:3], videos), similarity[:3].diagonal())
    torch.testing.assert_close(
        model.similarity_pairwise(videos, videos.flip(0)), cosine_similarity(videos, videos.flip(0))
    )


@pytest.mark.parametrize("kind", OF_VIDEOS)
def test_mock_tasks_of_videos_run(wholes, kind):
    result = mteb.evaluate(mteb_model(wholes), kind(), cache=None, show_progress_bar=False)
    assert 0 <= result.task_results[0].get_score() <= 1


def test_zero_shot_classes_are_those_that_the_matcher_ranks_first(wholes, tmp_path):
    task = MockVideoZeroshotClassificationTask()
    task.load_data()
    result = mteb.evaluate(mteb_model(wholes), task, cache=None, show_progress_bar=False)
    paths = []
    for row, video in enumerate(task.dataset["test"].cast_column("video", Video(decode=False))["video"]):
        paths.append(tmp_path / f"{row}.mp4")
        paths[-1].write_bytes(video["bytes"])
    best = wholes.similarity(task.get_candidate_labels(), paths).argmax(0)
    right = best == torch.tensor(task.dataset["test"]["label"])
    assert result.task_results[0].get_score() == pytest.approx(float(right.double().mean()))


def test_it_runs_what_needs_vectors_too(matcher, wholes):
    searches = (MockVideoRetrievalT2V, MockVideoRetrievalV2T)
    others = (MockVideoAudioTextRetrievalVAT2T, MockAny2AnyRetrievalT2ITask, MockVideoAudioClassification)
    tasks = [kind() for kind in (*OF_VIDEOS, *others, *searches)]
    assert [type(task) for task in mteb_model(wholes).runnable(tasks)] == [*OF_VIDEOS, *searches]
    assert [type(task) for task in mteb_model(matcher).runnable(tasks)] == list(searches)


def test_what_has_no_vector_ends_the_task_with_one_line(wholes, clips):
    model = mteb_model(wholes)
    with pytest.raises(HBIError, match=r"a task needs every video, and one cannot be decoded: v1: "):
        encode(model, videos_table([clips[0], {"bytes": b"no video", "path": None}]))
    with pytest.raises(HBIError, match=r"a task has inputs of text and video, and hbi encodes one text or one video"):
        encode(model, videos_table(clips).add_column("text", ["a", "b", "c"]))
    with pytest.raises(HBIError, match=r"a task has inputs of neither text nor video"):
        encode(model, Dataset.from_dict({"audio": ["a"]}))
    damaged = small_global_matcher(TEXTS)
    with torch.no_grad():
        for weight in damaged.model.parameters():
            weight.fill_(torch.nan)
    with pytest.raises(HBIError, match=r"a global run computes no numbers"):
        encode(mteb_model(damaged), texts_table())


def test_the_how_to_runs_from_a_folder_to_scores(wholes, tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    wholes.save_pretrained(tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    tasks = [MockVideoClassification(), MockVideoRetrievalT2V(), MockVideoAudioClassification()]
    benchmark = SimpleNamespace(tasks=tasks)
    monkeypatch.setattr(mteb, "get_benchmark", {"MVEB(text, video, v1)": benchmark}.get)
    names = {}
    exec(compile("\n".join(blocks), str(HOW_TO), "exec"), names)
    scores = {result.task_name: result.get_score() for result in names["results"].task_results}
    assert set(scores) == {"MockVideoClassification", "MockVideoRetrievalT2V"}
    assert "MockVideoRetrievalT2V" in capsys.readouterr().out
    written = [path.relative_to(tmp_path / "mteb-results") for path in tmp_path.rglob("MockVideo*.json")]
    assert {path.parts[-3:-1] for path in written} == {("somebody__mine", hbi.load("runs/mine").fingerprint)}
    assert names["model"].mteb_model_meta.languages == ["eng-Latn"]
