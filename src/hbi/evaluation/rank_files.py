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
from jaxtyping import Int
from torch import Tensor

from hbi.data.annotation_files import Record, read_table
from hbi.data.samples import DataError
from hbi.evaluation.ranks import Ranks
from hbi.files.json_values import shown

_TIES = ("tied", "right")
"""Columns of a table of ranks that may be missing."""


@dataclass(frozen=True)
class RankedQuery:
    """A query, the video it belongs to, and the rank of its best right answer. A video asks without text.

    Attributes:
        rank: As expected where answers tie, from 1.
        num_tied, num_right: Wrong and right answers that score as the best right one does (`Ranks`).
    """

    video_id: str
    rank: float
    text: str = ""
    num_tied: int = 0
    num_right: int = 1


def ranked_queries(queries: Sequence[tuple[str, str]], ranks: Ranks) -> list[RankedQuery]:
    """Return queries with their ranks.

    Args:
        queries: The video and the text of each.
        ranks: Of the same queries.
    """
    columns = (ranks.expected.tolist(), ranks.num_tied.int().tolist(), ranks.num_right.int().tolist())
    return [
        RankedQuery(video_id, rank, text, num_tied, num_right)
        for (video_id, text), rank, num_tied, num_right in zip(queries, *columns, strict=True)
    ]


def ranks_of(queries: Sequence[RankedQuery]) -> Ranks:
    """Return the ranks of queries.

    Args:
        queries: What `ranked_queries` or `read_ranks` returned.
    """
    numbers = [(query.rank, query.num_tied, query.num_right) for query in queries]
    rank, num_tied, num_right = torch.tensor(numbers, dtype=torch.float64).T
    # Whole numbers, but in files from before ties were counted apart, whose ranks may end in a half.
    num_better = (rank - 1 - num_tied / (num_right + 1)).round(decimals=6)
    return Ranks(num_better, num_tied, num_right)


def ranks_csv(queries: Sequence[RankedQuery]) -> str:
    """Return a table with one line for each query.

    Args:
        queries: In the order of the split.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("video_id", "rank", "text", *_TIES))
    writer.writerows((query.video_id, query.rank, query.text, query.num_tied, query.num_right) for query in queries)
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
    num_tied, num_right = (_count(record, name, least) for least, name in enumerate(_TIES))
    if rank + 1e-6 < 1 + num_tied / (num_right + 1):
        raise DataError(f"{record.place}: the rank {shown(written)} is less than the {num_tied} that tie leave open")
    return RankedQuery(record["video_id"], rank, record["text"], num_tied, num_right)


def _count(record: Record, name: str, least: int) -> int:
    """Return a number of those who tie; the least there can be in a file from before they were counted."""
    written = str(record.values.get(name, least)).strip()
    if not re.fullmatch(r"\d{1,9}", written, re.ASCII) or int(written) < least:
        raise DataError(f"{record.place}: the {name} {shown(written)} is no number from {least}")
    return int(written)


@dataclass(frozen=True, eq=False)
class PairedRanks:
    """Ranks of two models for the same queries, and the video of each query as an index."""

    first: Ranks
    second: Ranks
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
        ranks_of(ours),
        ranks_of(theirs),
        torch.tensor([index[query.video_id] for query in ours]),
    )
