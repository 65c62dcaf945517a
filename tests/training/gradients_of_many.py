"""One process of several: computes the gradient of its share of the tiny batch in many ways. Run under torchrun."""

import sys
from pathlib import Path

import torch

from hbi.models import GlobalContrastModel, HBIModel
from hbi.training.batch_gradient import BatchGradient
from hbi.training.distributed import joined_processes
from hbi.training.objective import Objective
from hbi.training.sharded import whole
from hbi.training.towers import checkpoint_activations, freeze_towers, replicate, shard
from training.marked import EVERYTHING, marked_batch, shares
from training.tiny import CPU, Projecting, batch, left_in, network

WAYS = {
    "replicated": {},
    "global": {"kind": GlobalContrastModel},
    "cached": {"micro_batch_size": 3},
    "checkpointed": {"micro_batch_size": 3, "is_checkpointed": True},
    "frozen": {"is_frozen": True},
    "sharded": {"is_sharded": True},
    "sharded-cached": {"is_sharded": True, "micro_batch_size": 2, "is_checkpointed": True},
    "sharded-frozen": {"is_sharded": True, "is_frozen": True},
    "projecting": {"has_weights": True},
    "projecting-cached": {"has_weights": True, "micro_batch_size": 3},
    "projecting-sharded": {"has_weights": True, "micro_batch_size": 2, "is_sharded": True},
    "marked": {"is_marked": True},
    "marked-cached": {"is_marked": True, "micro_batch_size": 3},
    "marked-sharded": {"is_marked": True, "is_sharded": True, "micro_batch_size": 2},
}


def main(folder: Path) -> None:
    with joined_processes(CPU) as processes:
        plain = list(batch().parts(len(batch()) // processes.world_size))[processes.rank]
        marked = list(shares(marked_batch(), processes.world_size))[processes.rank]
        for name, way in WAYS.items():
            is_marked = way.get("is_marked", False)
            share, objective = (marked, EVERYTHING) if is_marked else (plain, Objective())
            if way.get("has_weights"):
                objective = Projecting()
            model = network(way.get("kind", HBIModel))
            if way.get("is_frozen"):
                freeze_towers(model)
            if way.get("is_checkpointed"):
                checkpoint_activations(model)
            encoder = model.encoder
            if way.get("is_sharded"):
                shard(model, CPU, processes)
            else:
                encoder = replicate(model, CPU)
            gradient = BatchGradient(model, encoder, objective, CPU, way.get("micro_batch_size"), processes=processes)
            loss = gradient(share, seed=3)
            gradients = whole(left_in(model, objective))
            torch.save((loss.total.item(), gradients), folder / f"{name}-{processes.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
