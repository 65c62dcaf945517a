"""The game of a dual encoder's own score, one text vector against one video vector: its interactions factorize.

The text vector `a(C)` of a coalition's words and the video vector `b(C)` of its frames are what the model compares,

    value(C) = < a(words of C), b(frames of C) >

and random coalitions draw words and frames independently, so that the expectation of the product is the product of the
expectations. With `A`, `u_i`, `u_ij` of the words and `B`, `w_j`, `w_jk` of the frames (see `one_side`), everybody else
present with probability `p`:

    value of word i, of frame j       < u_i, B >,  < A, w_j >
    interaction of word i, frame j    < u_i, w_j >
    of two words, of two frames       < u_ij, B >, < A, w_jk >

So `2^words` texts and `2^frames` videos are encoded, not `2^(words + frames)` pairs compared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.games.drawn_side import DrawnSide, smallest_budget
from hbi.games.encoder_indices import DualEncoderIndices, ExpectedDifferences, Replicates, outer_sum
from hbi.games.one_side import (
    ExactSide,
    Expectations,
    Side,
    SideEncoder,
    both_sides,
    encode_coalitions,
    require_players,
)


@dataclass(frozen=True, eq=False)
class DualEncoderGame:
    """A cooperative game between the words of a text and the frames of a video, whose value is an inner product.

    Args:
        texts: returns the vector of the words in each coalition [coalition, words] as the model compares it
            (normalized): [coalition, width]. It is never asked about the empty coalition, which is worth 0.
        videos: the same for coalitions of frames.
        num_words: how many words there are.
        num_frames: how many frames there are.

    Raises:
        ValueError: no words or no frames.

    >>> words = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> frames = torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.8, -0.6]])
    >>> game = DualEncoderGame(normalized_mean(words, True), normalized_mean(frames, True), 2, 3)
    >>> game(torch.tensor([[True, False, True, True, True], [True, True, False, False, False]]))
    tensor([0.9965, 0.0000])
    """

    texts: SideEncoder
    videos: SideEncoder
    num_words: int
    num_frames: int

    def __post_init__(self) -> None:
        require_players(self.num_words, self.num_frames)

    def __call__(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, " coalition"]:
        """Return what coalitions of players, words first and then frames, are worth; each side is encoded once.

        Raises:
            ValueError: coalitions that are not boolean with a column for every player.
        """
        words, frames = both_sides(coalitions, self.num_words, self.num_frames)
        both = words.any(1) & frames.any(1)
        if not both.any():
            return torch.zeros(len(coalitions), device=coalitions.device)
        score = (_each_once(self.texts, words[both]) * _each_once(self.videos, frames[both])).sum(-1)
        return score.new_zeros(len(coalitions)).index_put((both,), score)


def normalized_mean(
    frames: Float[Tensor, "frame width"], is_normalized_first: bool
) -> Callable[[Bool[Tensor, "coalition frame"]], Float[Tensor, "coalition width"]]:
    """Return the video vector of coalitions of frames, for models that average frame vectors and normalize the mean.

    Args:
        frames: the vector of every frame [frame, width].
        is_normalized_first: the model normalizes each frame before it averages.

    >>> video = normalized_mean(torch.tensor([[3.0, 4.0], [2.0, 0.0]]), is_normalized_first=False)
    >>> video(torch.tensor([[True, False], [True, True]]))
    tensor([[0.6000, 0.8000],
            [0.7809, 0.6247]])
    """
    if is_normalized_first:
        frames = torch.nn.functional.normalize(frames, dim=-1)

    def of(coalitions: Bool[Tensor, "coalition frame"]) -> Float[Tensor, "coalition width"]:
        inside = coalitions.to(frames)
        return torch.nn.functional.normalize((inside @ frames) / inside.sum(-1, keepdim=True), dim=-1)

    return of


def neighbors_together(num_frames: int, most: int = 16) -> Int[Tensor, " frame"]:
    """Return the group of every frame: at most `most` groups of consecutive frames, as equal as possible.

    Groups can play where frames are too many: `coalitions_of_groups[:, groups]` are coalitions of frames, and the value
    of a group is what its frames add together.

    Raises:
        ValueError: no frames, or no groups.

    >>> neighbors_together(7, most=3)
    tensor([0, 0, 0, 1, 1, 2, 2])
    """
    if num_frames < 1 or most < 1:
        raise ValueError(f"num_frames and most must be 1 or more, not {num_frames} and {most}")
    num_groups = min(num_frames, most)
    return torch.arange(num_groups).repeat_interleave(
        torch.tensor([num_frames // num_groups + (group < num_frames % num_groups) for group in range(num_groups)])
    )


def solve_dual_encoder(
    game: DualEncoderGame,
    *,
    text_budget: int = 256,
    video_budget: int = 2**16,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> DualEncoderIndices:
    """Return all indices of the game: exact, or where a side has too many coalitions, unbiased from drawn ones.

    Each coalition of a side is encoded once, here; indices are asked of the result.

    Args:
        game: of one text and one video.
        text_budget: how many coalitions of words may be encoded. All of them are while `2^words` fit.
        video_budget: the same for the coalitions of frames.
        generator: the source of randomness where coalitions are drawn; None: torch's global one.
        device: where coalitions are made, and given to the encoders.

    Raises:
        ValueError: a budget under `2 players + 17` of a side where it has to be drawn, vectors that are not finite or
            of different widths.

    >>> words = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> frames = torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.8, -0.6]])
    >>> indices = solve_dual_encoder(DualEncoderGame(normalized_mean(words, True), normalized_mean(frames, True), 2, 3))
    >>> indices.is_exact, indices.num_texts, indices.num_videos
    (True, 3, 7)
    >>> indices.banzhaf_interactions().values.float()
    tensor([[ 0.0688,  0.3140,  0.3358],
            [ 0.4827, -0.0803, -0.4592]])
    >>> words, frames = indices.shapley_values()
    >>> words.values.sum() + frames.values.sum(), indices.value
    (tensor(0.7634, dtype=torch.float64), tensor(0.7634, dtype=torch.float64))
    """
    device = torch.device(device)
    texts = side_within(game.num_words, text_budget, generator, device, name="text_budget")
    videos = side_within(game.num_frames, video_budget, generator, device, name="video_budget")
    text_vectors = encode_coalitions(game.texts, texts.coalitions)
    video_vectors = encode_coalitions(game.videos, videos.coalitions)
    if text_vectors.shape[1] != video_vectors.shape[1]:
        raise ValueError(
            f"text and video vectors must have one width, not {text_vectors.shape[1]} and {video_vectors.shape[1]}"
        )
    return DualEncoderIndices(
        differences=products_of(texts, text_vectors, videos, video_vectors),
        value=text_vectors[-1].double() @ video_vectors[-1].double(),
        num_words=game.num_words,
        num_frames=game.num_frames,
        num_texts=len(text_vectors),
        num_videos=len(video_vectors),
        is_exact=texts.is_exact and videos.is_exact,
    )


def products_of(
    texts: Side,
    text_vectors: Float[Tensor, "text width"],
    videos: Side,
    video_vectors: Float[Tensor, "video width"],
) -> ExpectedDifferences:
    """Return the expected differences of a value that is an inner product of two vectors.

    Args:
        texts: the coalitions of words.
        text_vectors: one for each of them.
        videos: the coalitions of frames.
        video_vectors: one for each of them.
    """
    return _Products(
        _EncodedSide(texts, text_vectors, texts.expectations(text_vectors)),
        _EncodedSide(videos, video_vectors, videos.expectations(video_vectors)),
    )


def side_within(
    num_players: int, budget: int, generator: torch.Generator | None, device: torch.device, *, name: str
) -> Side:
    """Return all coalitions of a side while they fit the budget, else drawn ones.

    Args:
        num_players: of the side.
        budget: how many coalitions may be encoded.
        generator: the source of randomness; None: torch's global one.
        device: where the coalitions are made.
        name: of the budget, for the error message.

    Raises:
        ValueError: too small a budget.
    """
    if 1 << num_players <= budget:
        return ExactSide.of(num_players, device)
    if budget < smallest_budget(num_players):
        raise ValueError(
            f"{name} must be {min(smallest_budget(num_players), 1 << num_players)} or more for {num_players} players, "
            f"not {budget}; or let groups of them play"
        )
    return DrawnSide.draw(num_players, budget, generator, device)


@dataclass(frozen=True, eq=False)
class _EncodedSide:
    side: Side
    vectors: Float[Tensor, "coalition width"]
    expectations: Expectations

    def pair_effects_along(
        self, directions: Float[Tensor, "direction width"], probability: float
    ) -> Float[Tensor, "block player player direction"]:
        """Return the inner products of `u_ij` with some vectors, without making `u_ij`."""
        along = self.vectors @ directions.T.to(self.vectors.dtype)
        return self.side.expectations(along).pair_effects(probability)


@dataclass(frozen=True, eq=False)
class _Products:
    """Expected differences of the value, as inner products of expectations of the two sides."""

    texts: _EncodedSide
    videos: _EncodedSide

    def first(self, probability: float) -> tuple[Replicates, Replicates]:
        """See `ExpectedDifferences`."""
        text, video = (side.expectations.expected(probability).unsqueeze(1) for side in (self.texts, self.videos))
        words, frames = (side.expectations.effects(probability) for side in (self.texts, self.videos))
        by_word, by_frame = _products(words, video), _products(text, frames)
        return (
            Replicates(by_word.by_text.squeeze(2), by_word.by_video.squeeze(2)),
            Replicates(by_frame.by_text.squeeze(1), by_frame.by_video.squeeze(1)),
        )

    def mixed(self, probability: float) -> Replicates:
        """See `ExpectedDifferences`."""
        return _products(self.texts.expectations.effects(probability), self.videos.expectations.effects(probability))

    def second(self, probability: float) -> Replicates:
        """See `ExpectedDifferences`."""
        mixed = self.mixed(probability)
        by_text, by_video = _pairs(self.texts, self.videos, probability)
        frames_by_video, frames_by_text = _pairs(self.videos, self.texts, probability)
        return Replicates(
            outer_sum(by_text, mixed.by_text, frames_by_text), outer_sum(by_video, mixed.by_video, frames_by_video)
        )


def _products(words: Float[Tensor, "block row width"], frames: Float[Tensor, "block column width"]) -> Replicates:
    return Replicates(words @ frames.mean(0).T, words.mean(0) @ frames.mT)


def _pairs(own: _EncodedSide, other: _EncodedSide, probability: float) -> tuple[Tensor, Tensor]:
    """Return `< u_ij, B >` for every block of the own side, and for every block of the other."""
    directions = other.expectations.expected(probability)
    effects = own.pair_effects_along(torch.cat((directions.mean(0, keepdim=True), directions)), probability)
    return effects[..., 0], effects.mean(0)[..., 1:].movedim(-1, 0)


def _each_once(encoder: SideEncoder, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, "coalition width"]:
    different, numbers = coalitions.unique(dim=0, return_inverse=True)
    return encode_coalitions(encoder, different)[numbers]
