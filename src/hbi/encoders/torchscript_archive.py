"""Tensors of a TorchScript archive, the form in which OpenAI publishes CLIP (ViT-B-32.pt), read without its code.

The archive is a zip: NAME/data.pkl holds a tree of modules, NAME/data/0 and so on the numbers of their tensors, and
NAME/code what `torch.jit.load` would compile. The pickle is read here by a reader that knows tensors and plain
containers, takes every module for a bag of attributes, and refuses all else. Nothing takes more memory than the size of
the file explains.
"""

import math
import pickle
import pickletools
import re
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from torch import Tensor

MAX_PARTS = 100_000
"""Attributes of all modules; the largest CLIP has some 10,000."""
MAX_NAME = 1000
"""Characters of a dotted name."""
MAX_REPEATS = 4
"""Tensors may share their numbers; all of them together are at most so many times as large as the file."""

MAX_AXES = 8
"""Of a tensor."""

_DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}
_WRAPPERS = frozenset(
    f"torch.jit._pickle.{name}"
    for name in ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag")
) | {"torch.device"}
"""What torch calls with a plain value to give it a type; the value will do."""
_OPCODES = re.compile(
    "PROTO|STOP|MARK|GLOBAL|NEWOBJ|BUILD|REDUCE|BINPERSID|(LONG_)?BIN(PUT|GET)|NONE|NEW(TRUE|FALSE)|BININT[12]?|LONG1|"
    "BINFLOAT|BINUNICODE|EMPTY_(DICT|LIST|TUPLE)|SETITEMS?|APPENDS?|TUPLE[123]?"
)
"""What torch writes. Among the others are some that ask for memory without bringing the bytes."""


class ArchiveError(Exception):
    """An archive is damaged, or holds what is not read; the message continues after its name."""


def is_torchscript(path: Path) -> bool:
    """Return whether a file is a TorchScript archive. What `torch.save` writes is a zip, too, but has no constants."""
    try:
        with ZipFile(path) as archive:
            return bool(_root(archive))
    except (BadZipFile, OSError, ValueError, NotImplementedError):  # the last: packed in a way that Python cannot read
        return False


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Return the tensors of an archive's modules (parameters, buffers, other attributes) by dotted name, on the CPU.

    Raises:
        ArchiveError: It is damaged, names anything but tensors and modules, or claims more than it holds.
    """
    try:
        with ZipFile(path) as archive:
            numbers = _Numbers(archive, path.stat().st_size)
            module = _Modules(numbers).load()
        return _flat(module, max_bytes=MAX_REPEATS * path.stat().st_size)
    except ArchiveError:
        raise
    except Exception as error:  # damage surfaces in many kinds of errors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ArchiveError(f"is damaged ({reason}): download it again") from error


def _root(archive: ZipFile) -> str:
    """Return the folder of an archive that holds everything; nothing if it is no TorchScript archive."""
    names = archive.NameToInfo
    roots = (name.removesuffix("/constants.pkl") for name in names if name.endswith("/constants.pkl"))
    return next((root for root in roots if "/" not in root and f"{root}/data.pkl" in names), "")


class _Module:
    """What a module of an archive becomes: its attributes, and none of its code."""

    attributes: Mapping[Any, Any] = MappingProxyType({})

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.attributes = state


class _Numbers:
    """What an archive holds outside of its code, each entry read once."""

    def __init__(self, archive: ZipFile, num_bytes: int) -> None:
        self.archive, self.root = archive, _root(archive)
        self.storages: dict[tuple[str, torch.dtype], Tensor] = {}
        # Entries may overlap, or claim a size of their own: together they are still no larger than the file.
        if sum(info.file_size for info in archive.infolist() if info.compress_type == ZIP_STORED) > num_bytes:
            raise ArchiveError("claims more bytes than it has: it is damaged, or made to do harm")
        has_order = f"{self.root}/byteorder" in archive.NameToInfo
        self.is_swapped = has_order and self.entry("byteorder").decode() != sys.byteorder

    def entry(self, name: str) -> bytes:
        """Return one entry; a compressed one is refused, whatever it would grow to."""
        info = self.archive.getinfo(f"{self.root}/{name}")
        if info.compress_type != ZIP_STORED:
            raise ArchiveError(f"holds {name} compressed, as torch does not write it: it is not read")
        return self.archive.read(info)

    def storage(self, key: str, dtype: torch.dtype, length: int) -> Tensor:
        """Return the numbers of one entry, flat."""
        if (key, dtype) not in self.storages:
            content = bytearray(self.entry(f"data/{key}"))
            numbers = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            if self.is_swapped:
                numbers.untyped_storage().byteswap(dtype)
            self.storages[key, dtype] = numbers
        numbers = self.storages[key, dtype]
        if len(numbers) != length:
            raise ArchiveError(f"is damaged (data/{key} holds {len(numbers)} numbers instead of {length})")
        return numbers


class _Modules(pickle.Unpickler):
    """Reads the tree of modules. All that it can call is in this class: nothing that the pickle names is imported."""

    def __init__(self, numbers: _Numbers) -> None:
        content = numbers.entry("data.pkl")
        super().__init__(BytesIO(content))
        self.numbers = numbers
        for opcode, argument, _ in pickletools.genops(content):
            # A place in the memory of the pickle makes room for all places before it.
            is_far = opcode.name == "LONG_BINPUT" and int(argument or 0) > len(content)
            if is_far or not _OPCODES.fullmatch(opcode.name):
                raise ArchiveError(f"holds a pickle with {opcode.name}, as torch does not write it: it is not read")

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a class or function that the pickle names."""
        if module.partition(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        whole = f"{module}.{name}"
        if whole == "torch._utils._rebuild_tensor_v2":
            return self.tensor
        if whole == "collections.OrderedDict":
            return dict
        if whole in _WRAPPERS:
            return self.first
        raise ArchiveError(f"asks for {whole}, which is refused: only tensors and modules are read")

    def persistent_load(self, pid: Any) -> Tensor:
        """Return the numbers that a tensor is made of. Where they were before, on a GPU say, does not matter."""
        _, dtype, key, _, length = pid
        return self.numbers.storage(str(key), dtype, length)

    def tensor(
        self, numbers: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
    ) -> Tensor:
        """Return a view of numbers, no larger than they are: a step of 0 would make a large tensor of a few."""
        if len(size) > MAX_AXES or not all(type(each) is int and each >= 0 for each in (offset, *size, *stride)):
            raise ArchiveError("is damaged (a tensor has no size)")
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        count = math.prod(size)
        if count > len(numbers) or (count and last >= len(numbers)):
            raise ArchiveError(f"is damaged (a tensor of {tuple(size)} on {len(numbers)} numbers)")
        return numbers.as_strided(size, stride, offset)

    @staticmethod
    def first(value: object, *_: object) -> object:
        """Return a value without the type that the pickle gives it."""
        return value


def _flat(module: object, *, max_bytes: int) -> dict[str, Tensor]:
    """Return the tensors below a module by dotted name."""
    if not isinstance(module, _Module):
        raise ArchiveError("holds no module: it is not read")
    found: dict[str, Tensor] = {}
    waiting, num_parts, num_bytes = [("", module)], 0, 0
    while waiting:
        prefix, each = waiting.pop()
        for name, value in each.attributes.items():
            dotted, num_parts = f"{prefix}{name}" if isinstance(name, str) else "", num_parts + 1
            if isinstance(value, Tensor):
                found[dotted], num_bytes = value, num_bytes + value.nbytes
            elif isinstance(value, _Module):
                waiting.append((f"{dotted}.", value))
            # Modules may be in one another: what is small in the file may be without end here.
            if num_parts > MAX_PARTS or len(dotted) > MAX_NAME or num_bytes > max_bytes:
                raise ArchiveError("holds more modules or tensors than its size explains: it is not read")
    return found
