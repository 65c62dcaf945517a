"""Fine-grained video-language matching with exact Hierarchical Banzhaf Interaction.

>>> import hbi
>>> matcher = hbi.load("runs/shape-stories")  # doctest: +SKIP
>>> matcher.similarity(["a red circle turns blue"], ["one.mp4", "two.mp4"])  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hbi import games
    from hbi.errors import HBIError
    from hbi.experiments.comparing import compare
    from hbi.experiments.evaluating import evaluate
    from hbi.experiments.training import train
    from hbi.explanation import Comparison, Explanation
    from hbi.explanation.solve import explain_tokens
    from hbi.matching import Answerer, Matcher, load
    from hbi.search import VideoIndex
    from hbi.video import read_frames

_HOMES = {
    "Answerer": "hbi.matching",
    "Comparison": "hbi.explanation",
    "Explanation": "hbi.explanation",
    "HBIError": "hbi.errors",
    "Matcher": "hbi.matching",
    "VideoIndex": "hbi.search",
    "compare": "hbi.experiments.comparing",
    "evaluate": "hbi.experiments.evaluating",
    "explain_tokens": "hbi.explanation.solve",
    "load": "hbi.matching",
    "read_frames": "hbi.video",
    "train": "hbi.experiments.training",
}
"""Where each public name lives. They are imported when they are first asked for: `import hbi` loads no torch."""

__all__ = [
    "Answerer",
    "Comparison",
    "Explanation",
    "HBIError",
    "Matcher",
    "VideoIndex",
    "compare",
    "evaluate",
    "explain_tokens",
    "games",
    "load",
    "read_frames",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "games":
        return import_module("hbi.games")
    if name not in _HOMES:
        raise AttributeError(f"module 'hbi' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
