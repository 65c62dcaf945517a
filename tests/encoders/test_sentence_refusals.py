"""What is wrong with a model of sentence-transformers is said in one line."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from hbi.encoders.sentence_processor import SentenceProcessor, picture_format
from hbi.encoders.sizes import ModelError
from hbi.encoders.state_files import CheckpointError

pytest.importorskip("sentence_transformers", reason="the extra `sentence` is not installed")

from hbi.encoders.sentence_transformers import open_sentence_transformer
from small_sentence_models import WRITERS, write_clip, write_colbert, write_qwen


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write(tmp_path_factory.mktemp("sentence")) for kind, write in WRITERS.items()}


@pytest.fixture(params=list(WRITERS))
def folder(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


def copied(source: Path, target: Path) -> Path:
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    return target


def refusal(folder: str | Path) -> str:
    with pytest.raises((CheckpointError, ModelError)) as caught:
        open_sentence_transformer(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert Path(folder).name in line
    return line


def test_a_model_of_texts_alone_has_no_picture_side(tmp_path: Path) -> None:
    assert "has no picture side (it reads text)" in refusal(write_colbert(tmp_path))


def test_lost_files_are_named(folder: Path, tmp_path: Path) -> None:
    lost = copied(folder, tmp_path / "weights")
    (lost / "model.safetensors").unlink()
    assert "model.safetensors" in refusal(lost)
    lost = copied(folder, tmp_path / "tokenizer")
    for file in lost.glob("tokenizer*"):
        file.unlink()
    assert "token" in refusal(lost)
    lost = copied(folder, tmp_path / "pictures")
    (lost / "processor_config.json").unlink()
    refusal(lost)


def test_lost_tensors_are_never_made_up(folder: Path, tmp_path: Path) -> None:
    lost = copied(folder, tmp_path / "lost")
    state = load_file(lost / "model.safetensors")
    name = next(each for each in sorted(state) if "layer" in each and each.endswith("weight"))
    save_file({key: value for key, value in state.items() if key != name}, lost / "model.safetensors", {"format": "pt"})
    assert "is no whole model: it lacks" in refusal(lost)


def test_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    for file in ("config.json", "model.safetensors", "processor_config.json"):
        damaged = copied(folder, tmp_path / file.replace(".", "-"))
        (damaged / file).write_bytes((damaged / file).read_bytes()[:40])
        refusal(damaged)


def test_numbers_that_are_none_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    broken = copied(folders["clip"], tmp_path / "broken")
    state = load_file(broken / "model.safetensors")
    state["visual_projection.weight"][0, 0] = float("nan")
    save_file(state, broken / "model.safetensors", {"format": "pt"})
    assert "visual_projection.weight" in refusal(broken)


def test_code_of_a_folder_is_not_run(folders: dict[str, Path], tmp_path: Path) -> None:
    with_code = copied(folders["clip"], tmp_path / "code")
    (with_code / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Module:\n    pass\n")
    module = {"idx": 0, "name": "0", "path": "", "type": "own.Module"}
    (with_code / "modules.json").write_text(json.dumps([module]))
    refusal(with_code)
    assert not (tmp_path / "ran").exists()


def test_other_distances_are_refused(tmp_path: Path) -> None:
    assert "only cosine and dot" in refusal(write_clip(tmp_path, compare="euclidean"))


def test_what_is_no_such_model_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    assert "is no SentenceTransformer or MultiVectorEncoder" in refusal(folders["clip"].parent / "plain")
    assert "there is no folder" in refusal(tmp_path / "nothing")
    assert "the hub is not asked" in refusal("some/model-of-somebody")


def test_the_extra_is_named_where_the_library_is_missing(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert "pip install 'hbi-video[sentence]'" in refusal(folders["clip"])


def test_a_template_that_changes_texts_is_refused(tmp_path: Path) -> None:
    folder = write_qwen(tmp_path)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("{{ c['text'] }}", "{{ c['text'] | replace('z', 'red') }}"))
    assert "changes a text" in refusal(folder)


def test_what_a_model_needs_beside_ids_is_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    features = SentenceProcessor.features
    monkeypatch.setattr(
        SentenceProcessor, "features", lambda self, texts: features(self, texts) | {"depth": torch.ones(1, 5)}
    )
    assert "needs depth of a text" in refusal(folders["clip"])


def test_sizes_of_pictures_are_read_or_missed() -> None:
    with pytest.raises(ModelError, match=r"does not say how large"):
        picture_format(SimpleNamespace(size={}), 32)
    tight = SimpleNamespace(size={"shortest_edge": 900, "longest_edge": 1000}, patch_size=8, merge_size=2, resample=3)
    with pytest.raises(ModelError, match=r"no square picture of whole patches of 16 pixels"):
        picture_format(tight, 32)
    split = picture_format(SimpleNamespace(size={"longest_edge": 2048}, resample=1), 64)
    assert (split.height, split.width, split.resampling) == (64, 64, "lanczos")
