"""The approximate index of a large table: which segments are near a vector, without looking at all of them."""

import math

from hbi.search.error import writing
from hbi.search.store import Store


def build_vector_index(store: Store) -> None:
    """Build the table's vector index where it has none; otherwise take in what was added since."""
    table = store.segments
    with writing(store.path):
        if any("vectors" in index.columns for index in table.list_indices()):
            table.optimize()
            return
        from lancedb.index import IvfSq

        vectors = table.count_rows() * store.codec.num_coarse
        table.create_index(
            "vectors", config=IvfSq(distance_type="cosine", num_partitions=max(1, round(math.sqrt(vectors))))
        )
