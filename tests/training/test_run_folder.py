import json

import pytest
import torch

from hbi.files import StorageError, write_atomically
from hbi.training.run_folder import RunError, RunFolder


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder(tmp_path / "none").require()
    (tmp_path / "recipe.yaml").write_text("x")
    with pytest.raises(RunError, match="no best weights yet"):
        RunFolder(tmp_path).require_weights("best")


def test_a_log_cut_short_is_read_and_truncated(tmp_path):
    folder = RunFolder(tmp_path)
    for step in range(1, 5):
        folder.append_metrics({"step": step})
    with folder.metrics.open("a") as file:
        file.write('{"step": 5, "lo')
    assert [record["step"] for record in folder.read_metrics()] == [1, 2, 3, 4]
    folder.truncate_metrics(2)
    assert folder.metrics.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_checkpoint_comes_back_and_a_damaged_one_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.load_checkpoint() is None
    folder.save_checkpoint({"step": 3, "model": {"w": torch.arange(4.0)}})
    state = folder.load_checkpoint()
    assert state["step"] == 3
    assert torch.equal(state["model"]["w"], torch.arange(4.0))
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:100])
    with pytest.raises(RunError, match="is damaged"):
        folder.load_checkpoint()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    monkeypatch.undo()
    write_atomically(path, json.dumps({"new": True}))
    assert json.loads(path.read_text()) == {"new": True}
