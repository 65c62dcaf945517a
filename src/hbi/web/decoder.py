"""Videos are decoded in a process of its own, which is killed when a file takes too long: see `video_process`."""

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

import hbi
from hbi.explanation.sample import Sample
from hbi.video import VideoFrames
from hbi.web.limits import Limits, RefusalError

_log = logging.getLogger("hbi.web")


class Decoder:
    """One such process, started when it is needed first; jobs come one at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def sample(
        self,
        video: Path,
        num_frames: int,
        image_size: int,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        is_bounded: bool = False,
    ) -> Sample:
        """Return frames of a video; `is_bounded` holds it to the limits of an upload.

        Raises:
            RefusalError: It cannot be decoded, is too large, or took too long.
        """
        limits = self._limits
        bounds = {
            "max_pixels": limits.max_clip_pixels,
            "max_seconds": limits.max_clip_seconds,
            "max_frames": limits.max_clip_frames,
        }
        said, content = self._ask(
            do="sample",
            path=str(video),
            num_frames=num_frames,
            image_size=image_size,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            bounds=bounds if is_bounded else None,
        )
        parts, begin = [], 0
        for described in said["frames"]:
            end = begin + int(np.prod(described["pixels"]))
            pixels = np.frombuffer(content[begin:end], np.uint8).reshape(described["pixels"])
            begin = end
            described |= {"path": video, "pixels": torch.from_numpy(pixels.copy())}
            described["timestamps_seconds"] = torch.tensor(described["timestamps_seconds"], dtype=torch.float64)
            parts.append(VideoFrames(**described))
        return Sample(*parts)

    def cut(self, video: Path, start_seconds: float, end_seconds: float, out: Path) -> None:
        """Write a moment of a video as an MP4 file, see `hbi.video.cutting`; RefusalError as above."""
        self._ask(do="cut", path=str(video), start_seconds=start_seconds, end_seconds=end_seconds, out=str(out))

    def close(self) -> None:
        """End the process, whatever it does."""
        self._is_closed, process = True, self._process
        if process is not None:
            process.kill()

    def _ask(self, **job: Any) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            process = self._running()
            alarm = _Alarm(process, self._limits.seconds)
            try:
                said, content = _exchange(process, job)
            except (OSError, ValueError) as error:  # it has ended, and its pipes with it
                process.kill()
                process.wait()
                self._process = None
                raise self._ended(job, alarm.has_rung) from error
            finally:
                alarm.stop()
        if "fault" in said:
            raise RefusalError(said["status"], said["fault"])
        if "bug" in said:
            _log.error("a video could not be decoded: %s", said["bug"][:500])
            raise RefusalError(422, "it cannot be decoded: it is damaged, or no video")
        return said, content

    def _ended(self, job: dict[str, Any], is_late: bool) -> RefusalError:
        if self._is_closed:
            return RefusalError(503, "the server stops: try again when it is back")
        if is_late:
            return RefusalError(504, f"this took longer than {self._limits.seconds:g} s and was given up")
        _log.error("the process that decodes has ended in the job %s", job["do"])
        return RefusalError(422, "it cannot be decoded: the decoder broke down over it")

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            root = str(Path(hbi.__file__).parents[1])
            paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hbi.web.video_process"],
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


class _Alarm:
    """Kills a process that works too long."""

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self._process, self.has_rung = process, False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the process be."""
        self._timer.cancel()

    def _ring(self) -> None:
        self.has_rung = True
        self._process.kill()


def _exchange(process: "subprocess.Popen[bytes]", job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return what the process answers; ValueError or OSError where it ends before."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(job).encode() + b"\n")
    process.stdin.flush()
    said = json.loads(process.stdout.readline())
    content = process.stdout.read(said["num_bytes"])
    if len(content) < said["num_bytes"]:
        raise ValueError("it has ended")
    return said, content
