"""Which device to compute on."""

from typing import TYPE_CHECKING

from hbi.errors import HBIError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> "torch.device":
    """Return the device of a name; `auto` is the first GPU if there is one, else the CPU.

    Raises:
        HBIError: The name is none of torch's, or there is no such device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" is a device that holds no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise HBIError(
            f"--device {name}: no such device here ({str(error).splitlines()[0]}); use cpu or auto"
        ) from error
    return device
