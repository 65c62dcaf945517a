"""The processes that train one model together: started by `torchrun`, or the one that trains alone."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor, nn

from hbi.errors import HBIError

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: they may be decoding, or validating."""


class LostProcessError(HBIError):
    """Another process of the job has ended; this one cannot go on alone."""


@dataclass(frozen=True)
class Processes:
    """The job as one of its processes sees it.

    Attributes:
        rank: Which process this is, from 0; 0 is the one that validates and writes.
        world_size: How many there are.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.world_size == 1

    def wait(self) -> None:
        """Return when every process has called this."""
        if not self.is_alone:
            dist.barrier()

    def gather_rows(self, rows: Shaped[Tensor, "row *rest"]) -> tuple[Shaped[Tensor, "all_rows *rest"], slice]:
        """Return the rows of all processes in order of rank, without gradient, and where this process's own stand.

        Processes may bring different numbers of rows; all that follows the first axis must agree.
        """
        if self.is_alone:
            return rows.detach(), slice(0, len(rows))
        counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(self.world_size)]
        dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
        numbers = [int(count) for count in counts]
        # Collectives want equal shapes, and not all of them know booleans.
        sent = rows.detach().byte() if rows.dtype == torch.bool else rows.detach()
        padded = sent.new_zeros(max(numbers), *sent.shape[1:])
        padded[: len(sent)] = sent
        received = [torch.empty_like(padded) for _ in numbers]
        dist.all_gather(received, padded)
        everyone = torch.cat([part[:number] for part, number in zip(received, numbers, strict=True)]).to(rows.dtype)
        first = sum(numbers[: self.rank])
        return everyone, slice(first, first + len(rows))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients of `parameters` by their mean over the processes, in one exchange."""
        if self.is_alone:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        mean = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(mean)
        mean /= self.world_size
        for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def copy_from_main(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors, in place, with those of the main process."""
        if not self.is_alone:
            for tensor in tensors:
                dist.broadcast(tensor, 0)


ALONE = Processes()
"""A job of one process."""


def own_device(device: torch.device) -> torch.device:
    """Return the device of this process: under torchrun, `cuda` is the GPU of its number on its machine."""
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Join the job that `torchrun` started and leave it at the end; without torchrun, be alone.

    Raises:
        LostProcessError: Another process of the job ended in the middle.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    processes = Processes(dist.get_rank(), dist.get_world_size())
    try:
        yield processes
    except RuntimeError as error:
        if not _is_from_connection(error):
            raise
        raise LostProcessError(
            "another process of the job has ended (torchrun names it below) and this one stops: run again with --resume"
        ) from error
    finally:
        dist.destroy_process_group()


def _is_from_connection(error: RuntimeError) -> bool:
    # NCCL has an error class of its own; gloo raises plain RuntimeErrors that name its source files.
    return isinstance(error, dist.DistError) or "gloo" in str(error)
