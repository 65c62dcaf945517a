"""What is minimized: contrast at every level, the game's interactions, and self-distillation between levels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from hbi.errors import HBIError
from hbi.games import ExactTeacher, Teacher
from hbi.models import LevelOutput, MatchOutput
from hbi.shapes import LEVELS, Level
from hbi.training.interaction_terms import (
    HALF,
    coalition_similarities,
    interaction_similarity,
    own_interactions,
    share_of_words,
    spread_in_time,
)
from hbi.training.lone_words import ToldWords, reconstruction
from hbi.training.preferences import TrueAndFalse, preference

STUDENTS: tuple[Level, ...] = ("action", "event")
"""The levels that learn from the entity level."""


OF_THE_LOG = ("step", "kind", "lr", "seconds", "loss")
"""What a line of the log says besides the terms: no term has such a name."""


class ObjectiveError(HBIError):
    """What somebody put in the place of the objective cannot be made, or gives no loss."""


@dataclass(frozen=True)
class Loss:
    """A scalar to minimize, and its weighted terms by name (they sum to it)."""

    total: Float[Tensor, ""]
    parts: Mapping[str, Float[Tensor, ""]]

    def plus(self, name: str, term: Float[Tensor, ""]) -> "Loss":
        """Return the loss with one more term.

        Args:
            name: What the log, TensorBoard and the progress bar call it; one before "/" is one line of the bar.
            term: Weighted.

        Raises:
            ObjectiveError: There is such a term, or the log has another use for the name.

        >>> loss = Loss(torch.tensor(2.0), {"contrast": torch.tensor(2.0)}).plus("margin", torch.tensor(0.5))
        >>> loss.total, sorted(loss.parts)
        (tensor(2.5000), ['contrast', 'margin'])
        """
        if name in (*self.parts, *OF_THE_LOG):
            raise ObjectiveError(f"a term of the loss is called {name!r}, which is taken: choose another name")
        return Loss(self.total + term, {**self.parts, name: term})


class BatchLoss(Protocol):
    """What gives the loss of a batch: `Objective`, `AnsweringObjective`, or what somebody makes of one of them."""

    def __call__(self, output: Any, video_of_text: Tensor, /, *args: Any, **kwargs: Any) -> Loss:
        """Return the loss of a batch; what follows the first two is what the objective of the recipe is called with."""
        ...


def require_loss(loss: object) -> Loss:
    """Return what an objective gave, if it is a loss that something can learn from.

    Raises:
        ObjectiveError: It is not.
    """
    if not isinstance(loss, Loss):
        raise ObjectiveError(
            f"the objective returned {type(loss).__name__}, not a Loss: return objective(…).plus(name, term), or a "
            "hbi.training.objective.Loss"
        )
    for name, value in {"total": loss.total, **loss.parts}.items():
        if not isinstance(value, Tensor) or value.numel() != 1:
            shown = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ObjectiveError(f"{name!r} of the loss is no tensor of one number but {shown}: take a mean or a sum")
    if wrong := sorted(set(loss.parts) & set(OF_THE_LOG)):
        raise ObjectiveError(f"a term of the loss is called {wrong[0]!r}, which is taken: choose another name")
    if torch.is_grad_enabled() and not loss.total.requires_grad:
        raise ObjectiveError("the loss depends on no weight: something detached it, or computed it without gradient")
    return loss


@dataclass(frozen=True)
class Objective:
    """The paper's objective (section 3.4): sum over levels of contrast + alpha * interaction, + beta * distillation.

    The other terms are ours, and off by default: what exact interactions allow (`hbi.training.interaction_terms`), the
    preference of what is true to what was made wrong of it (`hbi.training.preferences`), and how well words are told
    from the frames that they point at (`hbi.training.lone_words`). Where the network compares summaries as well (the
    whole), these have a contrast like a level's and nothing else: with one player a side there is no interaction to
    predict, and what the entity level would distil into them, the parts, is what they are to add to. Where the weights
    of the levels are learned, the similarity that ranks has a contrast, too, whose gradient reaches the weights and all
    that is weighed.

    Attributes:
        alpha: Weight of the divergence between predicted interactions and the teacher's, at each level.
        beta: Weight of the self-distillation from the entity level to the action and event level.
        gamma: Weight of the contrast of coalitions, at each level.
        levels: The levels that are trained; for ablations. The whole always is.
        teacher: Gives the interactions that the heads learn to predict.
        coalition_probabilities: With which everyone is in a coalition: the mean of one contrast for each.
        interaction_contrast: Weight of the contrast of interactions, at the entity level.
        concentration: Weight of how far apart in time the frames are that a word interacts with, at the entity level.
        function_words: Weight of the share of interaction that function words have, at the entity level.
        exchanged: Weight of the preference of captions to exchanged ones.
        turned: Weight of the preference of videos to turned ones.
        reconstruction: Weight of how well each word is told from the frames that it points at, at the entity level.
    """

    alpha: float = 1.0
    beta: float = 2.0
    gamma: float = 0.0
    levels: tuple[Level, ...] = LEVELS
    teacher: Teacher = field(default_factory=ExactTeacher)
    coalition_probabilities: tuple[float, ...] = (HALF,)
    interaction_contrast: float = 0.0
    concentration: float = 0.0
    function_words: float = 0.0
    exchanged: float = 0.0
    turned: float = 0.0
    reconstruction: float = 0.0

    @property
    def reads_function_words(self) -> bool:
        """Whether it must be told which tokens are function words."""
        return bool(self.concentration or self.function_words)

    def __call__(
        self,
        output: MatchOutput,
        video_of_text: Int[Tensor, " text"],
        kind_of_text: Shaped[Tensor, " text"] | None = None,
        *,
        function_words: Bool[Tensor, "text word"] | None = None,
        exchanged: TrueAndFalse | None = None,
        turned: TrueAndFalse | None = None,
        told: ToldWords | None = None,
    ) -> Loss:
        """Return the loss of a batch; for the global baseline, which has no levels, contrasts and preferences alone.

        Args:
            output: What the network gave.
            video_of_text: The video of each text.
            kind_of_text: Texts of each kind have a contrast of their own, the sum of which counts; None: all are alike.
            function_words: True for tokens that say nothing to look for; needed where `reads_function_words`.
            exchanged: Captions against exchanged ones; None: no step of that.
            turned: Videos against turned ones; None: no step of that.
            told: Words by themselves and where the captions have them; needed for the reconstruction.
        """
        scale, parts = output.logit_scale, dict[str, Tensor]()
        if not output.levels:
            parts["contrast"] = contrast_of_kinds(scale * output.similarity, video_of_text, kind_of_text)
        levels = {name: output.levels[name] for name in self.levels} if output.levels else {}
        for name, level in levels.items():
            parts[f"contrast/{name}"] = contrast_of_kinds(scale * level.similarity, video_of_text, kind_of_text)
            if self.gamma:
                contrasts = [
                    contrast_of_kinds(scale * similarity, video_of_text, kind_of_text)
                    for similarity in coalition_similarities(level, self.coalition_probabilities)
                ]
                parts[f"coalition/{name}"] = self.gamma * torch.stack(contrasts).mean()
            if self.alpha:
                target = interaction_logits(level, scale, self.teacher)
                parts[f"interaction/{name}"] = self.alpha * interaction_divergence(level.predicted, target, level.cells)
        if output.whole is not None:
            parts["contrast/whole"] = contrast_of_kinds(scale * output.whole, video_of_text, kind_of_text)
        if output.learns_weights:
            parts["contrast/ranking"] = contrast_of_kinds(scale * output.similarity, video_of_text, kind_of_text)
        if self.beta:
            for name in (name for name in STUDENTS if name in levels):
                teacher = (scale * output.levels["entity"].similarity).detach()
                student = scale * levels[name].similarity
                parts[f"distillation/{name}"] = self.beta * self_distillation(student, teacher)
        if "entity" in levels:
            if self.interaction_contrast:
                logits = scale * interaction_similarity(levels["entity"])
                of_pairs = contrast_of_kinds(logits, video_of_text, kind_of_text)
                parts["contrast/interaction"] = self.interaction_contrast * of_pairs
            if self.reconstruction:
                assert told is not None
                lost = reconstruction(levels["entity"], video_of_text, told, scale)
                parts["reconstruction"] = self.reconstruction * lost
            if self.reads_function_words:
                assert function_words is not None
                parts |= self._word_parts(levels["entity"], video_of_text, function_words)
        for wrong, weight, pairs in (("exchanged", self.exchanged, exchanged), ("turned", self.turned, turned)):
            if weight and pairs is not None:
                parts[f"contrast/{wrong}"] = weight * preference(pairs, scale)
        return Loss(torch.stack(list(parts.values())).sum(), parts)

    def _word_parts(
        self, level: LevelOutput, video_of_text: Int[Tensor, " text"], function_words: Bool[Tensor, "text word"]
    ) -> dict[str, Tensor]:
        """Return what the interactions of single words with the frames of their own video are asked for."""
        interactions = own_interactions(level, video_of_text)
        parts = dict[str, Tensor]()
        if self.concentration:
            frame_mask = level.frames.sequence.mask[video_of_text]
            content = level.words.sequence.mask & ~function_words
            parts["concentration"] = self.concentration * spread_in_time(interactions, frame_mask, content)
        if self.function_words:
            parts["function_words"] = self.function_words * share_of_words(interactions, function_words)
        return parts


@torch.no_grad()
def interaction_logits(
    level: LevelOutput, scale: Float[Tensor, ""], teacher: Teacher
) -> Float[Tensor, "video word frame"]:
    """Return the Banzhaf interactions of a level's games as logits: times logit scale and number of players.

    A cosine becomes a logit through the scale; a player's weight is about one over the number of players, which would
    leave nothing but uniform distributions.

    Args:
        level: Players and games of a level.
        scale: What multiplies a cosine to make a logit.
        teacher: Gives the interactions of games.
    """
    num_players = level.cells.any(2).sum(1) + level.cells.any(1).sum(1)
    return teacher(level.game) * scale * num_players[:, None, None]


def contrast_of_kinds(
    logits: Float[Tensor, "text video"],
    video_of_text: Int[Tensor, " text"],
    kind_of_text: Shaped[Tensor, " text"] | None,
) -> Float[Tensor, ""]:
    """Return the contrast of all texts; or the sum of one contrast for the texts of each kind.

    Args:
        logits: Similarities, scaled.
        video_of_text: The row of each text's video.
        kind_of_text: Whatever tells the kinds of texts from one another; None: all are of one kind.
    """
    if kind_of_text is None:
        return contrast(logits, video_of_text)
    alike = [kind_of_text == kind for kind in kind_of_text.unique()]
    return torch.stack([contrast(logits[texts], video_of_text[texts]) for texts in alike]).sum()


def contrast(logits: Float[Tensor, "text video"], video_of_text: Int[Tensor, " text"]) -> Float[Tensor, ""]:
    """Return the symmetric InfoNCE of texts and their videos (paper, equation 2).

    A video may have several texts in the batch; for each of them its siblings are no negatives.

    Args:
        logits: Similarities, scaled.
        video_of_text: The row of each text's video.
    """
    text_to_video = torch.nn.functional.cross_entropy(logits, video_of_text)
    is_own = video_of_text[:, None] == torch.arange(logits.shape[1], device=logits.device)
    own = logits.gather(1, video_of_text[:, None]).squeeze(1)
    others = logits.masked_fill(is_own, -torch.inf).logsumexp(0)[video_of_text]
    video_to_text = (torch.logaddexp(own, others) - own).mean()
    return (text_to_video + video_to_text) / 2


def interaction_divergence(
    predicted: Float[Tensor, "pair word frame"],
    target: Float[Tensor, "pair word frame"],
    cells: Bool[Tensor, "pair word frame"],
) -> Float[Tensor, ""]:
    """Return the KL divergence from the target's distributions to the predicted ones: of the words' plus the frames'.

    Both maps are logits: softmax over frames gives a distribution for each word, softmax over words one for each
    frame, among the cells that are real. The two divergences are added, each of them a mean over all real cells of all
    pairs (paper, section 3.4), as in the released code: a mean over rows would be as many times larger as a row has
    cells, and the paper's alpha of 1 would outweigh the contrast.

    Differs: the released code's mean counts padding, and it transposes so that its second softmax runs over the batch.

    Args:
        predicted: What the head of a level says, as logits.
        target: What the teacher says, as logits.
        cells: True where a pair has both the word and the frame.
    """
    for_words = _masked_divergence(predicted, target, cells)
    for_frames = _masked_divergence(*(tensor.transpose(1, 2) for tensor in (predicted, target, cells)))
    return for_words + for_frames


def self_distillation(student: Float[Tensor, "text video"], teacher: Float[Tensor, "text video"]) -> Float[Tensor, ""]:
    """Return the KL divergence from the teacher's to the student's distribution: that over videos plus that over texts.

    Each is a mean over all elements, as in the released code, for which the paper's beta of 2 was chosen.

    Differs: the released code distils raw cosines, whose softmax is almost uniform, and lets the gradient pull the
    teacher towards its students; here logits are distilled and the caller detaches the teacher.

    Args:
        student: Logits of a level.
        teacher: Logits of the entity level; no gradient goes through them.
    """
    rows, columns = (
        kl_div(log_softmax(student, axis), log_softmax(teacher, axis), reduction="sum", log_target=True)
        / student.numel()
        for axis in (1, 0)
    )
    return rows + columns


def _masked_divergence(predicted: Tensor, target: Tensor, cells: Tensor) -> Tensor:
    lowest = torch.finfo(predicted.dtype).min
    log_p = log_softmax(predicted.masked_fill(~cells, lowest), -1)
    log_q = log_softmax(target.masked_fill(~cells, lowest), -1)
    divergence = (log_q.exp() * (log_q - log_p)).masked_fill(~cells, 0.0)
    return divergence.sum() / cells.sum().clamp(min=1)
