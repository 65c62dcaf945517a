"""Matched pairs of a dual encoder, each with the vectors of all its coalitions of words and of frames.

Once every shorter text and every shorter video has its vector, any coalition is worth an inner product of two rows: so
that indices, samplers, curves and leaving one out are all asked of the same numbers, and none of them encodes again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from hbi.data.frames import FrameStore
from hbi.evaluation.explained_pairs import ExplainedPair
from hbi.explanation.players import Word
from hbi.games import DualEncoderGame, DualEncoderIndices, normalized_mean, solve_dual_encoder
from hbi.games.one_side import ExactSide, SideEncoder, encode_coalitions
from hbi.matching import Matcher
from hbi.matching.explaining_wholes import encode_strings, players_in, texts_of
from hbi.models import GlobalContrastModel, ModelError

MOST_PLAYERS = 14
"""Words, or frames, of which all coalitions are encoded: 16,383 of them."""


@dataclass(frozen=True, eq=False)
class DualPair:
    """A text and a video, with the vector of every coalition of its words and of its frames.

    Attributes:
        matcher: The opened model.
        pair: The text, and what is known of it.
        words: The words that play, as they stand in the text.
        timestamps_seconds: When each frame is.
        frame_tokens: The vector of each frame, normalized: what the model averages.
        texts, videos: The vectors that the model compares, normalized; row `n` is the coalition that has player `i`
            where bit `i` of `n` is set, and row 0, nobody, is 0.
    """

    matcher: Matcher
    pair: ExplainedPair
    words: tuple[Word, ...]
    timestamps_seconds: Float[Tensor, " frame"]
    frame_tokens: Float[Tensor, "frame width"]
    texts: Float[Tensor, "coalition width"]
    videos: Float[Tensor, "coalition width"]

    @property
    def num_words(self) -> int:
        """How many words play."""
        return len(self.words)

    @property
    def num_frames(self) -> int:
        """How many frames play."""
        return len(self.frame_tokens)

    @property
    def num_players(self) -> int:
        """Words and frames."""
        return self.num_words + self.num_frames

    @cached_property
    def game(self) -> DualEncoderGame:
        """The game of the model's own score, answered from the vectors."""
        return DualEncoderGame(_rows_of(self.texts), _rows_of(self.videos), self.num_words, self.num_frames)

    @cached_property
    def indices(self) -> DualEncoderIndices:
        """Its exact indices."""
        return solve_dual_encoder(self.game, text_budget=len(self.texts), video_budget=len(self.videos))

    @property
    def value(self) -> float:
        """The score of the whole text with the whole video."""
        return float(self.texts[-1].double() @ self.videos[-1].double())

    def values(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, " coalition"]:
        """Return what coalitions are worth, words first and then frames; without words or frames 0.

        Args:
            coalitions: True where a player is in.
        """
        words, frames = coalitions.split([self.num_words, self.num_frames], dim=1)
        return (self.texts[_numbers(words)].double() * self.videos[_numbers(frames)].double()).sum(-1)


@torch.no_grad()
def encode_dual_pairs(
    matcher: Matcher, pairs: Sequence[ExplainedPair], frames: FrameStore, *, most_players: int = MOST_PLAYERS
) -> Iterator[DualPair]:
    """Yield pairs one by one; those whose video could not be decoded are left out.

    Args:
        matcher: The opened model: one vector for a text, and the mean of a video's frames.
        pairs: Texts, each with the row of its video.
        frames: Of the videos, as pixels.
        most_players: Words, and frames, that a pair may have.

    Raises:
        ModelError: The model is another one, or a pair has more words or frames.
    """
    network = matcher.model
    if not isinstance(network, GlobalContrastModel):
        raise ModelError(f"{matcher.name} compares words and frames, not one vector of a text with one of a video")
    if not network.frames_are_averaged:
        raise ModelError(f"the frames of {matcher.name} see one another: their coalitions are no means")
    for pair in pairs:
        if not frames.is_usable[pair.video]:
            continue
        mask = frames.mask[pair.video]
        pixels = matcher.network_input(frames.pixels[pair.video][mask][None])
        tokens = network.encoder.frame_features(pixels, torch.ones(1, len(pixels[0]), dtype=torch.bool))[0].float()
        words = players_in(pair.text)
        if max(len(words), len(tokens)) > most_players:
            raise ModelError(
                f"{pair.text!r} has {len(words)} words and its video {len(tokens)} frames, more than {most_players}"
            )
        yield DualPair(
            matcher,
            pair,
            words,
            frames.timestamps_seconds[pair.video][mask],
            normalize(tokens, dim=-1).cpu(),
            _all_vectors(_text_encoder(matcher, network, pair.text, words), len(words)),
            _all_vectors(normalized_mean(tokens.cpu(), is_normalized_first=True), len(tokens)),
        )


def _text_encoder(matcher: Matcher, network: GlobalContrastModel, text: str, words: Sequence[Word]) -> SideEncoder:
    """Return what encodes what is left of a text; the whole text is encoded as it was written."""

    def encode(coalitions: Bool[Tensor, "coalition word"]) -> Float[Tensor, "coalition width"]:
        return normalize(encode_strings(matcher, network, text, texts_of(words, coalitions)), dim=-1).cpu()

    return encode


def _all_vectors(encoder: SideEncoder, num_players: int) -> Float[Tensor, "coalition width"]:
    """Return the vectors of all coalitions by their numbers; nobody's is 0."""
    coalitions = ExactSide.of(num_players, torch.device("cpu")).coalitions
    vectors = encode_coalitions(encoder, coalitions)
    table = vectors.new_zeros(1 << num_players, vectors.shape[1])
    table[_numbers(coalitions)] = vectors
    return table


def _rows_of(table: Float[Tensor, "coalition width"]) -> SideEncoder:
    return lambda coalitions: table[_numbers(coalitions)]


def _numbers(coalitions: Bool[Tensor, "coalition player"]) -> Int[Tensor, " coalition"]:
    return (coalitions * 2 ** torch.arange(coalitions.shape[1])).sum(-1)
