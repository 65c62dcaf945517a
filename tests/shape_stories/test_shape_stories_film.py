"""ShapeStories' pixels against its annotations: the right color, in the right seconds, doing the right thing."""

from itertools import pairwise

import av
import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv

from hbi.shape_stories import Story, World, generate_shape_stories, load_stories
from hbi.shape_stories.drawing import DISTANCES, coverage
from hbi.shape_stories.motion import draw_track
from hbi.shape_stories.world import ACTIONS, COLORS, SHAPES, Look, is_possible

WORLD = World()


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[tuple[Story, np.ndarray]]:
    root = tmp_path_factory.mktemp("films") / "shape_stories"
    generate_shape_stories(root, num_train=0, num_val=0, num_test=16, seed=11, num_workers=1)
    return [(story, decoded(story)) for story in load_stories(root, "test")]


def decoded(story: Story) -> np.ndarray:
    """Hue, saturation and value `[frames, 48, 48, 3]`: the mean of each four pixels, without most of the grain."""
    with av.open(str(story.video)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    half = WORLD.size_pixels // 2
    return rgb_to_hsv(frames.reshape(-1, half, 2, half, 2, 3).mean(axis=(2, 4)) / 255.0)


def of_color(hsv: np.ndarray, color: str) -> np.ndarray:
    """Where the frames have pixels of about this hue, about as vivid."""
    hue, saturation, value = COLORS[color]
    if saturation == 0.0:
        return (hsv[..., 1] < 0.2) & (np.abs(hsv[..., 2] - value) < 0.12)
    distance = np.abs((hsv[..., 0] - hue + 0.5) % 1.0 - 0.5)
    return (distance < 0.03) & (hsv[..., 1] > 0.75 * saturation) & (hsv[..., 2] > 0.4)


def frames_of(event) -> tuple[int, int]:
    return round(event.start_seconds * WORLD.frames_per_second), round(event.end_seconds * WORLD.frames_per_second)


def test_color_is_seen_throughout_the_event_and_not_outside(films):
    for story, hsv in films:
        for color in {event.color for event in story.events}:
            num_pixels = of_color(hsv, color).sum(axis=(1, 2))
            expected = np.zeros(len(hsv), dtype=bool)
            for event in story.events:
                if event.color == color:
                    start, end = frames_of(event)
                    expected[start:end] = True
                    seen = num_pixels[start:end]
                    if event.action == "blinks":
                        assert (seen[:3] > 30).all(), (story.video_id, event)
                    else:
                        assert (seen > 12).all(), (story.video_id, event, seen)
            # The rim of another color may pass for this one.
            assert num_pixels[~expected].max(initial=0) < 0.15 * num_pixels.max(), (story.video_id, color)


def test_each_action_looks_like_itself(films):
    seen = set()
    for story, hsv in films:
        for event in story.events:
            start, end = frames_of(event)
            masks = of_color(hsv[start:end], event.color)
            area = masks.sum(axis=(1, 2))
            places = 2.0 * np.arange(masks.shape[1])
            x = (masks * places).sum(axis=(1, 2)) / np.maximum(area, 1)
            y = (masks * places[:, None]).sum(axis=(1, 2)) / np.maximum(area, 1)
            assert resembles(event.action, x, y, area), (story.video_id, event)
            seen.add(event.action)
    assert seen == set(ACTIONS)


def resembles(action: str, x: np.ndarray, y: np.ndarray, area: np.ndarray) -> bool:
    right, down = x[-1] - x[0], y[-1] - y[0]
    num_turns = int((np.diff(np.sign(np.diff(y))) != 0).sum())
    match action:
        case "slides left":
            return right < -30 and abs(down) < 8
        case "slides right":
            return right > 30 and abs(down) < 8
        case "rises":
            return down < -30 and abs(right) < 8
        case "falls":
            return down > 30 and abs(right) < 8
        case "grows":
            return area[-1] > 3.5 * area[0]
        case "blinks":
            return area.min() < 0.2 * area.max() and area[0] > 30
        case "bounces":
            return y.max() - y.min() > 20 and num_turns >= 3
        case _:
            return abs(right) < 8 and abs(down) < 8 and area.min() > 0.6 * area.max()


def test_spins_do_not_alias_when_an_event_is_sampled_three_times():
    rng = np.random.default_rng(0)
    for shape, symmetry in SHAPES.items():
        if symmetry is not None:
            for _ in range(50):
                angle = np.degrees(draw_track(rng, WORLD, Look("red", shape, "spins"), 24).angle[[4, 12, 20]])
                for one, other in pairwise(angle):
                    turn = abs((one - other + symmetry / 2) % symmetry - symmetry / 2)
                    assert turn > 0.2 * symmetry


def test_shapes_stay_inside_the_frame():
    rng = np.random.default_rng(0)
    for action in ACTIONS:
        for _ in range(50):
            track = draw_track(rng, WORLD, Look("red", "star", action), int(rng.integers(16, 37)))
            for center in (track.x, track.y):
                assert (center - track.radius >= 0.0).all()
                assert (center + track.radius <= WORLD.size_pixels).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_their_symmetry_and_size(shape):
    grid = np.arange(-24, 24, dtype=np.float32) + 0.5
    radius = np.float32(16.0)

    def turned(degrees: float) -> np.ndarray:
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        x, y = grid[None, :], grid[:, None]
        return coverage(shape, cosine * x + sine * y, cosine * y - sine * x, radius)

    area = np.pi * radius**2
    assert 0.3 * area < turned(0.0).sum() < 1.05 * area
    symmetry = SHAPES[shape]
    if symmetry is None:
        np.testing.assert_allclose(turned(0.0), turned(37.0), atol=1e-3)
    else:
        np.testing.assert_allclose(turned(0.0), turned(symmetry), atol=2e-3)
        assert np.abs(turned(0.0) - turned(symmetry / 2)).sum() > 0.1 * area


def test_shapes_are_told_apart():
    grid = np.arange(-24, 24, dtype=np.float32) + 0.5
    pictures = {shape: coverage(shape, grid[None, :], grid[:, None], np.float32(16.0)) for shape in DISTANCES}
    for one in pictures:
        for other in pictures:
            if one != other:
                assert np.abs(pictures[one] - pictures[other]).sum() > 0.15 * pictures["circle"].sum(), (one, other)


def test_round_shapes_do_not_spin():
    assert [shape for shape in SHAPES if not is_possible(shape, "spins")] == ["circle", "ring"]
