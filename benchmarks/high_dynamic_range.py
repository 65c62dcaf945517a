"""Whether videos of high dynamic range are seen as their ordinary twins are: recall on the same videos, coded anew.

    hbi demo
    python benchmarks/high_dynamic_range.py demo/runs/shape-stories demo/data

The test videos are written again, as BT.2020 of 10 bits in H.264 and, for comparison, as they were (8 bits, BT.709): so
the loss of coding twice is seen apart from that of the colors. White becomes PQ's and HLG's reference white, 203 cd/m²
and 75 % of the signal; for HLG in both ways that are in use, by what a display of 1,000 cd/m² shows and by the light of
the scene. The formulas are written down here again, not taken from hbi. Stored in
benchmarks/results/high_dynamic_range.json.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from hbi.data.frames import decode_frames
from hbi.data.samples import Split, Video
from hbi.evaluation.ranks import ranks, retrieval_scores
from hbi.evaluation.similarity_matrix import similarity_matrix
from hbi.matching import Matcher, load_matcher
from hbi.shape_stories import load_stories
from hbi.shape_stories.splits import retrieval_split

RESULTS = Path(__file__).parent / "results" / "high_dynamic_range.json"
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
Curve = Callable[[np.ndarray], np.ndarray]


def pq(light: np.ndarray) -> np.ndarray:
    """Light relative to white, as PQ codes it."""
    power = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg_of_scene(light: np.ndarray) -> np.ndarray:
    """Light relative to white, taken for that of the scene, as HLG codes it."""
    scene = light * 0.265
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def hlg_of_display(light: np.ndarray) -> np.ndarray:
    """Light relative to white, shown at 203 by a display of 1,000 cd/m² (system gamma 1.2), as HLG codes it."""
    shown = light * 0.203
    luminance = shown @ np.array([0.2627, 0.678, 0.0593])
    return hlg_of_scene(shown * np.maximum(luminance, 1e-6)[..., None] ** (1 / 1.2 - 1) / 0.265)


KINDS: dict[str, tuple[Curve, ColorTrc] | None] = {
    "coded again": None,
    "PQ": (pq, ColorTrc.SMPTE2084),
    "HLG, light of the scene": (hlg_of_scene, ColorTrc.ARIB_STD_B67),
    "HLG, light of a display": (hlg_of_display, ColorTrc.ARIB_STD_B67),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    matcher = load_matcher(arguments.run, device="cpu")
    split = retrieval_split("test", load_stories(arguments.data, "test"))
    rows = {"original": scores(matcher, split, [video.path for video in split.videos])}
    print("original", rows["original"])
    for kind, way in KINDS.items():
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
            targets = [Path(folder, f"{number}.mp4") for number in range(len(split.videos))]
            list(
                pool.map(
                    lambda pair, way=way: recode(*pair, way), zip((v.path for v in split.videos), targets, strict=True)
                )
            )
            rows[kind] = scores(matcher, split, targets)
        print(kind, rows[kind])
    RESULTS.write_text(json.dumps({"run": matcher.name, "videos": len(split.videos), "rows": rows}, indent=1) + "\n")


def scores(matcher: Matcher, split: Split, paths: list[Path]) -> dict[str, float]:
    videos = [Video(str(path), path) for path in paths]
    frames = decode_frames(videos, num_frames=matcher.num_frames, picture=matcher.picture)
    similarity = similarity_matrix(matcher, [text.text for text in split.texts], frames)
    found = retrieval_scores(ranks(similarity, split.relevance))
    return {name: round(value, 2) for name, value in found.to_dict().items()}


def recode(source: Path, target: Path, way: tuple[Curve, ColorTrc] | None) -> None:
    """Write a video again, in another way of coding colors (None: in the same)."""
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        old = film.streams.video[0]
        stream = out.add_stream("libx264", rate=old.average_rate, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height = old.width, old.height
        stream.pix_fmt = "yuv420p" if way is None else "yuv420p10le"
        context = stream.codec_context
        context.thread_count, context.color_range = 1, int(ColorRange.MPEG)
        if way is not None:
            context.colorspace, context.color_trc = int(Colorspace.BT2020), int(way[1])
            context.color_primaries = int(ColorPrimaries.BT2020)
        for number, frame in enumerate(film.decode(old)):
            written = frame if way is None else coded(frame.to_ndarray(format="rgb24"), way)
            written.pts, written.time_base, written.pict_type = number, 1 / Fraction(old.average_rate), 0
            out.mux(stream.encode(written))
        out.mux(stream.encode())


def coded(pixels: np.ndarray, way: tuple[Curve, ColorTrc]) -> av.VideoFrame:
    light = (pixels / 255.0) ** 2.4 @ TO_BT2020.T
    values = np.rint(np.clip(way[0](light), 0, 1) * 65_535).astype(np.uint16)
    # The transfer is named to the encoder alone: named to the scaler, it would convert what is converted already.
    return av.VideoFrame.from_ndarray(values, format="rgb48le").reformat(
        format="yuv420p10le", dst_colorspace=Colorspace.BT2020, dst_color_range=ColorRange.MPEG
    )


if __name__ == "__main__":
    main()
