"""Explanations made up for the tests of drawing: any text, any size, any numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from hbi.explanation import Explanation, Frame, LevelExplanation, Word
from hbi.shapes import LEVELS, Level

Values = Callable[[int, int], np.ndarray]


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(match.group(), *match.span()) for match in re.finditer(r"\S+", text))


def frames_of(num_frames: int, duration_seconds: float) -> tuple[Frame, ...]:
    length = duration_seconds / num_frames
    frames = []
    for index in range(num_frames):
        thumbnail = np.full((3, 18, 32), 40, dtype=np.uint8)
        thumbnail[index % 3] = 255 - index
        frames.append(Frame((index + 0.5) * length, index * length, (index + 1) * length, thumbnail))
    return tuple(frames)


def random_values(num_words: int, num_frames: int) -> np.ndarray:
    return np.random.default_rng(7).normal(scale=0.01, size=(num_words, num_frames))


def level_of(
    level: Level,
    similarity: float,
    weight: float,
    word_groups: Sequence[int],
    frame_groups: Sequence[int],
    interactions: np.ndarray,
) -> LevelExplanation:
    """A level whose values sum to its similarity, as they must; the first word adds the most."""
    num_words, num_frames = np.shape(interactions)
    return LevelExplanation(
        level=level,
        weight=weight,
        similarity=similarity,
        word_groups=tuple(word_groups),
        frame_groups=tuple(frame_groups),
        interactions=interactions,
        token_similarity=np.tanh(interactions),
        word_weights=np.full(num_words, 1 / num_words),
        frame_weights=np.full(num_frames, 1 / num_frames),
        word_values=0.7 * similarity * np.arange(num_words, 0, -1) / sum(range(num_words + 1)),
        frame_values=np.full(num_frames, 0.3 * similarity / num_frames),
    )


def build_explanation(
    text: str = "a red square slides left",
    *,
    num_frames: int = 6,
    duration_seconds: float = 6.0,
    values: Values = random_values,
    action_words: Sequence[int] | None = None,
    action_frames: Sequence[int] | None = None,
    video: str = "clip.mp4",
    model: str = "small",
    remark: str | None = None,
) -> Explanation:
    """Entity level as it is, action level as told (else pairs of neighbours), event level all in one."""
    words = words_of(text)
    groups = {
        "entity": (range(len(words)), range(num_frames)),
        "action": (
            action_words or [index // 2 for index in range(len(words))],
            action_frames or [index // 2 for index in range(num_frames)],
        ),
        "event": ([0] * len(words), [0] * num_frames),
    }
    levels = tuple(
        level_of(level, similarity, weight, *groups[level], values(*(max(side) + 1 for side in groups[level])))
        for level, similarity, weight in zip(LEVELS, (0.1, 0.2, 0.3), (0.1, 0.3, 0.6), strict=True)
    )
    return Explanation(
        text=text,
        video=video,
        duration_seconds=duration_seconds,
        words=words,
        frames=frames_of(num_frames, duration_seconds),
        levels=levels,
        similarity=0.25,
        model=model,
        remark=remark,
    )


def drawn(explanation: Explanation, share: float = 0.4) -> Explanation:
    """The same numbers, as if each were an estimate: errors of about this share of the median number, none alike."""
    levels = []
    for part in explanation.levels:
        generator = np.random.default_rng(11)
        errors = {}
        for numbers, name in (("interactions", "interaction"), ("word_values", "word"), ("frame_values", "frame")):
            values = np.abs(getattr(part, numbers))
            errors[f"{name}_errors"] = share * np.median(values) * generator.uniform(0.5, 1.5, size=values.shape)
        levels.append(replace(part, **errors))
    return replace(explanation, levels=tuple(levels))


def of_vectors(explanation: Explanation, frame_groups: Sequence[int] | None = None) -> Explanation:
    """A dual encoder's: one level, words at the input, no tokens to compare; neighbouring frames perhaps as one."""
    groups = tuple(range(len(explanation.frames))) if frame_groups is None else tuple(frame_groups)
    entity, count = explanation.levels[0], len(set(groups))
    level = replace(
        entity,
        weight=1.0,
        frame_groups=groups,
        interactions=entity.interactions[:, :count],
        frame_values=np.full(count, entity.frame_values.sum() / count),
        token_similarity=None,
        word_weights=None,
        frame_weights=None,
    )
    return replace(explanation, levels=(level,), similarity=level.similarity, words_at_input=True)


def of_maxsim(explanation: Explanation) -> Explanation:
    """A multi-vector model's: one level, a sum over words in place of a cosine."""
    entity = explanation.levels[0]
    scaled = {name: getattr(entity, name) * 47.4 for name in ("interactions", "word_values", "frame_values")}
    level = replace(entity, weight=1.0, similarity=entity.similarity * 47.4, frame_weights=None, **scaled)
    return replace(explanation, levels=(level,), similarity=level.similarity, score="MaxSim")


@cache
def kinds() -> dict[str, Explanation]:
    """An explanation of each kind of score: what it is played on, and whether it was drawn."""
    plain = build_explanation("a red square slides left and stops", num_frames=8, duration_seconds=12.0)
    vectors = of_vectors(plain)
    return {
        "vectors": vectors,
        "vectors-drawn": drawn(vectors),
        "vectors-grouped-drawn": drawn(of_vectors(plain, [0, 0, 1, 1, 2, 2, 3, 3])),
        "maxsim": of_maxsim(plain),
        "maxsim-drawn": drawn(of_maxsim(plain)),
        "levels": replace(plain, words_at_input=True),
        "levels-drawn": drawn(replace(plain, words_at_input=True)),
    }


HOSTILE = (
    '<script>alert(1)</script> "quoted" it\'s & $x^2$ שלום עולם 👩\u200d👩\u200d👧 日本語の車 '
    "</style> a\u200bb --> ]]> \\n ${danger}"
)


@cache
def extremes() -> dict[str, Explanation]:
    """The explanations that break drawings: by size, by numbers, by text."""
    return {
        "hostile": build_explanation(HOSTILE, video='"><img src=x>.mp4', model="<b>", remark="'&\"</p>"),
        "one": build_explanation("dog", num_frames=1, duration_seconds=0.04),
        "large": build_explanation(" ".join(["word"] * 77), num_frames=64, duration_seconds=200.0),
        "zero": build_explanation(values=lambda words, frames: np.zeros((words, frames))),
        "negative": build_explanation(values=lambda words, frames: -np.abs(random_values(words, frames))),
        "split": build_explanation(action_words=[0, 1, 0, 1, 2], action_frames=[0, 0, 1, 0, 1, 1]),
        "right-to-left": build_explanation("שלום עולם יפה"),
        "drawn": drawn(of_vectors(build_explanation(HOSTILE))),
        "nothing-certain": drawn(build_explanation(num_frames=3), share=100.0),
    }
