"""What a comparison says: where two explanations differ, and for which of them it speaks."""

import numpy as np

from hbi.explanation.interaction_map import PlayerMap
from hbi.explanation.matrix import Times
from hbi.explanation.reading import SHARE_OF_BEST
from hbi.explanation.wording import listing, quoted, signed


def difference_data(names: list[str], part: PlayerMap, times: Times) -> dict[str, object]:
    """What the script shows of a map of differences: numbers, partners and sentences."""
    values = part.interactions
    rows, columns = range(values.shape[0]), range(values.shape[1])
    return {
        "word_groups": part.word_groups,
        "frame_groups": part.frame_groups,
        "interactions": [[float(f"{value:.6g}") for value in row] for row in values],
        "frames_of_word": {row: _large(values[row]) for row in rows},
        "words_of_frame": {column: _large(values[:, column]) for column in columns},
        "phrases": {row: quoted(names[row]) for row in rows},
        "spans": {column: times.spans([column]) for column in columns},
        "word_sentences": {row: _word_sentence(names[row], values[row], times) for row in rows},
        "frame_sentences": {column: _frame_sentence(names, values[:, column], column, times) for column in columns},
    }


def _large(values: np.ndarray) -> list[int]:
    """Where the differences reach half of the largest, of either sign."""
    largest = np.abs(values).max()
    return np.flatnonzero(np.abs(values) >= SHARE_OF_BEST * largest).tolist() if largest else []


def _word_sentence(name: str, values: np.ndarray, times: Times) -> str:
    found = _large(values)
    if not found:
        return f"{quoted(name)}: no difference"
    best = max(found, key=lambda column: abs(float(values[column])))
    value = float(values[best])
    return f"{quoted(name)}: {times.spans(found)} (largest {signed(value)}: {_for_whom(value)})"


def _frame_sentence(names: list[str], values: np.ndarray, column: int, times: Times) -> str:
    found = _large(values)
    if not found:
        return f"{times.spans([column])}: no difference"
    best = max(found, key=lambda row: abs(float(values[row])))
    value = float(values[best])
    phrases = listing(quoted(names[row]) for row in found)
    return f"{times.spans([column])}: {phrases} (largest {signed(value)}: {_for_whom(value)})"


def _for_whom(value: float) -> str:
    return "for the first" if value > 0 else "for the second"
