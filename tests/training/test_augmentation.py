"""RandAugment: what is drawn, what each operation does to a pixel, and the same change for all frames of a video."""

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from hbi.training.augmentation import MIDDLE, NUM_KINDS, RandAugment, _operations

AUTOCONTRAST, EQUALIZE, INVERT, ROTATE, POSTERIZE, SOLARIZE, ADD, COLOR, CONTRAST, BRIGHTNESS, SHARPNESS = range(11)
SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y = range(11, 15)


def picture(height: int = 20, width: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def changed(kind: int, pixels: np.ndarray, share: float = 0.7, sign: int = 1) -> np.ndarray:
    return np.asarray(_operations(share, sign)[kind](Image.fromarray(pixels))).astype(int)


@pytest.mark.parametrize("share", [0.0, 0.35, 0.7, 1.0])
def test_operations_on_single_colors_are_their_formulas(share):
    pixels = picture()
    old = pixels.astype(int)
    kept = max(1, 4 - int(4 * share))
    threshold, added = 256 - int(256 * share), int(110 * share)
    expected = {
        INVERT: 255 - old,
        POSTERIZE: old // 2 ** (8 - kept) * 2 ** (8 - kept),
        SOLARIZE: np.where(old < threshold, old, 255 - old),
        ADD: np.where(old < 128, np.minimum(old + added, 255), old),
    }
    for kind, values in expected.items():
        np.testing.assert_array_equal(changed(kind, pixels, share), values)


@pytest.mark.parametrize("sign", [1, -1])
def test_colors_are_mixed_with_what_lacks_them(sign):
    pixels = picture()
    old, factor = pixels.astype(float), 1 + sign * 0.7 * 0.9
    gray = old @ [0.299, 0.587, 0.114]
    black_or_gray = {
        BRIGHTNESS: np.zeros_like(old),
        COLOR: np.repeat(gray[..., None], 3, -1),
        CONTRAST: np.full_like(old, gray.mean()),
    }
    for kind, base in black_or_gray.items():
        expected = np.clip(base + factor * (old - base), 0, 255)
        assert np.abs(changed(kind, pixels, sign=sign) - expected).max() <= 2, "Pillow rounds gray to whole numbers"


def test_shifts_move_by_a_share_of_the_side_and_bring_in_gray():
    pixels = picture(20, 40)
    share = 0.5 / 0.45  # half a side
    right, down = (changed(kind, pixels, share) for kind in (SHIFT_X, SHIFT_Y))
    np.testing.assert_array_equal(right[:, :20], pixels[:, 20:])
    np.testing.assert_array_equal(down[:10], pixels[10:])
    assert (right[:, 20:] == MIDDLE).all()
    assert (down[10:] == MIDDLE).all()
    left = changed(SHIFT_X, pixels, share, -1)
    np.testing.assert_array_equal(left[:, 20:], pixels[:, :20])


@pytest.mark.parametrize(("share", "sign"), [(0.7, 1), (0.7, -1), (1.0, 1)])
def test_lines_are_turned_and_sheared_by_their_angle(share, sign):
    column = np.zeros((101, 101, 3), np.uint8)
    column[:, 50] = 255

    def slope(kind: int) -> float:
        found = changed(kind, column, share, sign)[..., 0].astype(float)
        inner = found[30:71, 20:75]  # at the border comes gray
        places = (inner * np.arange(20, 75)).sum(1) / inner.sum(1)
        return float(np.polyfit(np.arange(30, 71), places, 1)[0])

    # Pillow turns against the clock, so that what is below moves to the right; it reads at x + shear * y.
    assert slope(ROTATE) == pytest.approx(np.tan(np.radians(30 * share * sign)), abs=0.02)
    assert slope(SHEAR_X) == pytest.approx(-0.3 * share * sign, abs=0.02)
    row = changed(SHEAR_Y, column.swapaxes(0, 1).copy(), share, sign).swapaxes(0, 1)
    np.testing.assert_array_equal(row, changed(SHEAR_X, column, share, sign))


def test_the_weakest_change_is_none():
    pixels = picture()
    for kind in (ROTATE, COLOR, CONTRAST, BRIGHTNESS, SHARPNESS, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y, SOLARIZE, ADD):
        np.testing.assert_array_equal(changed(kind, pixels, 0.0), pixels)


def test_what_is_drawn_is_spread_as_it_says(monkeypatch):
    drawn = []

    def noted(share: float, sign: int) -> list:
        return [(kind, share, sign) for kind in range(NUM_KINDS)]

    monkeypatch.setattr("hbi.training.augmentation._operations", noted)
    augment = RandAugment(4)
    per_video = [augment.drawn((0, step, 3, row)) for step in range(250) for row in range(8)]
    drawn = [each for video in per_video for each in video]
    counts = Counter(len(video) for video in per_video)
    for number, share in enumerate((1, 4, 6, 4, 1)):  # each of four with probability 1/2
        assert counts[number] / 2000 == pytest.approx(share / 16, abs=0.04)
    kinds = Counter(kind for kind, _, _ in drawn)
    assert sorted(kinds) == list(range(15))
    assert max(kinds.values()) < 1.35 * min(kinds.values())
    shares = 10 * np.array([share for _, share, _ in drawn])
    assert shares.mean() == pytest.approx(7, abs=0.04)
    assert shares.std() == pytest.approx(0.5, abs=0.04)
    assert np.mean([sign for _, _, sign in drawn]) == pytest.approx(0, abs=0.05)
    assert all(0 <= share <= 1 for _, share, _ in RandAugment(100, 9.5, 5.0).drawn((1,)))


@pytest.mark.parametrize("tubelet", [(), (3,)])
def test_all_frames_of_a_video_are_changed_alike_and_padding_is_not(tubelet):
    one = torch.from_numpy(picture(24, 24)).permute(2, 0, 1)
    frames = one.expand(6, 4, *tubelet, 3, 24, 24).clone()
    mask = torch.arange(4)[None] < torch.tensor([4, 3, 2, 1, 4, 4])[:, None]
    frames[~mask] = 0
    seeds = [(0, 5, 3, row) for row in range(6)]
    before = frames.clone()
    made = RandAugment(4)(frames, mask, seeds)
    assert torch.equal(frames, before), "what is given, which the store keeps, was changed"
    assert torch.equal(made, RandAugment(4)(frames, mask, seeds))
    assert not made[~mask].any()
    for row in range(6):
        shown = made[row, mask[row]].flatten(0, -4)
        assert torch.equal(shown, shown[:1].expand_as(shown))
        own = slice(row, row + 1)
        assert torch.equal(made[own], RandAugment(4)(frames[own], mask[own], seeds[own]))
    assert len({made[row, 0].numpy().tobytes() for row in range(6)}) > 3
