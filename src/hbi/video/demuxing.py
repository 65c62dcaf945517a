"""The packets of one stream of a file, over whatever stumbling blocks lie in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

# A demuxer may stumble over damage and find its feet again; one that stumbles at every step is not waited for.
MAX_READ_ERRORS = 64


@dataclass
class Faults:
    """What went wrong on the way, counted."""

    num_bad_packets: int = 0


def demux(container: InputContainer, stream: VideoStream, faults: Faults) -> Iterator[Packet]:
    """Yield the packets of `stream` from the current position of `container`, going on after read errors."""
    num_errors = 0
    while num_errors < MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                if packet.size:  # an empty packet would tell the decoder that the stream has ended
                    yield packet
            return
        except IndexError:
            continue  # PyAV meets a packet of a stream that the header did not announce: not ours
        except av.error.FFmpegError:
            faults.num_bad_packets += 1
            num_errors += 1
