"""Whether browsers play a video file as it is, by its container and codecs; a file's name says nothing of them."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from hbi.video.container import open_container, picture_stream
from hbi.video.structure import read_structure

Reach: TypeAlias = Literal["every", "some", "none"]
"""Which browsers play a file: every current one, some (a player asks its own by the media type), or none."""

LATEST_BEGIN = Fraction(1, 10)
"""Seconds. Of a file whose first packet comes later, browsers count a length that leaves its end out."""

USUAL_RATE = 25
"""Pictures a second, of a file that does not say."""

PLAIN_PIXELS = frozenset({"yuv420p", "yuvj420p"})
"""Eight bits, 4:2:0: what every decoder of H.264 takes."""

HEVC_TYPES = {"Main": "hvc1.1.6.L120.B0", "Main 10": "hvc1.2.4.L120.B0"}
"""By profile; level 4, since no player refuses a file for the level that its type names."""

AV1_TYPE, VP9_TYPE = "av01.0.08M.08", "vp09.00.10.08"
SOUND_TYPES = {
    "aac": "mp4a.40.2",
    "mp3": "mp3",
    "opus": "opus",
    "vorbis": "vorbis",
    "flac": "flac",
    "ac3": "ac-3",
    "eac3": "ec-3",
}
"""By codec, as a media type names it (RFC 6381, and the registries that it refers to); browsers play no other."""

WEBM_PICTURES, WEBM_SOUNDS = frozenset({"vp8", "vp9", "av1"}), frozenset({"opus", "vorbis", ""})
MP4_SOUNDS = frozenset({"aac", "mp3", ""})


@dataclass(frozen=True)
class BrowserFormat:
    """How browsers take to a file.

    Attributes:
        reach: Which of them play it, picture and sound, on the time axis of `hbi.video`.
        media_type: What it is served as, with its codecs; "" where none plays it.
        stated_seconds: How long it says it is.
        stated_pixels: Of all its pictures, by its size, length and rate: what it would take to convert it.
    """

    reach: Reach
    media_type: str
    stated_seconds: float
    stated_pixels: float


def browser_format(path: str | os.PathLike[str]) -> BrowserFormat:
    """Return which browsers play a file; its header is read, nothing is decoded.

    Args:
        path: The video file.

    Raises:
        VideoError: It cannot be opened, or holds no video.
    """
    path = Path(path)
    with open_container(path) as container:
        pictures = picture_stream(path, container)
        seconds = (container.duration or 0) / av.time_base
        rate = float(pictures.average_rate or pictures.guessed_rate or USUAL_RATE)
        stated = seconds, seconds * rate * pictures.width * pictures.height
        if not _begins_at_zero(container, pictures) or read_structure(path).is_joined:
            return BrowserFormat("none", "", *stated)
        picture_codec = pictures.codec_context.codec.canonical_name
        sound_codec = _sound_codec(container.streams.best("audio"))
        codecs = [_picture_type(pictures), SOUND_TYPES.get(sound_codec, "")]
        kind = _container_type(container.format.name, picture_codec, sound_codec)
        if not kind or not codecs[0] or (sound_codec and not codecs[1]):
            return BrowserFormat("none", "", *stated)
        media_type = f'{kind}; codecs="{", ".join(filter(None, codecs))}"'
        return BrowserFormat(_reach(kind, picture_codec, sound_codec), media_type, *stated)


def _begins_at_zero(container: InputContainer, pictures: VideoStream) -> bool:
    starts = [
        stream.start_time * stream.time_base
        for stream in (pictures, container.streams.best("audio"))
        if stream is not None and stream.start_time is not None and stream.time_base
    ]
    return not starts or -LATEST_BEGIN <= min(starts) <= LATEST_BEGIN


def _sound_codec(stream: object) -> str:
    """Return the name of a track's codec: "" where there is no track, "?" where its codec is not known here."""
    if not isinstance(stream, AudioStream):
        return ""
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "?"


def _picture_type(pictures: VideoStream) -> str:
    """Return the codec of pictures as a media type names it; "" where no browser plays it."""
    context = pictures.codec_context
    codec, extra = context.codec.canonical_name, context.extradata or b""
    if codec == "h264" and context.pix_fmt in PLAIN_PIXELS and len(extra) > 3 and extra[0] == 1:
        return f"avc1.{extra[1:4].hex()}"  # profile, constraints and level, from the decoder's configuration record
    if codec == "hevc" and context.codec_tag == "hvc1":  # the one way of two to store it that Safari takes
        return HEVC_TYPES.get(str(context.profile), "")
    return {"vp8": "vp8", "vp9": VP9_TYPE, "av1": AV1_TYPE}.get(codec, "")


def _container_type(name: str, pictures: str, sound: str) -> str:
    """Return the media type of a container by FFmpeg's name for it; "" where browsers play none such."""
    if name.startswith("mov,mp4"):  # a QuickTime file with these codecs is played as an MP4 file
        return "video/mp4" if pictures != "vp8" else ""
    if name.startswith("matroska"):
        return "video/webm" if pictures in WEBM_PICTURES and sound in WEBM_SOUNDS else "video/x-matroska"
    return ""


def _reach(kind: str, pictures: str, sound: str) -> Reach:
    is_plain_mp4 = kind == "video/mp4" and pictures == "h264" and sound in MP4_SOUNDS
    is_plain_webm = kind == "video/webm" and pictures in {"vp8", "vp9"}
    return "every" if is_plain_mp4 or is_plain_webm else "some"
