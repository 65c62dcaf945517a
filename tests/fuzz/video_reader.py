"""Reads every file of a folder in all the ways in which hbi reads videos, and tells of each what came of it.

Run as a process of its own, whose memory is bounded: `python video_reader.py FOLDER`. It prints a line of JSON a file.
"""

import json
import resource
import sys
import time
import traceback
from pathlib import Path

from hbi.errors import HBIError
from hbi.search.index_settings import IndexSettings
from hbi.search.segment_frames import read_segments, windows_of
from hbi.video import PictureFormat, probe_video, read_frames
from hbi.video.cutting import cut_clip
from hbi.video.opening import open_video

MEMORY_BYTES = 4 * 2**30
SETTINGS = IndexSettings(1.0, 0.5, 4, PictureFormat.square(24), "", "hbi", "")


def num_segments(path: Path) -> int:
    with open_video(path) as video:
        windows = windows_of(video, SETTINGS)
    stretches = read_segments(path, windows, num_frames=4, picture=PictureFormat.square(24))
    return sum(len(stretch.segments) for stretch in stretches)


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    clip = folder / "cut.clip"
    ways = {
        "probed": lambda path: probe_video(path).width,
        "read": lambda path: len(read_frames(path, 6, image_size=24).pixels),
        "indexed": num_segments,
        "cut": lambda path: cut_clip(path, 0.2, 1.2, clip),
    }
    for path in sorted(folder.iterdir()):
        told: dict[str, object] = {"name": path.name}
        for name, way in ways.items():
            begun = time.monotonic()
            try:
                told[name] = way(path)
            except HBIError as error:
                told[name] = str(error)
            except Exception:
                told["surprise"] = f"{name}: {traceback.format_exc()}"
            told[f"{name}_seconds"] = time.monotonic() - begun
        told["memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        clip.unlink(missing_ok=True)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
