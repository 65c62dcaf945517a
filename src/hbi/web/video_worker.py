"""Decoding in a process of its own, which is killed when a file takes too long.

It is no pool of `hbi.processes`: those exchange pickles, and what a decoder that was taken over by a hostile file sends
back must not be able to run anything here. So jobs and results are JSON and plain bytes, see `video_worker_process`.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hbi.video import PictureFormat, VideoFrames
from hbi.video.browser_formats import BrowserFormat
from hbi.video.sample import VideoSample
from hbi.web.limits import Limits, RequestError

_log = logging.getLogger("hbi.web")


class VideoWorker:
    """One such process, started when it is needed first; jobs are done one at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def read_sample(
        self,
        video: Path,
        num_frames: int,
        picture: PictureFormat,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        is_bounded: bool = False,
    ) -> VideoSample:
        """Return frames of a span of a video with thumbnails.

        Args:
            video, num_frames, picture, start_seconds, end_seconds: As in `VideoSample.read`.
            is_bounded: Whether the video is refused beyond the limits of an upload.

        Raises:
            RequestError: It cannot be decoded, is too large, or took too long.
        """
        reply, content = self._run(
            job="sample",
            path=str(video),
            num_frames=num_frames,
            picture=picture.to_json(),
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            bounds=self._upload_bounds if is_bounded else None,
        )
        parts, begin = [], 0
        for fields in reply["frames"]:
            end = begin + int(np.prod(fields["pixels"]))
            pixels = np.frombuffer(content[begin:end], np.uint8).reshape(fields["pixels"])
            begin = end
            fields |= {"path": video, "pixels": torch.from_numpy(pixels.copy())}
            for name in ("timestamps_seconds", "tubelet_timestamps_seconds"):
                if fields[name] is not None:
                    fields[name] = torch.tensor(fields[name], dtype=torch.float64)
            parts.append(VideoFrames(**fields))
        return VideoSample(*parts)

    def cut(self, video: Path, start_seconds: float, end_seconds: float, out: Path) -> None:
        """Write a moment of a video as an MP4 file, see `hbi.video.cutting`; RequestError as above."""
        self._run(job="cut", path=str(video), start_seconds=start_seconds, end_seconds=end_seconds, out=str(out))

    def browser_format(self, video: Path) -> BrowserFormat:
        """Return which browsers play a video, see `hbi.video.browser_formats`; RequestError as above."""
        return BrowserFormat(**self._run(job="format", path=str(video))[0]["format"])

    def convert(self, video: Path, out: Path, *, is_bounded: bool = False) -> None:
        """Write a whole video as an MP4 file that browsers play.

        Args:
            video: The video file.
            out: The file to write.
            is_bounded: Whether the video is refused beyond the limits of an upload.

        Raises:
            RequestError: It cannot be decoded, is too large to be converted, or took too long.
        """
        bounds = self._upload_bounds if is_bounded else None
        pixels, seconds = self._limits.max_converted_pixels, self._limits.max_clip_seconds
        self._run(job="convert", path=str(video), out=str(out), max_pixels=pixels, max_seconds=seconds, bounds=bounds)

    def picture(self, video: Path, at_seconds: float, max_height: int) -> bytes:
        """Return the picture on screen at a second of a video as JPEG.

        Args:
            video: The file.
            at_seconds: On the axis that players show.
            max_height: Pixels; a lower picture is not enlarged.

        Raises:
            RequestError: As in `read_sample`.
        """
        return self._run(job="picture", path=str(video), at_seconds=at_seconds, max_height=max_height)[1]

    def start(self) -> None:
        """Start the process before it is needed."""
        with self._lock:
            if not self._is_closed:
                self._started_process()

    def close(self) -> None:
        """End the process, whatever it does."""
        self._is_closed, process = True, self._process
        if process is not None:
            process.kill()

    @property
    def _upload_bounds(self) -> dict[str, float]:
        limits = self._limits
        return {
            "max_pixels": limits.max_clip_pixels,
            "max_seconds": limits.max_clip_seconds,
            "max_frames": limits.max_clip_frames,
        }

    def _run(self, **job: Any) -> tuple[dict[str, Any], bytes]:
        """Return the reply to a job and the bytes behind it."""
        with self._lock:
            process = self._started_process()
            timer = _KillTimer(process, self._limits.seconds)
            try:
                reply, content = _exchange(process, job)
            except (OSError, ValueError) as error:  # it has ended, and its pipes with it
                process.kill()
                process.wait()
                self._process = None
                raise self._why_it_ended(job, is_late=timer.has_killed) from error
            finally:
                timer.stop()
        if "problem" in reply:
            raise RequestError(reply["status"], reply["problem"])
        if "bug" in reply:
            _log.error("a video could not be decoded: %s", reply["bug"][:500])
            raise RequestError(422, "it cannot be decoded: it is damaged, or no video")
        return reply, content

    def _why_it_ended(self, job: dict[str, Any], *, is_late: bool) -> RequestError:
        if self._is_closed:
            return RequestError(503, "the server stops: try again when it is back")
        if is_late:
            return RequestError(504, f"this took longer than {self._limits.seconds:g} s and was given up")
        _log.error("the process that decodes has ended in the job %s", job["job"])
        return RequestError(422, "it cannot be decoded: the decoder broke down over it")

    def _started_process(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            root = str(Path(__file__).parents[2])
            paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hbi.web.video_worker_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl+C is for the server, which ends it
            )
            weakref.finalize(self, self._process.kill)
            assert self._process.stdout is not None
            self._process.stdout.readline()  # it is ready: what it takes to start is not the file's doing
        return self._process


class _KillTimer:
    """Kills a process that works too long."""

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self._process, self.has_killed = process, False
        self._timer = threading.Timer(seconds, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the process be."""
        self._timer.cancel()

    def _kill(self) -> None:
        self.has_killed = True
        self._process.kill()


def _exchange(process: "subprocess.Popen[bytes]", job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the reply of a process to a job; ValueError or OSError where it ends before."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(job).encode() + b"\n")
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    content = process.stdout.read(reply["num_bytes"])
    if len(content) < reply["num_bytes"]:
        raise ValueError("it has ended")
    return reply, content
