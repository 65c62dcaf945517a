"""The texts and videos of a split as a second stage needs them: tokens that are kept, and what the first stage says."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.data.frames import KeptFrames
from hbi.matching.matcher import Matcher
from hbi.matching.second_stage import NUM_RERANKED, require_tokens, tokens_of
from hbi.ops import TokenSequence
from hbi.processes import Progress

TEXTS_AT_ONCE, VIDEOS_AT_ONCE = 256, 64


@dataclass(frozen=True, eq=False)
class Candidates:
    """The videos that score highest for each text, best first, and their similarity."""

    videos: Int[Tensor, "text candidate"]
    similarity: Float[Tensor, "text candidate"]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Texts and videos, encoded once by the first stage.

    Attributes:
        words, frames: See `tokens_of`.
        similarity: Of every text with every video, by the first stage.
        relevance: True where a text is true of a video.
    """

    words: TokenSequence
    frames: TokenSequence
    similarity: Float[Tensor, "text video"]
    relevance: Bool[Tensor, "text video"]

    def __post_init__(self) -> None:
        shape = (len(self.words.tokens), len(self.frames.tokens))
        if not shape == tuple(self.similarity.shape) == tuple(self.relevance.shape):
            raise ValueError(f"{shape} texts and videos, but a matrix of {tuple(self.similarity.shape)}")

    def candidates(self, most: int = NUM_RERANKED) -> Candidates:
        """Return what the first stage ranks best for each text.

        Args:
            most: Videos for each text, if there are as many.
        """
        return _best(self.similarity, most)

    def wrong_candidates(self, most: int = NUM_RERANKED) -> Candidates:
        """Return the wrong videos among them: of similarity -inf where there are no more.

        Args:
            most: Videos for each text, if there are as many.
        """
        return _best(self.similarity.masked_fill(self.relevance, -torch.inf), most)


def _best(similarity: Float[Tensor, "text video"], most: int) -> Candidates:
    best = similarity.topk(min(most, similarity.shape[1]), dim=1)
    return Candidates(best.indices, best.values)


@torch.inference_mode()
def encode_split(
    matcher: Matcher,
    texts: Sequence[str],
    frames: KeptFrames,
    relevance: Bool[Tensor, "text video"],
    *,
    progress: Progress | None = None,
) -> EncodedSplit:
    """Return texts and videos as a second stage is trained and judged on; each is encoded once.

    Args:
        matcher: The first stage.
        texts: To search with.
        frames: Of the videos.
        relevance: Which belong together.
        progress: Called with the texts that are compared, and all.

    Raises:
        HBIError: The model compares wholes and has no tokens.
    """
    require_tokens(matcher)
    videos = [
        matcher.encode_frames(frames.content[rows], frames.mask[rows])
        for rows in (slice(start, start + VIDEOS_AT_ONCE) for start in range(0, len(frames.mask), VIDEOS_AT_ONCE))
    ]
    similarity = torch.empty(len(texts), len(frames.mask))
    words, order = [], sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(texts), TEXTS_AT_ONCE):  # texts of similar lengths: less padding
        chosen = order[start : start + TEXTS_AT_ONCE]
        encoded = matcher.encode_texts([texts[row] for row in chosen])
        words.append(encoded.encoding)
        similarity[chosen] = torch.cat([matcher.similarity(encoded, block) for block in videos], dim=1)
        if progress:
            progress(start + len(chosen), len(texts))
    as_given = torch.tensor(order).argsort()
    return EncodedSplit(tokens_of(words)[as_given], tokens_of(videos), similarity, relevance)
