"""Arguments that several verbs take, described once."""

from typing import Literal, TypeAlias

SOURCE = "a run folder, a model folder, an index folder, an encoder's folder (CLIP, SigLIP, …), or a hub name"
DEVICE = "cpu, cuda, cuda:1, … or auto: a GPU if there is one."

Split: TypeAlias = Literal["train", "val", "test"]
Weights: TypeAlias = Literal["best", "last"]
