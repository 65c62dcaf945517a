"""Run folders that chance damages: opened with the weights that were written, or refused in one line."""

import json
import os
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from earlier_folders import give_earlier_form_of_run
from fuzz.campaign import damaged, try_many, with_odd_values
from hbi.errors import HBIError
from hbi.files.checksums import FILE
from hbi.matching import load as open_model
from hbi.matching.loading import model_folder_of_run
from hbi.training.loop import Trainer
from hbi.training.run_folder import RunFolder
from training.tiny import run_folder, trainer

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

Weights = dict[str, torch.Tensor]
PARTS = ("best", "last", "checkpoint")
PIXELS = torch.arange(3 * 16 * 16, dtype=torch.uint8).reshape(3, 16, 16)


@dataclass(frozen=True)
class Written:
    """A run folder, what is in it, and a trainer that may be told to go on from any copy."""

    folder: Path
    weights: dict[str, Weights]
    training: Trainer

    @classmethod
    def of_kind(cls, kind: str, folder: Path, *, is_earlier: bool = False) -> "Written":
        training = trainer(run_folder(folder, kind), kind)
        if is_earlier:
            give_earlier_form_of_run(folder)
        whole = cls(folder, {}, training)
        return replace(whole, weights={part: whole.read(folder, part) for part in PARTS})

    def read(self, folder: Path, part: str) -> Weights:
        """The weights that are opened in a copy of the folder: `best`, `last`, or those that training goes on from.

        Beside opened weights stand a text and a frame as their preprocessing has them.
        """
        if part != "checkpoint":
            opened = open_model(folder, weights=part, device="cpu")
            ids = opened.tokenize(["a red circle"]).input_ids
            return clone(opened.model.state_dict()) | {"a text": ids, "a frame": opened.network_input(PIXELS)}
        self.training.folder, self.training.step = RunFolder(folder), -1
        if self.training.resume() == -1:
            raise HBIError("no checkpoint: the training starts anew")
        return clone(self.training.model.state_dict())

    def find(self, folder: Path, part: str, chance: random.Random) -> Weights | None:
        """What `read` reads, whatever the random numbers of the process; None where it is refused in one line."""
        torch.manual_seed(chance.randrange(2**32))
        try:
            return self.read(folder, part)
        except HBIError as error:
            fault = str(error)
        assert 0 < len(fault) < 2000, fault
        assert "weights_only" not in fault
        return None


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> list[Written]:
    """A run folder of every kind, and one of a version before."""
    place = tmp_path_factory.mktemp("runs")
    earlier = Written.of_kind("global", place / "earlier", is_earlier=True)
    return [*(Written.of_kind(kind, place / kind) for kind in ("hbi", "global", "answering")), earlier]


def test_a_damaged_folder_gives_what_was_written_or_nothing(written, tmp_path):
    def check(chance: random.Random) -> None:
        run = chance.choice(written)
        folder = copied(run.folder, tmp_path)
        file = chance.choice(files_of(folder))
        damage(chance, file)
        part = part_of(folder, file)
        found = run.find(folder, part, chance)
        assert found is None or same(found, run.weights[part]), file

    try_many(check, 40)


def test_without_checksums_weights_are_still_never_made_up(written, tmp_path):
    """Folders of before there were checksums: other numbers cannot be told from right ones, but missing ones can."""

    def check(chance: random.Random) -> None:
        run = chance.choice(written)
        folder = copied(run.folder, tmp_path)
        for sums in folder.rglob(FILE):
            sums.unlink()
        if chance.random() < 0.5:
            is_changed = change_tensors(chance, model_folder_of_run(folder, "best") / "model.safetensors")
            assert not is_changed or run.find(folder, "best", chance) is None
            return
        file = chance.choice(files_of(folder))
        damage(chance, file)
        first, second = (run.find(folder, part_of(folder, file), chance) for _ in range(2))
        assert (first is None) == (second is None), file
        assert first is None or same(first, second), file

    try_many(check, 40)


def copied(folder: Path, place: Path) -> Path:
    shutil.rmtree(place / "run", ignore_errors=True)
    return shutil.copytree(folder, place / "run")


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def part_of(folder: Path, file: Path) -> str:
    """What a file of a folder is needed for."""
    name = file.relative_to(folder).parts[0]
    is_of_checkpoint = name in {"checkpoint.pt", "metrics.jsonl", "environment.json"}
    return "last" if name == "last" else "checkpoint" if is_of_checkpoint else "best"


def clone(weights: Weights) -> Weights:
    return {name: tensor.clone() for name, tensor in weights.items()}


def same(found: Weights, expected: Weights) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def damage(chance: random.Random, file: Path) -> None:
    data = file.read_bytes()
    match chance.randrange(12):
        case 0:
            file.unlink()
        case 1:
            file.write_bytes(chance.choice([b"", b"\x00", b"{}", b"[]", b"null", b"\xff" * 100, b"[" * 100_000]))
        case 2:
            file.write_bytes(data[: chance.randrange(len(data) + 1)])
        case 3:
            put_other_kind(chance, file)
        case 4 | 5 | 6 if file.suffix == ".safetensors":
            change_tensors(chance, file)
        case 4 | 5 | 6 | 7 if file.suffix == ".json":
            file.write_text(json.dumps(with_odd_values(chance, json.loads(data))), errors="surrogatepass")
        case _:
            file.write_bytes(damaged(chance, data))


def put_other_kind(chance: random.Random, file: Path) -> None:
    """Put something in the place of a file that is none."""
    file.unlink()
    match chance.randrange(4):
        case 0:
            os.mkfifo(file)
        case 1:
            file.symlink_to("/dev/zero")
        case 2:
            file.mkdir()
        case _:
            file.symlink_to(file)


def change_tensors(chance: random.Random, file: Path) -> bool:
    """Drop, add, reshape, retype, rename or exchange tensors; return whether it is another set of tensors now."""
    tensors = load(file.read_bytes())
    before = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    for name in chance.sample(sorted(tensors), chance.choice([1, 1, 2, 33])):
        tensor = tensors.pop(name)
        match chance.randrange(8):
            case 0 | 1:
                pass
            case 2:
                tensors[f"{name}s"] = tensor
            case 3:
                tensors[name] = tensor.reshape(-1)
            case 4:
                tensors[name] = tensor.to(chance.choice([torch.float16, torch.bfloat16, torch.float64, torch.int32]))
            case 5:
                tensors[name] = tensor.view(torch.int32) if tensor.dtype == torch.float32 else tensor
            case 6:
                tensors[name] = torch.cat([tensor.reshape(-1), tensor.reshape(-1)])
            case _:
                tensors |= {name: tensor, f"{name}.more": tensor.clone()}
    file.write_bytes(save(tensors, {"format": "pt"}))
    return before != {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
