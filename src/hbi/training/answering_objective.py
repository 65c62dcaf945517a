"""What a network that answers questions minimizes: answers at every level, the retrieval objective, distillation."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from hbi.data.answer_vocabulary import OUT_OF_VOCABULARY
from hbi.models import AnswerOutput
from hbi.shapes import LEVELS
from hbi.training.lone_words import ToldWords
from hbi.training.objective import STUDENTS, Loss, Objective


@dataclass(frozen=True)
class AnsweringObjective:
    """The paper's objective for question answering.

    Sum over levels of answer cross-entropy + matching * (contrast + alpha * interaction), + beta * distillation of the
    entity level's answers to the action and event level.

    Captions that come beside the questions have a contrast of their own: among questions, which are more and say less,
    they would hardly count (docs/results/video-qa.md).

    Attributes:
        matching: Weight of the retrieval objective, for which every question is a text that belongs to its video. The
            paper's is 0.5.
        beta: Weight of the distillation of answers. The paper's is 2.
        retrieval: The retrieval objective, with alpha and the teacher; its own distillation is left out.
    """

    matching: float = 0.5
    beta: float = 2.0
    retrieval: Objective = field(default_factory=Objective)

    def __call__(
        self,
        output: AnswerOutput,
        video_of_text: Int[Tensor, " question"],
        labels: Int[Tensor, " question"],
        *,
        told: ToldWords | None = None,
    ) -> Loss:
        """Return the loss of a batch of questions.

        Args:
            output: What the network gave.
            video_of_text: The video of each question.
            labels: The number of each question's answer; -1 for a text that asks nothing: a caption.
            told: Words by themselves, and where the captions have them; needed for the reconstruction.
        """
        asked = labels != OUT_OF_VOCABULARY
        scores = {level: output.scores[level][asked].float() for level in LEVELS}
        num_asked = max(1, int(asked.sum()))
        parts = {
            f"answer/{level}": cross_entropy(scores[level], labels[asked], reduction="sum") / num_asked
            for level in LEVELS
        }
        if self.matching:
            matched = replace(self.retrieval, beta=0.0)(output.matching, video_of_text, asked, told=told)
            parts |= {name: self.matching * value for name, value in matched.parts.items()}
        if self.beta:
            for level in STUDENTS:
                distilled = answer_distillation(scores[level], scores["entity"].detach())
                parts[f"distillation/{level}"] = self.beta * distilled
        return Loss(torch.stack(list(parts.values())).sum(), parts)


def answer_distillation(
    student: Float[Tensor, "question answer"], teacher: Float[Tensor, "question answer"]
) -> Float[Tensor, ""]:
    """Return the KL divergence from the teacher's to the student's distribution over answers.

    The mean is over all elements, as in the released code, for which the paper's beta of 2 was chosen.

    Differs: there the gradient pulls the teacher towards its students as well; here the caller detaches it.

    Args:
        student: Logits.
        teacher: Logits; no gradient goes through them.
    """
    log_student, log_teacher = log_softmax(student, -1), log_softmax(teacher, -1)
    return kl_div(log_student, log_teacher, reduction="sum", log_target=True) / max(1, student.numel())
