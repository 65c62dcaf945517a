"""The process of `VideoWorker`: one job a line on stdin, for each a line of JSON and some bytes on stdout.

A file that a client sends may keep a decoder busy for hours, fill the memory or crash it: here it can be killed, and
takes nothing with it. Nothing of the server's is handed to this process but the jobs.
"""

import io
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from hbi.errors import HBIError
from hbi.video import PictureFormat, VideoFrames, probe_video
from hbi.video.browser_formats import browser_format
from hbi.video.cutting import convert_video, cut_clip
from hbi.video.demuxing import Faults
from hbi.video.opening import open_video
from hbi.video.reading import read_frames_at_sizes
from hbi.video.sample import VideoSample

NICENESS = 10
"""Searches go first."""
AROUND_SECONDS = 0.02
"""The span in whose middle a picture is looked for reaches so far to both sides."""
LONGEST_PICTURE = 4
"""Times its height: of longer ones the middle is shown."""
MEMORY = 4 * 2**30
"""Bytes that decoding may take."""


def main() -> None:
    """Do jobs until stdin ends, and exit at once when it does: the server is gone then."""
    os.nice(NICENESS)
    _bound_memory()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no reply
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(sys.stdin.buffer, jobs), daemon=True).start()
    _write(replies, {"is_ready": True})
    while True:
        job = json.loads(jobs.get())
        try:
            _write(replies, *_JOBS[job.pop("job")](**job))
        except HBIError as error:
            _write(replies, {"problem": " ".join(str(error).splitlines()), "status": getattr(error, "status", 422)})
        except Exception as error:  # the file's doing, or a bug: the server's log has it, the next job is another file
            _write(replies, {"bug": f"{type(error).__name__}: {error}"})


class TooLargeError(HBIError):
    """A clip beyond the server's bounds."""

    status = 413


def _sample(
    path: str,
    num_frames: int,
    picture: int | dict[str, Any],
    start_seconds: float | None,
    end_seconds: float | None,
    bounds: dict[str, Any] | None,
) -> tuple[dict[str, Any], bytes]:
    video = Path(path)
    if bounds is not None:
        _require_small(video, **bounds)
    form = PictureFormat.from_json(picture)
    sample = VideoSample.read(video, num_frames, picture=form, start_seconds=start_seconds, end_seconds=end_seconds)
    parts = [_packed(sample.frames), _packed(sample.thumbnails)]
    return {"frames": [values for values, _ in parts]}, b"".join(pixels for _, pixels in parts)


def _require_small(video: Path, max_pixels: int, max_seconds: float, max_frames: int) -> None:
    info = probe_video(video)
    if info.width * info.height > max_pixels:
        raise TooLargeError(f"its pictures are {info.width} x {info.height}: upload a smaller one")
    if not info.duration_seconds <= max_seconds:
        raise TooLargeError(f"it lasts longer than {max_seconds:g} s: upload a shorter clip")
    with open_video(video) as opened:  # not what it says: what there is
        if sum(1 for _ in islice(opened.packets(Faults()), max_frames + 1)) > max_frames:
            raise TooLargeError(f"it has more than {max_frames:,} pictures: upload a shorter clip")


def _packed(frames: VideoFrames) -> tuple[dict[str, Any], bytes]:
    """Return the fields of frames as JSON has them, with the shape of the pixels; and the pixels."""
    values = {each.name: getattr(frames, each.name) for each in fields(frames)}
    values |= {"path": None, "pixels": list(frames.pixels.shape)}
    times = frames.tubelet_timestamps_seconds
    values["timestamps_seconds"] = frames.timestamps_seconds.tolist()
    values["tubelet_timestamps_seconds"] = None if times is None else times.tolist()
    return values, np.ascontiguousarray(frames.pixels.numpy()).tobytes()


def _cut(path: str, start_seconds: float, end_seconds: float, out: str) -> tuple[dict[str, Any], bytes]:
    cut_clip(path, start_seconds, end_seconds, Path(out))
    return {}, b""


def _picture(path: str, at_seconds: float, max_height: int) -> tuple[dict[str, Any], bytes]:
    def size(height: int, width: int) -> tuple[int, int]:
        shown = min(height, max_height)
        return shown, max(1, min(round(shown * width / height), LONGEST_PICTURE * shown))

    begin, end = at_seconds - AROUND_SECONDS, at_seconds + AROUND_SECONDS
    frames = read_frames_at_sizes(Path(path), 1, (size,), start_seconds=begin, end_seconds=end)[0]
    out = io.BytesIO()
    Image.fromarray(frames.pixels[0].permute(1, 2, 0).numpy()).save(out, format="JPEG", quality=85)
    return {}, out.getvalue()


def _format(path: str) -> tuple[dict[str, Any], bytes]:
    return {"format": asdict(browser_format(path))}, b""


def _convert(
    path: str, out: str, max_pixels: float, max_seconds: float, bounds: dict[str, Any] | None
) -> tuple[dict[str, Any], bytes]:
    video = Path(path)
    if bounds is not None:
        _require_small(video, **bounds)
    if browser_format(video).stated_pixels > max_pixels:
        raise TooLargeError("it is too long or too large to be converted for a browser")
    convert_video(video, max_seconds, Path(out))
    return {}, b""


_JOBS: dict[str, Callable[..., tuple[dict[str, Any], bytes]]] = {
    "sample": _sample,
    "cut": _cut,
    "convert": _convert,
    "format": _format,
    "picture": _picture,
}


def _bound_memory() -> None:
    """Let what a file claims end in an error here, not in the end of another program."""
    sizes = Path("/proc/self/statm")
    if sizes.is_file():  # Linux: elsewhere nobody tells what is taken already
        import resource

        taken = int(sizes.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))


def _read_jobs(lines: BinaryIO, jobs: "queue.SimpleQueue[bytes]") -> None:
    for line in lines:
        jobs.put(line)
    os._exit(0)


def _write(replies: BinaryIO, reply: dict[str, Any], content: bytes = b"") -> None:
    replies.write(json.dumps(reply | {"num_bytes": len(content)}).encode() + b"\n" + content)
    replies.flush()


if __name__ == "__main__":
    main()
