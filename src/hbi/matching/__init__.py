"""The opened model: `load` finds out what a source is; `Matcher` matches texts with videos, `Answerer` answers."""

from hbi.matching.answerer import Answer, Answerer
from hbi.matching.explaining import ExplanationError
from hbi.matching.loading import SourceError, is_run, load, load_answerer, load_matcher
from hbi.matching.matcher import EncodedTexts, Matcher
from hbi.video.sample import VideoSample

__all__ = [
    "Answer",
    "Answerer",
    "EncodedTexts",
    "ExplanationError",
    "Matcher",
    "SourceError",
    "VideoSample",
    "is_run",
    "load",
    "load_answerer",
    "load_matcher",
]
