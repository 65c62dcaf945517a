"""Bytes that are not those that were written are refused; a kill between two writes refuses nothing."""

import contextlib
import os
import subprocess

import pytest

from hbi.files import checksums
from hbi.files.checksums import (
    FILE,
    DamageError,
    add_checksums,
    read_checksums,
    require_unchanged,
    require_unchanged_folder,
    write_with_checksums,
)

OLD, NEW = {"config": b"old config", "weights": b"old weights"}, {"config": b"new config", "weights": b"new weights"}


def test_what_was_written_is_read_and_one_other_bit_is_not(tmp_path):
    write_with_checksums(tmp_path, OLD)
    files = [tmp_path / name for name in OLD]
    require_unchanged(*files)
    subprocess.run(["sha256sum", "--check", "--strict", FILE], cwd=tmp_path, check=True, capture_output=True)
    for file in files:
        whole = file.read_bytes()
        for damaged in (bytes([whole[0] ^ 1]) + whole[1:], whole[:-1], whole + b"\0", b""):
            file.write_bytes(damaged)
            with pytest.raises(DamageError, match=f"{file.name} is not what was written.*delete {FILE}"):
                require_unchanged(*files)
        file.write_bytes(whole)


@pytest.mark.parametrize("earlier", [{}, OLD, {"tokenizer": b"words"}])
def test_a_kill_between_any_two_writes_leaves_files_that_are_read(tmp_path, monkeypatch, earlier):
    class KillError(BaseException):
        pass

    for num_writes in range(5):
        place = tmp_path / str(num_writes)
        place.mkdir()
        if earlier:
            write_with_checksums(place, earlier)
        left = num_writes

        def write(path, content, write=checksums.write_atomically):
            nonlocal left
            if not left:
                raise KillError
            left -= 1
            write(path, content)

        with monkeypatch.context() as patch:
            patch.setattr(checksums, "write_atomically", write)
            with contextlib.suppress(KillError):
                write_with_checksums(place, NEW)
        require_unchanged_folder(place)
        for name in OLD:
            if (place / name).is_file():
                require_unchanged(place / name)
                assert (place / name).read_bytes() in (earlier.get(name), NEW[name])
        write_with_checksums(place, NEW)
        assert all(len(sums) == 1 for sums in read_checksums(place).values())


def test_folders_of_before_there_were_checksums_are_read(tmp_path):
    (tmp_path / "weights").write_bytes(b"any")
    assert read_checksums(tmp_path) is None
    require_unchanged(tmp_path / "weights")
    with pytest.raises(DamageError, match=r"absent cannot be read \(No such file"):
        require_unchanged(tmp_path / "absent")


def test_a_file_without_a_checksum_among_files_with_one_was_put_there(tmp_path):
    write_with_checksums(tmp_path, OLD)
    (tmp_path / "other").write_bytes(b"")
    with pytest.raises(DamageError, match="other is not what was written"):
        require_unchanged(tmp_path / "other")


@pytest.mark.parametrize("content", [b"\xff", b"x", b"0" * 64, b"0" * 64 + b"  a/b\n", b"a" * 200_000])
def test_damaged_checksums_are_named(tmp_path, content):
    write_with_checksums(tmp_path, OLD)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamageError, match=FILE):
        require_unchanged(tmp_path / "weights")
    write_with_checksums(tmp_path, NEW)  # what is written anew is sound again
    require_unchanged(tmp_path / "weights")


def test_a_folder_is_whole_or_refused(tmp_path):
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    add_checksums(tmp_path)
    require_unchanged_folder(tmp_path)
    (tmp_path / "notes").write_text("somebody's own")
    require_unchanged_folder(tmp_path)
    (tmp_path / "weights").unlink()
    with pytest.raises(DamageError, match="weights cannot be read"):
        require_unchanged_folder(tmp_path)
    require_unchanged_folder(tmp_path, but=("weights",))


@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_pipe_is_not_waited_for_and_a_device_not_read(tmp_path, has_checksums):
    if has_checksums:
        write_with_checksums(tmp_path, OLD)
        (tmp_path / "weights").unlink()
    os.mkfifo(tmp_path / "weights")
    for check in (lambda: require_unchanged(tmp_path / "weights"), lambda: require_unchanged_folder(tmp_path)):
        with pytest.raises(DamageError, match="not a regular file"):
            check()
    (tmp_path / "weights").unlink()
    (tmp_path / "weights").symlink_to("/dev/zero")
    with pytest.raises(DamageError, match="not a regular file"):
        require_unchanged_folder(tmp_path)
