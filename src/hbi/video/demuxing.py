"""The packets of a file, over whatever stumbling blocks lie in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

# A demuxer may stumble over damage and find its feet again; one that stumbles at every step is not waited for.
MAX_READ_ERRORS = 64
MAX_TINY_PACKETS, TINY_BYTES = 2**16, 8
"""So many packets that are so small on average are no film: a byte of a hostile file may stand for one, or for many."""


@dataclass
class Faults:
    """What went wrong on the way, counted: packets that are broken, and stretches of the file that hold none."""

    num_bad_packets: int = 0
    num_holes: int = 0

    @property
    def is_none(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.num_bad_packets or self.num_holes)

    def __str__(self) -> str:
        counts = {"broken packets": self.num_bad_packets, "destroyed stretches": self.num_holes}
        return ", ".join(f"{name}: {count}" for name, count in counts.items() if count)


class SetsTimes(Protocol):
    """Something that moves the times of packets."""

    def set(self, packet: Packet) -> Packet:
        """Return the packet with its times moved."""


def demux(
    container: InputContainer, stream: Stream | None, faults: Faults, clock: SetsTimes | None = None
) -> Iterator[Packet]:
    """Yield packets of a file, going on after read errors.

    Args:
        container: An open file, read on from where it stands.
        stream: Whose packets are wanted; None: those of all streams.
        faults: Counts read errors; it is changed.
        clock: Moves the times of packets to its axis; None: they stay as they are.
    """
    num_errors = num_packets = num_bytes = 0
    while num_errors < MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream) if stream is not None else container.demux():
                num_packets, num_bytes = num_packets + 1, num_bytes + packet.size
                if num_packets > MAX_TINY_PACKETS and num_bytes < TINY_BYTES * num_packets:
                    faults.num_bad_packets += 1
                    return
                if packet.size:  # an empty packet would tell the decoder that the stream has ended
                    yield clock.set(packet) if clock is not None else packet
            return
        except IndexError:
            continue  # PyAV meets a packet of a stream that the header did not announce: not ours
        except av.error.FFmpegError:
            faults.num_bad_packets += 1
            num_errors += 1
