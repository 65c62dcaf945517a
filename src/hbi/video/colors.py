"""Colors of high dynamic range or wide gamut to what an ordinary screen shows: BT.709, 8 bits.

Sources: PQ is SMPTE ST 2084, HLG is ITU-R BT.2100; reference white is 203 cd/m² in PQ and 75 % of the signal in HLG
(ITU-R BT.2408). What is brighter is rolled off by the curve of ITU-R BT.2390, section 5.4.1, from a mastering peak of
1,000 cd/m² to white. The matrices follow from the primaries of ITU-R BT.709, BT.2020 and Display P3.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc
from numpy.typing import NDArray

WHITE, PEAK = 203.0, 1000.0
"""Luminance in cd/m² of reference white, and of the brightest that is told apart."""
DISPLAY_GAMMA = 2.4  # ITU-R BT.1886
HLG_PEAK = 580.0
HLG_GAMMA = 1.2 + 0.42 * math.log10(HLG_PEAK / 1000)
HLG_WHITE = HLG_PEAK * 0.265**HLG_GAMMA
"""The display that HLG is rendered for, in cd/m², and how it bends the light of the scene (BT.2100, note 5f): by 1.1,
between the two ways in which HLG is made, for a display of 1,000 cd/m² (1.2) and from the light of the scene (1.0)."""

PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)
GAMUTS = {  # the chromaticities of red, green and blue; white is D65 everywhere
    int(ColorPrimaries.BT709): ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    int(ColorPrimaries.BT2020): ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    int(ColorPrimaries.SMPTE432): ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
D65 = (0.3127, 0.3290)
UNSPECIFIED = 2
STEPS = 4096
"""Entries of a table."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ToScreen:
    """Turns RGB of 16 bits, as coded, into RGB of 8 bits for an ordinary screen.

    Attributes:
        light: Light relative to reference white by coded value, in steps; for HLG, that of the scene.
        luminance: The weights of red, green and blue in the luminance that bends HLG; None elsewhere.
        gains: By which factor light is dimmed, by the fourth root of its strongest color over the peak, in steps.
        matrix: To the primaries of BT.709.
        codes: Coded value of the screen, by the fourth root of light.
    """

    light: Floats
    luminance: Floats | None
    gains: Floats
    matrix: Floats
    codes: NDArray[np.uint8]

    def __call__(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return pixels [height, width, 3] for an ordinary screen."""
        light = self.light[pixels >> 4]
        if self.luminance is not None:
            bend = np.power(light @ self.luminance, np.float32(HLG_GAMMA - 1))
            light *= bend[..., None] * np.float32(HLG_PEAK / HLG_WHITE)
        light *= self.gains[_steps(light.max(-1) * np.float32(WHITE / PEAK))][..., None]
        return self.codes[_steps(light @ self.matrix)]


def to_screen(frame: VideoFrame) -> ToScreen | None:
    """Return how the colors of a frame become those of an ordinary screen; None where they are so already."""
    transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
    if transfer in (PQ, HLG):
        return _to_screen(transfer, primaries if primaries in GAMUTS else int(ColorPrimaries.BT2020))
    if primaries in GAMUTS and primaries != int(ColorPrimaries.BT709):
        return _to_screen(None, primaries)
    return None


def color_space(frame: VideoFrame) -> Colorspace | None:
    """Return the matrix of a frame that does not name one, as players guess it; None to believe the frame."""
    is_named = int(frame.colorspace) != UNSPECIFIED or frame.format.is_rgb
    is_large = frame.width >= 1280 or frame.height > 576
    return Colorspace.ITU709 if is_large and not is_named else None


@lru_cache(maxsize=8)
def _to_screen(transfer: int | None, primaries: int) -> ToScreen:
    coded, roots = np.linspace(0, 1, STEPS), np.linspace(0, 1, STEPS)
    to_709 = np.linalg.inv(_to_xyz(int(ColorPrimaries.BT709))) @ _to_xyz(primaries)
    curves = {PQ: lambda: pq_light(coded) / WHITE, HLG: lambda: _hlg_scene(coded), None: lambda: coded**DISPLAY_GAMMA}
    light = curves[transfer]()
    strongest = roots**4 * PEAK
    gains = _rolled_off(strongest) / np.maximum(strongest, 1e-6) if transfer else np.ones(STEPS)
    return ToScreen(
        light.astype(np.float32),
        _to_xyz(primaries)[1].astype(np.float32) if transfer == HLG else None,
        gains.astype(np.float32),
        to_709.T.astype(np.float32),
        np.rint(255 * roots ** (4 / DISPLAY_GAMMA)).astype(np.uint8),
    )


def _steps(values: Floats) -> NDArray[np.int32]:
    """Return the fourth roots of values from 0 to 1 as places in a table; what is outside is brought to the border."""
    roots = np.sqrt(np.sqrt(np.clip(values, 0, 1)))
    return np.rint(roots * np.float32(STEPS - 1)).astype(np.int32)


def pq_light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the luminance in cd/m² of PQ's coded values from 0 to 1.

    >>> round(float(pq_light(np.array([0.5806]))[0]))
    203
    """
    power = np.power(coded, 32 / 2523)
    return 10_000 * np.power(np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power), 8192 / 1305)


def pq_coded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return PQ's coded values from 0 to 1 of a luminance in cd/m²."""
    power = np.power(light / 10_000, 1305 / 8192)
    return np.power((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power), 2523 / 32)


def _hlg_scene(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of the scene, from 0 to 1, of HLG's coded values."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)


def _rolled_off(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a luminance in cd/m² as a screen shows it whose brightest is reference white (BT.2390's Hermite curve)."""
    source_peak = pq_coded(np.array(PEAK))
    most = pq_coded(np.array(WHITE)) / source_peak
    coded, knee = pq_coded(light) / source_peak, 1.5 * most - 0.5
    t = np.clip((coded - knee) / (1 - knee), 0, 1)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_light(np.where(coded < knee, coded, curve) * source_peak)


def _to_xyz(primaries: int) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to CIE XYZ; its second row weighs the colors in luminance."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in GAMUTS[primaries]]).T
    white = np.array([D65[0] / D65[1], 1, (1 - D65[0] - D65[1]) / D65[1]])
    return columns * np.linalg.solve(columns, white)
