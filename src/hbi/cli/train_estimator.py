"""`hbi train-estimator`: train the paper's learned estimator on exact interactions."""

import math
from pathlib import Path
from typing import Annotated

import typer

from hbi.cli.progress import progress_bar
from hbi.cli.terminal import say


def train_estimator(
    out: Annotated[Path, typer.Option(help="The .safetensors file to write the weights to.")],
    games: Annotated[
        Path | None,
        typer.Option(help="Games of a model, of hbi record-games. Default: random ones."),
    ] = None,
    words: Annotated[int, typer.Option(min=1, max=1000, help="Number of words of the longest random text.")] = 24,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Number of frames of the longest random video.")] = 12,
    steps: Annotated[int, typer.Option(min=1, max=10**9, help="Number of training steps.")] = 2000,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Number of games in a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=0.0, max=1e4, help="The peak learning rate.")] = 1e-3,
    channels: Annotated[int, typer.Option(min=1, max=2**14, help="Number of channels of the estimator.")] = 64,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Random seed of the initial weights and the games.")
    ] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, … or auto: a GPU if there is one.")] = "auto",
) -> None:
    """Train the small network with which the paper estimates Banzhaf interactions, and measure its error.

    hbi computes the interactions exactly and needs no estimator: this is for
    comparing with the paper (objective.teacher=estimator in a recipe). It predicts them in the unit of the similarity,
    where the authors' estimators predict 1,000 times as much; the file states
    the unit. Games come from hbi record-games. It is measured on games that it was not trained on: the last
    tenth of recorded games, or new random ones.
    """
    from hbi.errors import HBIError
    from hbi.matching.device import choose_device
    from hbi.training.estimator_training import EstimatorTraining, GameSource, save_estimator
    from hbi.training.estimator_training import train_estimator as fit
    from hbi.training.game_source import RandomGames, RecordedGames, read_games

    if math.isnan(learning_rate):
        raise HBIError("--learning-rate nan is no number")
    source: GameSource
    held_out: GameSource
    if games is None:
        source = held_out = RandomGames(words, frames)
    else:
        recorded = RecordedGames(read_games(games))
        num_games = recorded.games.similarity.shape[0]
        if num_games < 10:
            raise HBIError(f"{games} holds {num_games} games: record at least 10, a tenth of them is held out")
        source, held_out = recorded.split(num_games // 10)
    settings = EstimatorTraining(
        num_steps=steps, batch_size=batch_size, learning_rate=learning_rate, channels=channels, seed=seed
    )
    with progress_bar("training the estimator") as show:
        estimator, quality = fit(
            source,
            held_out,
            settings,
            device=choose_device(device),
            progress=lambda step, num_steps, loss: show(step, num_steps),
        )
    save_estimator(estimator, out, quality)
    measures = (
        f"correlation {quality.correlation:.3f}, sign agreement {quality.sign_agreement:.1%}, "
        f"relative error {quality.relative_error:.2f} (1 is predicting nothing)"
    )
    say("On other games: {measures}. Written: [bold]{out}[/]", measures=measures, out=out)
    teacher = f"--set objective.teacher=estimator --set objective.estimator={out}"
    say("Next: [bold]hbi train RECIPE {teacher}[/]", teacher=teacher)
