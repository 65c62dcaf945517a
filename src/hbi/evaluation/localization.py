"""Whether the interactions of a word lie in the seconds that show what the word names."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.data.frames import KeptFrames
from hbi.data.samples import Evidence
from hbi.encoders.tokenizer import TokenizedTexts
from hbi.games import banzhaf_interactions, interactions_of_members
from hbi.matching import Matcher
from hbi.shapes import LEVELS, Level


@dataclass(frozen=True)
class Localization:
    """Interactions against the true times, at one level.

    Attributes:
        share_inside: Percent of the positive interaction of the words of known time that lies on frames inside their
            event, mean over words (see `share_inside`).
        share_of_frames: Percent of the frames that lie inside the event: what a uniform map would score.
        pointing: Percent of the words whose strongest frame lies inside the event.
        num_words: Words (tokens) measured.
    """

    level: Level
    share_inside: float
    share_of_frames: float
    pointing: float
    num_words: int


@torch.inference_mode()
def localization(
    matcher: Matcher, evidence: Sequence[Evidence], frames: KeptFrames, *, batch_size: int = 64
) -> list[Localization]:
    """Return, for each level, how well exact interactions point at the true seconds.

    What lies inside is measured by `share_inside`; which frame is the strongest is asked of what a figure shows, where
    each frame of a merged token has its interaction in full.

    Args:
        matcher: The opened model; it has games.
        evidence: Characters of texts, and the seconds of their videos that show what they name.
        frames: Of the videos.
        batch_size: Items in one go.
    """
    totals = {level: torch.zeros(4, dtype=torch.float64) for level in LEVELS}
    for start in range(0, len(evidence), batch_size):
        part = evidence[start : start + batch_size]
        encoded = matcher.encode_texts([item.text for item in part])
        rows = torch.tensor([item.video for item in part])
        videos = matcher.encode_frames(frames.content[rows], frames.mask[rows])
        is_timed, inside = _words_of(encoded.tokens, part), frames.is_shown_between(part)
        games = matcher.games(encoded, videos)
        for level in LEVELS:
            members = (encoded.encoding.levels[level].sequence.members, videos.levels[level].sequence.members)
            interactions = banzhaf_interactions(games[level])
            full = interactions_of_members(interactions, *members).cpu()
            shared_out = interactions_of_members(interactions, *members, is_shared_out=True).cpu()
            is_measured = is_timed & (members[0].cpu() >= 0)
            totals[level] += _measure(full, shared_out, is_measured, inside, frames.mask[rows])
    return [_localization(level, totals[level]) for level in LEVELS]


def _localization(level: Level, totals: Tensor) -> Localization:
    inside, of_frames, pointing = (100.0 * totals[:3] / totals[3].clamp(min=1)).tolist()
    return Localization(level, inside, of_frames, pointing, num_words=int(totals[3]))


def _words_of(tokenized: TokenizedTexts, evidence: Sequence[Evidence]) -> Bool[Tensor, "item word"]:
    """Return which tokens lie within the characters of each item."""
    starts = torch.tensor([item.start for item in evidence])[:, None]
    ends = torch.tensor([item.end for item in evidence])[:, None]
    first, last = tokenized.spans.unbind(-1)
    return (first >= starts) & (last <= ends) & (last > first)


def share_inside(
    interactions: Float[Tensor, "*batch word frame"],
    inside: Bool[Tensor, "*batch frame"],
    is_frame: Bool[Tensor, "*batch frame"],
) -> Float[Tensor, "*batch"]:
    """Return which part of the positive interaction of some words lies on the frames inside an event.

        share = sum of max(I[w, f], 0) over words w and frames f inside / sum of max(I[w, f], 0) over all w and f

    A merged token stands for all frames that it was made of, and each of them has an equal part of its interaction
    (`interactions_of_members` with `is_shared_out`): a clip has no more for being long. At an original level nothing is
    shared, and of several levels the parts are added by the levels' weights before the positive ones are taken.

    Words without any positive interaction point nowhere: they score the share of frames, as a uniform map does.

    Args:
        interactions: On the original words and frames, those of merged tokens shared out; for each word by itself give
            maps of one word.
        inside: True where a frame lies inside the event.
        is_frame: True where a frame is real.
    """
    mass = interactions.double().clamp(min=0).sum(-2) * is_frame
    total, uniform = mass.sum(-1), (inside & is_frame).sum(-1) / is_frame.sum(-1).clamp(min=1)
    return torch.where(total > 0, (mass * inside).sum(-1) / total.clamp(min=1e-300), uniform.double())


def _measure(full: Tensor, shared_out: Tensor, is_timed: Tensor, inside: Tensor, is_frame: Tensor) -> Tensor:
    """Return sums over words of known time of: share inside, share of frames, pointing; and the number of words.

    Args:
        full, shared_out: Interactions [item, word, frame] on the original words and frames; a merged token's in full
            for each of its frames, or in equal parts.
        is_timed: Which words [item, word] are measured.
        inside, is_frame: Which frames [item, frame] lie inside the item's event, and which are real.
    """
    shares = share_inside(shared_out.unsqueeze(-2), inside[:, None], is_frame[:, None])
    share_of_frames = (inside.sum(-1) / is_frame.sum(-1).clamp(min=1)).double()[:, None].expand_as(shares)
    strongest = full.masked_fill(~is_frame[:, None, :], -torch.inf).argmax(-1)
    pointing = inside.gather(1, strongest).double()
    measures = (shares, share_of_frames, pointing, torch.ones_like(shares))
    return torch.stack([value[is_timed].sum() for value in measures])
