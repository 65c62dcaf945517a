"""Memory: how the C library keeps it (a step asks for the same large pieces as the step before), and its end."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hbi.errors import HBIError


class OutOfMemoryError(HBIError):
    """What was asked for does not fit into the memory of this machine, or of its GPU."""


_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""The numbers of glibc's mallopt(3)."""


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for the next step, where the C library is glibc; say whether it was done.

    Otherwise every tensor of over 32 MiB is asked from the system and given back each time, and the system fills its
    pages with zeros: a fifth of a step of ViT-B/32 with 16 videos (docs/log.md). The process holds on to
    the most that it ever needed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))


@contextmanager
def naming_out_of_memory() -> Iterator[None]:
    """Make one error of every way in which the libraries say that there is no memory left.

    Raises:
        OutOfMemoryError: There is none.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        is_certain = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_certain and not any(words in str(error) for words in ("allocate memory", "bad_alloc")):
            raise
        raise OutOfMemoryError(
            "out of memory: lower training.batch_size (or set training.micro_batch_size), the size of the network or "
            "the number and size of frames, or take a machine with more"
        ) from error
