"""The film of one plot: YUV 4:2:0 frames, drawn for all frames of an event at once, and the H.264 file of them."""

import os
from colorsys import hsv_to_rgb
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hbi.shape_stories.drawing import DISTANCES, coverage
from hbi.shape_stories.motion import Track, draw_track
from hbi.shape_stories.plot import Plot
from hbi.shape_stories.world import COLORS, World

Array = np.ndarray
TILE_PIXELS = 256
# Rows give luma and the two chroma planes of an RGB color in [0, 1] (BT.601, limited range).
RGB_TO_YUV = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
YUV_OFFSET = np.array([16.0, 128.0, 128.0])
# Coarse luma hides in the grain; coarse chroma would leave bright specks where a shape has been.
ENCODER_OPTIONS = {"preset": "superfast", "crf": "32", "g": "24", "x264-params": "chroma-qp-offset=-8"}
LIMITED_RANGE, BT_601 = 1, 6


def draw_film(rng: np.random.Generator, world: World, plot: Plot) -> Array:
    """Return the frames as uint8 `[frames, height * 3 / 2, width]`: the luma plane, then both chroma planes.

    Args:
        rng: Where random numbers come from.
        world: The numbers that decide how hard the benchmark is.
        plot: What is seen, and in which frames.
    """
    size, half, num_frames = world.size_pixels, world.size_pixels // 2, plot.num_frames
    planes = _background(rng, world, num_frames)
    for scene in plot.scenes:
        color = _draw_color(rng, world, scene.look.color)
        track = draw_track(rng, world, scene.look, scene.end_frame - scene.start_frame)
        _paint(planes, scene.start_frame, scene.look.shape, track, color)
    planes[0] += _noise(rng, world, num_frames)
    film = np.empty((num_frames, size * size * 3 // 2), dtype=np.uint8)
    edges = (0, size * size, size * size + half * half, size * size * 3 // 2)
    for plane, start, end in zip(planes, edges[:-1], edges[1:], strict=True):
        np.clip(plane, 16.0, 240.0, out=plane)
        film[:, start:end] = plane.reshape(num_frames, -1)
    return film.reshape(num_frames, size * 3 // 2, size)


def write_video(path: Path, film: Array, frames_per_second: int) -> None:
    """Write a film to a file; the same bytes every time.

    Args:
        path: The MP4 file, which appears whole or not at all.
        film: Frames in uint8 [frame, height * 3 / 2, width]: the luma plane, then both chroma planes.
        frames_per_second: How fast it is played.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=ENCODER_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = film.shape[2], film.shape[1] * 2 // 3, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # x264 gives other bytes for other thread counts
        context.color_range, context.colorspace = LIMITED_RANGE, BT_601
        for pts, planes in enumerate(film):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    os.replace(partial, path)


def _draw_color(rng: np.random.Generator, world: World, name: str) -> Array:
    """Return a shade of the color as luma and chroma."""
    hue, saturation, value = COLORS[name]
    hue = (hue + rng.uniform(-1.0, 1.0) * world.hue_jitter) % 1.0
    value = min(1.0, value * (1.0 + rng.uniform(-1.0, 1.0) * world.brightness_jitter))
    return RGB_TO_YUV @ np.array(hsv_to_rgb(hue, saturation, value)) + YUV_OFFSET


def _paint(planes: list[Array], start_frame: int, shape: str, track: Track, color: Array) -> None:
    """Draw one event into the planes, in a box that follows the shape."""
    box = 2 * (int(track.radius.max() * 1.2) + 2)
    left, top = ((center - box / 2).astype(np.int64) // 2 * 2 for center in (track.x, track.y))
    grid = np.arange(box, dtype=np.float32) + 0.5
    x = (grid + left[:, None] - track.x[:, None]).astype(np.float32)[:, None, :]
    y = (grid + top[:, None] - track.y[:, None]).astype(np.float32)[:, :, None]
    cosine, sine = np.cos(track.angle)[:, None, None], np.sin(track.angle)[:, None, None]
    alpha = coverage(shape, cosine * x + sine * y, cosine * y - sine * x, track.radius[:, None, None])
    alpha *= track.opacity[:, None, None]
    half_alpha = 0.25 * (alpha[:, ::2, ::2] + alpha[:, 1::2, ::2] + alpha[:, ::2, 1::2] + alpha[:, 1::2, 1::2])
    for index, (column, row) in enumerate(zip(left.tolist(), top.tolist(), strict=True)):
        frame = start_frame + index
        _blend(planes[0][frame], alpha[index], row, column, color[0])
        _blend(planes[1][frame], half_alpha[index], row // 2, column // 2, color[1])
        _blend(planes[2][frame], half_alpha[index], row // 2, column // 2, color[2])


def _blend(plane: Array, alpha: Array, row: int, column: int, value: float) -> None:
    """Mix `value` into the plane where alpha says so; what lies outside the plane is cut off."""
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + alpha.shape[0], plane.shape[0]), min(column + alpha.shape[1], plane.shape[1])
    region = plane[top:bottom, left:right]
    region += alpha[top - row : bottom - row, left - column : right - column] * (np.float32(value) - region)


def _background(rng: np.random.Generator, world: World, num_frames: int) -> list[Array]:
    """Return the three planes `[frames, height, width]` (float32) before anything happens."""
    size, drift = world.size_pixels, world.drift_pixels
    canvas = size + drift
    luma = rng.uniform(*world.background_luma) + rng.uniform(*world.texture_contrast) * _texture(rng, canvas)
    tints = [128.0 + rng.uniform(-5.0, 5.0) + 3.0 * _texture(rng, canvas // 2) for _ in range(2)]
    canvases = [plane.astype(np.float32)[None] for plane in (luma, *tints)]
    for _ in range(rng.integers(*world.num_distractors, endpoint=True)):
        _paint_distractor(rng, world, canvases)
    offsets = _drift(rng, drift, num_frames)
    planes = []
    for plane, scale in zip(canvases, (1, 2, 2), strict=True):
        windows = sliding_window_view(plane[0], (size // scale, size // scale))
        planes.append(windows[offsets[0] // scale, offsets[1] // scale])
    return planes


def _paint_distractor(rng: np.random.Generator, world: World, canvases: list[Array]) -> None:
    """Draw one dull shape that does nothing."""
    names = tuple(DISTANCES)
    size = canvases[0].shape[1]
    x, y = rng.uniform(6.0, size - 6.0, size=2)
    radius = rng.uniform(*world.distractor_radius_pixels)
    contrast = rng.uniform(*world.distractor_contrast) * rng.choice((-1.0, 1.0))
    luma = np.clip(canvases[0].mean() + contrast, 30.0, 220.0)
    tint = 128.0 + rng.uniform(-1.0, 1.0, size=2) * world.distractor_saturation
    track = Track(*(np.array([value], np.float32) for value in (x, y, radius, rng.uniform(0.0, 6.3), 0.9)))
    _paint(canvases, 0, names[rng.integers(len(names))], track, np.array([luma, *tint]))


def _drift(rng: np.random.Generator, drift_pixels: int, num_frames: int) -> Array:
    """Return the window's even offsets `[2, frames]`: a slow wave of random phase in each direction."""
    phase, cycles = rng.uniform(0.0, 2.0 * np.pi, size=(2, 1)), rng.uniform(0.3, 1.5, size=(2, 1))
    wave = np.sin(phase + cycles * np.linspace(0.0, 2.0 * np.pi, num_frames))
    return np.rint((wave + 1.0) / 2.0 * (drift_pixels // 2)).astype(np.int64) * 2


def _noise(rng: np.random.Generator, world: World, num_frames: int) -> Array:
    """Return grain `[frames, height, width]`: one tile, seen through another window in every frame."""
    size = world.size_pixels
    windows = sliding_window_view(_grain(), (size, size))
    rows, columns = rng.integers(windows.shape[0], size=(2, num_frames))
    return windows[rows, columns] * np.float32(rng.uniform(*world.noise_contrast))


def _texture(rng: np.random.Generator, size: int) -> Array:
    """Return a `[size, size]` piece of one of the textures, turned at random; about unit variance."""
    textures = _textures()
    texture = textures[rng.integers(len(textures))]
    row, column = rng.integers(TILE_PIXELS - size, size=2)
    piece = texture[row : row + size, column : column + size]
    return np.rot90(piece, int(rng.integers(4)))


@lru_cache(maxsize=1)
def _grain() -> Array:
    return np.random.default_rng(1).standard_normal((TILE_PIXELS, TILE_PIXELS), dtype=np.float32)


@lru_cache(maxsize=1)
def _textures() -> tuple[Array, ...]:
    """Return tiles of filtered noise, from rough to smooth, some of them streaked."""
    rng = np.random.default_rng(2)
    frequency = np.fft.fftfreq(TILE_PIXELS)
    tiles = []
    for roughness in (0.8, 1.1, 1.4, 1.8):
        for stretch in (1.0, 4.0):
            distance = np.hypot(frequency[:, None] * stretch, frequency[None, :]) + 1.5 / TILE_PIXELS
            spectrum = np.fft.fft2(rng.standard_normal((TILE_PIXELS, TILE_PIXELS))) * distance**-roughness
            spectrum[0, 0] = 0.0
            tile = np.fft.ifft2(spectrum).real
            tiles.append((tile / tile.std()).astype(np.float32))
    return tuple(tiles)
