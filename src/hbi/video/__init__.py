"""Files to frames: opening, sampling, decoding and cutting videos with PyAV. Knows no data set."""

from hbi.video.error import VideoError
from hbi.video.picture_format import PictureFormat
from hbi.video.probing import VideoInfo, probe_video
from hbi.video.reading import VideoFrames, read_frames

__all__ = ["PictureFormat", "VideoError", "VideoFrames", "VideoInfo", "probe_video", "read_frames"]
