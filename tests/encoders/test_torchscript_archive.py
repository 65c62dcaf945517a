"""OpenAI's archives open without their code, and no file can do harm."""

import os
import pickle
import sys
import time
import zipfile
from contextlib import suppress
from copy import copy

import pytest
import torch
from torch import nn

from hbi.encoders.opening import read_towers
from hbi.encoders.state_files import read_state
from hbi.encoders.torchscript_archive import ArchiveError, is_torchscript, read_torchscript
from hbi.errors import HBIError
from hbi.models import CheckpointError, HBIModel
from released_weights import released_state

# The oracle runs what it loads, and torch would rather see another format: both are the point here.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*TorchScript")


class Part(nn.Module):
    """A module as OpenAI's are: named parts, parameters, and numbers as buffers."""

    def put(self, name: str, tensor: torch.Tensor) -> None:
        part, dot, rest = name.partition(".")
        if dot:
            if part not in self._modules:
                self.add_module(part, Part())
            self._modules[part].put(rest, tensor)
        elif tensor.is_floating_point():
            self.register_parameter(part, nn.Parameter(tensor))
        else:
            self.register_buffer(part, tensor)


class Root(Part):
    def forward(self, x):
        return x * self.logit_scale


def openai_state(**sizes):
    """What `clip.load` gives: half precision, and three numbers beside the weights."""
    state = {
        name.removeprefix("clip."): tensor.half()
        for name, tensor in released_state(**sizes).items()
        if name.startswith("clip.")
    }
    numbers = {"input_resolution": 64, "context_length": 32, "vocab_size": 40}
    return state | {name: torch.tensor(number) for name, number in numbers.items()}


def save(state, path, how="trace"):
    root = Root()
    for name, tensor in state.items():
        root.put(name, tensor)
    made = torch.jit.trace(root, torch.ones(2).half()) if how == "trace" else torch.jit.script(root)
    torch.jit.save(made, path)
    return path


@pytest.fixture
def archive(tmp_path):
    return save(openai_state(), tmp_path / "ViT-B-32.pt")


def rewritten(path, out, change):
    """A copy of an archive whose every entry is what `change(name, content)` returns; None leaves one out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = change(info.filename.partition("/")[2], old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    return out


def with_pickle(path, out, content):
    return rewritten(path, out, lambda name, old: content if name == "data.pkl" else old)


@pytest.mark.parametrize("how", ["trace", "script"])
@pytest.mark.parametrize("sizes", [{}, {"layers": 2, "width": 128, "vision_width": 64}])
def test_an_archive_gives_the_same_clip_as_its_state_dict(tmp_path, how, sizes):
    state = openai_state(**sizes)
    torch.save(state, tmp_path / "plain.pt")
    path = save(state, tmp_path / "ViT-B-32.pt", how)
    assert is_torchscript(path)
    assert not is_torchscript(tmp_path / "plain.pt")
    plain, opened = read_towers(tmp_path / "plain.pt"), read_towers(path)
    assert opened.config.to_dict() == plain.config.to_dict()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(opened.state_dict()[name], tensor), name
    assert HBIModel.from_clip(path, temporal_layers=1, max_frames=5).encoder.logit_scale == plain.logit_scale.exp()


@pytest.mark.parametrize("how", ["trace", "script"])
def test_tensors_are_those_that_torch_loads(tmp_path, how):
    class Odd(Part):
        def __init__(self):
            super().__init__()
            shared = torch.arange(24.0)
            self.register_buffer("turned", shared[4:16].view(3, 4).T)
            self.register_buffer("tail", shared[20:])
            self.register_buffer("empty", torch.zeros(0, 3))
            self.register_buffer("number", torch.tensor(7))
            for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "bfloat16", "float16", "float64"):
                self.register_buffer(f"of_{name}", torch.tensor([0, 1, 1]).to(getattr(torch, name)))
            self.sizes, self.title, self.rate = [1, 2], "odd", 0.5
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return x + self.tail.sum()

    module = Odd().eval()
    torch.jit.save(
        torch.jit.trace(module, torch.ones(1)) if how == "trace" else torch.jit.script(module), tmp_path / "o.pt"
    )
    wanted, found = torch.jit.load(tmp_path / "o.pt").state_dict(), read_torchscript(tmp_path / "o.pt")
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_numbers_of_a_machine_with_the_other_order_of_bytes(tmp_path, archive):
    other = {"little": b"big", "big": b"little"}[sys.byteorder]
    widths = {}
    with zipfile.ZipFile(archive) as opened:
        for tensor_file in opened.namelist():
            if "/data/" in tensor_file:
                widths[tensor_file.partition("/")[2]] = opened.getinfo(tensor_file).file_size

    def turned(name, content):
        if name == "byteorder":
            return other
        if name.startswith("data/"):
            width = 8 if widths[name] == 8 else 2  # the three numbers are int64, all else is half precision
            return b"".join(content[i : i + width][::-1] for i in range(0, len(content), width))
        return content

    found = read_torchscript(rewritten(archive, tmp_path / "turned.pt", turned))
    for name, tensor in openai_state().items():
        assert torch.equal(found[name], tensor), name


class Harm:
    """Pickled, this makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_an_archive_that_names_a_command_is_refused_and_does_not_run_it(tmp_path, archive):
    mark = tmp_path / "ran"
    for protocol in range(6):
        path = with_pickle(archive, tmp_path / "harm.pt", pickle.dumps(Harm(mark), protocol))
        with pytest.raises(CheckpointError, match=r"posix\.system|is not read") as caught:
            read_towers(path)
        assert "\n" not in str(caught.value)
    path = with_pickle(archive, tmp_path / "harm.pt", f"\x80\x02cposix\nsystem\n(X{{}}touch {mark}tR.".encode("latin1"))
    with pytest.raises(CheckpointError):
        read_towers(path)
    assert not mark.exists()


def test_code_in_an_archive_is_not_even_looked_at(tmp_path, archive):
    path = rewritten(
        archive, tmp_path / "odd.pt", lambda name, old: b"this is no code" if name.startswith("code/") else old
    )
    assert read_torchscript(path).keys() == openai_state().keys()


PERSISTENT = "(X\x07\x00\x00\x00storagectorch\n{kind}\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu{length}tQ"
"""A storage in a pickle: entry data/0."""
TENSOR = (
    "ctorch._utils\n_rebuild_tensor_v2\n("
    + PERSISTENT
    + "{offset}({size}t({stride}t\x89ccollections\nOrderedDict\n)RtR"
)
MODULE = "c__torch__\nM\n)\x81}}X\x01\x00\x00\x00a{value}sb"


def number(value):
    return "J" + value.to_bytes(4, "little", signed=True).decode("latin1")


def pickled(*, kind="FloatStorage", length=4, offset=0, size=(4,), stride=(1,)):
    tensor = TENSOR.format(
        kind=kind,
        length=number(length),
        offset=number(offset),
        size="".join(map(number, size)),
        stride="".join(map(number, stride)),
    )
    return ("\x80\x02" + MODULE.format(value=tensor) + ".").encode("latin1")


def archive_of(path, content, numbers=bytes(16), **more):
    with zipfile.ZipFile(path, "w") as made:
        for name, each in {"data.pkl": content, "data/0": numbers, "constants.pkl": b"\x80\x02).", **more}.items():
            made.writestr(f"m/{name}", each)
    return path


def test_the_pickles_made_by_hand_are_right(tmp_path):
    numbers = torch.arange(4.0).numpy().tobytes()
    found = read_torchscript(archive_of(tmp_path / "m.pt", pickled(size=(2, 2), stride=(1, 2)), numbers))
    assert torch.equal(found["a"], torch.arange(4.0).view(2, 2).T)


@pytest.mark.parametrize(
    "claim",
    [
        {"length": 2**31 - 1, "size": (2**31 - 1,)},
        {"size": (2**31 - 1,), "stride": (0,)},
        {"size": (2**31 - 1, 2**31 - 1), "stride": (0, 0)},
        {"size": (5,)},
        {"size": (2, 2), "stride": (3, 1)},
        {"offset": 1},
        {"offset": -1, "size": (2,)},
        {"size": (-4,)},
        {"size": (4,), "stride": (-1,)},
        {"size": (2, 2), "stride": (1,)},
        {"size": (1,) * 100, "stride": (1,) * 100},
        {"kind": "DoubleStorage"},
        {"kind": "QInt8Storage"},
    ],
    ids=str,
)
def test_a_tensor_that_claims_what_is_not_there_is_refused(tmp_path, claim):
    path = archive_of(tmp_path / "m.pt", pickled(**claim))
    with pytest.raises(ArchiveError, match=r"is damaged|is refused"):
        read_torchscript(path)


def grown_pickles():
    """Pickles that would take gigabytes, or forever, if they were believed; each on 1 MiB of numbers."""
    start, end = "\x80\x02c__torch__\nM\n)\x81", "."
    attribute = "X\x01\x00\x00\x00"
    doubled = start + "q\x00"
    for level in range(40):  # modules of two that are one: 2 ** 40 paths
        two = f"{attribute}ah{chr(level)}{attribute}bh{chr(level)}"
        doubled += f"c__torch__\nM\n)\x81}}({two}ubq{chr(level + 1)}"
    one = pickled(length=2**18, size=(2**18,)).decode("latin1")
    tensor = one[one.index("ctorch._utils") : one.rindex("sb")]
    names = "".join(f"X\x06\x00\x00\x00{index:06d}h\x00" for index in range(1, 50_000))
    return {
        "far memory": "\x80\x02)r\xff\xff\xff\xff.",
        "array of bytes": "\x80\x05\x96" + (2**40).to_bytes(8, "little").decode("latin1") + end,
        "paths without end": doubled + end,
        "module in itself": f"{start}q\x00}}{attribute}ah\x00sb{end}",
        "long name": f"{start}q\x00}}X\x00\x00\x01\x00{'a' * 2**16}h\x00sb{end}",
        "many names": f"{start}}}(X\x06\x00\x00\x00000000{tensor}q\x00{names}ub{end}",
    }


@pytest.mark.parametrize("which", grown_pickles())
def test_a_small_file_cannot_grow(tmp_path, which):
    path = archive_of(tmp_path / "m.pt", grown_pickles()[which].encode("latin1"), bytes(2**20))
    begun = time.monotonic()
    with pytest.raises(ArchiveError, match=r"is not read|only 1 remain"):
        read_torchscript(path)
    assert time.monotonic() - begun < 3


def test_what_is_compressed_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in (("data.pkl", pickled()), ("data/0", bytes(2**26)), ("constants.pkl", b"")):
            made.writestr(f"m/{name}", content)
    with pytest.raises(ArchiveError, match=r"holds data.pkl compressed"):
        read_torchscript(tmp_path / "m.pt")


def test_entries_that_overlap_are_refused(tmp_path):
    """A directory that lists the same bytes many times makes of a file more than it is."""
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as made:
        for name, content in (("data.pkl", pickled()), ("data/0", bytes(16)), ("constants.pkl", b"")):
            made.writestr(f"m/{name}", content)
        for number in range(1, 1000):
            again = copy(made.getinfo("m/data.pkl"))
            again.filename = f"m/data/{number}"
            made.filelist.append(again)
    with pytest.raises(ArchiveError, match="claims more bytes than it has"):
        read_torchscript(tmp_path / "m.pt")


def test_damage_is_said_in_one_line(tmp_path, archive):
    whole = archive.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path = tmp_path / "cut.pt"
        path.write_bytes(whole[:length])
        with pytest.raises(HBIError) as caught:
            read_state(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    place = whole.index(b"\x80\x02c__torch__")
    for offset in range(0, 400, 7):
        path.write_bytes(whole[: place + offset] + bytes([whole[place + offset] ^ 0x55]) + whole[place + offset + 1 :])
        with pytest.raises(
            CheckpointError, match=r"cut.pt, a TorchScript archive, (is damaged|asks for|holds)"
        ) as caught:
            read_state(path)
        assert "\n" not in str(caught.value)
    without = rewritten(archive, tmp_path / "cut.pt", lambda name, old: None if name == "data/3" else old)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_state(without)


def test_a_damaged_pickle_never_does_more_than_fail(tmp_path, archive):
    """Without the zip's checksums, which a hostile file has right."""
    with zipfile.ZipFile(archive) as opened:
        (name,) = (each for each in opened.namelist() if each.endswith("/data.pkl"))
        content = opened.read(name)
    generator = torch.Generator().manual_seed(0)
    for place, value in torch.randint(0, 2**31, (60, 2), generator=generator).tolist():
        broken = bytearray(content)
        broken[place % len(content)] = value % 256
        with suppress(ArchiveError):
            read_torchscript(with_pickle(archive, tmp_path / "broken.pt", bytes(broken)))


def test_a_resnet_and_a_gap_are_named(tmp_path):
    state = openai_state()
    del state["visual.ln_post.bias"]
    with pytest.raises(CheckpointError, match=r"visual\.ln_post\.bias"):
        read_towers(save(state, tmp_path / "gap.pt"))
    resnet = {"visual.layer1.0.conv1.weight": torch.zeros(1), "logit_scale": torch.tensor(1.0).half()}
    with pytest.raises(CheckpointError, match="ResNet"):
        read_towers(save(resnet, tmp_path / "RN50.pt"))
