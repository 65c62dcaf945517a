"""Games to train an estimator on: drawn at random, or recorded from a model in one safetensors file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import pad

from hbi.encoders.state_files import CheckpointError, read_safetensors
from hbi.errors import HBIError
from hbi.files import write_atomically
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


def padded_together(parts: Sequence[LateInteractionGame]) -> LateInteractionGame:
    """Return batches of games as one, in float32 on the CPU; players that a game has not are masked.

    Args:
        parts: Each with one batch axis, all with the same rules.
    """
    num_words, num_frames = (max(getattr(part, name) for part in parts) for name in ("num_words", "num_frames"))
    columns: dict[str, list[Tensor]] = {name: [] for name in FIELDS}
    for part in parts:
        missing = num_words - part.num_words, num_frames - part.num_frames
        words, frames = (torch.ones(len(part.similarity), size, dtype=torch.bool) for size in part.similarity.shape[1:])
        tensors = {
            "similarity": part.similarity,
            "word_weights": part.word_weights,
            "frame_weights": part.frame_weights,
            "word_mask": words if part.word_mask is None else part.word_mask,
            "frame_mask": frames if part.frame_mask is None else part.frame_mask,
        }
        for name, tensor in tensors.items():
            sides = (0, missing[1], 0, missing[0]) if name == "similarity" else (0, missing[name.startswith("frame")])
            columns[name].append(pad(tensor.cpu() if tensor.dtype == torch.bool else tensor.cpu().float(), sides))
    joined: dict[str, Any] = {name: torch.cat(tensors) for name, tensors in columns.items()}
    return replace(parts[0], check_values=False, **joined)


def save_games(games: LateInteractionGame, path: Path, about: Mapping[str, str]) -> None:
    """Write a batch of games as `read_games` reads them; all of the file or none.

    Args:
        games: With one batch axis, and both masks.
        path: Of the file.
        about: What is kept beside them: which model played, on what.

    Raises:
        StorageError: The file cannot be written.
    """
    write_atomically(path, save({name: getattr(games, name).contiguous() for name in FIELDS}, dict(about)))


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
