"""Tables as mteb gives them to a model, and a small model whose texts and videos are one vector each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Video

from evaluation.small_split import TEXTS
from hbi.matching import Matcher
from hbi.models import GlobalContrastModel, HBIProcessor
from small_networks import global_config, small_matcher

QUIET = {"batch_size": 2, "show_progress_bar": False}


def texts_table(**more: list[str]) -> Dataset:
    return Dataset.from_dict({"id": [f"t{row}" for row in range(len(TEXTS))], "text": list(TEXTS), **more})


def videos_table(videos: Sequence[Path | str | dict[str, Any]]) -> Dataset:
    """Of paths, addresses, or dicts of `bytes` and `path`."""
    values = [video if isinstance(video, dict) else {"bytes": None, "path": str(video)} for video in videos]
    table = Dataset.from_dict({"id": [f"v{row}" for row in range(len(videos))], "video": values})
    return table.cast_column("video", Video())


def small_global_matcher(corpus: Sequence[str]) -> Matcher:
    matcher = small_matcher(corpus)
    network = GlobalContrastModel(global_config(matcher.config)).eval()
    return Matcher(network, HBIProcessor.for_model(network.config, matcher.tokenizer), "a global run")
