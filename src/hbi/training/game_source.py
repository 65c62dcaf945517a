"""Games to train an estimator on: drawn at random, or recorded from a model in one safetensors file."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hbi.encoders.state_files import CheckpointError, read_safetensors
from hbi.errors import HBIError
from hbi.games import LateInteractionGame

FIELDS = ("similarity", "word_weights", "frame_weights", "word_mask", "frame_mask")
"""The tensors of a file of recorded games; the two masks may be missing."""


@dataclass(frozen=True)
class RandomGames:
    """Draws games: cosines of random tokens, softmax weights, texts and videos of random length.

    Attributes:
        num_words: Words of the longest text.
        num_frames: Frames of the longest video.
        width: Width of the random tokens; cosines spread like 1 / sqrt(width).
    """

    num_words: int = 24
    num_frames: int = 12
    width: int = 16

    def draw(self, num_games: int, generator: torch.Generator) -> LateInteractionGame:
        """Return a batch of `num_games` games."""
        words, word_weights, word_mask = self._tokens(num_games, self.num_words, generator)
        frames, frame_weights, frame_mask = self._tokens(num_games, self.num_frames, generator)
        return LateInteractionGame(
            words @ frames.mT, word_weights, frame_weights, word_mask, frame_mask, floor_at_zero=False
        )

    def _tokens(
        self, num_games: int, num_tokens: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokens = torch.randn(num_games, num_tokens, self.width, generator=generator)
        weights = torch.randn(num_games, num_tokens, generator=generator).softmax(-1)
        lengths = torch.randint((num_tokens + 1) // 2, num_tokens + 1, (num_games, 1), generator=generator)
        return torch.nn.functional.normalize(tokens, dim=-1), weights, torch.arange(num_tokens) < lengths


@dataclass(frozen=True)
class RecordedGames:
    """Draws from games that a model played."""

    games: LateInteractionGame

    def draw(self, num_games: int, generator: torch.Generator) -> LateInteractionGame:
        """Return `num_games` of the recorded games, drawn with replacement."""
        return self._take(torch.randint(len(self.games.similarity), (num_games,), generator=generator))

    def split(self, num_held_out: int) -> tuple["RecordedGames", "RecordedGames"]:
        """Return all but the last `num_held_out` games, and those."""
        index = torch.arange(len(self.games.similarity))
        return RecordedGames(self._take(index[:-num_held_out])), RecordedGames(self._take(index[-num_held_out:]))

    def _take(self, index: torch.Tensor) -> LateInteractionGame:
        chosen: dict[str, Any] = {
            name: tensor[index] for name in FIELDS if (tensor := getattr(self.games, name)) is not None
        }
        return replace(self.games, check_values=False, **chosen)


def read_games(path: Path, *, normalize_weights: bool = True, floor_at_zero: bool = False) -> LateInteractionGame:
    """Return the games of a safetensors file with `similarity` [games, words, frames], both weights and both masks.

    Args:
        path: Of the file.
        normalize_weights: See `LateInteractionGame`.
        floor_at_zero: See `LateInteractionGame`.

    Raises:
        HBIError: The file cannot be read, lacks a tensor, or its tensors are no batch of games.
    """
    try:
        tensors = read_safetensors(path)
    except CheckpointError as error:
        raise HBIError(f"cannot read recorded games: {error}") from error
    if missing := [name for name in FIELDS[:3] if name not in tensors]:
        raise HBIError(f"{path} holds no {missing[0]}: recorded games need {', '.join(FIELDS[:3])}")
    known: dict[str, Any] = {name: tensors[name] for name in FIELDS if name in tensors}
    try:
        games = LateInteractionGame(**known, normalize_weights=normalize_weights, floor_at_zero=floor_at_zero)
    except ValueError as error:
        raise HBIError(f"{path}: {error}") from error
    if (
        any(tensor.shape[0] != tensors["similarity"].shape[0] for tensor in known.values())
        or len(games.batch_shape) != 1
    ):
        raise HBIError(f"{path}: every tensor must have one leading axis of games, similarity [games, words, frames]")
    return games
