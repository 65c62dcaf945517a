"""Explanations: which words of a text go with which seconds of a video, as types, figures, pages and files."""

from hbi.explanation.explanation import Explanation, Frame, LevelExplanation, Word

__all__ = ["Explanation", "Frame", "LevelExplanation", "Word"]
