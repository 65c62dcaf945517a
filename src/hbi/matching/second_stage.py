"""A second stage beside an opened model: its best candidates are ranked again by a network that reads both together.

It reads what the model has encoded already, so that an index keeps nothing more for it: the frames of a segment and the
words of the question, before any merging.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.errors import HBIError
from hbi.matching.matcher import Matcher
from hbi.models.cross_encoder import CrossEncoder
from hbi.models.cross_encoder_file import load_cross_encoder
from hbi.models.outputs import Hierarchy
from hbi.ops import TokenSequence

NUM_RERANKED = 50
"""Candidates of a text that are ranked again."""
_PAIRS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class SecondStage:
    """A trained cross-encoder that fits an opened model.

    Attributes:
        network: In evaluation mode, where the model computes.
        name: What it is called in reports.
    """

    network: CrossEncoder
    name: str

    @classmethod
    def open(cls, path: Path, matcher: Matcher) -> "SecondStage":
        """Return the second stage in a file, on the device of the model that it was trained for.

        Args:
            path: Of the file that `hbi train-second-stage` wrote.
            matcher: The opened model.

        Raises:
            HBIError: The file cannot be read, or it reads the tokens of another model.
        """
        require_tokens(matcher)
        network, fingerprint = load_cross_encoder(path)
        if fingerprint != matcher.fingerprint:
            raise HBIError(f"{path} reads the tokens of another model than {matcher.name}: train one for this model")
        return cls(network.to(matcher.device), path.name)

    @torch.inference_mode()
    def scores(
        self, words: TokenSequence, frames: TokenSequence, similarity: Float[Tensor, " pair"]
    ) -> Float[Tensor, " pair"]:
        """Return the scores of pairs, on the CPU: similarity plus correction.

        Args:
            words: Of each pair's text, see `tokens_of`.
            frames: Of each pair's video.
            similarity: What the model says of each pair.
        """
        device = self.network.cosine.device
        parts = []
        for start in range(0, len(words.tokens), _PAIRS_AT_ONCE):
            rows = slice(start, start + _PAIRS_AT_ONCE)
            pairs = (_on(words[rows], device), _on(frames[rows], device), similarity[rows].to(device).float())
            parts.append(self.network(*pairs).cpu())
        return torch.cat(parts) if parts else torch.zeros(0)

    def of_candidates(
        self,
        words: TokenSequence,
        frames: TokenSequence,
        candidates: Int[Tensor, "text candidate"],
        similarity: Float[Tensor, "text candidate"],
    ) -> Float[Tensor, "text candidate"]:
        """Return the scores of each text with its candidates.

        Args:
            words: One sequence for each text.
            frames: Of all videos.
            candidates: Rows of `frames`.
            similarity: What the model says of each.
        """
        num_candidates = candidates.shape[1]
        scores = torch.empty_like(similarity, dtype=torch.float32)
        at_once = max(1, _PAIRS_AT_ONCE // max(1, num_candidates))
        for texts in words.mask.sum(1).argsort().split(at_once):  # short ones together: less padding
            own = _cut(words[texts])
            each = torch.arange(len(texts)).repeat_interleave(num_candidates)
            pairs = self.scores(own[each], frames[candidates[texts].flatten()], similarity[texts].flatten())
            scores[texts] = pairs.view(len(texts), num_candidates)
        return scores


def require_tokens(matcher: Matcher) -> None:
    """Check that a model compares words with frames.

    Raises:
        HBIError: It compares wholes: a second stage would have no tokens to read.
    """
    if not matcher.has_games:
        raise HBIError(f"{matcher.name} compares whole texts and videos: a second stage reads words and frames")


def tokens_of(encodings: Any | Sequence[Any]) -> TokenSequence:
    """Return the words or the frames of encoded texts or videos before any merging, in half precision on the CPU.

    Half precision is what an index keeps. Several encodings are padded to the longest.

    Args:
        encodings: A `Hierarchy` or several, as `Matcher` encodes texts and videos that are compared token by token.
    """
    parts = [encodings] if isinstance(encodings, Hierarchy) else list(encodings)
    sequences = [part.levels["entity"].sequence for part in parts]
    longest = max(sequence.mask.shape[1] for sequence in sequences)
    tokens, masks = [], []
    for sequence in sequences:
        lacking = longest - sequence.mask.shape[1]
        real = sequence.tokens * sequence.mask[..., None]  # what stands at padding is undefined
        tokens.append(torch.nn.functional.pad(real, (0, 0, 0, lacking)).half().cpu())
        masks.append(torch.nn.functional.pad(sequence.mask, (0, lacking)).cpu())
    return TokenSequence.unmerged(torch.cat(tokens), torch.cat(masks))


def _cut(sequence: TokenSequence) -> TokenSequence:
    """Return sequences without the padding that all of them have behind."""
    longest = max(1, int(sequence.mask.any(0).nonzero().max()) + 1) if sequence.mask.any() else 1
    return TokenSequence.unmerged(sequence.tokens[:, :longest], sequence.mask[:, :longest])


def _on(sequence: TokenSequence, device: torch.device) -> TokenSequence:
    return TokenSequence(sequence.tokens.to(device), sequence.mask.to(device), sequence.members.to(device))
