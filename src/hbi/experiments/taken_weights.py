"""The weights of one network in another: whatever has a place there is taken, and it is said what was not."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hbi.files import read_regular_text, write_atomically
from hbi.models import QuestionAnsweringModel
from hbi.models.networks import Network

FILE = "start.json"
"""In a run folder: what was taken from where."""
POSITIONS = "encoder.temporal.position.weight"
_PARTS = (
    ("encoder.temporal.", "temporal"),
    ("encoder.", "towers"),
    ("words.mergers.", "merging"),
    ("frames.mergers.", "merging"),
    ("words.weight_heads.", "token weights"),
    ("frames.weight_heads.", "token weights"),
    ("heads.", "interaction heads"),
    ("level_logits", "level weights"),
    ("answer_heads.", "answer heads"),
)
"""What the first letters of a tensor's name say of where it belongs."""
_ROWS_ARE_ANSWERS = (".scores.weight", ".scores.bias", ".frame_scores.weight")


@dataclass(frozen=True)
class TakenWeights:
    """What a network took from another, tensor by tensor, by the names that a network has which answers no questions.

    Attributes:
        source: Where the weights come from, as the recipe calls it.
        taken: Tensors that are the source's, to the last bit.
        new: Tensors that start at random.
        left: Tensors of the source that have no place in the network.
        remarks: Lines on tensors of which a part was taken: those of more frames, or of other answers.
    """

    source: str
    taken: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line: "started from runs/old: taken towers (74), temporal (17); new answer heads (24)"."""
        said = {"taken": self.taken, "new": self.new, "left": self.left}
        parts = [f"{title} {_by_part(names)}" for title, names in said.items() if names]
        return f"started from {self.source}: {'; '.join([*parts, *self.remarks])}"

    def write(self, folder: Path) -> None:
        """Write it into a run folder."""
        write_atomically(folder / FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "TakenWeights | None":
        """Return what a run folder says of its start; None where it says nothing that can be read."""
        try:
            values = json.loads(read_regular_text(folder / FILE, 2**24))
            lists = {name: tuple(map(str, values[name])) for name in ("taken", "new", "left", "remarks")}
            return cls(str(values["source"]), **lists)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


def take_weights(model: Network, source: Network, name: str) -> TakenWeights:
    """Give a network the weights of another: towers, and all tensors that it has under the same name.

    The trunk of a network that answers questions stands for the whole of another kind. Towers that read tubelets take
    those of single frames; of a longer table of frame positions, and of heads for other answers, the rows that the
    source knows are taken.

    Args:
        model: Takes; of the same sizes, where both have them.
        source: Gives, and stays as it is.
        name: What to call the source.

    Raises:
        ModelError: The towers read tubelets of different sizes.
    """
    model.encoder.load_towers(source.encoder.towers.state_dict(), tubelet_size=source.config.tubelet_size)
    ours, theirs = _plain_state(model), _plain_state(source)
    answers = tuple(each.config.answers if isinstance(each, QuestionAnsweringModel) else () for each in (model, source))
    towers = f"encoder.{model.encoder.towers_name}."
    taken, new = list[str](), list[str]()
    for tensor, values in ours.items():
        there = theirs.get(tensor)
        if tensor.startswith(towers):
            taken.append(tensor)
        elif there is None:
            new.append(tensor)
        elif tensor == POSITIONS and len(there) < len(values):
            values[: len(there)] = there
        elif tensor.endswith(_ROWS_ARE_ANSWERS) and answers[0] != answers[1]:
            _take_rows(values, there, *answers)
        else:
            values.copy_(there)
            taken.append(tensor)
    left = tuple(each for each in theirs if each not in ours)
    return TakenWeights(name, tuple(taken), tuple(new), left, tuple(_remarks(ours, theirs, model, source, answers)))


def _plain_state(network: Network) -> dict[str, Tensor]:
    """Return the tensors of a network by the names that they have in one that answers no questions."""
    return {name.removeprefix("trunk."): tensor.detach() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def _take_rows(ours: Tensor, theirs: Tensor, our_answers: Sequence[str], their_answers: Sequence[str]) -> None:
    """Copy the rows of the answers that both networks can give."""
    number = {answer: row for row, answer in enumerate(their_answers)}
    pairs = [(row, number[answer]) for row, answer in enumerate(our_answers) if answer in number]
    if pairs:
        rows, sources = torch.tensor(pairs).T
        ours[rows] = theirs[sources]


def _remarks(
    ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], model: Any, source: Any, answers: Sequence[Sequence[str]]
) -> list[str]:
    remarks = []
    if POSITIONS in ours and POSITIONS in theirs and len(theirs[POSITIONS]) < len(ours[POSITIONS]):
        remarks.append(f"frame positions from number {len(theirs[POSITIONS])} on are new")
    if all(answers) and answers[0] != answers[1]:
        known = len(set(answers[0]) & set(answers[1]))
        others = ", the others new" if known < len(answers[0]) else ""
        remarks.append(f"{known} of {len(answers[0])} answers are known{others}")
    if model.config.tubelet_size != source.config.tubelet_size:
        remarks.append(f"towers read {model.config.tubelet_size} frames now, of which they know the middle one")
    return remarks


def _by_part(names: Sequence[str]) -> str:
    """Return the parts of a network that tensors belong to, and how many belong to each."""
    counts = Counter(
        next((part for start, part in _PARTS if name.startswith(start)), name.partition(".")[0]) for name in names
    )
    return ", ".join(f"{part} ({count})" for part, count in counts.items())
