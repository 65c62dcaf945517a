"""Whether answers come from the frames that show what is asked: interactions against the true seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.data.frames import KeptFrames
from hbi.data.samples import Question
from hbi.evaluation.localization import share_inside
from hbi.games import banzhaf_interactions, interactions_of_members
from hbi.matching import Answerer
from hbi.shapes import LEVELS

ALL_LEVELS = "all"


@dataclass(frozen=True)
class AnswerEvidence:
    """Interactions of questions about one event with the frames of their video, in the games of their answers.

    Attributes:
        event: Which event of its video was asked about, from 1, in order of time; None: any.
        level: The level, or `all`: interactions of all levels by their weights in the answer.
        share_inside: Percent of the positive interaction that falls on frames inside the event, mean over questions.
        share_of_frames: Percent of the frames that lie inside: what a uniform map would score.
    """

    event: int | None
    level: str
    share_inside: float
    share_of_frames: float
    num_questions: int


@torch.inference_mode()
def answer_evidence(
    answerer: Answerer,
    questions: Sequence[Question],
    frames: KeptFrames,
    *,
    batch_size: int = 64,
) -> list[AnswerEvidence]:
    """Return how much of the interaction of questions lies in the event that they ask about, where it is known.

    First for all events together, then by which event it is; each at every level and for the levels together.

    Args:
        answerer: The opened model.
        questions: Those without seconds are passed over.
        frames: Of the videos that the questions are about.
        batch_size: Questions in one go.
    """
    known = [question for question in questions if question.start_seconds is not None]
    if not known:
        return []
    parts = [known[start : start + batch_size] for start in range(0, len(known), batch_size)]
    shares = [_shares(answerer, part, frames) for part in parts]
    names = (*LEVELS, ALL_LEVELS)
    inside = {name: torch.cat([share[0][name] for share in shares]) for name in names}
    uniform = torch.cat([share[1] for share in shares])
    events = torch.tensor([question.event for question in known])
    found = []
    for event in (None, *events.unique().tolist()):
        chosen = torch.ones_like(events, dtype=torch.bool) if event is None else events == event
        for name in names:
            found.append(
                AnswerEvidence(
                    None if event is None else event + 1,
                    name,
                    share_inside=100.0 * float(inside[name][chosen].mean()),
                    share_of_frames=100.0 * float(uniform[chosen].mean()),
                    num_questions=int(chosen.sum()),
                )
            )
    return found


def _shares(
    answerer: Answerer, questions: Sequence[Question], frames: KeptFrames
) -> tuple[dict[str, Float[Tensor, " question"]], Float[Tensor, " question"]]:
    """Return each question's share of positive interaction inside its event, by level, and the share of frames."""
    tokens = answerer.tokenize([question.text for question in questions])
    rows = torch.tensor([question.video for question in questions])
    trunk, device, mask = answerer.model.trunk, answerer.device, frames.mask[rows]
    texts = trunk.encode_texts(tokens.input_ids.to(device), tokens.attention_mask.to(device))
    videos = trunk.encode_videos(answerer.network_input(frames.content[rows]), mask.to(device))
    inside = frames.is_shown_between(questions)
    maps = {}
    for level, game in answerer.model.games(texts, videos).items():
        members = (texts.levels[level].sequence.members, videos.levels[level].sequence.members)
        maps[level] = interactions_of_members(banzhaf_interactions(game), *members, is_shared_out=True).cpu()
    weights = answerer.config.weight_of_level
    together = torch.stack([weights[level] * maps[level] for level in LEVELS]).sum(0)
    shares = {level: share_inside(maps[level], inside, mask) for level in LEVELS}
    uniform = inside.sum(-1) / mask.sum(-1).clamp(min=1)
    return shares | {ALL_LEVELS: share_inside(together, inside, mask)}, uniform
