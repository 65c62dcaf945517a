"""Whether the interactions of a word lie in the seconds that show what the word tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank, network_input
from hbi.data.samples import Evidence
from hbi.data.tokenizer import TokenizedTexts, tokenize
from hbi.games import banzhaf_interactions, interactions_of_members
from hbi.models import HBIModel
from hbi.shapes import LEVELS, Level


@dataclass(frozen=True)
class Localization:
    """Interactions against the true times, at one level.

    Attributes:
        share_inside: Percent of the positive interaction of the telling words that falls on frames inside the event.
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
    model: HBIModel, tokenizer: CLIPTokenizer, evidence: Sequence[Evidence], bank: FrameBank, *, batch_size: int = 64
) -> list[Localization]:
    """Return, for each level, how well exact interactions point at the true seconds.

    Merged tokens share their interaction out among their words and frames, so that a long clip has no more than a short
    one of the same worth; which frame is the strongest is asked of what a picture shows, where each has it in full.
    """
    model.eval()
    totals = {level: torch.zeros(4, dtype=torch.float64) for level in LEVELS}
    for start in range(0, len(evidence), batch_size):
        part = evidence[start : start + batch_size]
        tokenized = tokenize(
            tokenizer,
            [item.text for item in part],
            model.config.max_words,
            is_padded_to_max_words=model.config.released_behavior,
        )
        rows = torch.tensor([item.video for item in part])
        texts = model.encode_texts(tokenized.input_ids.to(model.device), tokenized.attention_mask.to(model.device))
        videos = model.encode_videos(
            network_input(bank.content[rows].to(model.device)), bank.mask[rows].to(model.device)
        )
        telling, inside = _telling_words(tokenized, part), bank.is_shown_between(part)
        for level, game in model.games(texts, videos).items():
            words, frames = texts.levels[level].sequence.members, videos.levels[level].sequence.members
            interactions = banzhaf_interactions(game)
            lent = interactions_of_members(interactions, words, frames).cpu()
            shared_out = interactions_of_members(interactions, words, frames, is_shared_out=True).cpu()
            totals[level] += _measure(lent, shared_out, telling & (words.cpu() >= 0), inside, bank.mask[rows])
    return [_localization(level, totals[level]) for level in LEVELS]


def _localization(level: Level, totals: Tensor) -> Localization:
    share_inside, share_of_frames, pointing = (100.0 * totals[:3] / totals[3].clamp(min=1)).tolist()
    return Localization(level, share_inside, share_of_frames, pointing, num_words=int(totals[3]))


def _telling_words(tokenized: TokenizedTexts, evidence: Sequence[Evidence]) -> Bool[Tensor, "item word"]:
    """Return which tokens lie within the characters of each item."""
    starts = torch.tensor([item.start for item in evidence])[:, None]
    ends = torch.tensor([item.end for item in evidence])[:, None]
    first, last = tokenized.spans.unbind(-1)
    return (first >= starts) & (last <= ends) & (last > first)


def _measure(lent: Tensor, shared_out: Tensor, telling: Tensor, inside: Tensor, is_frame: Tensor) -> Tensor:
    """Return sums over telling words of: positive share inside, share of frames, pointing; and the number of words."""
    positive = shared_out.clamp(min=0).masked_fill(~is_frame[:, None, :], 0.0).double()
    mass = positive.sum(-1)
    share_of_frames = (inside.sum(-1) / is_frame.sum(-1).clamp(min=1)).double()[:, None].expand_as(mass)
    # A word with no positive interaction points nowhere: it scores as a uniform map does.
    share = torch.where(mass > 0, (positive * inside[:, None, :]).sum(-1) / mass.clamp(min=1e-300), share_of_frames)
    strongest = lent.masked_fill(~is_frame[:, None, :], -torch.inf).argmax(-1)
    pointing = inside.gather(1, strongest).double()
    return torch.stack([value[telling].sum() for value in (share, share_of_frames, pointing, torch.ones_like(mass))])
