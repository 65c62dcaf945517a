"""Whether answers come from the frames that show what is asked: interactions against the true seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import CLIPTokenizer

from hbi.data.frames import FrameBank, network_input
from hbi.data.questions import Question
from hbi.data.tokenizer import tokenize
from hbi.games import banzhaf_interactions, interactions_of_members
from hbi.models import QuestionAnsweringModel
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
    model: QuestionAnsweringModel,
    tokenizer: CLIPTokenizer,
    questions: Sequence[Question],
    bank: FrameBank,
    *,
    batch_size: int = 64,
) -> list[AnswerEvidence]:
    """Return how much of the interaction of questions lies in the event that they ask about, where it is known.

    First for all events together, then by which event it is; each at every level and for the levels together.
    """
    model.eval()
    known = [question for question in questions if question.start_seconds is not None]
    if not known:
        return []
    parts = [known[start : start + batch_size] for start in range(0, len(known), batch_size)]
    shares = [_shares(model, tokenizer, part, bank) for part in parts]
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
    model: QuestionAnsweringModel, tokenizer: CLIPTokenizer, questions: Sequence[Question], bank: FrameBank
) -> tuple[dict[str, Float[Tensor, " question"]], Float[Tensor, " question"]]:
    """Return each question's share of positive interaction inside its event, by level, and the share of frames."""
    tokenized = tokenize(tokenizer, [question.text for question in questions], model.config.max_words)
    rows = torch.tensor([question.video for question in questions])
    trunk, device = model.trunk, model.device
    texts = trunk.encode_texts(tokenized.input_ids.to(device), tokenized.attention_mask.to(device))
    videos = trunk.encode_videos(network_input(bank.content[rows].to(device)), bank.mask[rows].to(device))
    inside = bank.is_shown_between(questions)
    maps = {}
    for level, game in model.games(texts, videos).items():
        words, frames = texts.levels[level].sequence.members, videos.levels[level].sequence.members
        # Shared out: a long clip lends its frames no more than it has.
        maps[level] = interactions_of_members(banzhaf_interactions(game), words, frames, is_shared_out=True).cpu()
    weights = dict(zip(LEVELS, model.config.level_weights, strict=True))
    together = torch.stack([weights[level] * maps[level] for level in LEVELS]).sum(0)
    shares = {level: _share(maps[level], inside, bank.mask[rows]) for level in LEVELS}
    uniform = inside.sum(-1) / bank.mask[rows].sum(-1).clamp(min=1)
    return shares | {ALL_LEVELS: _share(together, inside, bank.mask[rows])}, uniform


def _share(
    interactions: Float[Tensor, "question word frame"],
    inside: Bool[Tensor, "question frame"],
    is_frame: Bool[Tensor, "question frame"],
) -> Float[Tensor, " question"]:
    """Return the share of positive interaction inside; without any, the share of frames: it points nowhere."""
    mass = interactions.clamp(min=0).sum(1).double()
    total = mass.sum(-1)
    uniform = inside.sum(-1) / is_frame.sum(-1).clamp(min=1)
    return torch.where(total > 0, (mass * inside).sum(-1) / total.clamp(min=1e-300), uniform.double())
