import json
import os

import pytest
import torch

from hbi.files import StorageError, write_atomically
from hbi.matching import SourceError, load
from hbi.models import CheckpointError
from hbi.training.run_folder import RunError, RunFolder
from training.tiny import run_folder, trainer


def test_a_run_without_weights_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_text("x")
    with pytest.raises(SourceError, match="no best weights yet"):
        load(tmp_path)


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
    with pytest.raises(RunError, match=r"is not what was written.*delete checkpoint.pt to start anew"):
        folder.load_checkpoint()
    (folder.path / "SHA256SUMS").unlink()  # as a run of before there were checksums
    with pytest.raises(RunError, match="is damaged"):
        folder.load_checkpoint()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"step": 1}\n{"st\n{"step": 2}\n', "damaged at line 2"),
        (b'{"step": 1}\n[]\n', "damaged at line 2"),
        (b'{"step": "1"}\n', "damaged at line 1"),
        (b"[" * 100_000 + b"\n", "damaged at line 1"),
        (b"\xff\n", "cannot be read"),
    ],
)
def test_a_damaged_log_is_named(tmp_path, content, message):
    folder = RunFolder(tmp_path)
    folder.metrics.write_bytes(content)
    with pytest.raises(RunError, match=message):
        folder.read_metrics()


def test_pipes_and_devices_are_not_opened(tmp_path):
    for name in ("recipe.yaml", "metrics.jsonl", "checkpoint.pt"):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        os.mkfifo(folder.path / name)
        with pytest.raises(RunError, match=f"{name} is not a regular file"):
            folder.require_regular_files()
    (tmp_path / "device").mkdir()
    folder = RunFolder(tmp_path / "device")
    for file in (folder.metrics, folder.checkpoint):
        file.symlink_to("/dev/zero")
    with pytest.raises(RunError, match="not a regular file"):
        folder.read_metrics()
    with pytest.raises(RunError, match="not a regular file"):
        folder.load_checkpoint()


def test_twenty_bits_of_a_checkpoint_of_before_there_were_checksums_are_noticed(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save_checkpoint({"step": 3, "model": {"w": torch.arange(4000.0)}})
    (tmp_path / "SHA256SUMS").unlink()
    data = bytearray(folder.checkpoint.read_bytes())
    for place in range(20):
        data[len(data) // 2 + 64 * place] ^= 4
    folder.checkpoint.write_bytes(data)
    with pytest.raises(RunError, match="is damaged"):
        folder.load_checkpoint()


def test_what_a_killed_process_was_writing_is_in_nobodys_way(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.is_free
    (folder.path / "last").mkdir(parents=True)
    for path in (folder.path / ".hbi-1-a.part.yaml", folder.path / "last" / ".hbi-1-b.part.safetensors"):
        path.write_text("half")
    (folder.path / ".hbi-1-c.part").mkdir()
    assert not folder.is_free  # `last` is of a run
    folder.remove_drafts()
    assert [path.name for path in folder.path.rglob("*")] == ["last"]
    (folder.path / "last").rmdir()
    (folder.path / ".hbi-1-a.part.yaml").write_text("half")
    assert folder.is_free


def test_a_checkpoint_of_another_network_is_named(tmp_path):
    folder = run_folder(tmp_path / "run", "hbi")
    other = trainer(folder, "global")
    with pytest.raises(CheckpointError, match="is of another network"):
        other.resume()
    state = RunFolder(folder).load_checkpoint()
    without_step = {name: value for name, value in state.items() if name != "step"}
    for wrong, message in ((state | {"optimizers": []}, "another optimizer"), (without_step, "lacks step")):
        RunFolder(folder).save_checkpoint(wrong)
        with pytest.raises(RunError, match=message):
            trainer(folder, "hbi").resume()


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
