"""Training of a second stage: a cross-encoder that tells a text's own video from others that score high as well."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from hbi.errors import HBIError
from hbi.matching.encoded_split import EncodedSplit
from hbi.matching.second_stage import SecondStage
from hbi.models.cross_encoder import CrossEncoder, CrossEncoderSizes
from hbi.ops import TokenSequence
from hbi.training.optimization import warmup_cosine

LEAST_DOUBT = 0.1
"""Added to the share of its softmax that the first stage gives to wrong videos: what it is sure of is seen as well."""
STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""How much of the correction counts is chosen among these on the validation split; with 0 nothing is ranked again."""


@dataclass(frozen=True)
class SecondStageTraining:
    """How a second stage is trained.

    Attributes:
        num_steps: Steps of AdamW, with a warm-up and a cosine schedule down to 0.
        batch_size: Texts in a step.
        num_candidates: Videos that each of them is compared with: a right one, and wrong ones that score high.
        learning_rate: Its largest value.
        weight_decay: Of the matrices.
        seed: Of the initial weights and of what is drawn.
    """

    num_steps: int = 400
    batch_size: int = 32
    num_candidates: int = 4
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class SecondStageChoice:
    """What was chosen on the validation split.

    Attributes:
        strength: By which the correction was multiplied, one of `STRENGTHS`.
        recall_at_1: Percent of the texts whose first video is right, by strength.
    """

    strength: float
    recall_at_1: dict[float, float]


def train_second_stage(
    train: Sequence[EncodedSplit],
    validation: EncodedSplit,
    sizes: CrossEncoderSizes,
    settings: SecondStageTraining,
    *,
    logit_scale: float,
    device: torch.device,
    progress: Callable[[int, int, float], None] = lambda step, num_steps, loss: None,
) -> tuple[CrossEncoder, SecondStageChoice]:
    """Return a cross-encoder trained to rank a text's own video before other candidates, and what was chosen.

    The loss is InfoNCE over a text's candidates: a right video, and wrong ones of the first stage's best. Texts and
    wrong videos that the first stage is in doubt of are drawn more often.

    Args:
        train: What is trained on: galleries, each of the texts of some videos, which are ranked among these.
        validation: What chooses how much the correction counts.
        sizes: Of the network.
        settings: See `SecondStageTraining`.
        logit_scale: What multiplies a score to make a logit: that of the first stage.
        device: Where to compute.
        progress: Called after every step with steps done, their number, and the loss.

    Raises:
        HBIError: The training diverges, or the split has too few videos.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = CrossEncoder(sizes).to(device)
    hard = [_hard_examples(gallery, logit_scale) for gallery in train]
    sizes_of_galleries = torch.tensor([float(len(gallery.similarity)) for gallery in train])
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: warmup_cosine(step, num_steps=settings.num_steps, num_warmup_steps=settings.num_steps // 12),
    )
    for step in range(1, settings.num_steps + 1):
        gallery = int(torch.multinomial(sizes_of_galleries, 1, generator=generator))
        scores = _batch_scores(network, train[gallery], hard[gallery], settings, generator, device)
        loss = cross_entropy(logit_scale * scores, torch.zeros(len(scores), dtype=torch.long, device=device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if not math.isfinite(loss.item()):
            raise HBIError(
                f"the loss became {loss.item()} at step {step}: the training diverged, lower its learning rate"
            )
        progress(step, settings.num_steps, loss.item())
    return _with_best_strength(network.eval(), validation)


@dataclass(frozen=True, eq=False)
class _HardExamples:
    """What of a gallery is worth looking at.

    Attributes:
        text_weights: How often each text is drawn.
        wrong: The wrong videos that score highest for each text.
        wrong_weights: How often each of them is drawn for its text; 0 where there are no more.
    """

    text_weights: Float[Tensor, " text"]
    wrong: Int[Tensor, "text candidate"]
    wrong_weights: Float[Tensor, "text candidate"]


def _hard_examples(gallery: EncodedSplit, logit_scale: float) -> _HardExamples:
    """Return the texts and wrong videos of a gallery with the first stage's doubt of them as weights.

    It is sure of most texts, and of all wrong videos but a few: drawn evenly, they would teach next to nothing.

    Raises:
        HBIError: A text is true of every video.
    """
    wrong = gallery.wrong_candidates()
    if not wrong.similarity[:, 0].isfinite().all():
        raise HBIError("a text that is true of every video leaves nothing to tell apart: give more videos")
    right = gallery.similarity.masked_fill(~gallery.relevance, -torch.inf).amax(1, keepdim=True)
    shares = (logit_scale * torch.cat([right, wrong.similarity], dim=1)).softmax(1)
    floor = LEAST_DOUBT / wrong.similarity.shape[1]
    wrong_weights = (shares[:, 1:] + floor).masked_fill(~wrong.similarity.isfinite(), 0.0)
    return _HardExamples(1 - shares[:, 0] + LEAST_DOUBT, wrong.videos, wrong_weights)


def _batch_scores(
    network: CrossEncoder,
    train: EncodedSplit,
    hard: _HardExamples,
    settings: SecondStageTraining,
    generator: torch.Generator,
    device: torch.device,
) -> Float[Tensor, "text candidate"]:
    """Return the scores of some texts with a right video, which stands first, and with wrong ones."""
    texts = torch.multinomial(hard.text_weights, settings.batch_size, replacement=True, generator=generator)
    right = torch.multinomial(train.relevance[texts].float(), 1, generator=generator)
    num_wrong = min(settings.num_candidates - 1, int((hard.wrong_weights > 0).sum(1).min()))
    drawn = torch.multinomial(hard.wrong_weights[texts], num_wrong, generator=generator)
    candidates = torch.cat([right, hard.wrong[texts].gather(1, drawn)], dim=1)
    similarity = train.similarity[texts[:, None], candidates]
    own = train.words[texts]
    longest = int(own.mask.sum(1).max())
    each = torch.arange(len(texts)).repeat_interleave(candidates.shape[1])
    words = TokenSequence.unmerged(own.tokens[each, :longest].to(device), own.mask[each, :longest].to(device))
    videos = train.frames[candidates.flatten()]
    frames = TokenSequence.unmerged(videos.tokens.to(device), videos.mask.to(device))
    return network(words, frames, similarity.flatten().to(device)).view(candidates.shape)


def _with_best_strength(network: CrossEncoder, validation: EncodedSplit) -> tuple[CrossEncoder, SecondStageChoice]:
    """Return the network with its correction as strong as serves the validation split best."""
    best = validation.candidates()
    scores = SecondStage(network, "the second stage in training").of_candidates(
        validation.words, validation.frames, best.videos, best.similarity
    )
    corrections = scores - best.similarity
    is_right = validation.relevance.gather(1, best.videos)
    recalls = {
        strength: 100.0 * float(_share_found_first(best.similarity + strength * corrections, is_right))
        for strength in STRENGTHS
    }
    strength = max(STRENGTHS, key=lambda each: (recalls[each], -each))
    with torch.no_grad():
        network.correction.weight.mul_(strength)
    return network, SecondStageChoice(strength, recalls)


def _share_found_first(
    scores: Float[Tensor, "text candidate"], is_right: Bool[Tensor, "text candidate"]
) -> Float[Tensor, ""]:
    """Return the share of texts of which a right candidate scores highest."""
    return is_right.gather(1, scores.argmax(1, keepdim=True)).double().mean()
