"""How the C library keeps memory: a training step asks for the same large pieces as the step before."""

import ctypes
import sys

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
