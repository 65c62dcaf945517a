"""A moment cut out of a video, as an MP4 file that plays anywhere: H.264 and, where there is sound, AAC."""

import os
from pathlib import Path
from typing import Any

import av
import av.error

from hbi.search.error import SearchError
from hbi.video.opening import FORMATS

LONGEST_SIDE = 1280
RATE = 30


def cut_clip(video: Path, start_seconds: float, end_seconds: float, out: Path) -> None:
    """Write the moment `start_seconds` to `end_seconds` (after the first frame) of a video to `out`.

    Larger pictures are scaled down to 1280 pixels. The file appears whole or not at all.

    Raises:
        SearchError: The video cannot be decoded there, or the file cannot be written.
    """
    beside = out.with_name(f".{out.stem}.{os.getpid()}.part.mp4")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        num_frames = _cut(video, start_seconds, end_seconds, beside)
        if not num_frames:
            raise SearchError(f"no frame of {video} from {start_seconds:.1f} to {end_seconds:.1f} s can be decoded")
        beside.replace(out)
    except av.error.FFmpegError as error:
        raise SearchError(f"cannot cut {video} into {out} ({error.strerror}): is the disk full?") from error
    except OSError as error:
        raise SearchError(f"cannot write {out} ({error.strerror or error}): choose another folder") from error
    finally:
        beside.unlink(missing_ok=True)


def _cut(video: Path, start_seconds: float, end_seconds: float, out: Path) -> int:
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    num_frames = 0
    with av.open(os.path.abspath(video), options=options, metadata_errors="replace") as source:
        pictures = source.streams.best("video")
        sound = source.streams.best("audio")
        if pictures is None:
            raise SearchError(f"{video} has no video stream")
        origin = float((pictures.start_time or 0) * pictures.time_base)
        first, last = origin + start_seconds, origin + end_seconds
        with av.open(str(out), "w") as target:
            drawn = _video_stream(target, pictures)
            heard = target.add_stream("aac", rate=sound.rate) if sound is not None else None
            source.seek(int(max(0.0, first) * av.time_base))
            streams = [each for each in (pictures, sound) if each is not None]
            resampler = av.AudioResampler("fltp", heard.layout, heard.rate) if heard else None
            num_samples = 0
            for packet in source.demux(streams):
                if packet.dts is not None and float(packet.dts * packet.time_base) > last + 1:
                    break
                for frame in _decoded(packet):
                    if frame.time is None or not first - 1e-6 <= frame.time < last:
                        continue
                    if packet.stream is pictures:
                        at = round((frame.time - first) * 90_000)
                        scaled = frame.reformat(drawn.width, drawn.height, "yuv420p")
                        scaled.pts, scaled.time_base, scaled.pict_type = at, drawn.codec_context.time_base, 0
                        target.mux(drawn.encode(scaled))
                        num_frames += 1
                    elif heard and resampler:
                        for piece in resampler.resample(frame):
                            piece.pts, piece.time_base = num_samples, None
                            num_samples += piece.samples
                            target.mux(heard.encode(piece))
            target.mux(drawn.encode())
            if heard:
                target.mux(heard.encode())
    return num_frames


def _video_stream(target: Any, pictures: Any) -> Any:
    from fractions import Fraction

    stream = target.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "21"})
    scale = min(1.0, LONGEST_SIDE / max(pictures.width, pictures.height))
    # 4:2:0 needs even sides.
    stream.width, stream.height = (max(2, round(side * scale / 2) * 2) for side in (pictures.width, pictures.height))
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 90_000)
    return stream


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        return []  # a broken packet costs its frame, not the clip
