import pytest

from hbi.data.samples import DataError
from hbi.evaluation.rank_files import RankedQuery, pair_ranks, ranks_csv, read_ranks

QUERIES = [RankedQuery("v1", 2.5, 'a "red", ball\nfalls'), RankedQuery("v0", 1.0, "日本 🙂"), RankedQuery("v1", 3.0)]


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "ranks.csv").write_text(ranks_csv(QUERIES), encoding="utf-8")
    assert read_ranks(tmp_path / "ranks.csv") == QUERIES


def test_pairs_know_which_queries_share_a_video(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(ranks_csv(QUERIES), encoding="utf-8")
    paired = pair_ranks(tmp_path / "a", tmp_path / "b")
    assert paired.first.tolist() == paired.second.tolist() == [2.5, 1.0, 3.0]
    assert paired.videos.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "video_id,rank,text\nv,first,x\n", "video_id,rank,text\n", "v\0"]
)
def test_a_damaged_table_is_one_clear_line(tmp_path, content):
    (tmp_path / "ranks.csv").write_text(content)
    with pytest.raises(DataError, match="hbi evaluate"):
        read_ranks(tmp_path / "ranks.csv")


def test_a_missing_table_and_other_queries_are_refused(tmp_path):
    with pytest.raises(DataError, match="run hbi evaluate"):
        read_ranks(tmp_path / "none.csv")
    (tmp_path / "a").write_text(ranks_csv(QUERIES))
    (tmp_path / "b").write_text(ranks_csv(QUERIES[:2]))
    with pytest.raises(DataError, match="same split"):
        pair_ranks(tmp_path / "a", tmp_path / "b")
