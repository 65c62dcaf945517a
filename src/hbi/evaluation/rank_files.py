"""The rank of every query in a file: for a look at what goes wrong, and for comparing two models query by query."""

import csv
import io
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.data.annotation_files import Record, read_table
from hbi.data.samples import DataError
from hbi.files.json_values import shown


@dataclass(frozen=True)
class RankedQuery:
    """A query, the video it belongs to, and the rank of its best right answer, from 1. A video asks without text."""

    video_id: str
    rank: float
    text: str = ""


def ranks_csv(queries: Sequence[RankedQuery]) -> str:
    """Return a table with one line for each query.

    Args:
        queries: In the order of the split.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("video_id", "rank", "text"))
    writer.writerows((query.video_id, query.rank, query.text) for query in queries)
    return file.getvalue()


def read_ranks(path: Path) -> list[RankedQuery]:
    """Return the queries of a table that `hbi evaluate` wrote.

    Args:
        path: Of the table.

    Raises:
        DataError: There is none, or it is damaged.
    """
    if not os.path.exists(path):
        raise DataError(f"there is no {path}: run hbi evaluate {path.parent} first")
    try:
        queries = [_query(record) for record in read_table(path, "video_id", "rank", "text")]
    except DataError as error:
        raise DataError(f"no table of ranks: {error}; run hbi evaluate {path.parent} again") from error
    if not queries:
        raise DataError(f"{path} holds no query: run hbi evaluate {path.parent} again")
    return queries


def _query(record: Record) -> RankedQuery:
    written = record["rank"].strip()
    rank = float(written) if re.fullmatch(r"\d+(\.\d+)?", written, re.ASCII) else 0.0
    if not 1 <= rank < math.inf:
        raise DataError(f"{record.place}: the rank {shown(written)} is no number from 1")
    return RankedQuery(record["video_id"], rank, record["text"])


@dataclass(frozen=True)
class PairedRanks:
    """Ranks of two models for the same queries, and the video of each query as an index."""

    first: Float[Tensor, " query"]
    second: Float[Tensor, " query"]
    videos: Int[Tensor, " query"]


def pair_ranks(first: Path, second: Path) -> PairedRanks:
    """Return the ranks of two tables, query by query.

    Args:
        first: The table of one model.
        second: The table of the other.

    Raises:
        DataError: A table cannot be read, or they do not hold the same queries in the same order.
    """
    ours, theirs = read_ranks(first), read_ranks(second)
    if [(query.video_id, query.text) for query in ours] != [(query.video_id, query.text) for query in theirs]:
        raise DataError(f"{first} and {second} hold other queries: both runs must be evaluated on the same split")
    index = {video_id: row for row, video_id in enumerate(dict.fromkeys(query.video_id for query in ours))}
    return PairedRanks(
        torch.tensor([query.rank for query in ours], dtype=torch.float64),
        torch.tensor([query.rank for query in theirs], dtype=torch.float64),
        torch.tensor([index[query.video_id] for query in ours]),
    )
