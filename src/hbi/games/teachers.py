"""Sources of the interactions that a model learns from: exact, sampled, or predicted by the learned estimator."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.games.estimator import BanzhafEstimator
from hbi.games.indices import banzhaf_interactions
from hbi.games.late_interaction import LateInteractionGame
from hbi.games.sampling import sample_late_interactions


@runtime_checkable
class Teacher(Protocol):
    """Gives the training target of a game, without gradient.

    >>> isinstance(ExactTeacher(), Teacher)
    True
    """

    def __call__(self, game: LateInteractionGame, /) -> Float[Tensor, "*#batch word frame"]:
        """Return the Banzhaf interaction of every word with every frame, 0 for masked players."""
        ...


@dataclass(frozen=True)
class ExactTeacher:
    """The exact interactions: the default.

    >>> game = LateInteractionGame(torch.tensor([[0.5, 0.25]]), torch.ones(1), torch.ones(2), normalize_weights=False)
    >>> ExactTeacher()(game)
    tensor([[0.4375, 0.1875]])
    """

    probability: float = 0.5

    @torch.no_grad()
    def __call__(self, game: LateInteractionGame) -> Float[Tensor, "*#batch word frame"]:
        """Return `banzhaf_interactions(game)`."""
        return banzhaf_interactions(game, self.probability)


@dataclass(frozen=True)
class SampledTeacher:
    """Unbiased Monte Carlo estimates: to study what the noise of sampling does to training.

    >>> game = LateInteractionGame(torch.tensor([[0.5, 0.25]]), torch.ones(1), torch.ones(2), normalize_weights=False)
    >>> SampledTeacher(num_samples=10)(game).shape
    torch.Size([1, 2])
    """

    num_samples: int = 100
    probability: float = 0.5
    generator: torch.Generator | None = None

    @torch.no_grad()
    def __call__(self, game: LateInteractionGame) -> Float[Tensor, "*#batch word frame"]:
        """Return `sample_late_interactions(game)`, new coalitions at each call."""
        return sample_late_interactions(game, self.num_samples, self.generator, probability=self.probability)


@dataclass(frozen=True, eq=False)
class EstimatorTeacher:
    """The paper's teacher: a frozen network that was trained on interactions (see `hbi train-estimator`).

    >>> game = LateInteractionGame(torch.tensor([[0.5, 0.25]]), torch.ones(1), torch.ones(2), normalize_weights=False)
    >>> EstimatorTeacher(BanzhafEstimator())(game).shape
    torch.Size([1, 2])
    """

    estimator: BanzhafEstimator

    @torch.no_grad()
    def __call__(self, game: LateInteractionGame) -> Float[Tensor, "*#batch word frame"]:
        """Return the network's prediction from the masked similarity, in its unit; it sees no weights."""
        similarity = game.playing_similarity()
        batch_shape = similarity.shape[:-2]
        predicted = self.estimator.interactions(similarity.reshape(-1, *similarity.shape[-2:])).reshape(
            *batch_shape, *similarity.shape[-2:]
        )
        return game.playing_cells(predicted)
