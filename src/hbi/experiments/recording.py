"""Recording the games that a model plays: the similarities and weights of texts and their own videos, in one file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Bool
from torch import Tensor

from hbi.data.benchmark import SplitName
from hbi.data.frames import decode_frames
from hbi.data.samples import Split
from hbi.errors import HBIError
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.evaluating import recipe_of
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import decode_split, read_split
from hbi.games import LateInteractionGame
from hbi.matching import Answerer, Matcher, load
from hbi.matching.loading import Source
from hbi.models import HBIModel
from hbi.shapes import LEVELS, Level
from hbi.training.game_source import padded_together, save_games
from hbi.video import PictureFormat

PAIRS_AT_A_TIME = 32
"""As many videos are in memory at a time."""

Frames: TypeAlias = tuple[Tensor, Bool[Tensor, "video frame"]]
FramesOf: TypeAlias = Callable[[Sequence[int]], Frames]
"""Gives pixels and mask of some videos of a split."""


@dataclass(frozen=True)
class Recording:
    """What was recorded.

    Attributes:
        path: The file.
        games: All games, one after the other: of every pair one for each level.
        num_pairs: Texts with their own video.
        num_unreadable: Pairs that were passed over: no frame of their video could be decoded.
    """

    path: Path
    games: LateInteractionGame
    num_pairs: int
    num_unreadable: int


@torch.inference_mode()
def record_games(
    source: Source,
    out: Path,
    *,
    split: SplitName = "train",
    levels: Sequence[Level] = LEVELS,
    num_pairs: int = 2000,
    data: Source | None = None,
    dataset: str = "shape-stories",
    num_frames: int | None = None,
    device: str | torch.device = "auto",
    bars: Bars = no_bars,
) -> Recording:
    """Write the games that texts of a split play with their own videos, for `hbi train-estimator --games`.

    Videos are decoded some at a time. The games are in order of the pairs, and of each pair those of all levels stand
    together.

    Args:
        source: Any model that compares words with frames, see `hbi.load`; also one that answers questions.
        out: The safetensors file to write.
        split: Of the data set.
        levels: Whose games are recorded.
        num_pairs: Texts at most; they are spread evenly over the split.
        data: The folder of the data set; None: that of the run.
        dataset: With `data`: which one it is.
        num_frames: Of a video; None: as the model was trained.
        device: Where to compute.
        bars: Shows how far it has come.

    Raises:
        HBIError: The model has no games, the data cannot be read, or the file cannot be written.
    """
    opened = load(source, device=device, num_frames=num_frames)
    network = _network_with_games(opened)
    texts, frames_of = _frames_of_split(recipe_of(opened, data, dataset), split, opened.picture)
    if not texts.texts:
        raise HBIError(f"the split {split} has no texts: choose another with --split")
    rows = torch.linspace(0, len(texts.texts) - 1, min(num_pairs, len(texts.texts))).round().long().tolist()
    parts, num_unreadable = list[LateInteractionGame](), 0
    with bars("recording games") as progress:
        for start in range(0, len(rows), PAIRS_AT_A_TIME):
            pairs = [texts.texts[row] for row in rows[start : start + PAIRS_AT_A_TIME]]
            shown = sorted({pair.video for pair in pairs})
            pixels, mask = frames_of(shown)
            place = torch.tensor([shown.index(pair.video) for pair in pairs])
            is_usable = mask.any(1)[place]
            num_unreadable += int((~is_usable).sum())
            if is_usable.any():
                said = [pair.text for pair, is_there in zip(pairs, is_usable.tolist(), strict=True) if is_there]
                parts.extend(_games(opened, network, said, pixels, mask, place[is_usable], levels))
            if progress:
                progress(min(start + PAIRS_AT_A_TIME, len(rows)), len(rows))
    if not parts:
        raise HBIError(f"no video of the split {split} could be decoded: hbi data check says why")
    games = padded_together(parts)
    save_games(games, out, {"model": opened.name, "split": split, "levels": " ".join(levels)})
    return Recording(out, games, len(rows) - num_unreadable, num_unreadable)


def _network_with_games(opened: Matcher | Answerer) -> HBIModel:
    network = opened.model.trunk if isinstance(opened, Answerer) else opened.model
    if not isinstance(network, HBIModel) or network.config.interaction == "global":
        raise HBIError(
            f"{opened.name} compares whole texts and videos and plays no game: give a model that compares words and "
            "frames"
        )
    return network


def _frames_of_split(recipe: Recipe, name: SplitName, picture: PictureFormat) -> tuple[Split, FramesOf]:
    """Return the texts of a split, and what gives the frames of its videos: from packed ones, or decoded now."""
    every = recipe.data.frames_per_position if name == "train" else 1
    if recipe.data.packed or recipe.data.blank:  # on disk, and read when they are asked for
        decoded = decode_split(recipe, name, picture=picture)
        middle = slice(every // 2, None, every)

        def packed(videos: Sequence[int]) -> Frames:
            rows = torch.tensor(videos)
            return decoded.frames.content[rows][:, middle], decoded.frames.mask[rows][:, middle]

        return decoded.split, packed
    split = read_split(recipe, name).split

    def decode(videos: Sequence[int]) -> Frames:
        chosen = [split.videos[video] for video in videos]
        store = decode_frames(chosen, num_frames=recipe.data.num_frames, picture=picture, requires_any=False)
        return store.pixels[:], store.mask

    return split, decode


def _games(
    opened: Matcher | Answerer,
    network: HBIModel,
    texts: Sequence[str],
    pixels: Tensor,
    mask: Bool[Tensor, "video frame"],
    video_of_text: Tensor,
    levels: Sequence[Level],
) -> Iterator[LateInteractionGame]:
    """Yield the games of each text with its video, at each level."""
    tokens = opened.tokenize(texts)
    words = network.encode_texts(tokens.input_ids.to(opened.device), tokens.attention_mask.to(opened.device))
    videos = network.encode_videos(opened.network_input(pixels), mask.to(opened.device))
    games = network.games(words, videos[video_of_text.to(opened.device)])
    for of_pair in zip(*(games[level].chunks(1) for level in levels), strict=True):
        yield from of_pair
